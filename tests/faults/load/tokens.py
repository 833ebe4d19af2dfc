"""Bearer tokens of users that are valid whatever a wall clock shows: from yesterday, for a week."""

import time

import jwt

DAY_SECONDS = 86_400


def token_for(secret: str, user: int) -> str:
    """Return a token of that user, signed with the deployment's secret."""
    now = int(time.time())
    claims = {"sub": str(user), "iat": now - DAY_SECONDS, "exp": now + 7 * DAY_SECONDS}
    return jwt.encode(claims, secret, algorithm="HS256")
