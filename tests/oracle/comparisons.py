"""Reads of an application compared with its base tables, each in one statement and so under one snapshot.

Invariant: a read that must be repeated, and so proves nothing, counts as a retry and never as a comparison.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, LiteralString

import psycopg

from models.connection import Connection
from tests.oracle.relations import merged_read
from views_sql.declaration.maintained_view import Catalog

_READ = "SELECT e.body, e.source, e.patched_days, e.undrained, b.body, CURRENT_DATE, {facts} FROM {exact} e, {base} b"
_REPEAT = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)  # a rewrite, or a TRUNCATE's locks


@dataclass
class Tally:
    """What the comparisons found."""

    comparisons: int = 0
    retries: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    patched: int = 0
    undrained: int = 0
    differences: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Oracle:
    """What is compared of one application.

    :param reads: calls of the functions that answer, with {user} and {base} (TRUE: read base tables only).
    :param facts: an expression for what the base tables hold of a {user}; it shares nothing with the product's SQL.
    :param figures: of an answer, and of what ``facts`` gave: the same figures of both; the last value is CURRENT_DATE.
    """

    catalog: Catalog
    reads: Mapping[str, str]
    facts: str
    figures: Mapping[str, Callable[[dict[str, Any], dict[str, Any], date], tuple[Any, Any]]]

    @property
    def views(self) -> tuple[str, ...]:
        """The names of the maintained views."""
        return tuple(view.name for view in self.catalog.views)

    def compare_every_read(self, connection: Connection, users: Iterable[int]) -> Tally:
        """Compare each answer and each view of each user, where nothing rewrites a table meanwhile."""
        tally = Tally()
        for user in users:
            for read in self.reads:
                self.compare_read(connection, read, user, tally)
            for view in self.views:
                self.compare_view(connection, view, user, tally)
        assert tally.retries == 0
        return tally

    def compare_read(self, connection: Connection, name: str, user: int, tally: Tally, *, figures: bool = True) -> None:
        """Compare an exact answer with that of the base tables, byte by byte, and with the oracle's own figures.

        :param figures: False: without the last, since no base table has the figures of sealed days.
        """
        exact, base = (self.reads[name].format(user=user, base=base) for base in ("FALSE", "TRUE"))
        query = _READ.format(facts=self.facts.format(user=user), exact=exact, base=base)
        try:
            row = connection.execute(query.encode()).fetchone()
        except _REPEAT:
            tally.retries += 1
            return
        assert row is not None
        body, source, patched, undrained, base_body, today, facts = row
        tally.comparisons += 1
        tally.sources[source] += 1
        tally.patched += patched
        tally.undrained += undrained
        if body != base_body:
            tally.differences.append(f"{name} of user {user}: {body} is not {base_body}")
        if figures and name in self.figures:
            given, wanted = self.figures[name](json.loads(body), facts, today)
            if given != wanted:
                tally.differences.append(f"{name} of user {user}: figures {given} are not {wanted}")

    def compare_view(
        self, connection: Connection, view: str, user: int, tally: Tally, wanted: LiteralString | None = None
    ) -> None:
        """Compare the merged reads of a view with its live relation, or with ``wanted``; see :func:`merged_read`."""
        try:
            difference = merged_read(connection, self.catalog.view(view), user, *([wanted] if wanted else []))
        except _REPEAT:
            tally.retries += 1
            return
        if difference.rewritten:
            tally.retries += 1
            return
        tally.comparisons += 1
        if difference:
            tally.differences.append(f"{view} of user {user}: {difference}")
