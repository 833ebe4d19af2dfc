"""One answer from the database into the front cache.

Invariant: a fill that came here is finished or abandoned, whatever happens; the cache's lock is not held while the
database is asked or a body compressed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from models.errors import NotFound
from refresher.cache import HARMLESS_REFUSALS
from refresher.entry import Entry
from refresher.fill import Fill
from views_sql.maintained_view import Dashboard
from web.exact_read import ExactReads
from web.guarded_cache import GuardedCache
from web.reading import make_entry


@dataclass(frozen=True, slots=True)
class Landed:
    """What an owner leaves to those who waited; ``refused``: why the cache did not keep it, None: it did."""

    entry: Entry
    refused: str | None
    database_ms: float | None

    @property
    def shareable(self) -> bool:
        """Whether nothing speaks against showing it to requests that arrived while it ran."""
        return self.refused is None or self.refused in HARMLESS_REFUSALS


class Computing:
    """Asks the database and offers the cache what it said.

    :param ttl_seconds: gives the TTL of an entry from its region and its dashboard's own TTL.
    :param compress_from_bytes: the least size of data that is kept compressed.
    """

    def __init__(
        self,
        reads: ExactReads,
        cache: GuardedCache,
        ttl_seconds: Callable[[str, float], float],
        compress_from_bytes: int,
    ) -> None:
        self._reads, self._cache = reads, cache
        self._ttl_seconds, self._compress_from_bytes = ttl_seconds, compress_from_bytes

    def compute(self, asked: Dashboard, fill: Fill) -> Landed:
        """Return what ``fill`` came to, for its owner and those who waited.

        :raises NotFound: no such user, or no such thing of theirs.
        :raises FrontviewError: what :meth:`web.exact_read.ExactReads.ask` raises.
        """
        try:
            answer = self._reads.ask(asked, fill.key.user, fill.key.arguments)
            ttl_seconds = self._ttl_seconds(asked.region, asked.ttl_seconds)
            entry = make_entry(asked, fill.key, answer, ttl_seconds, self._compress_from_bytes)
        except BaseException:
            self._cache.abandon(fill)
            raise
        refused = self._cache.finish(fill, entry, answer)
        if entry is None:
            raise NotFound("There is nothing of that kind for this user.")
        return Landed(entry, refused, answer.database_ms)
