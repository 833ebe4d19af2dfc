"""A simulated PostgreSQL with its leader: commits, looks, drains, the feed, and states that come back.

Invariant: a snapshot is the set of changes committed by then, and a drain's look is one. Change i is bit i, in the
order of commits, so one integer says what a snapshot, a drain or an answer holds.
"""

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import Any

from refresher.front_cache.entry import EntryKey
from refresher.front_cache.feed import FeedRow, Position
from tests.simulation.questions import CONCERNED, KEYS, SOURCES, Change

FIRST_DATABASE_TIME = 1e9
HEARTBEAT_SECONDS = 0.25
BACKUPS = 6


@dataclass(frozen=True, slots=True)
class Drain:
    """A drain row with the feed rows of its drain; ``drained_at`` by the database's clock."""

    position: Position
    look: int
    drained_at: float
    rows: tuple[FeedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """A drain that has looked and not committed."""

    drained_at: float
    look: int
    globs: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """What an exact read returned: for whom, what it holds, and when its snapshot was taken."""

    key: EntryKey
    holds: int
    snapshot_at: float


class World:
    """The database, its clock, and the one true monotonic time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.database_ahead = FIRST_DATABASE_TIME
        self.changes: list[Change] = []
        self._committed_at: list[float] = []
        self._concerning = dict.fromkeys(KEYS, 0)
        self.visible = self.lost = 0
        self.open: list[Change] = []
        self.drains: list[Drain] = []
        self.looks: dict[Position, int] = {}
        self._durable: list[Drain] = []
        self._backups: list[tuple[int, list[Drain]]] = []
        self._feed_from = 1
        self._reigns = 0
        self.term: tuple[int, int] | None = None
        self.looked: Looked | None = None
        self.globs: list[Change] = []
        self.incarnation = 1
        self.answers: dict[str, Answered] = {}
        self.leader_changes(1)

    def monotonic(self) -> float:
        return self.now

    def database_time(self) -> float:
        return self.now + self.database_ahead

    @property
    def newest(self) -> Drain:
        return self.drains[-1]

    # --- what an answer must hold

    def concerning(self, key: EntryKey, changes: int) -> int:
        """Return those of ``changes`` that concern ``key`` and were not lost by the database itself."""
        return changes & self._concerning[key] & ~self.lost

    def committed_before(self, time: float) -> int:
        return (1 << bisect_left(self._committed_at, time)) - 1

    def told(self, changes: int) -> str:
        """Return the changes in words, for a message."""
        chosen = [i for i in range(len(self.changes)) if changes >> i & 1]
        return ", ".join(f"{self.changes[i]} committed {self.now - self._committed_at[i]:.2f} s ago" for i in chosen)

    # --- writers

    def commit(self, change: Change) -> None:
        """Commit; synchronously, so that what was logged before it will survive a crash."""
        self.visible |= self._new_bit(change)
        self._durable = list(self.drains)

    def _new_bit(self, change: Change) -> int:
        bit = 1 << len(self.changes)
        self.changes.append(change)
        self._committed_at.append(self.now)
        for key, concerned in zip(KEYS, CONCERNED[change], strict=True):
            self._concerning[key] |= bit if concerned else 0
        return bit

    # --- the leader

    def leader_changes(self, epochs: int) -> None:
        """Let another refresher lead: it commits a drain of its own before anything else."""
        self._reigns += 1
        epoch = self.newest.position.epoch + epochs if self.drains else 1
        self.term, self.looked = (epoch, self._reigns), None
        self.look()
        self.commit_drain(must_append=True)
        self._durable = list(self.drains)

    def look(self) -> None:
        """Begin a drain: its time is taken, then its snapshot."""
        self.looked = Looked(self.database_time(), self.visible, tuple(self.globs))
        self.globs = []

    def commit_drain(self, *, must_append: bool = False) -> bool:
        """Commit what was looked at; return whether a row was appended. Otherwise it may have been a heartbeat."""
        assert self.looked is not None
        assert self.term is not None
        looked, self.looked = self.looked, None
        seen = self.newest.look if self.drains else 0
        found = [change for i, change in enumerate(self.changes) if (looked.look & ~seen) >> i & 1]
        if not (found or looked.globs or must_append):
            if not 0 <= looked.drained_at - self.newest.drained_at < HEARTBEAT_SECONDS:
                self.drains[-1] = replace(self.newest, drained_at=looked.drained_at)
            return False
        look = looked.look
        for glob in looked.globs:
            look |= self._new_bit(glob)
        self.visible |= look
        drain_id = self.newest.position.drain_id + 1 if self.drains else 1
        position = Position(*self.term, drain_id)
        rows = tuple(FeedRow(drain_id, it.user, it.source, it.day, it.day) for it in (*found, *looked.globs))
        self.drains.append(Drain(position, look, looked.drained_at, rows))
        self.looks[position] = look
        self._backups = [*self._backups[1 - BACKUPS :], (self.visible, list(self.drains))]
        return True

    def forget_feed(self, keep: int) -> None:
        """Delete all but the newest drain rows and their feed rows; at least one stays."""
        self._feed_from = max(self._feed_from, self.newest.position.drain_id - keep)

    # --- states that come back

    def crash(self) -> None:
        """Restart after a crash: drains not yet on disk are gone, synchronous commits are not."""
        self._come_back(self.visible, self._durable)

    def restore(self, ago: int) -> None:
        """Put an older state in place of this one."""
        visible, drains = self._backups[-1 - ago % len(self._backups)]
        del self._backups[len(self._backups) - ago % len(self._backups) :]
        self._come_back(visible, drains)

    def _come_back(self, visible: int, drains: list[Drain]) -> None:
        gone = self.newest.look & ~drains[-1].look
        manual = sum(1 << i for i, it in enumerate(self.changes) if it.source.startswith("cache:") and gone >> i & 1)
        self.lost |= self.visible & ~visible | manual
        self.visible = visible & ~manual
        self.drains = self._durable = list(drains)
        self.term = self.looked = None
        self.open, self.globs = [], []
        self.incarnation += 1
        self._feed_from = min(self._feed_from, self.newest.position.drain_id)

    # --- statements, one snapshot each

    def answer(self, user: int, dashboard: str) -> dict[str, Any]:
        """Return the row of an exact read."""
        key = next(key for key in KEYS if (key.user, key.dashboard) == (user, dashboard))
        undrained = self.visible & ~self.newest.look
        body = str(len(self.answers))
        self.answers[body] = Answered(key, self.concerning(key, self.visible), self.now)
        _, first_day, last_day = SOURCES[dashboard]
        return {
            "body": body,
            "epoch": self.newest.position.epoch,
            "drain_id": self.newest.position.drain_id,
            "source": "materialized_view",
            "patched_days": 0,
            "undrained": any(it.user in (None, user) for i, it in enumerate(self.changes) if undrained >> i & 1),
            "first_day": first_day,
            "last_day": last_day,
            "valid_seconds": None,
        }

    def poll(self, since: int | None) -> list[tuple[Any, ...]]:
        """Return the rows of a poll, the state first."""
        newest, now = self.newest, self.database_time()
        after = [
            it
            for it in self.drains
            if since is not None and it.position.drain_id > since and it.position.drain_id >= self._feed_from
        ]
        epoch, nonce, drain_id = newest.position
        nothing = (None, None, None, None)
        state = (drain_id, *nothing, epoch, nonce, newest.drained_at, now, now - newest.drained_at, len(after), None)
        changes = ((row.drain_id, [row.user], *row[2:]) for it in after for row in it.rows)
        return [state, *((*change, *[None] * 7) for change in changes)]
