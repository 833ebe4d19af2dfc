"""The checks of a database at rest find each kind of damage, and nothing in a sound one."""

import psycopg
import pytest

from models.connection import Connection
from refresher.refreshing.refresh import refresh
from tests.faults.database.convergence import (
    CHANGE_LOG_ROWS,
    LOGGED_A_SECOND,
    Mark,
    growth,
    leader_faults,
    peaks,
    term_faults,
    tier_differences,
    tier_rows,
)
from tests.faults.database.observer import Observer
from tests.leading import lead
from tests.voice_stage import fill
from tests.waiting import until
from views_sql.operations.catalog import load_application

COLLECT = "SELECT frontview.collect_stale_keys(NULL, NULL, NULL, 100000)"
LAST = "(SELECT max(drain_id) FROM frontview.drain)"
COPY = (
    "INSERT INTO frontview.drain (drain_id, epoch, nonce, snapshot, drained_at, system_identifier, key_count, marked) "
    "SELECT drain_id + {ahead}, epoch + {later}, nonce + {nonce}, snapshot, drained_at, system_identifier, 0, marked "
    f"FROM frontview.drain WHERE drain_id = {LAST}"
)


@pytest.fixture
def at_rest(connection: Connection) -> Connection:
    """A database with data, led by the connection, every tier refreshed and every key collected."""
    fill(connection)
    term = lead(connection)
    for view in load_application(connection).views:
        refresh(connection, view, view.tiers, term.epoch)
        if view.day_column:
            horizon = connection.execute("SELECT CURRENT_DATE - 10").fetchone()
            assert horizon is not None
            refresh(connection, view, view.tiers, term.epoch, horizon=horizon[0])
    connection.execute(COLLECT)
    return connection


def test_nothing_is_found_at_rest(at_rest: Connection) -> None:
    assert tier_rows(at_rest) > 100
    assert tier_differences(at_rest) == []
    assert leader_faults(at_rest) == []
    assert growth(at_rest, connections=10, retention_seconds=300) == []


@pytest.mark.parametrize("day", ["CURRENT_DATE", "CURRENT_DATE - 20"])
def test_row_that_went_by_unseen_is_found_in_its_tier(at_rest: Connection, day: str) -> None:
    tier = "recent" if day == "CURRENT_DATE" else "archive"
    at_rest.execute("ALTER TABLE calls DISABLE TRIGGER ALL")
    at_rest.execute(
        "INSERT INTO calls (user_id, agent_id, started_at, status) "
        f"SELECT user_id, id, {day} + time '12:00', 'busy' FROM agents ORDER BY id LIMIT 1".encode()
    )
    assert [found.split(": ")[1] for found in tier_differences(at_rest)] == [f"calls_1_{tier}"]


def test_sums_of_another_snapshot_than_their_tier_are_found(at_rest: Connection) -> None:
    at_rest.execute("INSERT INTO calls (user_id, agent_id, status) SELECT user_id, id, 'busy' FROM agents")
    at_rest.execute("REFRESH MATERIALIZED VIEW frontview.calls_1_recent")
    assert [found.split(": ")[1] for found in tier_differences(at_rest)] == ["calls_1_by_day"]


def test_stale_key_left_is_found(at_rest: Connection) -> None:
    at_rest.execute("INSERT INTO frontview.stale_key VALUES (1, 'calls_1', CURRENT_DATE, 1, 0)")
    assert tier_differences(at_rest) == ["I7: 1 stale keys are left"]


@pytest.mark.parametrize(
    ("ahead", "later", "nonce", "found"),
    [
        (1, 0, 1, "I10: two nonces share epoch"),
        (2, 0, 0, "is missing"),
        (1, -1, 0, "has an older epoch"),
    ],
)
def test_drain_of_another_leader_is_found(at_rest: Connection, ahead: int, later: int, nonce: int, found: str) -> None:
    at_rest.execute(COPY.format(ahead=ahead, later=later, nonce=nonce).encode())
    assert [found in sentence for sentence in leader_faults(at_rest)] == [True]


def test_leader_without_lock_is_found(at_rest: Connection) -> None:
    at_rest.execute("SELECT pg_advisory_unlock_all()")
    assert leader_faults(at_rest) == ["I10: 0 sessions hold the leader's lock"]


def test_growth_is_found(at_rest: Connection) -> None:
    at_rest.execute(
        "INSERT INTO frontview.change_log (source, day) SELECT 'calls_1', CURRENT_DATE FROM generate_series(1, 6000)"
    )
    at_rest.execute("SET application_name = 'frontview-test'")
    found = growth(at_rest, connections=0, retention_seconds=300)
    assert [sentence.split("more than")[0] for sentence in found] == [
        "I9: 1 connections, ",
        "I9: 6000 rows of change_log, ",
    ]


def test_reigns_that_follow_each_other_are_sound() -> None:
    assert term_faults([Mark(1, 7, 0), Mark(1, 7, 1), Mark(2, 8, 1), Mark(3, 8, 3)]) == []


@pytest.mark.parametrize(
    ("then", "found"),
    [
        (Mark(5, 8, 4), "epoch 5 was drained under two nonces"),
        (Mark(4, 6, 4), "epoch 4 was drained after epoch 5"),
        (Mark(5, 7, 3), "tiers fell from epoch 4 to 3"),
        (Mark(5, 7, 6), "a tier was refreshed in epoch 6, drained was only 5"),
    ],
)
def test_reign_that_another_one_breaks_is_found_once_though_seen_often(then: Mark, found: str) -> None:
    assert term_faults([Mark(5, 7, 4), then, then]) == [f"I10: {found}"]


def test_second_nonce_is_found_after_the_first_has_come_back() -> None:
    assert term_faults([Mark(5, 7, 4), Mark(5, 8, 4), Mark(5, 7, 4)]) == ["I10: epoch 5 was drained under two nonces"]


def test_peaks_are_found_and_those_of_a_time_without_drain_are_not() -> None:
    logged = CHANGE_LOG_ROWS + 30 * LOGGED_A_SECOND
    assert peaks(logged=logged, queue=0.001, users=1, idle_seconds=60) == []
    found = peaks(logged=logged, queue=0.02, users=1, idle_seconds=1)
    assert [sentence.split(", ")[0] for sentence in found] == [
        f"I9: there were {logged} rows of change_log",
        "I9: there were 0.02 share of the notification queue",
    ]


def test_looks_of_the_observer_show_a_leader_that_came_between(at_rest: Connection) -> None:
    at_rest.execute("INSERT INTO frontview.change_log (source, day) SELECT 'calls_1', CURRENT_DATE")
    logged = at_rest.execute("SELECT count(*) FROM frontview.change_log").fetchone()
    observer = Observer(lambda: psycopg.connect(at_rest.info.dsn, autocommit=True))
    observer.start()
    try:
        until(lambda: observer.sights, "look")
        at_rest.execute(COPY.format(ahead=1, later=0, nonce=1).encode())
        until(lambda: len({sight.nonce for sight in observer.sights}) == 2, "look at the other leader")
    finally:
        observer.stop()
    assert logged is not None
    assert observer.most_logged == logged[0]
    assert observer.faults(users=10) == [f"I10: epoch {observer.epoch} was drained under two nonces"]
