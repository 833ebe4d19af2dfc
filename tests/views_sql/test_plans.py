"""Reads, drains and refreshes reach the indexes that were made for them, on tables with a long history.

Two ways to look: EXPLAIN names the index; the transaction's own statistics count scans of what really ran.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from refresher.refreshing import compaction
from refresher.refreshing.policy import TierState
from refresher.refreshing.refresh import refresh
from refresher.refreshing.tier_states import Failures, read_tier_states
from tests.fix_postgres import Server
from tests.leading import lead
from tests.neutral.catalog import CATALOG
from tests.neutral.reads import READS

USERS, DAYS = 300, 800
RECENT_DAYS = 45
CAPTURE = [f"frontview_capture_loans_1_{event}" for event in ("insert", "update", "delete", "truncate")]
FILL = f"""
INSERT INTO member (name) SELECT 'n' FROM generate_series(1, {USERS});
ALTER TABLE loan DISABLE TRIGGER ALL;
INSERT INTO loan (member_id, day, branch, fee_cents)
SELECT m.id, d, 'north', 5 FROM generate_series(CURRENT_DATE - {DAYS - 1}, CURRENT_DATE, interval '1 day') d, member m;
ALTER TABLE loan ENABLE TRIGGER ALL;
"""
# Relations that grow with calls, users or time.
LARGE = ("loan", "loans_1_recent", "loans_1_archive", "change_log", "stale_key")
LOG_KEYS = """
INSERT INTO frontview.change_log (source, user_id, day)
SELECT 'loans_1', g, '2026-01-01' FROM generate_series(1, 5000) g
"""
SCANS = """
SELECT relname, COALESCE(seq_scan, 0), COALESCE(idx_tup_fetch, 0) FROM pg_stat_xact_all_tables
WHERE relname = ANY (%s) AND schemaname IN ('public', 'frontview')
"""


PARAMETERS = {
    "p_user": "$1",
    "p_first": "$2",
    "p_last": "$3",
    "p_since": "$2",
    "p_stale.days": "$4",
    "patched": "$4",
    "p_stale.horizon": "$5",
    "p_stale.sealed_before": "$6",
}


@pytest.fixture(scope="module")
def filled(any_server: Server) -> Iterator[psycopg.Connection[Any]]:
    """A long history, populated views, and on top of them drained and undrained changes of user 7."""
    url = any_server.create(any_server.template)
    with psycopg.connect(url, autocommit=True) as c:
        c.execute(FILL)
        for trigger in CAPTURE:
            c.execute(f"ALTER TABLE loan ENABLE ALWAYS TRIGGER {trigger}")
        c.execute("VACUUM ANALYZE loan")
        term = lead(c)
        horizon = c.execute("SELECT CURRENT_DATE").fetchone()[0] - timedelta(days=RECENT_DAYS)  # type: ignore[index]
        for view in CATALOG.views:
            refresh(c, view, view.tiers, term.epoch, horizon=horizon if view.day_column else None)
        c.execute("UPDATE loan SET fee_cents = 6 WHERE day BETWEEN CURRENT_DATE - 70 AND CURRENT_DATE - 50")
        c.execute("SELECT frontview.drain_changes(%s, %s)", (term.epoch, term.nonce))
        c.execute("UPDATE loan SET fee_cents = 7 WHERE member_id = 7 AND day > CURRENT_DATE - 3")
        c.execute("ANALYZE frontview.change_log; ANALYZE frontview.stale_key")
        yield c
    any_server.drop(url)


def plan(c: psycopg.Connection[Any], query: str, types: str, values: str, *settings: str, generic: bool = True) -> str:
    """Return the plan of a query with parameters, as PL/pgSQL would have it after it ran a few times.

    :param settings: ``name=value``, as a function carries them.
    """
    mode = "force_generic_plan" if generic else "force_custom_plan"
    with c.transaction(force_rollback=True):
        for setting in (f"plan_cache_mode={mode}", *settings):
            name, _, value = setting.partition("=")
            c.execute("SELECT set_config(%s, %s, TRUE)", (name, value))
        c.execute(f"PREPARE looked_at ({types}) AS {query}".encode())
        try:
            return "\n".join(
                row[0] for row in c.execute(f"EXPLAIN (COSTS OFF) EXECUTE looked_at ({values})").fetchall()
            )
        finally:
            c.execute("DEALLOCATE looked_at")


def scans(c: psycopg.Connection[Any]) -> dict[str, tuple[int, int]]:
    """Return sequential scans of, and rows fetched by index from, each large relation so far."""
    return {row[0]: (row[1], row[2]) for row in c.execute(SCANS, (list(LARGE),)).fetchall()}


def scans_since(c: psycopg.Connection[Any], before: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    return {
        name: (sequential - before.get(name, (0, 0))[0], fetched - before.get(name, (0, 0))[1])
        for name, (sequential, fetched) in scans(c).items()
    }


def body_of(c: psycopg.Connection[Any], function: str) -> str:
    row = c.execute(
        "SELECT prosrc FROM pg_proc WHERE pronamespace = 'frontview'::regnamespace AND proname = %s", (function,)
    ).fetchone()
    assert row is not None
    return str(row[0])


def settings_of(c: psycopg.Connection[Any], function: str) -> list[str]:
    row = c.execute("SELECT proconfig FROM pg_proc WHERE proname = %s", (function,)).fetchone()
    assert row is not None
    return list(row[0])


@pytest.mark.parametrize("generic", [True, False], ids=["generic plan", "custom plan"])
def test_the_live_patch_reaches_the_index_on_user_and_day(filled: psycopg.Connection[Any], generic: bool) -> None:
    found = plan(
        filled,
        "SELECT v.* FROM frontview.loans_1_days($1, $2, $3) v",
        "frontview.user_key, date, date",
        "7, CURRENT_DATE - 50, CURRENT_DATE",
        generic=generic,
    )

    assert "loan_member_id_day_idx" in found
    assert re.search(r"Index Cond: .*member_id.*day >= .*day <= ", found), found
    assert "Seq Scan" not in found


def test_every_statement_of_the_merged_reads_goes_by_user_and_day(filled: psycopg.Connection[Any]) -> None:
    for function in ("loans_1_merged", "loans_1_by_day_merged"):
        statements = re.findall(r"RETURN QUERY\s+(SELECT .*?);", body_of(filled, function), re.DOTALL)
        assert len(statements) >= 2
        for statement in statements:
            if "loans_1_merged(" in statement:
                continue  # the other function's statements
            query = re.sub("|".join(PARAMETERS), lambda match: PARAMETERS[match.group()], statement)
            values = "7, CURRENT_DATE - 29, CURRENT_DATE, ARRAY[CURRENT_DATE], CURRENT_DATE - 45, CURRENT_DATE - 90"
            found = plan(filled, query, "frontview.user_key, date, date, date[], date, date", values)
            # one row a user: of so few users a scan is cheaper
            assert set(re.findall(r"Seq Scan on (\w+)", found)) <= {"loans_1_total"}, found
            for tier in re.findall(r"frontview\.loans_1_(recent|archive) ", query):
                assert f"loans_1_{tier}_key" in found
            if "loans_1_days" in query:
                assert "loan_member_id_day_idx" in found


def test_a_live_patch_of_a_long_range_names_its_days_and_no_range(filled: psycopg.Connection[Any]) -> None:
    """With both, PostgreSQL 15 uses the range and reads all of it where one day is stale."""
    state = "frontview.begin_read(7, '{loans_1}', CURRENT_DATE - 399, CURRENT_DATE, FALSE)"
    read = f"SELECT count(*) FROM frontview.loans_1_merged(7, CURRENT_DATE - 399, CURRENT_DATE, ({state}).views[1])"
    with filled.transaction(force_rollback=True):
        before = scans(filled)
        rows = filled.execute(read).fetchone()
        fetched = scans_since(filled, before)

    assert rows == (400,)
    stale_days = 21 + 3
    assert fetched["loan"] == (0, stale_days)


@pytest.mark.parametrize(("since", "days_of_archive"), [(29, 0), (99, 54)], ids=["recent", "before the horizon"])
def test_sums_of_all_time_fetch_the_days_that_are_shown_and_stale_ones(
    filled: psycopg.Connection[Any], since: int, days_of_archive: int
) -> None:
    state = "frontview.begin_read(7, '{loans_1}', '-infinity', 'infinity', FALSE)"
    read = (
        "SELECT sum(m.m_loans), count(DISTINCT m.day), count(m.day), max(m.m_loans) FILTER (WHERE m.day IS NOT NULL) "
        f"FROM frontview.loans_1_by_day_merged(7, CURRENT_DATE - {since}, ({state}).views[1]) m"
    )
    with filled.transaction(force_rollback=True):
        before = scans(filled)
        rows = filled.execute(read.encode()).fetchone()
        fetched = scans_since(filled, before)

    assert rows == (DAYS, since + 1, since + 1, 1)
    # Days that are shown leave the total and are shown; stale ones leave it.
    assert fetched["loans_1_archive"] == (0, 2 * days_of_archive + 21)


def test_days_that_are_stale_outside_of_a_part_of_the_range_are_not_in_it(filled: psycopg.Connection[Any]) -> None:
    state = "frontview.begin_read(7, '{loans_1}', CURRENT_DATE - 59, CURRENT_DATE, FALSE)"
    part = "frontview.loans_1_merged(7, CURRENT_DATE - 52, CURRENT_DATE - 1, (s).views[1])"

    days = filled.execute(
        f"SELECT CURRENT_DATE - min(m.day), CURRENT_DATE - max(m.day), count(*) FROM (SELECT {state} AS s) s, {part} m"
    ).fetchone()

    assert days == (52, 1, 52)


LOOKS = {
    "drain_changes": r"unmarked AS MATERIALIZED \((.*?)\n        LIMIT many \+ 1",
    "begin_read": r"FROM \(\n(\s+-- Rows are compared.*?)\s+UNION ALL\n\s+SELECT k\.source",
}


@pytest.mark.parametrize(
    ("function", "looked_for", "times"),
    [("drain_changes", "ix_change_log_xid", 2), ("begin_read", "ix_change_log_user_id_xid", 4)],
    ids=["drain by xid", "read by user"],
)
@pytest.mark.parametrize("emptied", [False, True], ids=["as it is", "left empty by vacuum"])
def test_looks_at_the_log_go_by_their_index(
    any_server: Server, emptied: bool, function: str, looked_for: str, times: int
) -> None:
    """Left empty, both indexes seem to cost the same, and the wrong one is walked from end to end."""
    url = any_server.create(any_server.template)
    with psycopg.connect(url, autocommit=True) as c:
        look = re.search(LOOKS[function], body_of(c, function), re.DOTALL)
        assert look is not None
        c.execute(LOG_KEYS)
        if emptied:
            c.execute("DELETE FROM frontview.change_log")
        c.execute("VACUUM ANALYZE frontview.change_log")
        query = look[1].replace("unmarked_from", "$1").replace("unmarked_open", "$2").replace("p_user", "$3")
        found = plan(c, query, "xid8, xid8[], frontview.user_key", "'900', '{}', 7", *settings_of(c, function))
    any_server.drop(url)

    assert re.findall(r"(?:using|Index Scan on) (ix_change_log_\w+)", found) == [looked_for] * times, found
    bound = "user_id" if function == "begin_read" else "xid"
    assert found.count("Index Cond") == len(re.findall(rf"Index Cond: .*{bound}", found)) == times, found
    assert "Filter" not in found


@pytest.mark.parametrize("base", [False, True])
@pytest.mark.parametrize("read", READS)
def test_no_read_scans_a_large_table(filled: psycopg.Connection[Any], read: str, base: bool) -> None:
    with filled.transaction(force_rollback=True):
        before = scans(filled)
        row = filled.execute(f"SELECT a.source FROM {READS[read].format(user=7, base=base)} a").fetchone()
        found = scans_since(filled, before)

    assert row == ("database" if base or read == "renewed" else "materialized_view",)  # A list has no tiers.
    assert {name for name, (sequential, _) in found.items() if sequential} == set()
    assert all(fetched <= 2 * DAYS for _, fetched in found.values()), found
    assert base or found["loan"][1] < DAYS / 4, "the user's history stays unread"


def test_a_drain_touches_only_what_became_visible(filled: psycopg.Connection[Any]) -> None:
    rows = filled.execute("SELECT count(*) FROM frontview.change_log").fetchone()
    with filled.transaction(force_rollback=True):
        before = scans(filled)
        nonce = filled.execute("SELECT max(nonce) FROM frontview.drain").fetchone()
        drained = filled.execute("SELECT changed_keys FROM frontview.drain_changes(1, %s)", nonce).fetchone()
        sequential, fetched = scans_since(filled, before)["change_log"]

    assert drained == (3,)
    assert rows is not None
    assert rows[0] > 5000
    assert (sequential, fetched) == (0, 3)


def of_tiers(states: list[TierState]) -> dict[tuple[str, str], bool]:
    return {(it.view, it.tier): it.stale for it in states}


@pytest.mark.parametrize("days", ["CURRENT_DATE - n % 40", "CURRENT_DATE - 60 - n % 700"], ids=["recent", "late"])
@pytest.mark.parametrize("analyzed", [False, True], ids=["not analyzed", "analyzed"])
def test_what_is_due_is_decided_without_reading_the_marks_of_others(
    filled: psycopg.Connection[Any], days: str, analyzed: bool
) -> None:
    """Of other sources, and of days that another tier of the view holds."""
    with filled.transaction(force_rollback=True):
        filled.execute(
            "DELETE FROM frontview.stale_key; INSERT INTO frontview.stale_key "
            f"SELECT n, 'loans_1', {days}, 1000000, 0 FROM generate_series(1, 20000) n"
        )
        if analyzed:
            filled.execute("ANALYZE frontview.stale_key")
        before = scans(filled)
        stale = of_tiers(read_tier_states(filled, Failures(), 0.0))
        due = compaction.rebuild_is_due(filled, "renewals_1")
        compacted = filled.execute("SELECT keys FROM frontview.renewals_1_compact(NULL, NULL, 1000)").fetchone()
        sequential, fetched = scans_since(filled, before)["stale_key"]

    recent, late = ("n % 40" in days), ("n % 700" in days)
    assert {name: stale[name] for name in stale if name[0] != "account_1"} == {
        ("loans_1", "recent"): recent,
        ("loans_1", "archive"): late,
        ("renewals_1", "recent"): False,
        ("renewals_1", "archive"): False,
        ("renewals_1_books_values", "recent"): False,
        ("renewals_1_books_values", "archive"): False,
    }
    assert (due, compacted) == (False, (0,))
    assert sequential == 0
    assert fetched < 20


def test_a_refresh_of_the_recent_tier_skips_history(filled: psycopg.Connection[Any]) -> None:
    definition = filled.execute("SELECT pg_get_viewdef('frontview.loans_1_recent'::regclass)").fetchone()
    assert definition is not None

    found = "\n".join(row[0] for row in filled.execute(f"EXPLAIN (COSTS OFF) {definition[0]}").fetchall())

    assert "Bitmap Index Scan on loan_day_idx" in found
    assert "Seq Scan" not in found


def test_the_refresh_of_the_recent_tier_reads_few_blocks_of_history(filled: psycopg.Connection[Any]) -> None:
    definition = filled.execute("SELECT pg_get_viewdef('frontview.loans_1_recent'::regclass)").fetchone()
    blocks = filled.execute("SELECT relpages FROM pg_class WHERE oid = 'loan'::regclass").fetchone()
    assert definition is not None
    assert blocks is not None
    rows = filled.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, FORMAT JSON) {definition[0]}").fetchone()
    assert rows is not None
    top = rows[0][0]["Plan"]

    assert top["Shared Hit Blocks"] + top["Shared Read Blocks"] < blocks[0] / 2


@pytest.mark.parametrize("role", [None, "frontview_web", "frontview_refresher"])
def test_whether_a_tier_holds_a_day_is_part_of_the_query_that_asks(
    filled: psycopg.Connection[Any], role: str | None
) -> None:
    """PostgreSQL puts the function's body in its place, which it does only for those who may execute it."""
    with filled.transaction(force_rollback=True):
        if role:
            filled.execute(f"SET LOCAL ROLE {role}")
        rows = filled.execute(
            "EXPLAIN (COSTS OFF) SELECT FROM frontview.view_state v "
            "WHERE frontview.tier_holds(v.first_day, v.before_day, CURRENT_DATE)"
        ).fetchall()

    found = "\n".join(row[0] for row in rows)
    assert "tier_holds" not in found
    assert re.search(r"CURRENT_DATE >= first_day.*CURRENT_DATE < before_day", found), found


@pytest.mark.parametrize("day", ["-infinity", "2026-01-01", "2026-01-31", "2026-02-01", "infinity"])
def test_every_day_is_held_by_one_tier_of_rows_and_a_change_without_a_day_by_each(
    filled: psycopg.Connection[Any], day: str
) -> None:
    row = filled.execute(
        "SELECT frontview.tier_holds('-infinity', '2026-02-01', %(day)s), "
        "frontview.tier_holds('2026-02-01', 'infinity', %(day)s)",
        {"day": day},
    ).fetchone()

    assert row == {"-infinity": (True, True), "2026-02-01": (False, True), "infinity": (False, True)}.get(
        day, (True, False)
    )
