"""A project from its folder to a database that answers, and back to a database as it was."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from models.errors import CatalogError, DeclarationNewer, NotInstalled
from models.user_key import KINDS
from refresher.leader.drain import drain_once
from refresher.refreshing.refresh import refresh
from refresher.watch.coverage import check_coverage
from tests.fix_postgres import ROOT, Server
from tests.leading import lead
from tests.migrations.project_stage import DECLARED, KEYS, Project, project
from tests.oracle.relations import tiers
from tests.voice_stage import VOICE
from views_sql.operations.catalog import catalog_of, load_application
from views_sql.operations.database import newest_declaration
from views_sql.operations.installed import installed_of

ONE_MORE_ORDER = DECLARED.replace('orders = "count"', 'orders = "count"\nlargest = { max = "total" }')
FIRST_FILES = [
    "0001_capture_shop_order.py",
    "0002_capture_shop_user.py",
    "0003_capture_shop_visit.py",
    "0004_views.py",
    "0005_declaration.py",
]


STATES = """
SELECT number, CASE WHEN active THEN 'active' WHEN gone_at IS NOT NULL THEN 'gone' WHEN retired_at IS NOT NULL
THEN 'retired' ELSE 'waiting' END FROM frontview.declaration ORDER BY 1
"""


@pytest.fixture(scope="module")
def written(any_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with its first revisions, of which none is applied; to be copied."""
    with project(any_server, tmp_path_factory.mktemp("written")) as made:
        made.run("plan", "--write")
        made.c.close()
        yield made


@pytest.fixture(scope="module")
def applied(any_server: Server, tmp_path_factory: pytest.TempPathFactory, written: Project) -> Iterator[Project]:
    """The same with all of them applied; to be copied."""
    with project(any_server, tmp_path_factory.mktemp("applied"), like=written) as made:
        assert f"{FIRST_FILES[-1]}: applied" in made.run("migrate")
        made.c.close()
        yield made


@pytest.fixture
def shop(any_server: Server, tmp_path: Path, written: Project) -> Iterator[Project]:
    with project(any_server, tmp_path, like=written) as made:
        yield made


@pytest.fixture
def installed(any_server: Server, tmp_path: Path, applied: Project) -> Iterator[Project]:
    with project(any_server, tmp_path, like=applied) as made:
        yield made


def catalog(shop: Project) -> Any:
    return load_application(shop.c)


def host(shop: Project) -> list[str]:
    """Everything in the database that is the host's."""
    return [line for line in shop.snapshot() if "Shop" in line]


def test_a_file_becomes_a_database_that_needs_no_more_changes(installed: Project) -> None:
    assert "there is nothing to do" in installed.run("plan", "--write")
    assert json.loads(installed.run("plan", "--json"))["steps"] == []
    assert installed.files == FIRST_FILES
    assert installed.rows("SELECT to_regclass('public.calls')") == [(None,)]


def test_the_script_that_is_printed_makes_what_migrate_makes(installed: Project) -> None:
    made = installed.snapshot()
    installed.run("migrate", "--back")
    script, _, note = installed.run("plan", "--sql").partition("\nrevisions/")
    assert "is not applied yet" in note
    # Once a step, the last of which makes nothing; the declaration's own text has its quotes doubled.
    assert script.count("to_regprocedure('frontview.grant_rights()')") == len(FIRST_FILES) - 1

    installed.c.execute(script.encode())

    assert installed.snapshot() == made


@pytest.mark.parametrize("key", KEYS)
def test_an_installed_view_answers_as_sql_does(any_server: Server, tmp_path: Path, key: str) -> None:
    with project(any_server, tmp_path, key) as shop:
        one, two = KEYS[key]
        shop.c.execute(f'INSERT INTO "Shop"."User" (id) VALUES ({one}), ({two})'.encode())
        shop.run("plan", "--write")
        shop.run("migrate")
        assert shop.rows("SELECT resolved ->> 'core' FROM frontview.declaration WHERE active") == [("core_0003",)]
        assert catalog(shop).served.key_kind in KINDS
        term = lead(shop.c)
        write = 'INSERT INTO "Shop"."Order" ("customerId", "createdAt", country, total, email) VALUES '
        for user in (one, two):
            shop.c.execute(f"{write} ({user}, '2026-01-31 23:30Z', 'DE', 10.50, 'a')".encode())
            shop.c.execute(f"{write} ({user}, '2026-02-03 12:00Z', NULL, 1, 'b')".encode())
        drain_once(shop.c, term)
        views = catalog(shop).views
        assert {refresh(shop.c, it, it.tiers, term.epoch).outcome for it in views} == {"populated"}
        assert answer(shop, one)["totals"] == {"orders": 2, "revenue": 11.5, "buyers": 2}

        shop.c.execute(f"{write} ({one}, '2026-02-04 12:00Z', 'FR', 2, 'b')".encode())

        found = answer(shop, one)
        assert found["totals"] == {"orders": 3, "revenue": 13.5, "buyers": 2}
        assert [(row["period"], row["orders"]) for row in found["rows"] if row["orders"]] == [
            ("2026-02-01", 1),
            ("2026-02-03", 1),
            ("2026-02-04", 1),
        ]
        assert answer(shop, two)["totals"] == {"orders": 2, "revenue": 11.5, "buyers": 2}
        drain_once(shop.c, term)
        for view in views:
            refresh(shop.c, view, view.tiers, term.epoch)
            assert {name for name, difference in tiers(shop.c, view) if difference} == set()


def answer(shop: Project, user: str) -> dict[str, Any]:
    call = (
        f"frontview.orders_1_read({user}, '2026-02-01', '2026-02-28', 'day', NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
        " NULL, FALSE)"
    )
    ((body,),) = shop.rows(f"SELECT body FROM {call}")
    return dict(json.loads(body))


def test_a_changed_view_is_made_beside_and_an_unchanged_one_keeps_its_objects(installed: Project) -> None:
    installed.declare(ONE_MORE_ORDER)
    said = installed.run("plan", "--write")
    assert "one that waits a second for a lock lets others pass and tries again" in said
    assert "orders: replace" in said
    assert "visits: keep" in said
    installed.run("migrate")
    assert {view.name: view.number for view in catalog(installed).served.views} == {"orders": 1, "visits": 1}
    assert "there is nothing to do" in installed.run("plan")
    assert installed.populate() == 2

    views = {view.name: view.number for view in catalog(installed).served.views}
    assert views == {"orders": 2, "visits": 1}
    recent = "SELECT DISTINCT view FROM frontview.view_state WHERE tier = 'recent' ORDER BY 1"
    assert len(installed.rows(recent)) == 5
    dropped = installed.drop_retired()
    assert dropped == [
        "the views of declaration 1",
        'the capture of "Shop"."Order" of declaration 1',
    ]
    assert installed.rows(recent) == [
        ("orders_2",),
        ("orders_2_buyers_values",),
        ("visits_1",),
    ]
    assert "there is nothing to do" in installed.run("plan")


def test_settings_and_the_longest_range_change_no_stored_row(installed: Project) -> None:
    stored = "SELECT oid FROM pg_class WHERE relname = 'orders_1_recent'"
    before = installed.rows(stored)
    installed.declare(DECLARED.replace('region = "shop"', 'region = "shop"\nttl = "5m"'))
    assert "orders: settings only" in installed.run("plan", "--write")
    installed.run("migrate")
    installed.declare(DECLARED.replace('region = "shop"', 'region = "shop"\nttl = "5m"\nlongest_days = 800'))
    assert "orders: read function only" in installed.run("plan", "--write")
    installed.run("migrate")

    assert installed.rows(stored) == before
    served = catalog(installed).served.view("orders")
    assert (served.number, served.ttl_seconds, served.longest_days) == (1, 300, 800)


def test_going_back_leaves_the_hosts_database_as_it_was(shop: Project) -> None:
    before = host(shop)
    shop.run("migrate")
    first = shop.snapshot()
    shop.declare(ONE_MORE_ORDER.replace('"Shop.visit"\n', '"Shop.visit"\nwhere = "pages > 1"\n'))
    shop.run("plan", "--write")
    shop.run("migrate")
    assert shop.rows(STATES) == [(1, "active"), (2, "waiting")]
    both = shop.snapshot()
    assert set(first) <= set(both)

    shop.run("migrate", "--back")  # Nobody was served from it: it goes at once.
    assert shop.snapshot() == first
    shop.run("migrate")
    assert shop.snapshot() == both
    assert shop.populate() == 2
    assert shop.rows(STATES) == [(1, "retired"), (2, "active")]

    shop.run("migrate", "--back")
    shop.run("migrate", "--back")
    assert host(shop) == before
    assert shop.rows("SELECT count(*) FROM frontview.declaration") == [(0,)]
    assert "No declaration is applied" in shop.run("migrate", "--back", ends=1)


def tables_that_name_the_application(shop: Project) -> set[str]:
    tables = shop.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'frontview'")
    named = "SELECT EXISTS (SELECT FROM frontview.{} t WHERE t::text ~ 'orders|visits|_of_user')"
    return {table for (table,) in tables if shop.rows(named.format(table)) == [(True,)]}


def test_going_back_leaves_in_the_bookkeeping_only_what_must_not_be_forgotten(
    installed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONTVIEW_JWT_SECRET", "a secret for the tests that is long enough")
    term = lead(installed.c)
    for _ in range(2):
        installed.c.execute('INSERT INTO "Shop"."User" (id) SELECT 1 + count(*) FROM "Shop"."User"')
        installed.c.execute('INSERT INTO "Shop"."Order" ("customerId", "createdAt") VALUES (1, now())')
        drain_once(installed.c, term)
        for view in catalog(installed).views:
            refresh(installed.c, view, view.tiers, term.epoch)

    installed.run("migrate", "--back")

    # The web workers that still serve it hear of the end from the leader, who then forgets it.
    left = {"change_log", "feed", "refresh_attempt", "stale_key"}
    assert tables_that_name_the_application(installed) == left
    drain_once(installed.c, term)
    installed.c.execute("SELECT frontview.collect_stale_keys(NULL, NULL, NULL, 1000)")
    installed.c.execute("SELECT frontview.prune_change_log(NULL, 1000)")
    assert tables_that_name_the_application(installed) == {"feed", "refresh_attempt"}
    said = installed.run("doctor", ends=1)
    assert "migrations: at the newest" in said
    assert "fail  application: No application is installed" in said
    installed.run("migrate")
    assert answer(installed, "1")["totals"]["orders"] == 0


@pytest.mark.parametrize("column", ["createdAt", "customerId", "total"])
def test_a_column_that_the_host_drops_with_cascade_fails_no_writer_and_the_view_is_taken_back(
    installed: Project, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONTVIEW_JWT_SECRET", "a secret for the tests that is long enough")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        installed.c.execute(f'ALTER TABLE "Shop"."Order" DROP COLUMN "{column}"'.encode())
    installed.c.execute(f'ALTER TABLE "Shop"."Order" DROP COLUMN "{column}" CASCADE'.encode())

    values = {"customerId": "", "createdAt": '"customerId"', "total": '"customerId"'}[column]
    installed.c.execute('INSERT INTO "Shop"."User" VALUES (1)')
    insert = (
        f'INSERT INTO "Shop"."Order" ({values}) VALUES (1)' if values else 'INSERT INTO "Shop"."Order" DEFAULT VALUES'
    )
    for statement in (insert, """UPDATE "Shop"."Order" SET country = 'x'""", 'DELETE FROM "Shop"."Order"'):
        installed.c.execute(statement.encode())

    check_coverage(installed.c)
    assert ("orders_1", None) in installed.rows("SELECT source, user_id FROM frontview.change_log")
    assert ("capture_changed", '"Shop"."Order"') in installed.rows("SELECT kind, subject FROM frontview.alarm")
    with pytest.raises((psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction)):
        answer(installed, "1")
    said = installed.run("doctor", ends=1)
    assert "fail  materialized views: missing: frontview.orders_1_" in said, said
    assert "If a column went with CASCADE" in said, said
    installed.run("migrate", "--back")
    assert installed.rows("SELECT count(*) FROM frontview.source") == [(0,)]


def test_a_revision_that_fails_leaves_those_before_it_and_can_be_run_again(shop: Project) -> None:
    broken = shop.folder / "revisions" / FIRST_FILES[2]
    text = broken.read_text()
    broken.write_text(text.replace("UPGRADE = (", 'UPGRADE = (\n    "SELECT 1 / 0",', 1))

    said = shop.run("migrate", ends=1)

    assert f"{FIRST_FILES[2]} failed: division by zero." in said
    assert "The 2 before it stay as they are" in said
    assert f"{FIRST_FILES[1]}: applied" in said
    with pytest.raises(NotInstalled):
        catalog(shop)
    files = shop.files
    said = shop.run("plan", "--write", ends=1)
    assert f"declaration 1 is applied in part, up to revisions/{FIRST_FILES[1]}: keep its files" in said
    assert "`frontview migrate` again, or `frontview migrate --back`" in said
    assert "delete" not in said
    assert shop.files == files
    broken.write_text(text)
    assert f"{FIRST_FILES[1]}: applied" not in shop.run("migrate")
    assert catalog(shop).served is not None


def test_going_back_that_fails_names_the_way_forward(shop: Project) -> None:
    broken = shop.folder / "revisions" / FIRST_FILES[2]
    shop.run("migrate")
    text = broken.read_text()
    broken.write_text(text.replace("DOWNGRADE = (", 'DOWNGRADE = (\n    "SELECT 1 / 0",', 1))

    said = shop.run("migrate", "--back", ends=1)

    assert "The 2 before it stay as they are" in said
    assert said.rstrip().endswith("or `frontview migrate`.")
    broken.write_text(text)
    shop.run("migrate")
    assert catalog(shop).served is not None


def test_new_files_take_no_place_of_a_half_applied_declarations(shop: Project) -> None:
    """Their names and the numbers of their objects would be those of what is already there."""
    (shop.folder / "revisions" / FIRST_FILES[3]).rename(shop.folder / "4.kept")
    (shop.folder / "revisions" / FIRST_FILES[4]).unlink()
    shop.run("migrate")

    assert "declaration 1 is applied in part" in shop.run("plan", "--write", ends=1)
    assert "declaration 1 is applied in part" in shop.run("plan")
    shop.run("migrate", "--back")
    assert f"revisions/{FIRST_FILES[0]} is not applied yet" in shop.run("plan", "--write", ends=1)


def test_a_tables_writers_pass_a_migration_that_waits_for_its_lock(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = """INSERT INTO "Shop"."Order" ("customerId", country) VALUES (1, 'DE')"""
    pauses: list[float] = []
    with psycopg.connect(shop.url) as long_writer, psycopg.connect(shop.url, autocommit=True) as writer:
        shop.c.execute('INSERT INTO "Shop"."User" (id) VALUES (1)')
        long_writer.execute(write)

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            writer.execute(f"SET lock_timeout = '100ms'; {write}")
            if len(pauses) == 2:
                long_writer.commit()

        monkeypatch.setattr("web.cli.project_migrations.sleep", pause)
        said = shop.run("migrate")

    assert len(pauses) == 2
    assert said.count(f"{FIRST_FILES[0]}: waits for a lock, and tries again") == 1
    assert f"{FIRST_FILES[-1]}: applied" in said


def test_nothing_is_written_beside_a_revision_that_waits(shop: Project) -> None:
    shop.declare(ONE_MORE_ORDER)

    assert f"revisions/{FIRST_FILES[0]} is not applied yet" in shop.run("plan", "--write", ends=1)
    assert shop.files == FIRST_FILES


def test_a_project_without_revisions_and_another_database_are_refused_in_a_sentence(
    shop: Project, any_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = any_server.create(any_server.template_of(VOICE))
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", voice)
    assert "a project needs one without it" in shop.run("migrate", ends=1)
    any_server.drop(voice)
    for path in (shop.folder / "revisions").glob("*.py"):
        path.unlink()
    assert "run `frontview plan --write` first" in shop.run("migrate", ends=1)


def test_alembic_alone_migrates_a_project(shop: Project) -> None:
    (shop.folder / "alembic.ini").write_text((ROOT / "alembic" / "project.ini").read_text().format(frontview=ROOT))

    subprocess.run([sys.executable, "-m", "alembic", "upgrade", "heads"], cwd=shop.folder, check=True)

    assert catalog(shop).served is not None


def test_a_declaration_comes_out_of_the_database_as_it_went_in(installed: Project) -> None:
    first = newest_declaration(installed.c)
    assert first is not None
    assert [view.proven.source.name for view in first.views] == ["orders_1", "visits_1"]
    assert list(first.views[0].proven.dimensions) == ["country"]
    ((ddl,),) = installed.rows("SELECT ddl FROM frontview.declaration")
    assert len([it for it in ddl if it.startswith("CREATE VIEW frontview.user_1 ")]) == 1


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("doctor",), "application: declaration"),
        (("status",), "orders_1"),
        (("audit", "--all"), "visits_1: 0 compared"),
        (("invalidate", "--region", "shop"), "Invalidation 1"),
        (("stats",), ""),
    ],
)
def test_commands_work_on_the_installed_declaration(
    installed: Project, command: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONTVIEW_JWT_SECRET", "a secret for the tests that is long enough")
    assert says in installed.run(*command, ends=1 if command == ("doctor",) else 0)


def test_a_newer_format_is_refused_by_name(installed: Project) -> None:
    installed.c.execute("UPDATE frontview.declaration SET format = 99")
    with pytest.raises(DeclarationNewer, match="format 99; this one reads up to 1"):
        catalog(installed)


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("{parts,0,ddl,read,0}", "9999"),
        ("{parts,0,proven,dimensions}", "7"),
        ("{parts,0,proven,dimensions}", "[[]]"),
        ("{parts,0}", "null"),
        ("{proven}", '"x"'),
        ("{declared}", "[]"),
        ("{declared,views}", "[]"),
        ("{parts,0,proven,source,table}", "{}"),
        ("{parts,0,proven,name}", '"other"'),
        ("{parts}", '{"a": 1}'),
    ],
)
def test_a_declaration_of_another_form_is_refused_by_name(applied: Project, place: str, wrong: str) -> None:
    changed = "SELECT jsonb_set(resolved, %s, %s::jsonb), ddl FROM frontview.declaration"
    with psycopg.connect(applied.url) as connection:
        row = connection.execute(changed, (place, wrong)).fetchone()
    assert row is not None

    with pytest.raises(CatalogError, match="declaration 1 in the database"):
        catalog_of(installed_of(1, 1, *row))


def test_an_owner_with_no_more_than_its_own_tables_installs_a_project(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The web's role reads through the generated function, and no table of the host."""
    database = make_url(shop.url).database
    own = "; ".join(f'ALTER TABLE "Shop".{it} OWNER TO shop_owner' for it in ('"User"', '"Order"', "visit"))
    shop.c.execute(f'CREATE ROLE shop_owner LOGIN; ALTER SCHEMA "Shop" OWNER TO shop_owner; {own}'.encode())
    shop.c.execute(f"ALTER DATABASE {database} OWNER TO shop_owner".encode())
    as_owner = make_url(shop.url).set(username="shop_owner").render_as_string(hide_password=False)
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", as_owner)
    before = host(shop)
    try:
        shop.run("migrate")
        assert "there is nothing to do" in shop.run("plan")
        shop.c.execute('INSERT INTO "Shop"."User" (id) VALUES (1)')
        shop.c.execute("SET ROLE frontview_web")
        assert answer(shop, "1")["totals"] == {"orders": 0, "revenue": 0, "buyers": 0}
        assert catalog(shop).served is not None
        for refused in ("UPDATE frontview.declaration SET active = FALSE", 'SELECT total FROM "Shop"."Order"'):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                shop.c.execute(refused)
        shop.c.execute("RESET ROLE")
        shop.run("migrate", "--back")
        assert host(shop) == before
    finally:
        shop.c.execute(f"RESET ROLE; ALTER DATABASE {database} OWNER TO CURRENT_USER".encode())
        shop.c.execute("DROP OWNED BY shop_owner CASCADE; DROP ROLE shop_owner")
