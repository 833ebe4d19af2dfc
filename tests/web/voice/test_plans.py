"""Dashboards of the voice application reach their indexes, on tables with a long history."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from refresher.refreshing.refresh import refresh
from tests.fix_postgres import Server
from tests.leading import lead
from tests.voice_stage import VOICE
from views_sql.voice.catalog import CATALOG

USERS, DAYS = 300, 800
RECENT_DAYS = 45
CAPTURE = [f"frontview_capture_calls_{event}" for event in ("insert", "update", "delete", "truncate")]
FILL = f"""
INSERT INTO users (email, name) SELECT g::text, 'n' FROM generate_series(1, {USERS}) g;
INSERT INTO agents (user_id, name) SELECT u.id, 'a' FROM users u;
ALTER TABLE calls DISABLE TRIGGER ALL;
INSERT INTO calls (user_id, agent_id, started_at, local_day, status, duration_seconds, cost_cents)
SELECT a.user_id, a.id, d + interval '12 hours', d, 'completed', 5, 5
FROM generate_series(CURRENT_DATE - {DAYS - 1}, CURRENT_DATE, interval '1 day') d, agents a;
ALTER TABLE calls ENABLE TRIGGER ALL;
ALTER TABLE calls ENABLE ALWAYS TRIGGER set_call_day;
"""
# Relations that grow with calls, users or time.
LARGE = ("calls", "call_daily_recent", "call_daily_archive")
SCANS = """
SELECT relname, COALESCE(seq_scan, 0), COALESCE(idx_tup_fetch, 0) FROM pg_stat_xact_all_tables
WHERE relname = ANY (%s) AND schemaname IN ('public', 'frontview')
"""


@pytest.fixture(scope="module")
def filled(any_server: Server) -> Iterator[psycopg.Connection[Any]]:
    """A long history, populated views, and on top of them drained and undrained changes of user 7."""
    url = any_server.create(any_server.template_of(VOICE))
    with psycopg.connect(url, autocommit=True) as c:
        c.execute(FILL)
        for trigger in CAPTURE:
            c.execute(f"ALTER TABLE calls ENABLE ALWAYS TRIGGER {trigger}")
        c.execute("VACUUM ANALYZE calls")
        term = lead(c)
        horizon = c.execute("SELECT CURRENT_DATE").fetchone()[0] - timedelta(days=RECENT_DAYS)  # type: ignore[index]
        for view in CATALOG.views:
            refresh(c, view, view.tiers, term.epoch, horizon=horizon if view.day_column else None)
        c.execute("UPDATE calls SET cost_cents = 6 WHERE local_day BETWEEN CURRENT_DATE - 70 AND CURRENT_DATE - 50")
        c.execute("SELECT frontview.drain_changes(%s, %s)", (term.epoch, term.nonce))
        c.execute("UPDATE calls SET cost_cents = 7 WHERE user_id = 7 AND local_day > CURRENT_DATE - 3")
        c.execute("ANALYZE frontview.change_log; ANALYZE frontview.stale_key")
        yield c
    any_server.drop(url)


def scans(c: psycopg.Connection[Any]) -> dict[str, tuple[int, int]]:
    """Return sequential scans of, and rows fetched by index from, each large relation so far."""
    return {row[0]: (row[1], row[2]) for row in c.execute(SCANS, (list(LARGE),)).fetchall()}


def scans_since(c: psycopg.Connection[Any], before: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    return {
        name: (sequential - before.get(name, (0, 0))[0], fetched - before.get(name, (0, 0))[1])
        for name, (sequential, fetched) in scans(c).items()
    }


@pytest.mark.parametrize(
    "call",
    [
        "dashboard_overview(7, FALSE)",
        "dashboard_analytics(7, CURRENT_DATE - 60, CURRENT_DATE, 'week', NULL, FALSE)",
        "dashboard_agents(7, NULL, NULL, NULL, FALSE)",
        "dashboard_agents(7, NULL, NULL, 'calls', FALSE)",
        "dashboard_agents(7, CURRENT_DATE - 149, CURRENT_DATE, 'calls', FALSE)",
        "dashboard_agent(7, 7, NULL, NULL, FALSE)",
        "dashboard_performance(7, NULL, NULL, FALSE)",
        "dashboard_analytics(7, CURRENT_DATE - 60, CURRENT_DATE, 'week', NULL, TRUE)",
    ],
)
def test_no_read_scans_a_large_table(filled: psycopg.Connection[Any], call: str) -> None:
    with filled.transaction(force_rollback=True):
        before = scans(filled)
        row = filled.execute(f"SELECT a.source FROM frontview.{call} a").fetchone()
        found = scans_since(filled, before)

    from_base_tables = call.endswith("TRUE)")
    assert row == ("database" if from_base_tables else "materialized_view",)
    assert {name for name, (sequential, _) in found.items() if sequential} == set()
    assert all(fetched <= 2 * DAYS for _, fetched in found.values()), found
    assert from_base_tables or found["calls"][1] < DAYS / 4, "the user's history stays unread"


def test_the_calls_of_each_day_cost_no_second_read_of_the_view(filled: psycopg.Connection[Any]) -> None:
    read = []
    for series in (None, "calls"):
        with filled.transaction(force_rollback=True):
            before = scans(filled)
            filled.execute(
                "SELECT FROM frontview.dashboard_agents(7, CURRENT_DATE - 99, CURRENT_DATE, %s, FALSE)", (series,)
            )
            read.append(scans_since(filled, before))

    assert read[0] == read[1]
    assert read[1]["call_daily_recent"][1] >= RECENT_DAYS - 3
