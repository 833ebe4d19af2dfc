"""Generated reads and refreshes reach the indexes that a declared view needs, also beside indexes of the host's own."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from refresher.leader.drain import drain_once
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import Server, migrate
from tests.leading import lead
from tests.views_sql.generation.oracle import Question, all_measures
from tests.views_sql.generation.shapes import APPLICATION, ORDERS, TABLES
from tests.views_sql.generation.stage import NUMBER, call, maintained_views
from tests.views_sql.test_plans import body_of, plan, settings_of
from views_sql.generation.declared_view import create_declared_view, create_users

USERS, DAYS = 100, 400
FIRST, LAST = "'2026-01-02'::date", "'2026-01-31'::date"
FILL = f"""
INSERT INTO "Shop"."User" SELECT g::text FROM generate_series(1, {USERS}) g;
INSERT INTO "Shop"."Order" ("customerId", "createdAt", "productId", "shipCountry", status, total, email)
SELECT u::text, '2026-01-31 12:00:00-05'::timestamptz - n * '1 day'::interval - u * '1 second'::interval,
    n % 3, 'CU', 'paid', n, n::text
FROM generate_series({DAYS}, 0, -1) n, generate_series(1, {USERS}) u;
"""
# What a host may have for its own queries: each of them tempts the planner.
OTHERS = """
CREATE INDEX other_brin ON "Shop"."Order" USING brin ("createdAt");
CREATE INDEX other_user ON "Shop"."Order" ("customerId");
CREATE INDEX other_country ON "Shop"."Order" ("shipCountry", "customerId");
"""
LOG = """
INSERT INTO frontview.source (source, relation, user_column, events)
VALUES ('orders', '"Shop"."Order"'::regclass, 'customerId', '{INSERT}');
"""
READ_TABLES = """
SELECT relname, COALESCE(seq_scan, 0), COALESCE(idx_tup_fetch, 0) FROM pg_stat_xact_all_tables
WHERE relname IN ('Order', 'orders_3_archive', 'orders_3_recent', 'orders_3_buyers_values_recent')
"""


@pytest.fixture(scope="module", params=["", OTHERS], ids=["as advised", "beside others"])
def filled(request: pytest.FixtureRequest, any_server: Server) -> Iterator[psycopg.Connection[Any]]:
    """A long history of orders in populated views; user 7 has stale days: three in a row and one more."""
    url = any_server.create(None)
    migrate(url, "core@head", user_key="text")
    with psycopg.connect(url, autocommit=True) as c:
        c.execute(f"{TABLES}{FILL}{request.param}{LOG}".encode())
        c.execute('VACUUM ANALYZE "Shop"."Order"')
        for statement in (
            *create_users(APPLICATION, NUMBER),
            *create_declared_view(APPLICATION, ORDERS.view, NUMBER),
        ):
            c.execute(statement.encode())
        term = lead(c)
        drain_once(c, term)
        horizon = c.execute("SELECT '2025-12-20'::date").fetchone()[0]  # type: ignore[index]
        for view in maintained_views(ORDERS):
            assert refresh(c, view, view.tiers, term.epoch, horizon=horizon).outcome == "populated"
        c.execute(
            "INSERT INTO frontview.change_log (source, user_id, day) SELECT 'orders', '7', d "
            "FROM unnest('{2026-01-05,2026-01-06,2026-01-07,2026-01-20}'::date[]) d"
        )
        yield c
    any_server.drop(url)


def test_the_function_of_live_rows_is_one_range_of_the_index_in_the_query_of_its_caller(
    filled: psycopg.Connection[Any],
) -> None:
    found = plan(
        filled,
        "SELECT v.* FROM frontview.orders_3_days($1, $2, $3) v",
        "frontview.user_key, date, date",
        f"'7', {FIRST}, {LAST}",
        "enable_bitmapscan=off",
    )

    assert "Function Scan" not in found
    assert re.findall(r"(\w+ Scan) (?:using (\w+) )?on", found)[1:] == [("Index Scan", "order_user_time")], found
    assert re.search(r'Index Cond: .*"customerId".*"createdAt" >= .*"createdAt" < ', found), found


@pytest.mark.parametrize("view", ["orders_3", "orders_3_buyers_values"])
def test_every_statement_of_the_merged_reads_reaches_an_index(filled: psycopg.Connection[Any], view: str) -> None:
    parameters = {"p_user": "$1", "p_first": "$2", "p_last": "$3", "p_since": "$2", "p_stale.days": "$4"}
    parameters |= {"patched": "$4", "p_stale.horizon": "$5", "p_stale.sealed_before": "$5"}
    for function in (f"{view}_merged", f"{view}_by_day_merged"):
        for statement in re.findall(r"RETURN QUERY\s+(SELECT .*?);", body_of(filled, function), re.DOTALL):
            if f"{view}_merged(" in statement:
                continue  # the other function's statements
            query = re.sub("|".join(parameters), lambda match: parameters[match.group()], statement)
            values = f"'7', {FIRST}, {LAST}, ARRAY[{FIRST}, {LAST}], '2025-12-20'"
            settings = settings_of(filled, function)
            found = plan(filled, query, "frontview.user_key, date, date, date[], date", values, *settings)
            # One row a user: of so few users a scan is cheaper.
            assert set(re.findall(r"Seq Scan on (\w+)", found)) <= {f"{view}_total"}, found
            assert "Bitmap" not in found
            if f"{view}_days" in query:
                assert "Index Scan using order_user_time" in found, found


def test_a_stale_read_fetches_the_rows_of_the_stale_days_alone(filled: psycopg.Connection[Any]) -> None:
    stored = Question(measures=("orders", "revenue", "buyers"))
    body, fetched = _read(filled, stored)

    assert body.count('"orders":1') == 31
    # Each of two views reads a run of three days and one of one day, with some hours more at both ends.
    assert fetched["Order"] == (0, 2 * (3 + 1))
    assert {name for name, (sequential, _) in fetched.items() if sequential} == set()


def test_live_measures_read_the_range_by_index_and_only_when_they_are_asked_for(
    filled: psycopg.Connection[Any],
) -> None:
    _, fetched = _read(filled, Question(measures=("orders",)))
    assert fetched["Order"] == (0, 4)
    _, fetched = _read(filled, Question(measures=("orders", "p90")))
    assert fetched["Order"] == (0, 4 + 31)


@pytest.mark.parametrize("granularity", ["day", "month", "total"])
def test_no_read_scans_a_large_table(filled: psycopg.Connection[Any], granularity: str) -> None:
    for group_by in ((), ("product",)):
        for base in (False, True):
            question = Question(granularity=granularity, group_by=group_by, compare="previous_period")
            _, fetched = _read(filled, all_measures(ORDERS.view, question), base=base)

            assert {name for name, (sequential, _) in fetched.items() if sequential} == set()


@pytest.mark.parametrize("view", ["orders_3", "orders_3_buyers_values"])
def test_the_refresh_of_the_recent_tier_has_a_bound_on_the_time(filled: psycopg.Connection[Any], view: str) -> None:
    definition = filled.execute(f"SELECT pg_get_viewdef('frontview.{view}_recent'::regclass)".encode()).fetchone()
    assert definition is not None
    with filled.transaction(force_rollback=True):
        filled.execute("SET LOCAL enable_seqscan = off")
        found = "\n".join(row[0] for row in filled.execute(f"EXPLAIN (COSTS OFF) {definition[0]}".encode()).fetchall())

    assert re.search(r'(Index|Recheck) Cond: .*"createdAt" >= ', found), found


def _read(
    c: psycopg.Connection[Any], question: Question, *, base: bool = False
) -> tuple[str, dict[str, tuple[int, int]]]:
    """Return an answer of user 7, and sequential scans of and rows fetched by index from each large table."""
    with c.transaction(force_rollback=True):
        before = {name: (scans, rows) for name, scans, rows in c.execute(READ_TABLES).fetchall()}
        body = c.execute(*call(ORDERS, "7", question, base)).fetchone()[0]  # type: ignore[index]
        after = {name: (scans, rows) for name, scans, rows in c.execute(READ_TABLES).fetchall()}
    none = (0, 0)
    return body, {
        name: (scans - before.get(name, none)[0], rows - before.get(name, none)[1])
        for name, (scans, rows) in after.items()
    }
