"""The feed as a worker sees it: rows, what one poll returned, breaks in it, and the memory of recent rows.

Invariant of the memory: every remembered row with a drain_id above ``remembers_from`` can still be found;
when it is full the floor rises, nothing is lost silently.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from models.user_key import UserKey
from refresher.front_cache.entry import Entry, EntryKey
from refresher.front_cache.patterns import is_by_hand, pattern_of
from refresher.front_cache.trust import Sighting

ChangedDays = tuple[str, date | None, date | None]  # source, first day, last day


class FeedRow(NamedTuple):
    """One invalidation; user None: every user; days None: the change has no day, every day is meant."""

    drain_id: int
    user: UserKey | None
    source: str
    first_day: date | None
    last_day: date | None

    def narrowed(self) -> "FeedRow":
        """Return the row with the user that its pattern spells out: nobody else's entries need be looked at."""
        if self.user is not None or not is_by_hand(self.source):
            return self
        return self._replace(user=pattern_of(self.source).user)


class Bulk(NamedTuple):
    """Invalidations of one drain that differ in nothing but the user; made where there are many."""

    drain_id: int
    users: frozenset[UserKey]
    source: str
    first_day: date | None
    last_day: date | None

    def row_of(self, user: UserKey) -> FeedRow:
        """Return the invalidation of one of its users."""
        return FeedRow(self.drain_id, user, self.source, self.first_day, self.last_day)


class Dependence(NamedTuple):
    """What an answer depends on; days None: unbounded."""

    key: EntryKey
    sources: frozenset[str]
    first_day: date | None
    last_day: date | None


class Position(NamedTuple):
    """How far a worker has applied the feed."""

    epoch: int
    nonce: int
    drain_id: int


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll returned: the newest drain and the rows after ``since``, from one snapshot.

    :param since: the drain the worker had applied when it asked; None: it asked for no rows.
    :param newest: None when there is no drain at all; ``seen`` is None just then, too.
    :param drains_since: drain rows in (since, newest]; fewer than their distance is a hole.
    :param bulks: what concerns very many users alike; the others are ``rows``.
    :param truncated: there were more rows than a worker takes in.
    """

    since: int | None
    newest: Position | None
    seen: Sighting | None
    drains_since: int = 0
    rows: list[FeedRow] = field(default_factory=list)
    truncated: bool = False
    bulks: Sequence[Bulk] = ()


def dependence(entry: Entry) -> Dependence:
    """Return what ``entry`` depends on."""
    asked = entry.question
    return Dependence(entry.key, asked.sources, asked.first_day, asked.last_day)


def rows_by_user(rows: Iterable[FeedRow]) -> dict[UserKey | None, list[FeedRow]]:
    """Return the rows grouped by user; done before any lock is taken."""
    grouped: dict[UserKey | None, list[FeedRow]] = {}
    for row in rows:
        grouped.setdefault(row.user, []).append(row)
    return grouped


def break_in_feed(applied: Position | None, poll: Poll) -> str | None:
    """Return why ``poll`` does not continue what was applied, or None when it does."""
    newest = poll.newest
    if applied is None:
        return "start"
    if newest is None:
        return "backwards"
    distance = newest.drain_id - applied.drain_id
    breaks = {
        "epoch": newest.epoch != applied.epoch,
        "nonce": newest.nonce != applied.nonce,
        "backwards": distance < 0,
        "hole": poll.since != applied.drain_id or poll.drains_since != distance,
        "flood": poll.truncated,
    }
    return next((why for why, found in breaks.items() if found), None)


def concerns(source: str, first_day: date | None, last_day: date | None, answer: Dependence) -> bool:
    """Return whether a change of ``source`` on those days can change ``answer``, whose user it names."""
    if is_by_hand(source):
        return pattern_of(source).matches(answer.key)
    if source not in answer.sources:
        return False
    if first_day is None or last_day is None:
        return True
    return (answer.last_day is None or first_day <= answer.last_day) and (
        answer.first_day is None or last_day >= answer.first_day
    )


class FeedMemory:
    """The latest drain of every recently changed (user, source, days), at most ``max_rows`` of them.

    :param max_drains: rows this many drains old are forgotten; no fill runs that long.
    """

    def __init__(self, max_rows: int = 20_000, max_drains: int = 4_000) -> None:
        self.remembers_from = 0
        self._max_rows, self._max_drains = max_rows, max_drains
        self._latest: OrderedDict[tuple[UserKey | None, ChangedDays], int] = OrderedDict()
        self._by_user: defaultdict[UserKey | None, dict[ChangedDays, int]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._latest)

    def reset(self, drain_id: int) -> None:
        """Forget everything up to ``drain_id``."""
        self.remembers_from = drain_id
        self._latest.clear()
        self._by_user.clear()

    def remember(self, rows: Sequence[FeedRow], newest: int) -> None:
        """Take in the rows of the drains up to ``newest``, oldest first; forget the oldest ones for room."""
        if len(rows) > self._max_rows:
            self.remembers_from = rows[-self._max_rows - 1].drain_id
            rows = [row for row in rows if row.drain_id > self.remembers_from]
        for drain_id, user, source, first_day, last_day in rows:
            days = (source, first_day, last_day)
            self._latest[(user, days)] = drain_id
            self._latest.move_to_end((user, days))
            self._by_user[user][days] = drain_id
        self._forget_before(newest - self._max_drains)

    def overtakes(self, answer: Dependence, drain_id: int) -> bool:
        """Return whether a remembered row later than ``drain_id`` can change ``answer``."""
        return any(
            changed_in > drain_id and concerns(*days, answer)
            for user in (answer.key.user, None)
            for days, changed_in in self._by_user.get(user, {}).items()
        )

    def names(self, user: UserKey, drain_id: int) -> bool:
        """Return whether a remembered row later than ``drain_id`` is about ``user``, or about everybody."""
        return any(changed_in > drain_id for who in (user, None) for changed_in in self._by_user.get(who, {}).values())

    def _forget_before(self, drain_id: int) -> None:
        self.remembers_from = max(self.remembers_from, drain_id)
        while self._latest:
            (user, days), oldest = next(iter(self._latest.items()))
            if len(self._latest) <= self._max_rows and oldest > self.remembers_from:
                break
            self.remembers_from = max(self.remembers_from, oldest)
            del self._latest[(user, days)]
            del self._by_user[user][days]
            if not self._by_user[user]:
                del self._by_user[user]
