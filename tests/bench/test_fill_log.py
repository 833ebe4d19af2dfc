"""The benchmark's log of fills and its trace: what is counted, and that changes leave the reads as they are."""

from datetime import UTC, datetime

from bench.replay.fill_log import FillLog
from bench.replay.trace import make_trace
from refresher.front_cache.entry import EntryKey

TUESDAY = datetime(2026, 11, 24, 13, tzinfo=UTC)


def key(user: int) -> EntryKey:
    return EntryKey("a region", user, "a dashboard", ())


def test_the_shares_of_all_causes_add_up_to_the_statements() -> None:
    log = FillLog()
    log.filled({key(1): "predicted", key(2): "predicted", key(3): "renewal", key(4): "renewal"}, 0.0)
    log.read(key(5), 1.0, hit=False)
    assert log.statements == {"predicted": 0.5, "renewal": 0.5, "read, not asked for before": 1.0}
    assert log.answers.total() == 5


def test_what_nobody_read_is_told_of_each_cause() -> None:
    log = FillLog()
    for moment in (0.0, 1.0):
        log.filled({key(1): "predicted", key(2): "predicted"}, moment)
    log.read(key(1), 2.0, hit=True)
    log.end()
    assert log.unread == {"predicted": 3}


def test_a_miss_is_told_by_what_took_the_entry_away() -> None:
    log = FillLog()
    log.read(key(1), 0.0, hit=False)
    log.read(key(1), 1_000.0, hit=False)
    log.changed(1, 1_001.0)
    log.read(key(1), 1_002.0, hit=False)
    assert list(log.answers) == ["read, not asked for before", "read after the end of a life", "read after a change"]


def test_what_came_before_the_trace_is_not_counted() -> None:
    log = FillLog()
    log.filled({key(1): "predicted"}, -60.0)
    log.begin()
    log.end()
    assert not log.answers
    assert not log.unread


def test_more_changes_leave_the_reads_as_they_are() -> None:
    users = [(user, 40.0 / user) for user in range(1, 100)]
    few, many = (make_trace(users, TUESDAY, 2, write_factor=factor) for factor in (1.0, 10.0))
    assert [event for event in few.events if event.dashboard] == [event for event in many.events if event.dashboard]
    assert few.history == many.history
    assert len(many.events) > len(few.events)
