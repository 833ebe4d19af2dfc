"""Tokens for people who have none from elsewhere: the demo, scripts and tests."""

import time

import jwt

from models.user_key import UserKey

ADMIN_SCOPE = "admin"
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z; an exp may be any whole number


def issue_token(
    secret: str,
    user_id: UserKey,
    admin: bool = False,
    ttl_seconds: int = 3600,
    *,
    audience: str | None = None,
    issuer: str | None = None,
) -> str:
    """Return a signed HS256 token for ``user_id`` that is valid from now on for ``ttl_seconds``.

    :param audience: its ``aud``, when the verifier's settings require one; ``issuer`` likewise.
    """
    now = int(time.time())
    claims: dict[str, object] = {"sub": str(user_id), "iat": now, "exp": now + ttl_seconds}
    if admin:
        claims["scope"] = ADMIN_SCOPE
    if audience:
        claims["aud"] = audience
    if issuer:
        claims["iss"] = issuer
    return jwt.encode(claims, secret, algorithm="HS256")


def expiry_of(verified_token: str) -> int:
    """Return when a token ends, in Unix seconds, at most the last second that a date can name.

    :param verified_token: one whose signature and claims were checked: here its ``exp`` is only read.
    """
    claims = jwt.decode(verified_token, options={"verify_signature": False})
    return min(int(claims["exp"]), _LAST_SECOND)
