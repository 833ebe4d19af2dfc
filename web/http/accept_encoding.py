"""Whether a client accepts gzip, read from its ``Accept-Encoding`` (RFC 9110, 12.5.3).

Invariant: ill-formed parts are ignored. In doubt an answer is sent uncompressed, which every client can read.
"""

import re
from functools import lru_cache

LONGEST_HEADER = 256
_MEMBER = re.compile(r"([!#$%&'*+.^_`|~0-9a-z-]+)(?:[ \t]*;[ \t]*q=([01](?:\.[0-9]{0,3})?))?")


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Return whether the client accepts gzip and does not prefer an answer without it."""
    if not accept_encoding or len(accept_encoding) > LONGEST_HEADER:
        return False
    return _accepts_gzip(accept_encoding)


@lru_cache(maxsize=256)
def _accepts_gzip(accept_encoding: str) -> bool:
    weights: dict[str, float] = {}
    for member in accept_encoding.lower().split(","):
        if match := _MEMBER.fullmatch(member.strip(" \t")):
            coding, weight = match.groups()
            weights[coding] = float(weight) if weight else 1.0
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return 0.0 < gzip >= weights.get("identity", 0.0)
