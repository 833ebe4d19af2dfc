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


def revalidated_for_callers(response: Response) -> Response:
    """Return the same of an answer that only those who have a token may see."""
    return for_callers(revalidated(response))


def for_callers(response: Response) -> Response:
    """Return ``response`` marked as one that depends on the caller's token, which no shared cache may keep."""
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Authorization"
    return response
