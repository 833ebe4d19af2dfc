"""Tokens for people who have none from elsewhere: the demo, scripts and tests."""

import time

import jwt

from models.user_key import UserKey

ADMIN_SCOPE = "admin"


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
