"""``POST /api/v1/sign-in``: exchanges a one-use code from a link for the bearer token that was sealed under it.

Invariant: the code is used up before its token is read, and the token must verify like any other. An unknown, a used
and an expired code get the same answer. Neither code nor token is logged.
"""

import json
from datetime import UTC, datetime
from typing import Annotated

from apiflask import APIBlueprint
from flask import Response
from pydantic import BaseModel, BeforeValidator, Field

from models.logs import logger
from web.auth.sign_in_codes import CODE_LENGTH, SealBroken, is_code, redeem_sign_in_code
from web.auth.tokens import expiry_of
from web.context import context
from web.http.json_bodies import Body, takes_body
from web.http.openapi import DEFECT, METHOD_NOT_POST, REQUEST_ID, RETRY_AFTER, UNAVAILABLE, Responses, problem
from web.http.parameters import NoParameters, takes
from web.http.problems import Problem
from web.http.rate_limit import RateLimit, too_many_requests
from web.http.user_keys import JsonUser
from web.operators.operator_connection import operator_connection
from web.reads.computing import Admission

PATH = "/api/v1/sign-in"
# Callers are not known yet, so all share one bucket. It protects the database; the codes are protected by 256 bits.
A_SECOND, BURST = 5.0, 20
AT_ONCE = 2  # Sign-ins that may wait for the database, so that threads stay free for health checks and hits.
NOT_VALID = "This link was used already, has run out or was never given out; ask for a new one."
TOO_MANY = "Too many sign-ins at the moment. The link is still good: try again in a moment."


def parse_code(value: object) -> str:
    """Return a JSON value as a code.

    :raises ValueError: it is no text, or has not the form of a code.
    """
    if not isinstance(value, str) or not is_code(value):
        raise ValueError(f"expected the {CODE_LENGTH} characters that follow #code= in the link")
    return value


class SignInBody(Body):
    """The code of a sign-in link."""

    code: Annotated[
        str,
        BeforeValidator(parse_code),
        Field(
            description="What follows `#code=` in the link.",
            json_schema_extra={"pattern": f"^[A-Za-z0-9_-]{{{CODE_LENGTH}}}$"},
        ),
    ]


class SignedIn(BaseModel):
    """A bearer token, and what it says."""

    token: str = Field(description="For the header `Authorization: Bearer …` of every further request.")
    expires_at: datetime = Field(description="When the token ends.")
    user_id: JsonUser
    admin: bool = Field(description="Whether it is an operator's: it may ask for every user's data.")


_FAULT = {"in": "body", "field": "code", "detail": "expected the 43 characters that follow #code= in the link"}
_ANSWERS: Responses = {
    200: {"headers": REQUEST_ID},
    404: problem("The code is unknown, used or expired.", 404, "code-not-valid"),
    405: METHOD_NOT_POST,
    413: problem("A body of more than 64 KiB.", 413),
    415: problem("A body that is not declared as JSON.", 415, "not-json"),
    422: problem("The request is ill-formed.", 422, "invalid-parameters", errors=[_FAULT]),
    429: problem("Too many people sign in; the code is still good.", 429, "too-many-requests", headers=RETRY_AFTER),
    500: DEFECT,
    503: UNAVAILABLE,
}


def sign_in_blueprint() -> APIBlueprint:
    """Return the endpoint that gives out tokens, and so needs none."""
    blueprint = APIBlueprint("sign_in", __name__, tag="sign-in")
    rate_limit, admission = RateLimit(A_SECOND, BURST), Admission(AT_ONCE)

    @blueprint.post(PATH)
    @blueprint.doc(responses=_ANSWERS)
    @blueprint.output(SignedIn, description="Signed in; the code is used up.")
    @takes(blueprint, NoParameters)
    @takes_body(blueprint, SignInBody, {"code": "an-example-that-no-link-has-ever-held-00000"})
    def sign_in(parameters: NoParameters, body: SignInBody) -> Response:
        """Exchange the code of a sign-in link for its token, once."""
        if wait_seconds := rate_limit.take("everybody"):
            raise too_many_requests(wait_seconds, TOO_MANY)
        with admission.slot():
            token = _redeemed(body.code)
        return _signed_in(token)

    return blueprint


def _redeemed(code: str) -> str:
    """Return the token that ``code`` opens, and use up the code.

    :raises Problem: 404, there is no such token.
    """
    try:
        with operator_connection(context().worker.engine) as connection:
            token = redeem_sign_in_code(connection, code)
    except SealBroken:
        raise _refused("What is kept for the code was not sealed under it.") from None
    if token is None:
        raise _not_valid()
    return token


def _signed_in(token: str) -> Response:
    """Return the answer with ``token`` if it verifies.

    :raises Problem: 404, it does not; 503, the keys that verify it are not available.
    """
    try:
        caller = context().verifier.caller(f"Bearer {token}")
    except Problem as error:
        if error.status == 401:
            raise _refused(error.detail) from None
        raise
    expires_at = datetime.fromtimestamp(expiry_of(token), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    body = {"token": token, "expires_at": expires_at, "user_id": caller.user_id, "admin": caller.admin}
    response = Response(json.dumps(body), content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _refused(reason: str) -> Problem:
    """Return the 404 for an unusable row, and log it, because no link made by Frontview leads to one.

    :param reason: a sentence that contains nothing of the token.
    """
    logger().warning("sign_in_refused", reason=reason)
    return _not_valid()


def _not_valid() -> Problem:
    return Problem(404, "code-not-valid", NOT_VALID, title="Code not valid")
