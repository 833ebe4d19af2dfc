"""A host changes a declared table in its own migration: views are released before, and restored after it."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from models.database_errors import translated
from models.engine import make_engine
from models.errors import TableReleased
from refresher.leader.leadership import LOCK_CLASS
from tests.fix_postgres import Server
from tests.migrations.project_stage import DECLARED, Project, project
from tests.migrations.test_versions import ORDER, change, drain, read
from tests.waiting import until

MORE = DECLARED.replace('orders = "count"', 'orders = "count"\nlargest = { max = "total" }')
TYPE = 'ALTER TABLE "Shop"."Order" ALTER COLUMN total TYPE numeric(14, 3)'
GAP = """SELECT frontview.release('"Shop"."Order"')"""
AGAIN = """SELECT frontview.restore('"Shop"."Order"')"""
ALEMBIC = '''
from alembic import op

revision, down_revision = "host_1", None


def upgrade():
    op.execute("""SELECT frontview.release('"Shop"."Order"')""")
    op.execute("""{change}""")
    op.execute("""SELECT frontview.restore('"Shop"."Order"')""")
'''
WAITS = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
ENV = """
import os
import sqlalchemy as sa
from alembic import context

engine = sa.create_engine(os.environ["HOST_URL"].replace("postgresql://", "postgresql+psycopg://"))
with engine.begin() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.fixture(scope="module")
def applied(any_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(any_server, tmp_path_factory.mktemp("applied")) as made:
        made.run("plan", "--write")
        made.run("migrate")
        made.c.execute('INSERT INTO "Shop"."User" (id) VALUES (1)')
        made.c.execute(ORDER.encode())
        made.populate()
        made.c.close()
        yield made


@pytest.fixture
def shop(any_server: Server, tmp_path: Path, applied: Project) -> Iterator[Project]:
    with project(any_server, tmp_path, like=applied) as made:
        yield made


def is_exact(shop: Project, number: int = 1) -> None:
    """Write, read from base tables, and from populated tiers that a drain has made stale."""
    counted = 'SELECT count(*) FROM "Shop"."Order" WHERE "customerId" = 1'
    for source in ("database", "materialized_view"):
        shop.c.execute(ORDER.encode())
        drain(shop)
        assert read(shop, number) == (shop.rows(counted)[0][0], source)
        shop.populate()
    assert read(shop, number) == (shop.rows(counted)[0][0], "materialized_view")


def change_between(shop: Project, statement: str, table: str = "Order") -> None:
    with shop.c.transaction():
        for it in (GAP, statement, AGAIN):
            shop.c.execute(it.replace('"Order"\'', f'"{table}"\'').encode())


def test_a_plain_migration_changes_a_columns_type_in_its_own_transaction(shop: Project) -> None:
    before = shop.snapshot()
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        shop.c.execute(TYPE.encode())
    with shop.c.transaction():
        assert shop.rows(GAP) == [(["orders_1", "orders_1_buyers_values"],)]
        shop.c.execute(TYPE.encode())
        assert shop.rows(AGAIN) == [(["orders_1", "orders_1_buyers_values"],)]
    is_exact(shop)
    changed = {line for line in shop.snapshot() if "numeric(14,3)" not in line}
    assert {line for line in set(before) - changed if "numeric(12,2)" not in line} == set()


@pytest.mark.parametrize(
    "change", ["DROP TABLE", "ALTER TABLE {} DROP COLUMN total", 'ALTER TABLE {} RENAME COLUMN "createdAt" TO at']
)
def test_a_change_that_does_not_fit_the_declaration_fails_the_hosts_transaction(shop: Project, change: str) -> None:
    before, table = shop.snapshot(), '"Shop"."Order"'
    statement = change.format(table) if "{}" in change else f"{change} {table}"
    with pytest.raises(psycopg.Error, match=r"does not exist|not found in data type"):
        change_between(shop, statement)
    assert shop.snapshot() == before
    shop.c.execute(ORDER.encode())
    assert read(shop, 1) == (2, "materialized_view")


def test_a_key_that_is_no_key_any_more_fails_the_hosts_transaction(shop: Project) -> None:
    with pytest.raises(psycopg.Error):
        change_between(
            shop,
            'ALTER TABLE "Shop"."Order" DROP CONSTRAINT "Order_customerId_fkey", '
            "ALTER COLUMN \"customerId\" TYPE text USING 'x'",
        )
    assert read(shop, 1) == (1, "materialized_view")


def test_users_who_could_be_there_twice_fail_the_hosts_transaction(shop: Project) -> None:
    drop = 'ALTER TABLE "Shop"."User" DROP CONSTRAINT "User_pkey" CASCADE'
    with pytest.raises(psycopg.errors.InvalidTableDefinition, match="no unique index"):
        change_between(shop, drop, "User")
    change_between(shop, f'{drop}; ALTER TABLE "Shop"."User" ADD UNIQUE (id)', "User")
    is_exact(shop)


def test_a_release_waits_for_a_refresh_without_the_tables_lock(shop: Project) -> None:
    with psycopg.connect(shop.url, autocommit=True) as refresher, psycopg.connect(shop.url) as host:
        refresher.execute("SELECT pg_advisory_lock(%s, hashtext('orders_1/recent'))", (LOCK_CLASS,))
        released = threading.Thread(target=host.execute, args=(GAP,))
        released.start()
        until(lambda: shop.rows(WAITS) == [(1,)], "wait of the release")
        refresher.execute("SET lock_timeout = '1s'")
        assert refresher.execute('SELECT count(*) FROM "Shop"."Order"').fetchone() is not None
        assert released.is_alive()
        refresher.execute("SELECT pg_advisory_unlock_all()")
        released.join(10)
        assert not released.is_alive()
        host.rollback()
    assert read(shop, 1) == (1, "materialized_view")


def test_a_table_that_goes_takes_its_views_and_a_declaration_without_it_follows(shop: Project) -> None:
    with shop.c.transaction():
        shop.c.execute(GAP.encode())
        shop.c.execute('DROP TABLE "Shop"."Order"')
    with pytest.raises(psycopg.errors.UndefinedFunction) as gone:
        read(shop, 1)
    engine = make_engine(shop.url, "test")
    assert isinstance(translated(gone.value, engine), TableReleased)
    engine.dispose()
    users, visits = DECLARED.partition("[view.orders]")[0], DECLARED.partition("[view.visits]")[2]
    change(shop, f"{users}[view.visits]{visits}")
    assert shop.rows("SELECT number FROM frontview.declaration WHERE active") == [(2,)]
    assert shop.drop_retired()
    assert shop.rows("SELECT count(*) FROM frontview.released") == [(0,)]


def test_all_declarations_that_stand_are_released_and_restored(shop: Project) -> None:
    change(shop, MORE)
    shop.populate()
    said = json.loads(shop.run("release", '"Shop"."User"', "--json"))["views"]
    assert said == ["orders_1", "orders_1_buyers_values", "orders_2", "orders_2_buyers_values", "visits_1"]
    assert shop.rows("SELECT count(*) FROM frontview.view_state") == [(0,)]
    shop.c.execute('ALTER TABLE "Shop"."User" ALTER COLUMN name TYPE varchar(40)')
    shop.run("restore", '"Shop"."User"')
    is_exact(shop, 2)
    shop.run("migrate", "--back")
    assert read(shop, 1)[1] == "materialized_view"
    assert shop.drop_retired()
    assert read(shop, 1)[1] == "materialized_view"


def test_users_whose_zones_views_join_are_released_after_these(shop: Project) -> None:
    shop.c.execute("""ALTER TABLE "Shop"."User" ADD COLUMN tz text NOT NULL DEFAULT 'Europe/Berlin'""")
    change(shop, DECLARED.replace('zone = "Europe/Berlin"', 'zone = { column = "tz" }'))
    assert shop.populate() == 2
    change_between(shop, 'ALTER TABLE "Shop"."User" ALTER COLUMN tz TYPE varchar(60)', "User")
    is_exact(shop, 2)


def test_what_cascade_took_away_is_mended(shop: Project) -> None:
    shop.c.execute('ALTER TABLE "Shop"."Order" DROP COLUMN total CASCADE')
    said = shop.run("restore", '"Shop"."Order"', ends=1)
    assert "Nothing was changed: " in said
    assert "total" in said
    shop.c.execute('ALTER TABLE "Shop"."Order" ADD COLUMN total numeric(12, 2)')
    shop.run("restore", '"Shop"."Order"')
    is_exact(shop)


def test_what_cannot_be_released_is_said(shop: Project) -> None:
    shop.c.execute("CREATE TABLE other (id int)")
    assert "no declared view reads the table public.other" in shop.run("release", "other", ends=1)
    assert 'relation "nothing" does not exist' in shop.run("release", "nothing", ends=1)
    shop.c.execute(
        "UPDATE frontview.view_state SET first_day = '2026-01-01', before_day = GREATEST(before_day, '2026-01-01') "
        "WHERE view = 'orders_1' AND tier IN ('archive', 'total')"
    )
    assert "orders_1 has sealed days" in shop.run("release", '"Shop"."Order"', ends=1)
    assert read(shop, 1)[0] == 1


def test_an_alembic_migration_of_the_host_releases_and_restores(
    shop: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "host"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    (folder / "script.py.mako").write_text("")
    (folder / "alembic.ini").write_text(f"[alembic]\nscript_location = {folder}\n")
    (folder / "versions" / "host_1.py").write_text(ALEMBIC.format(change=TYPE))
    monkeypatch.setenv("HOST_URL", shop.url)
    subprocess.run([sys.executable, "-m", "alembic", "upgrade", "head"], cwd=folder, check=True)
    is_exact(shop)
