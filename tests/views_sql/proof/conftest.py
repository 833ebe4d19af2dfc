"""One database for every refusal: judging rolls back, so tests cannot see each other.

Invariant: each verdict of each test leaves the database as it was, whatever is refused or accepted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import Server
from views_sql.declaration.application import Application, Measure, UserTable, View
from views_sql.declaration.dashboards import Listing
from views_sql.proof.judge import judge
from views_sql.proof.verdict import Verdict

CATALOGS = ("class", "proc", "type", "constraint", "trigger", "namespace", "rewrite", "collation", "cast", "operator")
# Each row of the catalogs that is not PostgreSQL's own, with the transaction that wrote it.
EVERYTHING = " UNION ALL ".join(
    [f"SELECT '{it}', oid::text, xmin::text FROM pg_{it} WHERE oid >= 16384" for it in CATALOGS]
    + ["SELECT 'attribute', attrelid || ' ' || attnum, xmin::text FROM pg_attribute WHERE attrelid >= 16384"]
    + ["SELECT 'index', indexrelid::text, xmin::text FROM pg_index WHERE indexrelid >= 16384"]
    + ["SELECT 'depend', d::text, xmin::text FROM pg_depend d WHERE objid >= 16384 OR refobjid >= 16384"]
)
COUNT = {"orders": Measure(verb="count")}


@dataclass(frozen=True)
class Court:
    """A database with three hosts' tables, in which declarations are judged."""

    connection: psycopg.Connection[Any]
    url: str

    def judge(
        self, *views: View, user: UserTable | None = None, priced: bool = False, lists: tuple[Listing, ...] = ()
    ) -> Verdict:
        users = user or UserTable(table="public.Customer")
        before = self.everything()
        verdict = judge(self.connection, Application(user=users, views=views, regions=(), lists=lists), priced=priced)
        assert self.everything() == before
        return verdict

    def everything(self) -> set[tuple[str, ...]]:
        """Return what is in the catalogs, so that two of them can be compared."""
        return set(self.connection.execute(EVERYTHING.encode()))

    def faults(self, users: UserTable | None = None, /, **view: Any) -> dict[str, str]:
        """Judge one view of Prisma's orders, and return the faults by their path."""
        verdict = self.judge(order_view(**view), user=users)
        assert (verdict.proven is None) == bool(verdict.faults)
        return {fault.path.removeprefix("view.v."): fault.sentence for fault in verdict.faults}

    def sum_of(self, argument: str, verb: str = "sum") -> str:
        """Return the fault of a measure with that argument; empty without one."""
        return self.faults(measures={"m": Measure(verb=verb, argument=argument)}).get(f"measures.m.{verb}", "")  # type: ignore[arg-type]

    def dimension(self, expression: str, **more: Any) -> str:
        """Return the fault of a dimension; empty without one."""
        return self.faults(dimensions={"d": expression}, **more).get("dimensions.d", "")

    def where(self, condition: str) -> str:
        """Return the fault of a condition; empty without one."""
        return self.faults(where=condition).get("where", "")


def order_view(**changed: Any) -> View:
    return View(**{"name": "v", "table": "public.Order", "time": "createdAt", "measures": COUNT, **changed})


@pytest.fixture(scope="session")
def court(any_server: Server) -> Iterator[Court]:
    url = any_server.create(None)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS proof_stranger")
        connection.execute((Path(__file__).parent / "hosts.sql").read_text())
        # Rolled back rows stay, so that later ones lie behind them in the order in which they were written.
        connection.execute('ALTER TABLE public."Order" SET (autovacuum_enabled = off)')
        if any_server.version >= 180000:
            connection.execute(
                'ALTER TABLE public."Order" ADD COLUMN doubled numeric(12, 2) GENERATED ALWAYS AS (fee * 2) VIRTUAL, '
                'ADD COLUMN buyer text GENERATED ALWAYS AS ("customerId") VIRTUAL'
            )
        yield Court(connection, url)
        connection.execute("DROP FUNCTION app.foreign_norm(text); DROP ROLE proof_stranger")
    any_server.drop(url)
