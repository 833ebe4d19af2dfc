"""The feed as a worker reads it: its rows, the result of one poll, where it does not continue (a gap, another
leader), and which answers a row concerns.

Invariant: everything here is a value or a pure function.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from models.user_key import UserKey, UserKind
from refresher.front_cache.entry import Dependence
from refresher.front_cache.patterns import is_by_hand, pattern_of, user_named
from refresher.front_cache.trust import Sighting

ChangedDays = tuple[str, date | None, date | None]  # Source, first day, last day.


class FeedRow(NamedTuple):
    """One invalidation; user None: every user; a day None: the change has no day, or one outside of Python's calendar,
    so it concerns every day.
    """

    drain_id: int
    user: UserKey | None
    source: str
    first_day: date | None
    last_day: date | None

    def narrowed(self, kind: UserKind) -> "FeedRow":
        """Return the row with the user that its pattern names, so that only this user's entries need be checked."""
        if self.user is not None or not is_by_hand(self.source):
            return self
        return self._replace(user=user_named(self.source, kind))


class Bulk(NamedTuple):
    """Invalidations of one drain that differ only in the user; made where there are many of them."""

    drain_id: int
    users: frozenset[UserKey]
    source: str
    first_day: date | None
    last_day: date | None

    def row_of(self, user: UserKey) -> FeedRow:
        """Return the invalidation of one of its users."""
        return FeedRow(self.drain_id, user, self.source, self.first_day, self.last_day)


class Position(NamedTuple):
    """How far a worker has applied the feed."""

    epoch: int
    nonce: int
    drain_id: int


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll returned: the newest drain and the rows after ``since``, from one snapshot.

    :param since: the drain that the worker had applied when it polled; None: it asked for no rows.
    :param newest: None if there is no drain at all; then ``seen`` is None, too.
    :param drains_since: how many drain rows lie in (since, newest]; fewer than their distance means a hole.
    :param bulks: changes that concern very many users alike; all others are in ``rows``.
    :param truncated: there were more rows than a worker reads.
    :param declaration: the stamp of the active declaration; None: there is none.
    """

    since: int | None
    newest: Position | None
    seen: Sighting | None
    drains_since: int = 0
    rows: list[FeedRow] = field(default_factory=list)
    truncated: bool = False
    bulks: Sequence[Bulk] = ()
    declaration: str | None = None


class Changes:
    """What a poll says has changed, arranged by user; made before any lock is taken.

    ``users``: whom it is about; None: everyone.
    """

    def __init__(self, poll: Poll) -> None:
        self._by_user: dict[UserKey | None, list[FeedRow]] = {}
        for row in poll.rows:
            self._by_user.setdefault(row.user, []).append(row)
        self._everyone = self._by_user.get(None, ())
        self._bulks = poll.bulks
        self.users: AbstractSet[UserKey | None] | None = None
        if not self._everyone:
            self.users = set(self._by_user).union(*(bulk.users for bulk in poll.bulks))

    def among(self, users: AbstractSet[UserKey]) -> list[UserKey]:
        """Return those of ``users`` whom it concerns."""
        if self.users is None:
            return list(users)
        return list((users & self._by_user.keys()).union(*(users & bulk.users for bulk in self._bulks)))

    def of(self, user: UserKey) -> list[FeedRow]:
        """Return the rows that concern ``user``."""
        bulks = [bulk.row_of(user) for bulk in self._bulks if user in bulk.users]
        return [*self._by_user.get(user, ()), *self._everyone, *bulks]


def break_in_feed(applied: Position | None, poll: Poll) -> str | None:
    """Return why ``poll`` does not continue what was applied, or None if it does."""
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
