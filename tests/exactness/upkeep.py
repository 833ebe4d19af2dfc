"""An installed application at work, whatever it declares: written to, drained, refreshed and asked.

Invariant: what is asked is compared in its own snapshot, in each of the states that a view goes through.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Generic, Protocol, TypeVar

import psycopg

from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh, tiers_together
from refresher.watch.coverage import adopt_partitions, check_coverage
from tests.exactness.host_sessions import host_session
from views_sql.declaration.maintained_view import MaintainedView

Session = psycopg.Connection[Any]


class Differs(AssertionError):
    """An answer that is not what the plain SQL gives."""


class Described(Protocol):
    """An application as plain values."""

    seed: int

    @property
    def key_type(self) -> str: ...

    @property
    def instants(self) -> tuple[str, ...]: ...

    def tables(self) -> str: ...

    def toml(self) -> str: ...


class Writing(Protocol):
    """A host's writer; ``within`` writes in a session's open transaction."""

    sessions: list[Session]

    def fill(self, rows: int) -> None: ...

    def one(self) -> None: ...

    def within(self, session: Session) -> None: ...


Of = TypeVar("Of", bound=Described)


@dataclass
class Upkeep(ABC, Generic[Of]):
    """What every installed application goes through.

    :param compared: comparisons by the state in which they were made.
    """

    of: Of
    url: str
    c: Session
    term: Term
    views: Sequence[MaintainedView]
    chance: Random
    compared: Counter[str] = field(default_factory=Counter)
    other: Session | None = None
    writer: Writing = field(init=False)

    @abstractmethod
    def compare(self, state: str) -> None:
        """Ask a random question and compare its answer in its own snapshot."""

    @abstractmethod
    def visit(self, state: str, *, exact: bool) -> None:
        """Ask over HTTP while nothing writes, and compare."""

    @abstractmethod
    def follow(self) -> None:
        """Wait until the worker has applied all drains."""

    def host_sessions(self) -> list[Session]:
        return [host_session(self.url, self.chance) for _ in range(2)]

    def adopt(self) -> None:
        adopt_partitions(self.c)
        check_coverage(self.c)

    def drain(self) -> None:
        drain_once(self.c, self.term)

    def refresh(self, *, move: bool = False, rebuild: bool = False) -> None:
        """Refresh one view, or move its horizon."""
        view = self.chance.choice(self.views)
        tiers = view.tiers if move or self.chance.random() < 0.5 else tiers_together(self.chance.choice(view.tiers))
        horizon = self.day() if move and view.day_column else None
        if rebuild and view.day_column:
            tiers = ("archive",)
        ended = refresh(self.c, view, tiers, self.term.epoch, horizon=horizon, rebuild=rebuild).outcome
        assert not ended.startswith("failed"), (self.of.seed, ended)

    def refresh_one(self, view: MaintainedView, horizon: date | None) -> str:
        """Refresh all of a view, and return how it ended."""
        return refresh(self.c, view, view.tiers, self.term.epoch, horizon=horizon).outcome

    def refresh_all(self, *, move: bool) -> None:
        for view in self.views:
            ended = self.refresh_one(view, self.day() if move and view.day_column else None)
            assert not ended.startswith("failed"), (self.of.seed, ended)

    def day(self) -> date:
        middle = datetime.fromisoformat(self.chance.choice(self.of.instants)).date()
        return middle + timedelta(self.chance.choice((-30, -1, 0, 1, 2, self.chance.randint(-60, 40))))

    def hold_open(self) -> None:
        """Let another transaction write, and stay open while this one drains, refreshes and asks."""
        self.other = host_session(self.url, self.chance)
        self.other.autocommit = False
        self.writer.within(self.other)

    def commit_other(self) -> None:
        if self.other is not None:
            self.other.commit()
            self.other.close()
            self.other = None

    def close(self) -> None:
        """End the host's sessions."""
        for session in (*self.writer.sessions, *([self.other] if self.other else [])):
            session.close()

    def run(self, comparisons: int, at_once: int = 2) -> None:
        """Write, drain, refresh and compare until that many answers were compared.

        :param at_once: how many questions are asked in one state.
        """
        self.writer.fill(60)
        self._ask("unpopulated", at_once)
        self.refresh_all(move=True)
        while self.compared.total() < comparisons:
            if self.other is None and self.chance.random() < 0.15:
                self.hold_open()
            if self.other is not None and self.chance.random() < 0.5:
                self.commit_other()
            if self.other is None:
                for _ in range(self.chance.randint(1, 6)):
                    self.writer.one()
            self._ask("undrained", at_once)
            self.visit("undrained", exact=True)
            self.drain()
            self._ask("drained", at_once)
            self.follow()
            for _ in range(at_once // 2):
                self.visit("drained", exact=False)
            what = self.chance.random()
            if what < 0.35:
                self.refresh()
            elif what < 0.6:
                self.refresh_all(move=False)
            elif what < 0.75:
                self.refresh(move=True)
            elif what < 0.8:
                self.refresh(rebuild=True)
            self._ask("refreshed" if what < 0.6 else "moved", at_once)

    def _ask(self, state: str, times: int) -> None:
        for _ in range(times):
            self.compare(state)
