"""What is refreshed, when, and how far the horizon moves: pure decisions."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refresher.refreshing.policy import (
    FIRST_RETRY_SECONDS,
    LONGEST_RETRY_SECONDS,
    REASONS,
    TierState,
    decide,
    horizon_to_move_to,
    most_urgent,
    move_waits_seconds,
    retry_seconds,
    with_moves,
)

CLEAN = TierState(
    "v", "recent", populated=True, stale=False, every_key=False, refreshed_seconds_ago=60.0, duration_seconds=1.0
)
STALE = replace(CLEAN, stale=True)


def chosen(*tiers: TierState, duty: float = 0.05, min_seconds: float = 5.0) -> TierState | None:
    return most_urgent(decide(tiers, duty=duty, min_seconds=min_seconds))


@pytest.mark.parametrize("seconds_ago", [0.0, 1e9, None])
def test_a_clean_tier_is_never_refreshed(seconds_ago: float | None) -> None:
    assert chosen(replace(CLEAN, refreshed_seconds_ago=seconds_ago)) is None


def test_no_tiers_no_refresh() -> None:
    assert chosen() is None


@pytest.mark.parametrize(("seconds_ago", "due"), [(19.9, False), (20.0, True)])
def test_a_stale_tier_waits_until_its_last_refresh_is_paid_for(seconds_ago: float, due: bool) -> None:
    """One second of work at a duty of 5 % is one every 20 seconds."""
    tier = replace(STALE, refreshed_seconds_ago=seconds_ago)
    assert chosen(tier) == (tier if due else None)


@pytest.mark.parametrize(("seconds_ago", "due"), [(4.9, False), (5.0, True)])
def test_a_cheap_tier_waits_the_least_interval(seconds_ago: float, due: bool) -> None:
    tier = replace(STALE, duration_seconds=0.0, refreshed_seconds_ago=seconds_ago)
    assert chosen(tier) == (tier if due else None)


def test_a_refresh_in_the_future_means_a_clock_that_was_set_back_and_is_no_reason_to_wait() -> None:
    tier = replace(STALE, refreshed_seconds_ago=-3600.0)
    assert chosen(tier) == tier


def test_the_duty_is_shared_by_all_tiers() -> None:
    others = [replace(CLEAN, view=f"v{n}", duration_seconds=9.0) for n in range(3)]
    assert chosen(replace(STALE, refreshed_seconds_ago=559.0), *others) is None
    assert chosen(replace(STALE, refreshed_seconds_ago=560.0), *others) is not None


def test_an_unpopulated_tier_is_populated_at_once() -> None:
    tier = replace(CLEAN, populated=False, refreshed_seconds_ago=None)
    assert chosen(tier) == tier
    assert chosen(replace(tier, refreshed_seconds_ago=0.0)) is not None


def test_an_every_key_mark_is_dealt_with_at_once() -> None:
    tier = replace(STALE, every_key=True, refreshed_seconds_ago=100.0, duration_seconds=100.0)
    assert chosen(tier) == tier


def test_every_key_marks_that_come_again_and_again_take_at_most_half_of_the_time() -> None:
    tier = replace(STALE, every_key=True, duration_seconds=110.0, refreshed_seconds_ago=60.0)
    assert chosen(tier) is None
    assert chosen(replace(tier, refreshed_seconds_ago=110.0)) is not None


def test_the_order_is_unpopulated_then_every_key_then_longest_waiting() -> None:
    waiting = replace(STALE, view="waiting", refreshed_seconds_ago=1000.0)
    longest = replace(STALE, view="longest", refreshed_seconds_ago=2000.0)
    every = replace(STALE, view="every", every_key=True, refreshed_seconds_ago=1.0)
    empty = replace(STALE, view="empty", populated=False, refreshed_seconds_ago=None)
    order = []
    tiers = [waiting, longest, every, empty]
    while (due := chosen(*tiers)) is not None:
        order.append(due.view)
        tiers.remove(due)
    assert order == ["empty", "every", "longest", "waiting"]


@pytest.mark.parametrize("tier", [STALE, replace(STALE, every_key=True), replace(STALE, populated=False)])
def test_a_failed_refresh_waits_whatever_the_reason_to_try_again(tier: TierState) -> None:
    failing = replace(tier, failures=3, failed_seconds_ago=retry_seconds(3) - 0.1)
    assert chosen(failing) is None
    assert chosen(replace(failing, failed_seconds_ago=retry_seconds(3))) is not None


def test_one_failing_tier_does_not_hold_up_another() -> None:
    failing = replace(STALE, view="failing", every_key=True, failures=9)
    assert chosen(failing, STALE) == STALE


def test_retries_double_up_to_a_longest_wait() -> None:
    waits = [retry_seconds(failures) for failures in range(1, 40)]
    assert waits[:3] == [FIRST_RETRY_SECONDS, 2 * FIRST_RETRY_SECONDS, 4 * FIRST_RETRY_SECONDS]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_RETRY_SECONDS


@settings(deadline=None, max_examples=50)
@given(duration=st.floats(0.01, 60), duty=st.floats(0.01, 1), tiers=st.integers(1, 4))
def test_refreshes_take_no_more_than_their_duty(duration: float, duty: float, tiers: int) -> None:
    """Tiers that are always stale, simulated for ten rounds."""
    round_seconds = max(1.0, tiers * duration / duty)
    last = [-1e9] * tiers
    now = busy = 0.0
    while now < 10 * round_seconds:
        states = [
            replace(STALE, view=str(n), duration_seconds=duration, refreshed_seconds_ago=now - last[n])
            for n in range(tiers)
        ]
        due = most_urgent(decide(states, duty=duty, min_seconds=1.0))
        if due is None:
            now += round_seconds / 20
            continue
        now += duration
        busy += duration
        last[int(due.view)] = now
    assert busy <= duty * now + tiers * duration  # each may run once before it has to wait


CASES = [
    (CLEAN, None, "clean"),
    (replace(CLEAN, failures=2, failed_seconds_ago=0.0), None, "clean"),
    (replace(CLEAN, populated=False, refreshed_seconds_ago=None), 0.0, "unpopulated"),
    (replace(STALE, every_key=True), 0.0, "every_key"),
    (replace(STALE, every_key=True, duration_seconds=100.0), 40.0, "every_key"),
    (replace(STALE, refreshed_seconds_ago=None), 0.0, "stale"),
    (replace(STALE, refreshed_seconds_ago=-5.0), 0.0, "stale"),
    (STALE, 0.0, "stale"),
    (replace(STALE, duration_seconds=5.1), 42.0, "duty"),
    (replace(STALE, duration_seconds=0.1, refreshed_seconds_ago=2.0), 3.0, "min_interval"),
    (replace(CLEAN, sealing=True), 0.0, "seal"),
    (replace(STALE, sealing=True, duration_seconds=5.1), 0.0, "seal"),
    (replace(CLEAN, sealing=True, failures=3, failed_seconds_ago=0.0), 8.0, "failed"),
    (replace(STALE, failures=3, failed_seconds_ago=0.0), 8.0, "failed"),
    (replace(STALE, failures=3, failed_seconds_ago=8.0), 0.0, "stale"),
    (replace(STALE, failures=1, failed_seconds_ago=0.5, duration_seconds=5.1), 42.0, "duty"),
    (replace(CLEAN, populated=False, failures=3, failed_seconds_ago=1.0), 7.0, "failed"),
    (replace(CLEAN, populated=False, building=True, failures=2, failed_seconds_ago=1.0), 3.0, "failed"),
    (replace(CLEAN, populated=False, building=True, failures=3, failed_seconds_ago=1e9), None, "given_up"),
]


@pytest.mark.parametrize(("tier", "in_seconds", "code"), CASES)
def test_a_decision_says_when_and_why(tier: TierState, in_seconds: float | None, code: str) -> None:
    (decision,) = decide([tier], duty=0.05, min_seconds=5.0)
    assert decision.tier == tier
    assert decision.in_seconds == (None if in_seconds is None else pytest.approx(in_seconds))
    assert decision.code == code
    assert decision.why
    assert "{" not in decision.why


def test_there_is_a_case_for_every_reason() -> None:
    assert {code for _, _, code in CASES} == set(REASONS) - {"horizon"}


def tier_states() -> st.SearchStrategy[TierState]:
    seconds = st.floats(0.0, 1e4)
    return st.builds(
        TierState,
        view=st.sampled_from("abc"),
        tier=st.sampled_from(("recent", "archive")),
        populated=st.booleans(),
        stale=st.booleans(),
        every_key=st.booleans(),
        refreshed_seconds_ago=st.none() | seconds,
        duration_seconds=st.floats(0.0, 100.0),
        failures=st.integers(0, 12),
        failed_seconds_ago=seconds,
    )


@settings(deadline=None, max_examples=300)
@given(
    tiers=st.lists(tier_states(), max_size=6),
    duty=st.floats(0.01, 1.0),
    min_seconds=st.floats(0.0, 100.0),
    passed=st.floats(0.0, 1e4),
)
def test_what_is_told_of_a_refresh_is_what_comes(
    tiers: list[TierState], duty: float, min_seconds: float, passed: float
) -> None:
    """Whatever time passes, what is refreshed then is a tier whose time was told to be up, and nothing is late."""
    told = [decision.in_seconds for decision in decide(tiers, duty=duty, min_seconds=min_seconds)]
    later = [
        replace(
            tier,
            refreshed_seconds_ago=None if (ago := tier.refreshed_seconds_ago) is None else ago + passed,
            failed_seconds_ago=tier.failed_seconds_ago + passed,
        )
        for tier in tiers
    ]
    due = most_urgent(decide(later, duty=duty, min_seconds=min_seconds))
    sure = [tier for tier, seconds in zip(later, told, strict=True) if seconds is not None and seconds < passed - 1e-6]
    perhaps = [t for t, seconds in zip(later, told, strict=True) if seconds is not None and seconds <= passed + 1e-6]
    assert due is None or due in perhaps
    assert due is not None or not sure


def test_a_move_of_the_horizon_takes_every_tier_of_its_view_along_and_no_other() -> None:
    clean = decide([CLEAN, replace(CLEAN, tier="archive"), replace(CLEAN, view="w")], duty=0.05, min_seconds=5.0)
    moves = with_moves(clean, {"v": 0.0})
    assert [(it.tier.view, it.tier.tier, it.in_seconds, it.code) for it in moves] == [
        ("v", "recent", 0.0, "horizon"),
        ("v", "archive", 0.0, "horizon"),
        ("w", "recent", None, "clean"),
    ]


def test_a_move_that_failed_is_tried_again_later_and_a_refresh_that_comes_sooner_stays() -> None:
    failed = replace(CLEAN, failures=3, failed_seconds_ago=1.0)
    archive = replace(STALE, tier="archive", refreshed_seconds_ago=38.0)
    moves = with_moves(decide([failed, archive], duty=0.05, min_seconds=5.0), {"v": 0.0})
    assert [(it.in_seconds, it.code) for it in moves] == [(7.0, "failed"), (2.0, "duty")]
    assert "3 in a row" in moves[0].why


TODAY = date(2026, 3, 10)


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


@pytest.mark.parametrize(
    ("horizon", "moves"),
    [
        (None, True),  # never populated
        (days_ago(45), False),
        (days_ago(46), True),
        (days_ago(3650), True),
        (days_ago(10), False),  # a shorter recent tier grows by itself
        (TODAY, False),
        (TODAY + timedelta(days=1), True),  # else the recent tier would hold nothing
    ],
)
def test_the_horizon_moves_when_the_recent_tier_holds_a_day_too_much(horizon: date | None, moves: bool) -> None:
    assert horizon_to_move_to(TODAY, horizon, 45) == (days_ago(45) if moves else None)


@given(recent_days=st.integers(2, 3650))
def test_a_move_is_final_for_that_day(recent_days: int) -> None:
    moved = horizon_to_move_to(TODAY, None, recent_days)
    assert horizon_to_move_to(TODAY, moved, recent_days) is None


def test_a_horizon_that_comes_back_from_the_future_stays_after_sealed_days() -> None:
    sealed_before = days_ago(30)

    assert horizon_to_move_to(TODAY, days_ago(-9), 45, sealed_before) == sealed_before
    assert horizon_to_move_to(TODAY, sealed_before, 45, sealed_before) is None
    assert horizon_to_move_to(TODAY, days_ago(50), 45, days_ago(60)) == days_ago(45)
    assert horizon_to_move_to(TODAY, days_ago(-9), 45, days_ago(-9)) is None


@pytest.mark.parametrize(
    ("horizon", "hour", "seconds"),
    [
        (days_ago(46), 0, 6 * 3600),
        (days_ago(46), 5, 3600),
        (days_ago(46), 7, 0),
        (days_ago(47), 1, 0),  # since yesterday
        (TODAY + timedelta(days=1), 1, 0),
        (None, 1, 0),
    ],
)
def test_a_move_by_a_day_waits_some_hours_for_a_refresh_that_is_due(
    horizon: date | None, hour: int, seconds: float
) -> None:
    now = datetime(TODAY.year, TODAY.month, TODAY.day, hour)
    assert move_waits_seconds(now, horizon, days_ago(45)) == seconds


def test_a_move_that_waits_is_told_and_a_refresh_that_comes_sooner_is_told_instead() -> None:
    clean = decide([CLEAN, replace(STALE, tier="archive")], duty=0.05, min_seconds=5.0)
    moves = with_moves(clean, {"v": 3600.0})
    assert [(it.in_seconds, it.code) for it in moves] == [(3600.0, "horizon"), (0.0, "stale")]
