"""One random application of dashboards, installed, written to, drained, refreshed and asked."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from tests.exactness.dashboards.declared import Declared, declare
from tests.exactness.dashboards.oracle import expected
from tests.exactness.dashboards.questions import Question, address, ask, call, function_of
from tests.exactness.dashboards.writes import Writer
from tests.exactness.installation import SNAPSHOT, declared_in
from tests.exactness.upkeep import Differs, Session, Upkeep
from tests.exactness.visitor import KEPT, LONGEST, Client, visiting
from tests.fix_postgres import Server

LONG = re.compile(r"(\w{40})\w+")


@dataclass
class Dashboards(Upkeep[Declared]):
    """An installed application; ``kept`` are questions that its client repeats, so that some answers are cached."""

    client: Client = field(kw_only=True)
    kept: list[Question] = field(default_factory=list)
    writer: Writer = field(init=False)

    def __post_init__(self) -> None:
        self.writer = Writer(self.host_sessions(), self.of.host, self.chance)

    def compare(self, state: str) -> None:
        """Ask a random question and compare its answer in its own snapshot."""
        self.compare_with(self.c, state, self.chance)

    def compare_with(self, c: Session, state: str, chance: Random) -> None:
        """Compare on a connection of one's own."""
        asked = ask(self.of, chance)
        c.execute(SNAPSHOT)
        try:
            given = answer(c, asked, function_of(asked))
            wanted = expected(c, self.of, asked)
        finally:
            c.execute("ROLLBACK")
        self.check(f"{state}, base" if asked.base else state, asked, given, wanted)

    def visit(self, state: str, *, exact: bool) -> None:
        """Ask over HTTP while nothing writes, and compare."""
        self._visit(self._again(ask(self.of, self.chance)), state, exact=exact)

    def _visit(self, asked: Question, state: str, *, exact: bool) -> None:
        path, pairs = address(self.of, asked)
        source, given = self.client.get(asked.user, path, pairs, exact=exact)
        self.check(f"{state}, {source}", asked, given, expected(self.c, self.of, asked))

    def follow(self) -> None:
        """Wait until the worker has applied all drains."""
        self.client.follow(self.c)

    def visit_after_each_write(self, times: int) -> None:
        """Write in each way, so often, and see that answers which a worker had cached are what is there then."""
        self.refresh_all(move=True)
        plain = [
            Question(of, user, None, None, "day", (), None, None, base=False)
            for of in (*self.of.dashboards, *(f"list.{it}" for it in self.of.lists))
            for user in self.of.host.keys
        ]
        for write in self.writer.kinds():
            for _ in range(times):
                for asked in plain:
                    self._visit(asked, "before", exact=False)
                write()
                self.drain()
                self.follow()
                for asked in plain:
                    self._visit(asked, write.__name__.strip("_"), exact=False)

    def _again(self, asked: Question) -> Question:
        """Return the question, or one that was asked before; one that no address can hold is left out."""
        long = any(len(it) > LONGEST for _, chosen in asked.filters for it in chosen if it is not None)
        if len(self.kept) == KEPT or long:
            return self.chance.choice(self.kept) if self.kept else Question(**vars(asked) | {"filters": ()})
        self.kept.append(asked)
        return asked

    def check(self, state: str, asked: Question, given: Any, wanted: Any, of: Declared | None = None) -> None:
        """Count a comparison, and raise where the answer differs."""
        self.compared[state] += 1
        if given != wanted:
            where = "\n".join(_differences("", given, wanted)[:4])
            said = LONG.sub(r"\1...", f"{asked}\n{where}")
            raise Differs(f"seed {self.of.seed}, {state}: {said}\n{(of or self.of).toml()}")


def answer(c: Session, asked: Question, function: str) -> Any:
    """Return what a function answers."""
    row = c.execute(*call(c, asked, function)).fetchone()
    assert row is not None
    return row[0] and json.loads(row[0], parse_float=Decimal)


def _differences(path: str, given: Any, wanted: Any) -> list[str]:
    if given == wanted:
        return []
    if isinstance(given, dict) and isinstance(wanted, dict) and given.keys() == wanted.keys():
        return [it for name in given for it in _differences(f"{path}.{name}", given[name], wanted[name])]
    if isinstance(given, list) and isinstance(wanted, list) and len(given) == len(wanted):
        pairs = enumerate(zip(given, wanted, strict=True))
        return [it for n, (one, other) in pairs for it in _differences(f"{path}[{n}]", one, other)]
    return [f"{path}: given {given!r:.1500}\n    wanted {wanted!r:.1500}"]


@contextmanager
def installed_dashboards(
    server: Server, seed: int, folder: Path, change: Callable[[str], str] = lambda text: text
) -> Iterator[Dashboards]:
    """Yield the installed application of a seed in a database of its own.

    :param change: what is done to each statement that installs it first.
    """
    of = declare(seed)
    with declared_in(server, of, folder, change) as at, visiting(at.url, at.catalog) as client:
        made = Dashboards(of, at.url, at.c, at.term, at.catalog.views, Random(f"run {seed}"), client=client)
        try:
            yield made
        finally:
            with suppress(psycopg.Error):
                made.close()
