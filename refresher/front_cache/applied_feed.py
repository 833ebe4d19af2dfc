"""The feed as far as one front cache has applied it: which fills it forbids, and until when entries may be used.

A pure state machine: it holds neither entries nor fills, takes no lock and reads no clock. The front cache holds its
lock around every call.

Invariant: from :meth:`AppliedFeed.receive` on, no fill may be stored that the poll's changes overtake; only
:meth:`AppliedFeed.complete` extends trust, and the front cache calls it when every entry that the changes concern is
gone.
"""

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Sequence

from models.user_key import UserKey
from refresher.front_cache.entry import Dependence, Entry
from refresher.front_cache.feed import ChangedDays, FeedRow, Poll, Position, break_in_feed, concerns
from refresher.front_cache.statistics import AppliedStatistics, CacheStatistics, TrustStatistics
from refresher.front_cache.trust import NEVER, Trust

NEWEST = (float("inf"), float("inf"))


class AppliedFeed:
    """How far the feed was applied, and what that allows.

    ``position``: None until a poll was applied, and after a failure that flushed everything. ``usable_until``: the end
    of trust, in monotonic seconds. ``flushes``: how often everything was dropped, by reason.
    """

    def __init__(self, memory: "FeedMemory", trust: Trust) -> None:
        self.position: Position | None = None
        self.usable_until = NEVER
        self.flushes: Counter[str] = Counter()
        self._memory, self._trust = memory, trust

    def receive(self, poll: Poll, *, reconnected: bool) -> str | None:
        """Note what a poll returned; return why every entry and every fill must be dropped, or None.

        Until :meth:`complete` a reader sees what it would see if the poll had not yet returned.
        """
        why = break_in_feed(self.position, poll)
        if reconnected and why != "start":
            why = "reconnect"
        newest = poll.newest
        if why is not None or newest is None:
            why = why or "backwards"
            self._begin_again(why, newest)
        elif poll.bulks:  # They are more than is remembered row by row: no fill that runs now may be stored.
            self._memory.reset(newest.drain_id)
        else:
            self._memory.remember(poll.rows, newest.drain_id)
        return why

    def complete(self, poll: Poll) -> None:
        """Count ``poll`` as applied and extend trust by it."""
        self.position = poll.newest
        if poll.seen is None:
            self._trust.lose()
        else:
            self._trust.observe(poll.seen)
        self.usable_until = self._trust.until

    def lose(self, why: str) -> None:
        """End trust until the feed was read from the start; the caller drops every entry and every fill."""
        self.usable_until = NEVER
        self._trust.lose()
        self._begin_again(why, None)

    def refusal(self, entry: Entry) -> str | None:
        """Return why the feed, as far as applied, forbids to store ``entry``, or None."""
        if self.position is None:
            return "no_feed"
        if entry.epoch != self.position.epoch:
            return "epoch"
        if entry.drain_id < self._memory.remembers_from:
            return "forgotten"
        return "overtaken" if self._memory.overtakes(entry.dependence, entry.drain_id) else None

    def ahead(self, epoch: int, drain_id: int, *, undrained: bool) -> tuple[float, float] | None:
        """Return the watermark up to which entries are too old, because a read saw more than the cache has applied.

        None: it saw no more.
        """
        if undrained:
            # No watermark bounds what it saw: an entry with an equal one may lack it, and one from before a crash may
            # have the watermark of a drain that was lost.
            return NEWEST
        applied = self.position
        beyond = applied is None or (epoch, drain_id) > (applied.epoch, applied.drain_id)
        return (epoch, drain_id) if beyond else None

    def may_have_changed(self, user: UserKey, epoch: int, drain_id: int) -> bool:
        """Return whether a change of ``user`` may have been applied after that drain.

        Also True where that cannot be known: a drain of another epoch, not yet applied, or already forgotten.
        """
        applied = self.position
        if applied is None or epoch != applied.epoch:
            return True
        if not self._memory.remembers_from <= drain_id <= applied.drain_id:
            return True
        return self._memory.names(user, drain_id)

    def statistics(self, now: float) -> CacheStatistics:
        """Return flushes, the state of trust and how far the feed was applied; the other fields are left out."""
        applied = self.position
        return CacheStatistics(
            flushes=dict(self.flushes),
            trust=TrustStatistics(
                trusted=now < self.usable_until,
                remaining_seconds=max(0.0, self.usable_until - now),
                doubt=self._trust.doubt,
                doubts=self._trust.doubts,
            ),
            feed=AppliedStatistics(
                epoch=applied.epoch if applied else None,
                drain_id=applied.drain_id if applied else None,
                remembered_rows=len(self._memory),
                remembers_from=self._memory.remembers_from,
            ),
        )

    def _begin_again(self, why: str, applied: Position | None) -> None:
        self.position = applied
        self._memory.reset(applied.drain_id if applied else 0)
        self.flushes[why] += 1


class FeedMemory:
    """The latest drain of every recently changed (user, source, days), at most ``max_rows`` of them.

    Every row with a drain_id above ``remembers_from`` can be found; when the memory is full, ``remembers_from`` rises.

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
        """Add the rows of the drains up to ``newest``, oldest first; forget the oldest rows to make room."""
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
        """Return whether a remembered row later than ``drain_id`` concerns ``user`` or everyone."""
        return any(
            changed_in > drain_id for named in (user, None) for changed_in in self._by_user.get(named, {}).values()
        )

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
