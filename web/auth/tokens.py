"""Issues tokens where no identity provider does: for the demo, scripts and tests."""

import time

import jwt

from models.user_key import UserKey
from web.auth.claims import SUBJECT, put_claim

ADMIN_SCOPE = "admin"
_LAST_SECOND = 253_402_300_799  # It is 9999-12-31T23:59:59Z; the `exp` of a token may be any whole number.


def issue_token(
    secret: str,
    user_id: UserKey,
    admin: bool = False,
    ttl_seconds: int = 3600,
    *,
    audience: str | None = None,
    issuer: str | None = None,
    claim: str = SUBJECT,
) -> str:
    """Return a signed HS256 token for ``user_id`` that is valid for ``ttl_seconds`` from now.

    :param audience: its ``aud``, if the verifier requires one; ``issuer``: its ``iss``.
    :param claim: the dotted path of the claim that holds the user's key.
    """
    now = int(time.time())
    claims: dict[str, object] = {"iat": now, "exp": now + ttl_seconds}
    put_claim(claims, claim, str(user_id))
    if admin:
        claims["scope"] = ADMIN_SCOPE
    if audience:
        claims["aud"] = audience
    if issuer:
        claims["iss"] = issuer
    return jwt.encode(claims, secret, algorithm="HS256")


def expiry_of(verified_token: str) -> int:
    """Return when a token expires, in Unix seconds, but at most the last second that a date can represent.

    :param verified_token: its signature and claims must have been checked; here its ``exp`` is only read.
    """
    claims = jwt.decode(verified_token, options={"verify_signature": False})
    return min(int(claims["exp"]), _LAST_SECOND)
