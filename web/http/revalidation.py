"""Answers that are the same for every user, which clients may keep and revalidate.

Invariant: a client that has the current answer does not get it a second time.
"""

from typing import cast

from flask import Response, request


def revalidated(response: Response) -> Response:
    """Return ``response`` with an entity tag, or 304 when the client has it."""
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    return cast(Response, response.make_conditional(request.environ))


def revalidated_by(response: Response, tag: str) -> Response:
    """Return ``response``, which only who has a token may have, with the entity tag, or 304 when the client has it."""
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Authorization"
    response.set_etag(tag)
    return cast(Response, response.make_conditional(request.environ))
