"""The checker accepts what the promises allow and rejects what they forbid, exactly at the limit of each.

Invariant: every history here is made by hand; times are seconds, H is 1 s, and every user's days carry the tag.
"""

from dataclasses import replace

import pytest

from tests.faults.checker.checker import check
from tests.faults.checker.verdict import MOST_KEPT, Verdict, spread_of
from tests.faults.checker.writer_attempts import check_writers
from tests.faults.record.encoding import tag
from tests.faults.record.history import Attempt, History, Read, Write

USER, OTHER = 7, 8
DAY, NEXT_DAY = 3, 4
BIT, MOVING = 5, 41


def insert(at: float, *, bit: int = BIT, day: int = DAY, row: str | None = None, user: int = USER) -> Write:
    """Return a write of a new row, acknowledged at that time, its COMMIT sent 10 ms before."""
    return Write(row or f"{user}/{day}/{bit}", bit, user, day, at - 0.01, at)


def delete(write: Write, at: float) -> Write:
    return replace(write, user=None, day=None, commit_sent=at - 0.01, committed=at)


def move(write: Write, at: float, *, day: int, user: int = USER) -> Write:
    return replace(write, user=user, day=day, commit_sent=at - 0.01, committed=at)


def unknown(write: Write) -> Write:
    """Return the write as one whose COMMIT got no answer."""
    return replace(write, committed=None)


def exact(sent: float, *shown: Write, **facts: object) -> Read:
    return _read(sent, shown, {"exact": True, "source": "materialized_view", "age_seconds": 0.01} | facts)


def cached(sent: float, *shown: Write, age: float = 0.0, **facts: object) -> Read:
    return _read(sent, shown, {"exact": False, "source": "cache", "age_seconds": age} | facts)


def _read(sent: float, shown: tuple[Write, ...], facts: dict[str, object]) -> Read:
    """Return a read of two days, answered within 20 ms, that shows these rows; each by a client of its own."""
    user = facts.pop("user", USER)
    days = facts.pop("days", (DAY, NEXT_DAY))
    values = {day: tag(user) + sum(1 << write.bit for write in shown if write.day == day) for day in days}
    read = Read(
        f"client-{sent}", "worker-1", user, False, sent, sent + 0.02, 200, watermark=(1, int(sent * 40)), values=values
    )
    return replace(read, **{"whole": sum(values.values())} | facts)


def judged(*events: Write | Read, **options: object) -> Verdict:
    history = History(
        [event for event in events if isinstance(event, Write)], [event for event in events if isinstance(event, Read)]
    )
    return check(history, **options)


def accepted(*events: Write | Read, **options: object) -> Verdict:
    verdict = judged(*events, **options)
    assert verdict.ok, verdict
    return verdict


def rejected(invariant: str, *events: Write | Read, **options: object) -> str:
    """Check that nothing but that invariant is violated; return the sentences."""
    verdict = judged(*events, **options)
    assert set(verdict.counts) == {invariant}, verdict
    return "\n".join(verdict.violations)


A = insert(10.0)
B = insert(20.0, bit=6)

# I1: exact reads


def test_an_exact_read_must_hold_what_was_committed_before_it_was_sent() -> None:
    accepted(A, exact(10.001, A))
    message = rejected("I1", A, exact(10.001))
    for fact in ("client-10.001", "worker-1", "user 7", "day 3", "bit 5", "10.000 s", "10.001 s"):
        assert fact in message


def test_an_exact_read_may_miss_or_hold_what_is_committed_meanwhile() -> None:
    accepted(A, exact(9.995), exact(9.996, A), exact(10.0))


def test_an_exact_read_must_not_hold_a_row_that_was_deleted_before_it_was_sent() -> None:
    gone = delete(A, 12.0)
    accepted(A, gone, exact(12.1), exact(11.995, A), exact(11.996))
    assert "gone" in rejected("I1", A, gone, exact(12.1, A))


def test_an_unknown_outcome_need_never_be_seen_and_may_be_seen_late() -> None:
    accepted(unknown(A), exact(30.0), cached(60.0))
    accepted(unknown(A), exact(30.0), exact(60.0, A))


@pytest.mark.parametrize("shown_by", [exact, cached])
def test_an_unknown_outcome_that_was_seen_is_committed(shown_by) -> None:
    shown = shown_by(30.0, A)
    accepted(unknown(A), shown, exact(30.01))  # sent before the other was answered
    rejected("I1", unknown(A), shown, exact(30.03))


def test_an_unknown_delete_that_was_seen_is_committed() -> None:
    gone = unknown(delete(A, 12.0))
    accepted(A, gone, exact(20.0, A), exact(21.0))
    rejected("I1", A, gone, exact(20.0), exact(21.0, A))


def test_an_unknown_move_is_known_once_a_later_one_is() -> None:
    writes = [A, unknown(move(A, 12.0, day=NEXT_DAY)), move(A, 14.0, day=20)]
    accepted(*writes, exact(13.0, A), exact(13.5, writes[1]), exact(14.1))
    rejected("I1", *writes, exact(14.1, A))


def test_who_is_shown_a_row_knows_all_its_earlier_writes() -> None:
    writes = [unknown(A), unknown(move(A, 12.0, day=NEXT_DAY)), unknown(move(A, 14.0, day=20))]
    later = unknown(move(A, 16.0, day=DAY))
    shown = [exact(11.0, A), exact(13.0, writes[1]), exact(17.0, later)]
    accepted(*writes, later, shown[0], shown[2])
    accepted(*writes, later, shown[2], exact(18.0, later))
    rejected("I1", *writes, later, shown[1], shown[2], exact(18.0, writes[1]))
    rejected("I1", *writes, later, shown[1], shown[2], exact(18.0))


def test_a_write_shown_before_it_was_acknowledged_is_committed() -> None:
    slow = replace(A, committed=12.0)
    rejected("I1", slow, exact(10.5, A), exact(11.0))


def test_watermarks_of_exact_reads_never_fall() -> None:
    first = exact(10.0, watermark=(2, 7))
    accepted(first, exact(10.1, watermark=(2, 7)), exact(10.2, watermark=(3, 8)))
    accepted(first, exact(10.01, watermark=(2, 6)))  # sent before the other was answered
    rejected("I1", first, exact(10.1, watermark=(2, 6)))
    rejected("I1", first, exact(10.1, watermark=(1, 8)))


def test_watermarks_may_fall_only_where_the_server_crashed() -> None:
    reads = [exact(10.0, watermark=(2, 7)), exact(12.0, watermark=(2, 6))]
    accepted(*reads, crashes=[(11.0, 11.5)])
    rejected("I1", *reads, crashes=[(8.0, 9.0), (13.0, 14.0)])
    rejected("I1", *reads, exact(12.5, watermark=(2, 5)), crashes=[(11.0, 11.5)])
    during = exact(10.9, received=11.8, watermark=(2, 8))  # computed before, received after
    accepted(reads[0], during, reads[1], crashes=[(11.0, 11.5)])
    rejected("I1", reads[0], replace(during, sent=11.6), reads[1], crashes=[(11.0, 11.5)])


# I2: cached reads


def test_a_cached_read_may_miss_what_was_committed_within_h() -> None:
    accepted(A, cached(10.9, age=1.0))
    rejected("I1", A, exact(10.9))


@pytest.mark.parametrize("source", ["cache", "materialized_view", "database"])
def test_a_plain_read_of_any_source_must_hold_what_is_older_than_h(source: str) -> None:
    accepted(A, cached(10.99, source=source, age=2.0))
    rejected("I2", A, cached(11.01, source=source, age=2.0))


def test_another_h_can_be_promised() -> None:
    accepted(A, cached(11.9, age=2.0), trust_seconds=2.0)
    rejected("I2", A, cached(10.6, age=2.0), trust_seconds=0.5)


def test_a_stale_answer_is_excepted_as_far_as_it_was_allowed() -> None:
    facts = {"stale": True, "stale_if_error_seconds": 5, "age": 20.0}
    accepted(A, cached(15.9, **facts))
    rejected("I2", A, cached(16.1, **facts))


def test_a_stale_answer_that_nobody_allowed_is_wrong_whatever_it_holds() -> None:
    assert "nobody allowed" in rejected("I2", A, cached(15.9, A, stale=True))


def test_allowing_stale_answers_excuses_only_those_marked_stale() -> None:
    rejected("I2", A, cached(15.9, stale_if_error_seconds=5, age=20.0))


def test_what_one_answer_showed_other_plain_reads_must_hold_after_h() -> None:
    shown = cached(30.0, A)
    accepted(unknown(A), shown, cached(31.0, age=2.0))
    rejected("I2", unknown(A), shown, cached(31.03, age=2.0))


# I3: nothing else


def test_a_bit_that_no_write_has_is_a_phantom() -> None:
    assert "bit 6" in rejected("I3", A, exact(10.1, A, insert(1.0, bit=6)))
    rejected("I3", exact(10.1, insert(1.0)))


def test_a_row_in_a_day_where_it_never_was_is_a_phantom() -> None:
    elsewhere = replace(A, day=NEXT_DAY)
    rejected("I3", A, exact(10.1, A, elsewhere))


def test_a_rolled_back_write_is_never_seen() -> None:
    undone = replace(B, committed=None, rolled_back=True)
    accepted(A, undone, exact(30.0, A))
    assert "rolled back" in rejected("I3", A, undone, exact(30.0, A, undone))


def test_a_rolled_back_move_leaves_the_row_where_it_was() -> None:
    undone = replace(move(A, 12.0, day=NEXT_DAY), rolled_back=True)
    accepted(A, undone, exact(12.1, A))
    rejected("I3", A, undone, exact(12.1, A, undone))


def test_no_answer_holds_a_write_whose_commit_was_sent_later() -> None:
    accepted(A, exact(9.98, A))  # received at 10.00, sent to the server at 9.99
    assert "before the commit" in rejected("I3", A, exact(9.96, A))


def test_a_foreign_number_gives_itself_away() -> None:
    foreign = exact(10.1, user=OTHER)
    assert "user 8" in rejected("I3", A, replace(foreign, user=USER))


def test_every_day_asked_for_carries_the_tag() -> None:
    rejected("I3", exact(10.0, values={DAY: tag(USER), NEXT_DAY: 0}, whole=None))
    rejected("I3", exact(10.0, values={}, whole=None))


def test_the_whole_is_the_sum_of_the_days() -> None:
    accepted(A, exact(10.1, A, whole=None))
    assert "sum" in rejected("I3", A, exact(10.1, A, whole=2 * tag(USER)))


def test_a_row_that_moves_is_in_one_place_at_any_time() -> None:
    row = insert(10.0, bit=MOVING)
    moved = move(row, 12.0, day=NEXT_DAY)
    accepted(row, moved, exact(11.995, row), exact(11.996, moved))
    assert "two days" in rejected("I3", row, moved, exact(11.995, row, moved))
    rejected("I1", row, moved, exact(11.995))  # in neither: only before it was inserted
    rejected("I2", row, moved, cached(11.995, age=5.0))


def test_a_row_may_be_out_of_sight_only_if_it_may_be_elsewhere() -> None:
    row = insert(10.0, bit=MOVING)
    away = move(row, 12.0, day=DAY, user=OTHER)
    accepted(row, away, exact(11.995), exact(11.996, row), exact(12.1, away, user=OTHER))
    rejected("I1", row, away, exact(12.1, row))
    rejected("I1", row, away, exact(12.1, user=OTHER))
    rejected("I1", row, away, exact(11.9))
    rejected("I3", row, away, cached(11.95, away, user=OTHER))


def test_a_day_that_was_not_asked_for_says_nothing() -> None:
    row = insert(10.0, bit=MOVING)
    accepted(row, move(row, 12.0, day=20), exact(12.1), exact(11.0, row), exact(11.1, days=(NEXT_DAY,)))


def test_a_history_whose_rows_cannot_be_told_apart_is_refused() -> None:
    with pytest.raises(ValueError, match="one bit"):
        judged(A, replace(insert(30.0), row="another"))


# I4: one client on one worker


def test_a_client_never_goes_back() -> None:
    before, after = cached(10.1, A, client="c"), cached(10.5, client="c", age=1.0)
    accepted(A, before, replace(after, client="another"))
    accepted(A, before, replace(after, worker="worker-2"))
    assert "client c" in rejected("I4", A, before, after)


def test_an_exact_read_binds_the_plain_reads_after_it() -> None:
    rejected("I4", A, exact(10.1, A, client="c"), cached(10.2, client="c", age=1.0))


def test_a_client_never_sees_a_deleted_row_again() -> None:
    gone = delete(A, 12.0)
    accepted(A, gone, cached(12.1, client="c"), cached(12.2, A, age=1.0))
    rejected("I4", A, gone, cached(12.1, client="c"), cached(12.2, A, client="c", age=1.0))
    accepted(insert(12.0), cached(11.995, client="c"), cached(12.1, insert(12.0), client="c"))


def test_a_client_that_saw_a_row_come_back_does_not_see_it_away_again() -> None:
    row = insert(10.0, bit=MOVING)
    away, back = move(row, 12.0, day=NEXT_DAY), move(row, 12.3, day=DAY)
    reads = [cached(12.1, away, client="c"), cached(12.4, row, client="c"), cached(12.5, away, client="c", age=1.0)]
    accepted(row, away, back, *reads[:2])
    accepted(row, away, back, *reads[1:])  # it may have seen the row before it moved
    rejected("I4", row, away, back, *reads)


def test_a_client_asks_one_thing_at_a_time() -> None:
    rejected("history", exact(10.0, client="c"), exact(10.01, client="c"))


# I5: honest labels


@pytest.mark.parametrize("facts", [{"source": None}, {"source": "memory"}, {"watermark": None}, {"age_seconds": None}])
def test_an_answer_without_its_labels_is_wrong(facts: dict[str, object]) -> None:
    rejected("I5", replace(exact(10.0), **facts))
    accepted(replace(exact(10.0), status=503, **facts))


def test_an_answer_misses_nothing_from_before_its_age() -> None:
    accepted(A, cached(10.5, age=0.5))
    assert "older than its age" in rejected("I5", A, cached(10.5, age=0.4))


def test_an_answer_holds_nothing_from_long_after_its_age() -> None:
    accepted(A, cached(15.0, A, age=5.2), computing_seconds=0.2)
    assert "newer than its age" in rejected("I5", A, cached(15.0, A, age=5.3), computing_seconds=0.2)


def test_an_answer_computed_for_an_exact_read_is_no_older_than_the_request() -> None:
    accepted(exact(10.0, age_seconds=0.035))
    rejected("I5", exact(10.0, age_seconds=0.045))
    rejected("I5", exact(10.0, source="cache", age_seconds=0.0))


def test_a_plain_read_may_join_a_computation_that_runs() -> None:
    accepted(cached(10.0, source="database", age=0.5), computing_seconds=1.0)
    rejected("I5", cached(10.0, source="database", age=1.5), computing_seconds=1.0)


# I8: 200 or 503, in time


def test_an_answer_is_200_or_503_in_time() -> None:
    late = exact(10.0, received=13.0)
    accepted(exact(9.0, status=503), late, answer_seconds=3.0)
    rejected("I8", exact(10.0, status=500))
    rejected("I8", late, answer_seconds=2.9)
    rejected("I8", replace(late, status=503), answer_seconds=2.9)


def test_broken_connections_are_allowed_only_where_the_fault_explains_them() -> None:
    broken = exact(10.0, status=0, error="connection reset")
    assert "connection reset" in rejected("I8", broken)
    rejected("I8", broken, broken_connections_allowed={"worker-2"})
    accepted(broken, broken_connections_allowed={"worker-1"})
    accepted(broken, broken_connections_allowed=True)
    sent_again = exact(10.0, sent_again=True)
    rejected("I8", sent_again, broken_connections_allowed={"worker-2"})
    accepted(sent_again, broken_connections_allowed={"worker-1"})


# Figures


def test_a_run_that_never_hit_the_cache_proves_nothing() -> None:
    reads = [cached(10.0), cached(11.0), exact(12.0)]
    accepted(*reads, at_least={"cache": 2, "materialized_view": 1, "exact": 1})
    assert "only 2 of 3 reads were cache" in rejected("at least", *reads, at_least={"cache": 3})
    rejected("at least", *reads, at_least={"database": 1})


def test_staleness_is_told_by_source() -> None:
    spreads = accepted(A, B, cached(10.4, age=2.0), cached(30.0, A, B), exact(20.1, A, B)).staleness
    assert spreads["cache"].max == pytest.approx(0.4)
    assert (spreads["cache"].p50, spreads["cache"].reads) == (0, 2)
    assert (spreads["exact"].max, spreads["exact"].reads) == (0, 1)


def test_the_worst_missed_write_is_the_staleness_even_of_a_wrong_answer() -> None:
    assert judged(A, B, exact(20.5)).staleness["exact"].max == pytest.approx(10.5)


def test_a_flood_of_one_violation_does_not_hide_another() -> None:
    verdict = judged(A, *(exact(20.0 + number) for number in range(30)), exact(60.0, status=500))
    assert (verdict.counts["I1"], verdict.counts["I8"]) == (30, 1)
    assert len([it for it in verdict.violations if it.startswith("I1")]) == MOST_KEPT
    assert len(verdict.violations) == MOST_KEPT + 1
    assert "31 violations" in str(verdict)


def test_spreads_are_by_nearest_rank() -> None:
    spread = spread_of(range(1, 101))
    assert (spread.p50, spread.p99, spread.max, spread.reads) == (50, 99, 100, 100)
    assert spread_of([]).reads == 0


# I6: writers


def test_a_captured_write_may_fail_only_as_uncaptured_ones_do() -> None:
    ours, theirs = Attempt(True, 9.0, 10.0, "57014"), Attempt(False, 11.0, 12.0, "57014")
    assert check_writers([ours, theirs]).ok
    assert not check_writers([ours, replace(theirs, ended=12.1)]).ok
    assert not check_writers([ours, replace(theirs, sqlstate="40P01")]).ok
    assert check_writers([theirs, replace(ours, sqlstate=None)]).ok
    assert "57014" in check_writers([ours]).violations[0]


def test_a_server_that_goes_away_fails_both_kinds_each_in_its_way() -> None:
    assert check_writers([Attempt(True, 9.0, 10.0, ""), Attempt(False, 9.0, 10.1, "57P01")]).ok


def test_durations_are_of_writes_that_went_well() -> None:
    attempts = [Attempt(True, 1.0, 1.004, None), Attempt(True, 1.0, 9.0, ""), Attempt(False, 1.0, 1.002, None)]
    report = check_writers(attempts)
    assert report.captured.duration_ms.max == pytest.approx(4.0)
    assert report.uncaptured.duration_ms.p50 == pytest.approx(2.0)
    assert (report.captured.count, report.captured.failures) == (2, {"": 1})
