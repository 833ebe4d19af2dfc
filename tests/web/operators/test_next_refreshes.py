"""What operators see of future refreshes: the leader's current decision, and never a guess."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from refresher.refreshing.policy import REASONS
from web.operators.next_refreshes import (
    NO_LEADER,
    REFRESHING,
    UNDECIDED,
    NextRefresh,
    Plan,
    PlanNote,
    ReasonCode,
    next_refresh_of,
)
from web.operators.system_state import TierStatus

NOTE = PlanNote(
    epoch=7,
    age_seconds=12.0,
    content=[
        {"view": "v", "tier": "recent", "in_seconds": 42.0, "code": "duty", "why": "Because."},
        {"view": "v", "tier": "archive", "in_seconds": None, "code": "clean", "why": "Nothing."},
    ],
)
TIER = TierStatus(
    view="v",
    tier="recent",
    version=1,
    relation="frontview.v_recent",
    populated=True,
    first_day="-infinity",
    before_day="infinity",
    through=1,
    refreshing=False,
    refreshed_at=None,
    refreshed_seconds_ago=None,
    duration_ms=None,
    row_count=None,
    size_bytes=None,
    sealed_before=None,
    sealing_before=None,
    sealed_changes=None,
    stale_keys=0,
)


def next_of(tier: Any, note: PlanNote | None = NOTE, epoch: int | None = 7, *, refreshing: bool = False) -> NextRefresh:
    return next_refresh_of(replace(TIER, tier=tier, refreshing=refreshing), Plan.of(note, epoch))


def test_a_decision_is_told_as_of_now() -> None:
    assert next_of("recent") == NextRefresh(30.0, "duty", "Because.", with_tier=None)
    assert next_of("archive").in_seconds is None


def test_what_is_due_since_then_is_due_now() -> None:
    assert next_of("recent", replace(NOTE, age_seconds=99.0)).in_seconds == 0.0


def test_a_clock_that_was_set_back_since_then_puts_nothing_off() -> None:
    assert next_of("recent", replace(NOTE, age_seconds=-3600.0)).in_seconds == 42.0


@pytest.mark.parametrize(("tier", "first"), [("by_day", "recent"), ("total", "archive")])
def test_sums_go_with_their_tier(tier: str, first: str) -> None:
    assert next_of(tier) == replace(next_of(first), with_tier=first)


@pytest.mark.parametrize(
    ("note", "epoch", "code"),
    [
        (NOTE, None, NO_LEADER[0]),
        (None, None, NO_LEADER[0]),
        (None, 7, UNDECIDED[0]),
        (NOTE, 8, UNDECIDED[0]),  # The leader before wrote it.
        (replace(NOTE, content=[]), 7, UNDECIDED[0]),
    ],
)
def test_without_a_decision_of_the_leader_nothing_is_guessed(
    note: PlanNote | None, epoch: int | None, code: str
) -> None:
    found = next_of("recent", note, epoch)
    assert (found.in_seconds, found.code) == (None, code)


def test_a_refresh_that_runs_is_told_unless_nobody_leads() -> None:
    assert next_of("recent", refreshing=True).code == REFRESHING[0]
    assert next_of("recent", epoch=None, refreshing=True).code == NO_LEADER[0]


def test_every_code_is_documented() -> None:
    assert set(get_args(ReasonCode)) == {*REASONS, NO_LEADER[0], UNDECIDED[0], REFRESHING[0]}
