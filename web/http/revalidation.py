"""Answers that clients may keep and ask about again: what is the same for everybody.

Invariant: nothing is sent anew to a client that has it.
"""

from typing import cast

from flask import Response, request


def revalidated(response: Response) -> Response:
    """Return ``response`` with an entity tag, or 304 when the client has it."""
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    return cast(Response, response.make_conditional(request.environ))
