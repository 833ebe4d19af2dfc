"""Answers from the database into the front cache.

Invariant: a fill that came here is finished or abandoned, whatever happens; the cache's lock is not held while the
database is asked or a body compressed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.errors import FrontviewError, NotFound
from refresher.front_cache.cache import HARMLESS_REFUSALS
from refresher.front_cache.entry import Entry
from refresher.front_cache.fill import Fill
from views_sql.declaration.maintained_view import Dashboard
from web.reads.exact_read import Answer, Asked, ExactReads
from web.reads.guarded_cache import GuardedCache
from web.reads.reading import make_entry


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
        :raises FrontviewError: what :meth:`web.reads.exact_read.ExactReads.ask` raises.
        """
        try:
            answer = self._reads.ask(asked, fill.key.user, fill.key.arguments)
        except BaseException:
            self._cache.abandon(fill)
            raise
        return self._land(asked, fill, answer)

    def compute_together(self, fills: Sequence[tuple[Dashboard, Fill]]) -> list[Landed | FrontviewError]:
        """Return what each of ``fills`` came to, or why it failed; one statement answers all of them."""
        try:
            answers = self._reads.ask_together([Asked(it, fill.key.user, fill.key.arguments) for it, fill in fills])
            return [self._outcome(*fill, answer) for fill, answer in zip(fills, answers, strict=True)]
        except BaseException:
            for _, fill in fills:  # of one that is over nothing is left to abandon
                self._cache.abandon(fill)
            raise

    def _outcome(self, asked: Dashboard, fill: Fill, answer: Answer | FrontviewError) -> Landed | FrontviewError:
        if isinstance(answer, FrontviewError):
            self._cache.abandon(fill)
            return answer
        try:
            return self._land(asked, fill, answer)
        except FrontviewError as error:
            return error

    def _land(self, asked: Dashboard, fill: Fill, answer: Answer) -> Landed:
        try:
            ttl_seconds = self._ttl_seconds(asked.region, asked.ttl_seconds)
            entry = make_entry(asked, fill.key, answer, ttl_seconds, self._compress_from_bytes)
        except BaseException:
            self._cache.abandon(fill)
            raise
        refused = self._cache.finish(fill, entry, answer)
        if entry is None:
            raise NotFound("There is nothing of that kind for this user.")
        return Landed(entry, refused, answer.database_ms)
