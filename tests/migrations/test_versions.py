"""Two declarations stand side by side: one takes the other's place, returns, and goes."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from refresher.leader.drain import drain_once
from tests.fix_postgres import Server
from tests.leading import lead
from tests.migrations.project_stage import DECLARED, Project, project
from tests.waiting import until

MORE = DECLARED.replace('orders = "count"', 'orders = "count"\nlargest = { max = "total" }')
MORE_STILL = MORE.replace('largest = { max = "total" }', 'largest = { max = "total" }\nleast = { min = "total" }')
LONGER = DECLARED.replace('region = "shop"', 'region = "shop"\nlongest_days = 800')
NO_VISITS = DECLARED.partition("[view.visits]")[0] + "[region.shop]\n"
STATES = """
SELECT number, CASE WHEN active THEN 'active' WHEN gone_at IS NOT NULL THEN 'gone' WHEN retired_at IS NOT NULL
THEN 'retired' ELSE 'waiting' END FROM frontview.declaration ORDER BY 1
"""
ORDER = """
INSERT INTO "Shop"."Order" ("customerId", "createdAt", country, total) VALUES (1, '2026-02-03 12:00Z', 'DE', 2)
"""
BUSY = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT frontview.take_decl%' AND state = 'active'"
REPORT = "SELECT frontview.report_worker(gen_random_uuid(), 'host', 1, now(), %s)"


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


def change(shop: Project, declared: str) -> str:
    """Apply another declaration; return what `migrate` says."""
    shop.declare(declared)
    shop.run("plan", "--write")
    return shop.run("migrate")


def read(shop: Project, number: int) -> tuple[int, str]:
    """Return how many orders the view of that number counts, and where the answer came from."""
    call = f"frontview.orders_{number}_read(1, '2026-02-01', '2026-02-28', 'day'{', NULL' * 8}, FALSE)"
    [(body, source)] = shop.rows(f"SELECT body, source FROM {call}")
    return json.loads(body)["totals"]["orders"], source


def drain(shop: Project) -> None:
    with psycopg.connect(shop.url, autocommit=True) as connection:
        term = lead(connection)
        drain_once(connection, term)


def test_the_one_before_answers_until_each_new_view_has_contents_and_again_when_it_is_taken_back(shop: Project) -> None:
    said = change(shop, MORE)
    assert "Declaration 2 waits: 0 of its 12 tiers have contents" not in said  # The visits are shared, and populated.
    assert "Declaration 2 waits: 4 of its 12 tiers have contents; a refresher makes the others" in said
    assert shop.rows("SELECT frontview.activate_declaration()") == [(None,)]
    assert shop.rows(STATES) == [(1, "active"), (2, "waiting")]
    shop.c.execute(ORDER.encode())
    assert (read(shop, 1), read(shop, 2)) == ((2, "materialized_view"), (2, "database"))

    assert shop.populate() == 2
    shop.c.execute(ORDER.encode())
    assert (read(shop, 1), read(shop, 2)) == ((3, "materialized_view"), (3, "materialized_view"))

    for _ in range(2):
        shop.run("migrate", "--back")
        assert shop.rows(STATES) == [(1, "active"), (2, "retired")]
        shop.c.execute(ORDER.encode())
        drain(shop)
        counted = shop.rows('SELECT count(*) FROM "Shop"."Order"')[0][0]
        assert (read(shop, 1), read(shop, 2)) == ((counted, "materialized_view"), (counted, "materialized_view"))
        assert "waits" not in shop.run("migrate")
        assert shop.rows(STATES) == [(1, "retired"), (2, "active")]


def test_a_retired_one_goes_after_a_day_without_a_web_process_and_going_back_makes_it_again(shop: Project) -> None:
    first = shop.snapshot()
    change(shop, MORE)
    shop.populate()
    assert shop.drop_retired("23 hours") == []
    shop.c.execute(REPORT, ('{"declaration": 1}',))
    assert shop.drop_retired("2 hours") == []
    shop.c.execute("UPDATE frontview.worker SET statistics = '{}'")  # Of an older version: it may serve any.
    assert shop.drop_retired() == []
    shop.c.execute(REPORT, ('{"declaration": 2}',))
    shop.c.execute("UPDATE frontview.worker SET statistics = '{\"declaration\": 2}'")
    shop.c.execute(REPORT, ('{"declaration": "none"}',))  # Whatever a web process says, nothing stops.
    assert "is retired" in shop.run("status")
    assert shop.drop_retired() == ["the views of declaration 1", 'the capture of "Shop"."Order" of declaration 1']
    assert shop.rows(STATES) == [(1, "gone"), (2, "active")]
    assert (shop.rows("SELECT to_regclass('frontview.orders_1_live')"), read(shop, 2)) == (
        [(None,)],
        (1, "materialized_view"),
    )

    shop.run("migrate", "--back")
    shop.c.execute(ORDER.encode())
    assert shop.rows(STATES) == [(1, "active"), (2, "retired")]
    assert read(shop, 1) == (2, "database")
    shop.populate()
    assert read(shop, 1) == (2, "materialized_view")
    shop.c.execute("DELETE FROM frontview.worker")
    assert shop.drop_retired()
    assert shop.rows(STATES) == [(1, "active")]
    assert shop.snapshot() == first


def test_a_number_is_not_given_twice_while_its_objects_stand(shop: Project) -> None:
    change(shop, MORE)
    shop.populate()
    shop.run("migrate", "--back")
    for path in sorted((shop.folder / "revisions").glob("*.py"))[5:]:
        path.unlink()

    change(shop, MORE_STILL)

    assert shop.rows(STATES) == [(1, "active"), (2, "retired"), (3, "waiting")]
    assert shop.populate() == 3
    assert read(shop, 3) == (1, "materialized_view")
    assert len(shop.drop_retired()) == 5
    assert shop.rows(STATES) == [(1, "gone"), (2, "gone"), (3, "active")]
    assert read(shop, 3) == (1, "materialized_view")


def test_one_that_waits_in_between_is_passed_over(shop: Project) -> None:
    change(shop, MORE)
    change(shop, MORE_STILL)
    assert shop.rows(STATES) == [(1, "active"), (2, "waiting"), (3, "waiting")]
    assert shop.populate() == 3
    assert shop.rows(STATES) == [(1, "retired"), (2, "retired"), (3, "active")]
    shop.run("migrate", "--back")
    assert shop.rows(STATES) == [(1, "retired"), (2, "active"), (3, "retired")]
    assert read(shop, 2) == (1, "materialized_view")


def test_a_function_that_two_declarations_share_is_swapped_with_them(shop: Project) -> None:
    body = "SELECT md5(p.prosrc) FROM pg_proc p WHERE p.proname = 'orders_1_read'"
    before = shop.rows(body)
    assert "waits" not in change(shop, LONGER)  # It has all that it needs.
    assert shop.rows(STATES) == [(1, "retired"), (2, "active")]
    after = shop.rows(body)
    assert after != before
    shop.run("migrate", "--back")
    assert shop.rows(body) == before
    shop.run("migrate")
    assert shop.rows(body) == after
    assert shop.drop_retired() == ["the views of declaration 1"]  # None of which is only its own.
    assert read(shop, 1) == (1, "materialized_view")
    shop.run("migrate", "--back")
    assert (shop.rows(body), read(shop, 1)) == (before, (1, "materialized_view"))


def test_a_view_that_is_left_out_answers_until_the_day_has_passed(shop: Project) -> None:
    change(shop, NO_VISITS)
    assert shop.rows(STATES) == [(1, "retired"), (2, "active")]
    assert shop.rows("SELECT count(*) FROM frontview.source WHERE source = 'visits_1'") == [(1,)]
    shop.drop_retired()
    assert shop.rows("SELECT count(*) FROM frontview.source WHERE source = 'visits_1'") == [(0,)]
    assert shop.rows("SELECT count(*) FROM pg_trigger WHERE tgrelid = '\"Shop\".visit'::regclass") == [(0,)]


def test_sealed_days_keep_their_declaration_active(shop: Project) -> None:
    change(shop, MORE)
    shop.c.execute(
        "UPDATE frontview.view_state SET first_day = '2026-01-01', before_day = GREATEST(before_day, '2026-01-01') "
        "WHERE view = 'orders_1' AND tier IN ('archive', 'total')"
    )
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="orders_1 has sealed days"):
        shop.populate()
    assert shop.rows(STATES) == [(1, "active"), (2, "waiting")]


def test_the_leaders_role_may_switch_and_drop_and_nothing_else(shop: Project) -> None:
    change(shop, MORE)
    shop.populate()
    shop.c.execute("SET ROLE frontview_refresher")
    assert shop.rows("SELECT frontview.activate_declaration(), frontview.drop_retired()") == [(None, None)]
    for refused in ("switch_declaration(1)", "take_declaration_back(2, 1)", "declared_objects()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            shop.c.execute(f"SELECT * FROM frontview.{refused}".encode())
    shop.c.execute("RESET ROLE; SET ROLE frontview_web")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shop.c.execute("SELECT frontview.activate_declaration()")
    shop.c.execute("RESET ROLE")


def test_what_becomes_of_each_is_said(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTVIEW_JWT_SECRET", "a secret for the tests that is long enough")
    change(shop, MORE)
    assert "It is made beside" not in shop.run("plan")
    assert "declarations: 1 answers; 2 waits: 4 of its 12 tiers" in shop.run("doctor", ends=1)
    assert "sources: 5 captured" in shop.run("doctor", ends=1)
    said = json.loads(shop.run("status", "--json"))["declarations"]
    assert [(it["number"], it["state"], it["populated_tiers"]) for it in said] == [(1, "active", 12), (2, "waiting", 4)]
    assert "does not answer yet" in shop.run("migrate", "--wait", "0.3", ends=1)
    shop.populate()
    shop.run("migrate", "--wait", "5")
    assert "is retired: for 24 more hours" in shop.run("status")


def test_a_function_is_the_declarations_own_also_where_one_in_between_was_passed_over(shop: Project) -> None:
    body = "SELECT md5(p.prosrc) FROM pg_proc p WHERE p.proname = 'orders_1_read'"
    first = shop.rows(body)
    more_visits = 'pages = { sum = "pages" }, most = { max = "pages" }'
    second = LONGER.replace('pages = { sum = "pages" }', more_visits)
    change(shop, second)
    change(shop, second.partition("[view.orders]")[0] + "[view.visits]" + second.partition("[view.visits]")[2])
    assert shop.populate() == 3
    shop.run("migrate", "--back")
    assert shop.rows(STATES) == [(1, "retired"), (2, "active"), (3, "retired")]
    of_second = shop.rows(body)
    assert of_second != first
    shop.drop_retired()
    shop.run("migrate")
    shop.populate()
    shop.run("migrate", "--back")
    assert shop.rows(body) == of_second


def test_another_declaration_of_a_number_that_stands_is_refused(shop: Project) -> None:
    change(shop, MORE)
    shop.populate()
    shop.run("migrate", "--back")
    for path in sorted((shop.folder / "revisions").glob("*.py"))[5:]:
        path.unlink()
    shop.declare(MORE_STILL)
    shop.run("plan", "--write")
    for path in sorted((shop.folder / "revisions").glob("*.py"))[5:]:  # As against a database that knows no second one.
        text = path.read_text().replace("DECLARATION = 3", "DECLARATION = 2").replace("VALUES (3, ", "VALUES (2, ")
        path.write_text(text.replace("_3", "_2").replace("unless_standing=(3", "unless_standing=(2"))
    assert "another declaration has the number 2" in shop.run("migrate", ends=1)
    assert shop.rows(STATES) == [(1, "active"), (2, "retired")]


def test_the_first_one_is_taken_back_beside_a_writer_of_several_tables(shop: Project) -> None:
    """Its retired successor captures both tables: one that had the first and waited for the second would deadlock."""
    change(shop, DECLARED.replace('zone = "Europe/Berlin"', 'zone = "UTC"'))
    shop.populate()
    shop.run("migrate", "--back")
    with psycopg.connect(shop.url) as writer, psycopg.connect(shop.url) as back:
        writer.execute("SET deadlock_timeout = '100ms'")
        writer.execute('INSERT INTO "Shop".visit VALUES (1, current_date, 3)')
        back.execute("SET lock_timeout = '10s'")
        taken = threading.Thread(target=back.execute, args=("SELECT frontview.take_declaration_back(1, NULL)",))
        taken.start()
        until(lambda: shop.rows(BUSY) == [(1,)], "taking back")
        time.sleep(2)  # By then it has dropped the views, and wants the tables.
        writer.execute(ORDER)
        writer.commit()
        taken.join(20)
        assert not taken.is_alive()
        assert back.execute("SELECT count(*) FROM frontview.source WHERE source LIKE '%\\_2%'").fetchone() == (0,)
