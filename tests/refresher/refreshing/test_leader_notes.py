"""The leader's notes: written when they say something new, never over a later leader's, and never in the way."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from refresher.leader.connections import connect_drain
from refresher.leader.leadership import LEADER_LOCK, LOCK_CLASS, Term
from refresher.refreshing.leader_notes import LeaderNotes
from refresher.refreshing.maintenance import Maintenance
from refresher.refreshing.policy import TierState, decide
from tests.fix_postgres import Server
from tests.leading import lead
from tests.neutral.catalog import CATALOG
from tests.refresher.leading import drain_in, session_of
from tests.views_sql.roles_stage import cast
from web.operators.operator_state import operator_state

TIER = TierState(
    "v", "recent", populated=True, stale=True, every_key=False, refreshed_seconds_ago=0.0, duration_seconds=1.0
)
NOTE = "SELECT epoch, content FROM frontview.leader_note WHERE subject = 'refresh_plan'"


def note(connection: psycopg.Connection[Any], query: str = NOTE) -> tuple[int, list[dict[str, Any]]]:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0], row[1]


def written_at(connection: psycopg.Connection[Any]) -> Any:
    return connection.execute("SELECT written_at FROM frontview.leader_note WHERE subject = 'refresh_plan'").fetchone()


def planned(ago: float, *, stale: bool = True) -> list[Any]:
    seen = TierState("v", "recent", True, stale, False, ago, 1.0)
    return decide([seen], duty=0.05, min_seconds=5.0)


def test_a_note_is_written_anew_only_when_it_says_something_new(connection: psycopg.Connection[Any]) -> None:
    notes = LeaderNotes()
    notes.plan(connection, 1, planned(1.0), 100.0)
    first = written_at(connection)
    assert note(connection)[1] == [
        {"view": "v", "tier": "recent", "in_seconds": 19.0, "code": "duty", "why": planned(1.0)[0].why}
    ]
    notes.plan(connection, 1, planned(6.2), 105.0)
    assert written_at(connection) == first, "the same time, seen later"
    notes.plan(connection, 1, planned(6.0), 107.0)
    second = written_at(connection)
    assert second > first, "later than was thought"
    notes.plan(connection, 1, planned(6.0, stale=False), 107.0)
    assert written_at(connection) > second
    assert note(connection)[1][0]["code"] == "clean"
    third = written_at(connection)
    notes.plan(connection, 2, planned(6.0, stale=False), 107.0)
    assert written_at(connection) > third, "by another leader"


def test_a_leader_of_the_past_replaces_nothing(connection: psycopg.Connection[Any]) -> None:
    LeaderNotes().plan(connection, 8, planned(1.0), 100.0)
    LeaderNotes().plan(connection, 7, planned(1.0, stale=False), 100.0)
    assert note(connection)[0] == 8
    assert note(connection)[1][0]["code"] == "duty"


@pytest.fixture
def maintenance(database_url: str, term: Term) -> Iterator[Maintenance]:
    session = session_of(drain_in(term), database_url)
    yield Maintenance(session, CATALOG, duty=0.000001, min_seconds=0.0, recent_days=45)
    session.stop()


def test_a_note_that_cannot_be_written_keeps_nothing_from_being_refreshed(
    connection: psycopg.Connection[Any], maintenance: Maintenance
) -> None:
    connection.execute("DROP TABLE frontview.leader_note")
    maintenance.refresh_due()
    unpopulated = "SELECT count(*) FROM frontview.view_state WHERE through IS NULL"
    assert connection.execute(unpopulated).fetchone() == (0,)


def test_every_tier_has_a_decision_and_its_sums_share_it(
    connection: psycopg.Connection[Any], maintenance: Maintenance, term: Term
) -> None:
    before = {row.next_refresh.code for row in operator_state(connection).views}
    assert before == {"undecided"}
    maintenance.refresh_due()
    connection.execute("INSERT INTO member (name) VALUES ('A')")
    connection.execute("INSERT INTO loan (member_id) VALUES (1)")
    connection.execute("SELECT frontview.drain_changes(%s, %s)", (term.epoch, term.nonce))
    maintenance.refresh_due()
    found = {(row.view, row.tier): row.next_refresh for row in operator_state(connection).views}
    assert {it.code for it in found.values()} == {"clean", "duty"}
    recent, sums = found["loans_1", "recent"], found["loans_1", "by_day"]
    assert recent.code == "duty"
    assert recent.in_seconds is not None
    assert recent.in_seconds > 60
    assert replace(sums, in_seconds=None) == replace(recent, with_tier="recent", in_seconds=None)
    assert found["loans_1", "archive"].in_seconds is None
    connection.execute("SELECT pg_advisory_unlock(%s, %s)", (LOCK_CLASS, LEADER_LOCK))
    after = {row.next_refresh.code for row in operator_state(connection).views}
    assert after == {"no_leader"}


def test_a_horizon_that_cannot_move_is_told_for_all_tiers_of_its_view(
    connection: psycopg.Connection[Any], maintenance: Maintenance
) -> None:
    maintenance.refresh_due()
    connection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RAISE EXCEPTION ''no'' USING ERRCODE = ''FVX01''; END';"
        "CREATE TRIGGER refuse BEFORE UPDATE OF through ON frontview.view_state FOR EACH ROW "
        "WHEN (OLD.view = 'loans_1') EXECUTE FUNCTION refuse();"
        "UPDATE frontview.view_state SET first_day = first_day - 1000 WHERE view = 'loans_1' AND tier = 'recent'"
    )
    maintenance.refresh_due()
    found = {it["view"] + "/" + it["tier"]: (it["code"], it["why"]) for it in note(connection)[1]}
    for tier in ("recent", "archive"):
        code, why = found[f"loans_1/{tier}"]
        assert code == "failed"
        assert "1 in a row" in why
    assert found["renewals_1/recent"][0] == "clean"


def test_with_separate_roles_the_web_knows_from_the_leader_how_long_refreshers_are_connected(
    any_server: Server,
) -> None:
    with cast(any_server) as found, ExitStack() as opened:
        leader, standby = (opened.enter_context(connect_drain(found.refresher)) for _ in range(2))
        web = opened.enter_context(found.session("web"))
        term = lead(leader)

        unknown = operator_state(web)
        assert unknown.leader is not None
        assert unknown.leader.connected_seconds is None
        assert [row.connected_seconds for row in unknown.standbys] == [None]

        LeaderNotes().refreshers(leader, term.epoch)
        state = operator_state(web)
        assert state.leader is not None
        assert state.leader.pid == leader.info.backend_pid
        assert state.leader.application_name == "frontview-refresher-drain"
        assert [row.pid for row in state.standbys] == [standby.info.backend_pid]
        for session in (state.leader, *state.standbys):
            assert session.connected_seconds is not None
            assert 0 <= session.connected_seconds < 60
