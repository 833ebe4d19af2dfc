"""An answer as the front cache keeps it, and the key it is kept under.

Invariant: an entry never changes; what it depends on (user, sources, days) and how far it saw (epoch,
drain_id) are those of the one statement that computed it.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import quote

from models.user_key import UserKey
from refresher.body import Body, body_bytes, body_data

# Measured with tracemalloc (test_region): key, entry, dates, parameters, the places in store and index.
ENTRY_OVERHEAD_BYTES = 2_500


def user_in_label(user: UserKey) -> str:
    """Return how labels spell a user: percent-encoded, so that no key holds a colon or a wildcard."""
    text = str(user)
    return text if text.isascii() and text.isalnum() else quote(text, safe="")


class EntryKey(NamedTuple):
    """Which question of whom: equal keys have equal answers at one moment."""

    region: str
    user: UserKey
    dashboard: str
    arguments: tuple[Hashable, ...]

    @property
    def labels(self) -> tuple[str, str]:
        """What patterns of manual invalidations match: ``region:user:ID`` and ``region:user:ID:dashboard``."""
        whose = f"{self.region}:user:{user_in_label(self.user)}"
        return whose, f"{whose}:{self.dashboard}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One computed answer; ``began`` and ``expires`` are monotonic seconds, ``calculated_at`` is Unix time.

    ``began``, ``calculated_at``: taken before the statement was sent, so that no age is understated.
    ``first_day``, ``last_day``: the days it depends on; None is unbounded.
    """

    body: Body
    etag: str
    epoch: int
    drain_id: int
    watermark: str
    computed_by: str
    patched_days: int
    parameters: dict[str, Any]
    sources: frozenset[str]
    first_day: date | None
    last_day: date | None
    began: float
    expires: float
    calculated_at: float
    expires_at: float

    @property
    def data(self) -> bytes:
        """What the database wrote, decompressed if need be."""
        return body_data(self.body)


def entry_bytes(key: EntryKey, entry: Entry) -> int:
    """Return what keeping ``entry`` costs in memory, the bookkeeping around it included."""
    texts = sum(len(part) for part in key.arguments if isinstance(part, str))
    return body_bytes(entry.body) + 8 * texts + ENTRY_OVERHEAD_BYTES
