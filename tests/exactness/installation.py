"""One described application, installed as `migrate` does it, written to, drained, refreshed and asked."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from tests.exactness.description import Description, describe
from tests.exactness.plain_sql import expected
from tests.exactness.pools import KINDS
from tests.exactness.questions import Question, ask, call
from tests.exactness.upkeep import Described, Differs, Session, Upkeep
from tests.exactness.visitor import Visitor, visiting
from tests.exactness.writes import Writer
from tests.fix_postgres import Server, migrate
from tests.leading import lead
from views_sql.declaration.maintained_view import Catalog
from views_sql.declaration.project import read_project
from views_sql.operations.catalog import catalog_of
from views_sql.operations.plan import plan
from views_sql.operations.steps import steps
from views_sql.proof.judge import judge

CORE = "core_0003"
SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ"


@dataclass(frozen=True)
class Place:
    """A database with an installed application, and its leader's connection."""

    url: str
    c: psycopg.Connection[Any]
    term: Term
    catalog: Catalog


@dataclass
class Installation(Upkeep[Description]):
    """An installed application of one view."""

    visitor: Visitor = field(kw_only=True)
    writer: Writer = field(init=False)

    def __post_init__(self) -> None:
        self.writer = Writer(self.host_sessions(), self.of, self.chance, self.adopt)

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

    def follow(self) -> None:
        """Wait until the worker has applied all drains."""
        self.visitor.follow(self.c)


def _difference(given: Any, wanted: Any) -> str:
    if not given or not wanted:
        return f"given {given}\nwanted {wanted}"
    pairs = [(given.get(name), wanted.get(name)) for name in {*given, *wanted} if name != "rows"]
    pairs += zip_longest(given["rows"], wanted["rows"])
    return "\n".join(f"given  {a}\nwanted {b}" for a, b in [it for it in pairs if it[0] != it[1]][:3])


def install(c: psycopg.Connection[Any], of: Described, folder: Path, change: Callable[[str], str]) -> Catalog:
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
def declared_in(server: Server, of: Described, folder: Path, change: Callable[[str], str]) -> Iterator[Place]:
    """Yield a database of its own in which an application is installed, and led; ``change`` as for :func:`install`."""
    kind = KINDS[of.key_type]
    core: Callable[[str], None] = lambda url: migrate(url, "core@head", user_key=kind)  # noqa: E731
    url = server.create_prepared(f"core for {kind} keys", core, None)
    with psycopg.connect(url, autocommit=True) as c:
        catalog = install(c, of, folder, change)
        term = lead(c)
        drain_once(c, term)  # A worker trusts nothing before the first drain.
        yield Place(url, c, term, catalog)
    server.drop(url)


@contextmanager
def installed(
    server: Server, seed: int, folder: Path, change: Callable[[str], str] = lambda text: text
) -> Iterator[Installation]:
    """Yield the installed application of a seed in a database of its own; ``change`` as for :func:`install`."""
    of = describe(seed)
    with declared_in(server, of, folder, change) as at, visiting(at.url, at.catalog) as client:
        visitor = Visitor(client.worker, client.client, of)
        run = Random(f"run {seed}")
        made = Installation(of, at.url, at.c, at.term, at.catalog.views, run, visitor=visitor)
        try:
            yield made
        finally:
            with suppress(psycopg.Error):
                made.close()
