"""A stage for tests of declared capture: one captured table of each kind, under names that need every quote."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from models.connection import Connection
from tests.fix_postgres import Server
from views_sql.declaration.proven import ProvenSource, ProvenTable, TableKind, Watched
from views_sql.generation.declared_capture import capture_declared, stop_declared

SCHEMA = "Shop 1%"
T = f'"{SCHEMA}"."Order"'
COLUMNS = '"customerId" bigint, "createdAt" timestamptz, "total %" numeric, "raw" json, note text'
KINDS: tuple[TableKind, ...] = ("plain", "partitioned", "inherited")
MAKE: dict[TableKind, str] = {
    "plain": f"CREATE TABLE {T} (id bigint PRIMARY KEY, gone text, {COLUMNS}); ALTER TABLE {T} DROP gone",
    # The partitions' columns have other numbers than the table's; one of them came as a table of its own.
    "partitioned": f"""
        CREATE TABLE {T} (id bigint, gone text, {COLUMNS}) PARTITION BY RANGE (id);
        ALTER TABLE {T} DROP gone;
        CREATE TABLE "{SCHEMA}".low PARTITION OF {T} FOR VALUES FROM (0) TO (100);
        CREATE TABLE "{SCHEMA}"."High" (note text, "raw" json, "total %" numeric, "createdAt" timestamptz,
            "customerId" bigint, id bigint);
        ALTER TABLE {T} ATTACH PARTITION "{SCHEMA}"."High" FOR VALUES FROM (100) TO (1000);
        CREATE UNIQUE INDEX ON {T} (id)""",
    "inherited": f"""
        CREATE TABLE {T} (id bigint PRIMARY KEY, gone text, {COLUMNS});
        CREATE TABLE "{SCHEMA}".low (extra integer, PRIMARY KEY (id)) INHERITS ({T});
        CREATE TABLE "{SCHEMA}"."High" (PRIMARY KEY (id)) INHERITS ({T});
        ALTER TABLE {T} DROP gone""",
}
ORDERS = ProvenSource(
    name="orders_1",
    table=ProvenTable(SCHEMA, "Order", "plain"),
    user_column="customerId",
    time_column="createdAt",
    time_kind="timestamptz",
    zone="Europe/Berlin",
    stored_zone="UTC",
    watched=(Watched("total %"), Watched("raw", as_text=True)),
)
NOON = "2026-03-01 12:00+00"


@dataclass
class Stage:
    """A captured table and an autocommit connection to its database."""

    c: Connection
    url: str
    source: ProvenSource
    version: int

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.c.execute(statement.encode())

    def insert(self, *rows: tuple[int, int | None, str | None], table: str = T) -> None:
        for key, user, time in rows:
            values = f"{key}, {'NULL' if user is None else user}, {'NULL' if time is None else repr(time)}, 1.0"
            self.run(f'INSERT INTO {table} (id, "customerId", "createdAt", "total %") VALUES ({values})')

    def logged(self) -> list[tuple[int | None, str]]:
        """Return and forget the keys that were logged, duplicates and all."""
        rows = self.c.execute("SELECT user_id, day::text FROM frontview.change_log WHERE source LIKE '%_1'").fetchall()
        self.c.execute("DELETE FROM frontview.change_log")
        return sorted(rows, key=str)

    @property
    def follows_renames(self) -> bool:
        return self.version >= 160000

    @contextmanager
    def other(self, **options: Any) -> Iterator[Connection]:
        with psycopg.connect(self.url, autocommit=True, **options) as opened:
            yield opened


@contextmanager
def captured(server: Server, url: str, make: str, sources: Sequence[ProvenSource]) -> Iterator[Stage]:
    """Make tables in a schema of their own, capture them, and take all of it back."""
    with psycopg.connect(url, autocommit=True) as c:
        stage = Stage(c, url, sources[0], server.version)
        stage.run(f'CREATE SCHEMA "{SCHEMA}"', make)
        for source in sources:
            stage.run(*capture_declared(source))
        stage.run("DELETE FROM frontview.change_log")
        try:
            yield stage
        finally:
            for source in sources:
                stage.run(*stop_declared(source.name))
            stage.run(
                "DELETE FROM frontview.change_log; DELETE FROM frontview.capture_state; DELETE FROM frontview.alarm",
                *(f'DROP SCHEMA IF EXISTS "{name}" CASCADE' for name in (SCHEMA, "moved")),
            )


def of_kind(kind: TableKind) -> ProvenSource:
    return replace(ORDERS, table=ProvenTable(SCHEMA, "Order", kind))
