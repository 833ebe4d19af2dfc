"""A stage for tests of projects: a folder with a ``frontview.toml`` beside a host's tables, and the commands in it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy.engine import make_url

from refresher.leader.active_catalog import with_others
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import Server
from tests.leading import lead
from tests.schema_snapshot import schema_snapshot
from views_sql.operations.catalog import load_application
from web.cli import main

TABLES = """
CREATE SCHEMA "Shop";
CREATE TABLE "Shop"."User" (id {key} PRIMARY KEY, name text);
CREATE TABLE "Shop"."Order" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "customerId" {key} NOT NULL REFERENCES "Shop"."User" (id),
    "createdAt" timestamptz, country text, total numeric(12, 2), email text
);
CREATE INDEX ON "Shop"."Order" ("customerId", "createdAt");
CREATE INDEX ON "Shop"."Order" ("createdAt");
CREATE TABLE "Shop".visit (visitor {key}, day date, pages integer NOT NULL);
CREATE INDEX ON "Shop".visit (visitor, day);
"""
DECLARED = """
[user]
table = "Shop.User"
zone = "Europe/Berlin"
claim = "account.id"

[view.orders]
table = "Shop.Order"
time = "createdAt"
dimensions = { country = "country" }
region = "shop"
[view.orders.measures]
orders = "count"
revenue = { sum = "total", unit = "currency:EUR", label = "Revenue 100% net" }
buyers = { distinct = "email" }

[view.visits]
table = "Shop.visit"
user = "visitor"
time = "day"
measures = { pages = { sum = "pages" } }

[region.shop]
max_entries = 7
"""
KEYS = {"bigint": ("1", "2"), "uuid": ("'" + "0" * 31 + "1'", "'" + "0" * 31 + "2'"), "text": ("'a''b%'", "'Ü'")}


@dataclass
class Project:
    """A folder, its database, and the commands that an engineer runs in the folder."""

    folder: Path
    url: str
    c: psycopg.Connection[Any]

    def declare(self, text: str) -> None:
        (self.folder / "frontview.toml").write_text(text)

    def run(self, *arguments: str, ends: int = 0) -> str:
        """Return what a command prints; the errors after the rest."""
        result: Result = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
        assert result.exit_code == ends, result.output
        return result.stdout + result.stderr

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "revisions").glob("*.py"))

    def populate(self) -> int | None:
        """Do as the leader does until a declaration that waits is active; return its number, None: none can be."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            term = lead(connection)
            for view in with_others(load_application)(connection).views:
                assert refresh(connection, view, view.tiers, term.epoch).outcome in {"populated", "refreshed"}
            row = connection.execute("SELECT frontview.activate_declaration()").fetchone()
        assert row is not None
        return int(row[0]) if row[0] else None

    def drop_retired(self, after: str = "2 days") -> list[str]:
        """Let time pass since declarations were retired; return what the leader then drops."""
        self.c.execute("UPDATE frontview.declaration SET retired_at = retired_at - %s::interval", (after,))
        dropped = []
        while (what := self.rows("SELECT frontview.drop_retired()")[0][0]) is not None:
            dropped.append(what)
        return dropped

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.c.execute(query.encode(), values or None).fetchall()

    def snapshot(self) -> list[str]:
        return schema_snapshot(self.url)


@contextmanager
def project(server: Server, folder: Path, key: str = "bigint", like: Project | None = None) -> Iterator[Project]:
    """Yield a project with its tables, or a copy of another one's folder and database, which nobody may be using."""
    url = server.create(None if like is None else str(make_url(like.url).database))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRONTVIEW_DATABASE_URL", url)
        patch.chdir(folder)
        with psycopg.connect(url, autocommit=True) as connection:
            made = Project(folder, url, connection)
            if like is None:
                connection.execute(TABLES.format(key=key).encode())
                made.declare(DECLARED)
            else:
                shutil.copytree(like.folder, folder, dirs_exist_ok=True)
            yield made
    server.drop(url)
