"""One described application, installed as `migrate` does it, written to, drained, refreshed and asked."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh, tiers_together
from refresher.watch.coverage import adopt_partitions, check_coverage
from tests.exactness.description import Description, describe
from tests.exactness.host_sessions import host_session
from tests.exactness.plain_sql import expected
from tests.exactness.pools import KINDS
from tests.exactness.questions import Question, ask, call
from tests.exactness.visitor import Visitor, visiting
from tests.exactness.writes import Session, Writer
from tests.fix_postgres import Server, migrate
from tests.leading import lead
from views_sql.declaration.maintained_view import Catalog, MaintainedView
from views_sql.declaration.project import read_project
from views_sql.operations.catalog import catalog_of
from views_sql.operations.plan import plan
from views_sql.operations.steps import steps
from views_sql.proof.judge import judge

CORE = "core_0003"
SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ"


class Differs(AssertionError):
    """An answer that is not what the plain SQL gives."""


@dataclass
class Installation:
    """An installed application and what was compared in it.

    :param compared: comparisons by the state in which they were made.
    """

    of: Description
    url: str
    c: psycopg.Connection[Any]
    term: Term
    visitor: Visitor
    views: tuple[MaintainedView, ...]
    chance: Random
    compared: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        sessions = [host_session(self.url, self.chance) for _ in range(2)]
        self.writer = Writer(sessions, self.of, self.chance, self.adopt)
        self.other: psycopg.Connection[Any] | None = None

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

    def compare(self, state: str) -> None:
        """Ask a random question and compare its answer in its own snapshot."""
        self.compare_with(self.c, self.of, state, lambda *_: None)

    def compare_with(
        self, c: Session, of: Description, state: str, prepare: Callable[[Session, Description], None]
    ) -> None:
        """Compare on a connection of one's own.

        :param prepare: what is done before the snapshot is taken; it may change what columns are called.
        """
        asked = ask(of, self.chance)
        c.execute(SNAPSHOT)
        try:
            prepare(c, of)
            row = c.execute(*call(of, asked)).fetchone()
            wanted = expected(c, of, asked)
        finally:
            c.execute("ROLLBACK")
        assert row is not None
        given = row[0] and json.loads(row[0], parse_float=Decimal)
        self.compared[f"{state}, base" if asked.base else state] += 1
        if given != wanted:
            raise Differs(self._said(state, asked, given, wanted))

    def _said(self, state: str, asked: Question, given: Any, wanted: Any) -> str:
        return f"seed {self.of.seed}, {state}: {asked}\n{_difference(given, wanted)}\n{self.of.toml()}"

    def visit(self, state: str, *, exact: bool) -> None:
        """Ask over HTTP while nothing writes, and compare."""
        asked = self.visitor.again(ask(self.of, self.chance), self.chance)
        source, given = self.visitor.ask(asked, exact=exact)
        wanted = expected(self.c, self.of, asked)
        self.compared[f"{state}, {source}"] += 1
        if given != wanted:
            raise Differs(self._said(f"{state}, {source}", asked, given, wanted))

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
            self.visitor.follow(self.c)
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


def _difference(given: Any, wanted: Any) -> str:
    if not given or not wanted:
        return f"given {given}\nwanted {wanted}"
    pairs = [(given.get(name), wanted.get(name)) for name in {*given, *wanted} if name != "rows"]
    pairs += zip_longest(given["rows"], wanted["rows"])
    return "\n".join(f"given  {a}\nwanted {b}" for a, b in [it for it in pairs if it[0] != it[1]][:3])


def install(c: psycopg.Connection[Any], of: Description, folder: Path, change: Callable[[str], str]) -> Catalog:
    """Make the host's table, and everything that its declaration asks for, by the statements of the revisions.

    :param change: what is done to each statement first.
    """
    c.execute(of.tables().encode())
    (folder / "frontview.toml").write_text(of.toml())
    declared = read_project(folder)
    verdict = judge(c, declared, priced=False)
    assert verdict.proven is not None, (of.seed, verdict.faults, of.toml())
    planned = plan(declared, verdict.proven, None, CORE)
    for step in steps(planned):
        with c.transaction():
            for statement in step.upgrade:
                c.execute(change(statement).encode())
    return catalog_of(planned.new)


@contextmanager
def installed(
    server: Server, seed: int, folder: Path, change: Callable[[str], str] = lambda text: text
) -> Iterator[Installation]:
    """Yield the installed application of a seed in a database of its own; ``change`` as for :func:`install`."""
    of = describe(seed)
    kind = KINDS[of.key_type]
    core: Callable[[str], None] = lambda url: migrate(url, "core@head", user_key=kind)  # noqa: E731
    url = server.create_prepared(f"core for {kind} keys", core, None)
    with psycopg.connect(url, autocommit=True) as c:
        catalog = install(c, of, folder, change)
        term = lead(c)
        drain_once(c, term)  # A worker trusts nothing before the first drain.
        with visiting(url, catalog, of) as visitor:
            made = Installation(of, url, c, term, visitor, catalog.views, Random(f"run {seed}"))
            try:
                yield made
            finally:
                with suppress(psycopg.Error):
                    made.close()
    server.drop(url)
