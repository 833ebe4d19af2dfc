"""The warmer: what it fills first, how much it may take, and when it pauses; without a database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from refresher.front_cache.entry import EntryKey, Reads
from web.reads.background_fills import RENEWAL, WantedFill
from web.warming.expectations import LAPSED_AFTER_SECONDS, LAPSED_SECONDS
from web.warming.pace import HOT_SECONDS, UNREAD_SECONDS, Pace
from web.warming.warm_plan import Planned
from web.warming.warmer import BUSY_SECONDS, COMPANY_SHARE, MOST_TOGETHER, PLAN_SECONDS, Warmer, WarmingPolicy

SINCE = datetime(2026, 11, 24, 9, tzinfo=UTC)


def key(user: int) -> EntryKey:
    return EntryKey("a region", user, "a dashboard", ())


def lost(*users: int) -> dict[EntryKey, Reads]:
    """Answers that were read all the time until they were dropped."""
    return {key(user): Reads(1_000, 900.0, 1_000.0) for user in users}


@dataclass
class Site:
    """A cache and a read path by hand; a fill takes ``fill_seconds``."""

    policy: WarmingPolicy = field(default_factory=lambda: WarmingPolicy(duty=1.0))
    now: float = 1_000.0
    fill_seconds: float = 0.001
    outcome: str = "stored"
    held: set[EntryKey] = field(default_factory=set)
    dropped: dict[EntryKey, Reads] = field(default_factory=dict)
    due: list[EntryKey] = field(default_factory=list)
    soon: list[EntryKey] = field(default_factory=list)  # due to be renewed
    plan: list[Planned] = field(default_factory=list)
    filled: list[WantedFill] = field(default_factory=list)
    together: list[int] = field(default_factory=list)
    sweeps: int = 0
    is_stopping: bool = False
    is_trusted: bool = True

    def __post_init__(self) -> None:
        self.warmer = Warmer(
            self,
            self.warm,
            lambda: self.plan,
            self.policy,
            monotonic=lambda: self.now,
            stopping=lambda: self.is_stopping,
        )

    def sweep(self) -> int:
        self.sweeps += 1
        return 0

    def due_for_renewal(self, share: float) -> list[EntryKey]:
        assert self.policy.renew_at is not None
        return self.due if share == self.policy.renew_at else self.due + self.soon

    def take_dropped(self) -> dict[EntryKey, Reads]:
        taken, self.dropped = self.dropped, {}
        return taken

    def may_answer(self, _arrived: float) -> bool:
        return self.is_trusted

    def holds(self, wanted: EntryKey) -> bool:
        return wanted in self.held

    def warm(self, wishes: Sequence[WantedFill]) -> list[str]:
        self.now += self.fill_seconds * len(wishes)
        self.filled += wishes
        self.together.append(len(wishes))
        if self.outcome == "stored":
            self.held.update(wish.key for wish in wishes)
        return [self.outcome] * len(wishes)

    def plans(self, *users: int, since: datetime = SINCE) -> None:
        self.plan = [Planned(key(user), "predicted", since) for user in users]

    def lose(self, user: int, *, read: bool) -> None:
        """A change takes the entry away."""
        self.held.discard(key(user))
        if read:
            self.dropped[key(user)] = Reads(1_000, self.now - 1, self.now)

    def tick(self, after: float = 0.25) -> list[int]:
        """Return whose answers were filled."""
        self.now += after
        before = len(self.filled)
        self.warmer.tick()
        return [filled.user for filled, _ in self.filled[before:]]


def test_hot_answers_come_before_old_ones_and_those_before_the_planned() -> None:
    site = Site(dropped=lost(1), due=[key(2)])
    site.plans(3)
    assert site.tick() == [1, 2, 3]
    assert [wish.reason for wish in site.filled] == ["invalidated", RENEWAL, "predicted"]


def test_the_planned_are_filled_in_the_plans_order_and_not_where_they_are_held() -> None:
    site = Site(held={key(2)})
    site.plans(3, 2, 1)
    assert site.tick() == [3, 1]


@pytest.mark.parametrize("duty", [0.05, 0.5])
def test_warming_takes_its_share_of_time(duty: float) -> None:
    site = Site(WarmingPolicy(duty=duty), fill_seconds=0.01)
    site.plans(*range(10_000))  # more than there is time for
    for _ in range(400):
        site.tick(0.25)
    taken = len(site.filled) * site.fill_seconds
    passed = site.now - 1_000.0
    assert taken == pytest.approx(duty * passed, rel=0.1)
    assert site.warmer.statistics().skipped["budget"] > 0


def test_what_the_budget_left_over_is_filled_later() -> None:
    site = Site(WarmingPolicy(duty=0.1), fill_seconds=0.1, dropped=lost(*range(5)))
    filled = [user for _ in range(60) for user in site.tick()]
    assert sorted(filled) == list(range(5))


def test_while_real_reads_wait_nothing_is_tried_for_a_moment() -> None:
    site = Site(outcome="busy", dropped=lost(1))
    assert site.tick() == [1]
    assert site.tick(BUSY_SECONDS / 2) == []
    site.outcome = "stored"
    assert site.tick(BUSY_SECONDS) == [1]
    assert site.warmer.statistics().skipped["busy"] == 1


def test_a_key_that_is_read_and_invalidated_all_the_time_is_filled_so_often_and_no_more() -> None:
    site = Site()
    for _ in range(400):
        site.lose(1, read=True)
        site.tick(0.05)
    assert len(site.filled) == pytest.approx(400 * 0.05 / HOT_SECONDS, rel=0.1)


def test_a_planned_answer_that_nobody_reads_is_filled_again_less_and_less() -> None:
    site = Site()
    site.plans(1)
    times = []
    for _ in range(4_000):
        site.lose(1, read=False)
        if site.tick(0.25):
            times.append(site.now)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert len(pauses) == len(UNREAD_SECONDS) - 1
    assert all(UNREAD_SECONDS[n] <= pauses[n] <= UNREAD_SECONDS[n] + 1 for n in range(len(pauses)))
    assert sum(pauses) < LAPSED_AFTER_SECONDS


def test_a_user_who_did_not_come_is_filled_for_again_when_expected_anew() -> None:
    site = Site()
    site.plans(1)
    assert site.tick() == [1]
    site.held.clear()
    assert site.tick(LAPSED_SECONDS / 2) == []
    site.plans(1, since=SINCE.replace(hour=10))
    assert site.tick(PLAN_SECONDS) == [1]
    site.held.clear()
    site.tick(LAPSED_AFTER_SECONDS)
    assert site.tick(LAPSED_SECONDS) == [1], "and after some hours"


def test_who_has_come_is_filled_for_by_their_reads_and_not_by_the_plan() -> None:
    site = Site()
    site.plans(1)
    assert site.tick() == [1]
    site.lose(1, read=True)
    assert site.tick(HOT_SECONDS) == [1]
    site.held.clear()
    assert [site.tick(1) for _ in range(60)] == [[]] * 60


def test_what_is_due_at_one_moment_is_asked_together() -> None:
    site = Site(dropped=lost(1), due=[key(2)], fill_seconds=0.0001)
    site.plans(*range(3, 10))
    site.tick()
    assert site.together == [9]


def test_no_more_is_asked_together_than_the_allowance_pays_for() -> None:
    site = Site(WarmingPolicy(duty=0.1), fill_seconds=0.01)
    site.plans(*range(1_000))
    for _ in range(100):
        site.tick()
    assert max(site.together) * site.fill_seconds <= 2 * 0.1
    cheap = Site(fill_seconds=1e-6)
    cheap.plans(*range(1_000))
    for _ in range(100):
        cheap.tick()
    assert max(cheap.together) == MOST_TOGETHER


def test_what_will_soon_be_due_comes_along_and_is_no_reason_to_ask() -> None:
    site = Site(soon=[key(2)])
    assert site.tick() == []
    site.due = [key(1)]
    assert site.tick(1) == [1, 2]
    assert COMPANY_SHARE < 1


def test_a_lost_answer_is_filled_shortly_before_the_next_read() -> None:
    site = Site(dropped={key(1): Reads(10, site_began := 700.0, 1_000.0)})
    filled_at = next(site.now for _ in range(400) if site.tick())
    every = (1_000.0 - site_began) / 10
    assert 0 < 1_000.0 + every - filled_at < every / 2


def test_changes_between_two_reads_cost_one_fill() -> None:
    site = Site()
    for second in range(60 * 4):
        if second % 240 == 0:
            site.dropped = {key(1): Reads(10, site.now - 300, site.now)}
        site.held.discard(key(1))
        site.tick(0.1)
    assert len(site.filled) == 1


def test_for_who_has_left_nothing_is_filled() -> None:
    site = Site(dropped={key(1): Reads(10, 0.0, 100.0)})
    assert [site.tick(1) for _ in range(60)] == [[]] * 60


def test_a_change_that_came_in_between_is_tried_again_and_a_hopeless_answer_seldom() -> None:
    site = Site(outcome="refused", dropped=lost(1))
    tries = sum(len(site.tick(0.25)) for _ in range(400))
    assert 3 <= tries <= 5


def test_the_plan_is_read_every_few_seconds_only() -> None:
    site = Site()
    site.tick()
    site.plans(1)
    assert site.tick(PLAN_SECONDS / 2) == []
    assert site.tick(PLAN_SECONDS / 2) == [1]


def test_switched_off_it_only_sweeps() -> None:
    site = Site(WarmingPolicy(enabled=False), dropped=lost(1), due=[key(2)])
    site.plans(3)
    assert site.tick(10) == []
    assert site.sweeps == 1


def test_without_refilling_and_renewal_only_the_plan_is_followed() -> None:
    site = Site(WarmingPolicy(on_invalidation=False, renew_at=None, duty=1.0), dropped=lost(1), due=[key(2)])
    site.plans(3)
    assert site.tick() == [3]


def test_without_trust_in_the_cache_nothing_is_tried_and_then_everything_at_once() -> None:
    site = Site(is_trusted=False, dropped=lost(1))
    site.plans(2)
    assert [site.tick(10) for _ in range(5)] == [[]] * 5
    site.is_trusted = True
    assert site.tick() == [1, 2]


def test_it_ends_between_two_fills() -> None:
    site = Site(is_stopping=True)
    site.plans(1, 2)
    assert site.tick() == []


def test_what_is_remembered_of_keys_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.warming.pace.MOST_KEYS", 10)
    pace = Pace()
    for user in range(100):
        pace.filled(key(user), float(user))
    assert len(pace._past) == 10
    pace.forget_before(1_000.0)
    assert not pace._past
