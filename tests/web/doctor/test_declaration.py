"""``frontview doctor`` compares a project's file, the declaration in the database, and the objects made from it."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.fix_postgres import Server
from tests.migrations.project_stage import DECLARED, Project, project
from views_sql.operations import plan
from views_sql.operations.catalog import load_application
from web.doctor.declaration import as_generated, file, objects
from web.doctor.finding import Finding
from web.doctor.schema import sources, triggers


@pytest.fixture(scope="module")
def applied(any_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(any_server, tmp_path_factory.mktemp("applied")) as made:
        made.run("plan", "--write")
        made.run("migrate")
        made.c.close()
        yield made


@pytest.fixture
def shop(any_server: Server, tmp_path: Path, applied: Project) -> Iterator[Project]:
    with project(any_server, tmp_path, like=applied) as made:
        yield made


def as_remedied(shop: Project, found: Finding) -> Finding:
    """Do what a finding about objects says, and look again."""
    query = found.remedy.split("`")[1]
    for (statement,) in shop.c.execute(query.encode()).fetchall():
        try:
            shop.c.execute(statement.encode())
        except (psycopg.errors.DuplicateObject, psycopg.errors.DuplicateTable, psycopg.errors.UniqueViolation):
            continue  # Statements that only name it.
        except psycopg.errors.DuplicateFunction:
            continue
    shop.c.execute("SELECT frontview.grant_rights()")
    return objects(shop.c)


def test_what_was_just_made_passes(shop: Project) -> None:
    assert (file(shop.c, shop.folder).outcome, as_generated(shop.c).outcome) == ("pass", "pass")
    found = objects(shop.c)
    assert (found.outcome, found.remedy) == ("pass", "")
    assert int(found.detail.split()[0]) > 40


def test_without_a_project_the_file_is_not_compared(shop: Project) -> None:
    assert file(shop.c, None) == Finding("declaration file", "pass", "not compared: there is no project here")


def test_a_file_that_was_changed_or_cannot_be_read(shop: Project) -> None:
    shop.declare(DECLARED.replace('orders = "count"', 'orders = "count"\nlargest = { max = "total" }'))
    changed = file(shop.c, shop.folder)
    assert (changed.outcome, changed.detail) == ("warn", "differs from declaration 1, which is installed")
    assert "`frontview plan`" in changed.remedy
    shop.declare(DECLARED + "[veiw.x]\n")
    broken = file(shop.c, shop.folder)
    assert broken.outcome == "warn"
    assert broken.detail.startswith("cannot be read: frontview.toml: veiw: there is no table [veiw]")


@pytest.mark.parametrize(
    ("harm", "detail"),
    [
        ("DROP FUNCTION frontview.orders_1_read", "missing: orders_1_read()"),
        ("DROP MATERIALIZED VIEW frontview.orders_1_recent CASCADE", "missing: orders_1_recent, orders_1_by_day"),
        (
            "CREATE OR REPLACE FUNCTION frontview.user_1_shown(p_user frontview.user_key) RETURNS TABLE "
            "(name text, zone text, today date) LANGUAGE sql AS $$ SELECT '', 'UTC', '2026-01-01'::date $$",
            "altered: user_1_shown()",
        ),
        (
            'CREATE TABLE "Shop".child () INHERITS ("Shop"."Order"); SELECT frontview.install_triggers(\'orders_1\'); '
            "CREATE OR REPLACE FUNCTION frontview.named_capture_orders_1() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN NULL; END $$",
            "altered: named_capture_orders_1()",
        ),
    ],
)  # fmt: skip
def test_a_dropped_or_altered_object_is_named_with_its_remedy(shop: Project, harm: str, detail: str) -> None:
    shop.c.execute(harm.encode())
    found = objects(shop.c)
    assert (found.outcome, found.detail) == ("fail", detail)
    while found.outcome == "fail":
        before, found = found.detail, as_remedied(shop, found)
        assert found.detail != before


def test_another_version_of_frontview_is_told_to_regenerate(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    create = plan.create_grouped_read
    monkeypatch.setattr(plan, "create_grouped_read", lambda *given: [*create(*given), "SELECT 'newer'"])
    found = as_generated(shop.c)
    assert found.outcome == "warn"
    assert found.detail.startswith("this version generates other SQL for ")
    assert "`frontview plan --write`" in found.remedy
    assert "this version generates other SQL, or a table has changed" in shop.run("plan")


def test_the_command_says_it(shop: Project) -> None:
    shop.c.execute("DROP FUNCTION frontview.orders_1_read")
    said = shop.run("doctor", ends=1)
    assert "fail  generated objects: missing: orders_1_read()" in said
    assert "pass  declaration file: as declaration 1" in said


def test_a_source_that_is_not_registered_and_a_dropped_trigger_have_remedies_that_work(shop: Project) -> None:
    catalog = load_application(shop.c)
    shop.c.execute("DELETE FROM frontview.source WHERE source = 'orders_1'")
    found = sources(shop.c, catalog)
    assert (found.outcome, found.detail) == ("fail", "not captured: orders_1")
    [(statement,)] = shop.rows(found.remedy.split("`")[1])
    shop.c.execute(statement.encode())
    shop.c.execute(found.remedy.partition("then ")[2].removesuffix(".").encode())
    assert sources(shop.c, catalog).outcome == triggers(shop.c).outcome == "pass"

    shop.c.execute('DROP TRIGGER frontview_capture_orders_1_insert ON "Shop"."Order"')
    found = triggers(shop.c)
    assert found.detail == 'missing: orders_1: insert on "Shop"."Order"'
    shop.c.execute(found.remedy.partition(";")[0].encode())
    assert triggers(shop.c).outcome == "pass"


def test_code_that_is_older_than_the_declaration_says_so_in_every_command(shop: Project) -> None:
    shop.c.execute("UPDATE frontview.declaration SET format = 99")
    newer = "Declaration 1 in the database was written by a newer version of Frontview (format 99;"
    assert f"fail  application: {newer}" in shop.run("doctor", ends=1)
    for command in (["plan"], ["refresher"], ["audit"]):
        assert newer in shop.run(*command, ends=1)
