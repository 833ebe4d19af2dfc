"""The claim of a token that holds the user's key, named by a dotted path.

Invariant: a member whose whole name is the path comes first: a name such as ``https://example.com/user`` has
dots itself.
"""

from collections.abc import Mapping
from typing import Any

SUBJECT = "sub"


def claim_at(claims: Mapping[str, Any], path: str) -> object:
    """Return the claim at a dotted path; None: there is none."""
    if path in claims:
        return claims[path]
    first, dot, rest = path.partition(".")
    inner = claims.get(first)
    return claim_at(inner, rest) if dot and isinstance(inner, Mapping) else None


def put_claim(claims: dict[str, object], path: str, value: str) -> None:
    """Set the claim that :func:`claim_at` finds at that path."""
    *outer, last = path.split(".")
    place: dict[str, Any] = claims
    for name in outer:
        place = place.setdefault(name, {})
    place[last] = value
