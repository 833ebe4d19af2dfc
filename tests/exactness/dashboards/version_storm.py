"""Declarations that are migrated, taken back, dropped, released and restored while a host writes and readers ask.

Invariant: whichever declaration is active in a reader's snapshot, its answer is that of plain SQL over the host's own
tables in that snapshot. A reader asks again where a function has gone meanwhile, as a web worker does.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import psycopg

from refresher.refreshing.refresh import refresh
from tests.exactness.dashboards.declared import Declared, redeclare
from tests.exactness.dashboards.installation import Dashboards, answer
from tests.exactness.dashboards.oracle import expected
from tests.exactness.dashboards.questions import Question, ask
from tests.exactness.installation import CORE, SNAPSHOT
from tests.exactness.upkeep import Session
from views_sql.declaration.maintained_view import Catalog
from views_sql.declaration.project import read_project
from views_sql.operations.catalog import catalog_of
from views_sql.operations.database import (
    active_declaration,
    greatest_number,
    newest_declaration,
    other_declarations,
)
from views_sql.operations.installed import Installed, installed_of
from views_sql.operations.plan import plan
from views_sql.operations.steps import steps
from views_sql.proof.judge import judge

ASK_AGAIN = (
    psycopg.errors.UndefinedFunction, psycopg.errors.UndefinedTable, psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable, psycopg.errors.InternalError_,
    # A tier was made again after the snapshot: a worker reads base rows then.
    psycopg.errors.ObjectNotInPrerequisiteState,
)  # fmt: skip
BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
LONGEST_SECONDS = 120.0
HAPPENS = ("compared", "declared", "activated", "taken back", "released")
TABLES = ("Order", "Visit", "Balance", "Product", "User")


class VersionStorm:
    """One storm; ``done`` counts what happened, ``failures`` are what threads ended with."""

    def __init__(self, made: Dashboards, folder: Path) -> None:
        self.made, self.folder, self.over = made, folder, threading.Event()
        self.known: dict[int, Declared] = {1: made.of}
        self.failures, self.readers = list[BaseException](), list[Session]()
        self.done = Counter[str]()
        self.dice = Random(f"versions {made.of.seed}")
        work = (self._write, self._maintain, *(self._reader(n) for n in range(2)))
        self.threads = [threading.Thread(target=self._until_over, args=(it,)) for it in work]

    def rage(self, seconds: float) -> None:
        """Let everything happen at once, and declare, take back, drop, release and restore meanwhile."""
        self.made.writer.fill(40)
        for thread in self.threads:
            thread.start()
        ends = time.monotonic() + seconds
        with psycopg.connect(self.made.url, autocommit=True) as c:
            try:
                while time.monotonic() < ends + self._patience() and not self.over.is_set():
                    for change in (self._declare, self._release, self._take_back, self._release, self._drop):
                        with suppress(*BUSY):
                            change(c)
            finally:
                self.over.set()
                for thread in self.threads:
                    thread.join(60)
                for reader in self.readers:
                    reader.close()
        if self.failures:
            raise self.failures[0]

    def _until_over(self, work: Callable[[], None]) -> None:
        try:
            while not self.over.is_set():
                work()
        except BaseException as error:
            self.failures.append(error)
            self.over.set()

    def _write(self) -> None:
        with suppress(*BUSY):
            self.made.writer.one()
        self.done["written"] += 1
        time.sleep(0.01)

    def _maintain(self) -> None:
        """Do as the leader does, for the views of every declaration that stands."""
        c = self.made.c
        self.made.drain()
        views = [view for it in self._standing(c) for view in catalog_of(it).views]
        empty = {name for (name,) in c.execute("SELECT view FROM frontview.view_state WHERE through IS NULL")}
        if views := [it for it in views if it.name in empty] or views:
            view = self.made.chance.choice(views)
            with suppress(psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction, *BUSY):
                refresh(c, view, view.tiers, self.made.term.epoch)
                self.done["refreshed"] += 1
        if c.execute("SELECT frontview.activate_declaration()").fetchone() != (None,):
            self.done["activated"] += 1

    def _standing(self, c: Session) -> list[Installed]:
        active = active_declaration(c)
        others = [installed_of(*row) for _, row in other_declarations(c)]
        return [*([active] if active else []), *others]

    def _reader(self, number: int) -> Callable[[], None]:
        dice = Random(f"reader {self.made.of.seed} {number}")
        c = psycopg.connect(self.made.url, autocommit=True)
        self.readers.append(c)

        def read() -> None:
            with suppress(*ASK_AGAIN):
                self._compare(c, dice)

        return read

    def _compare(self, c: Session, dice: Random) -> None:
        installed = active_declaration(c)
        assert installed is not None
        of, catalog = self.known[installed.number], catalog_of(installed)
        asked = ask(of, dice)
        c.execute(SNAPSHOT)
        try:
            given = answer(c, asked, _function(catalog, asked))
            wanted = expected(c, of, asked)
        finally:
            c.execute("ROLLBACK")
        self.made.check(f"declaration {installed.number}", asked, given, wanted, of)
        self.done["compared"] += 1

    def _patience(self) -> float:
        """Return how much longer a busy machine may take until everything has happened."""
        return LONGEST_SECONDS if min(self.done[it] for it in HAPPENS) == 0 else 0.0

    def _declare(self, c: Session) -> None:
        of = redeclare(self.made.of, self.dice.randrange(1_000_000))
        (self.folder / "frontview.toml").write_text(of.toml())
        declared = read_project(self.folder)
        verdict = judge(c, declared, priced=False)
        assert verdict.proven is not None, (verdict.faults, of.toml())
        planned = plan(declared, verdict.proven, newest_declaration(c), CORE, greatest_number(c))
        self.known[planned.new.number] = of
        for step in steps(planned):
            self._run(c, step.upgrade)
        self.done["declared"] += 1
        ends = time.monotonic() + LONGEST_SECONDS
        while self._active(c) != planned.new.number and time.monotonic() < ends and not self.over.is_set():
            time.sleep(0.1)

    def _active(self, c: Session) -> int:
        active = active_declaration(c)
        assert active is not None
        return active.number

    def _run(self, c: Session, statements: tuple[str, ...]) -> None:
        """Run a step's statements in one transaction, again where somebody holds what it locks."""
        while True:
            with suppress(*BUSY), c.transaction():
                for statement in statements:
                    c.execute(statement.encode())
                return

    def _take_back(self, c: Session) -> None:
        """Take the active declaration back in three of four rounds; the first one stays."""
        number = self._active(c)
        row = c.execute("SELECT max(number) FROM frontview.declaration WHERE number < %s", (number,)).fetchone()
        if row is not None and row[0] is not None and self.dice.random() < 0.75:
            c.execute("SELECT frontview.take_declaration_back(%s, %s)", (number, row[0]))
            self.done["taken back"] += 1

    def _drop(self, c: Session) -> None:
        """Let two days pass since declarations were retired, and drop what no reader needs."""
        c.execute("UPDATE frontview.declaration SET retired_at = retired_at - '2 days'::interval")
        while c.execute("SELECT frontview.drop_retired()").fetchone() != (None,):
            self.done["dropped"] += 1

    def _release(self, c: Session) -> None:
        """Change the type of a column that nobody declares in a host's migration, and put everything back."""
        table = f'"Host 1"."{self.dice.choice(TABLES)}"'
        with suppress(psycopg.errors.UndefinedObject), c.transaction():
            c.execute("SELECT frontview.release(%s::regclass)", (table,))
            c.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS more text DEFAULT 'x'".encode())
            c.execute("SELECT frontview.restore(%s::regclass)", (table,))
            self.done["released"] += 1


def _function(catalog: Catalog, asked: Question) -> str:
    served = catalog.served
    assert served is not None
    name = asked.of.removeprefix("list.")
    parts = served.lists if asked.of.startswith("list.") else served.dashboards
    return next(it.function for it in parts if it.name == name)
