"""The warmer: what it fills first, how much it may take, and when it stands back; without a database."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from refresher.entry import EntryKey
from web.warm_plan import Planned
from web.warming import BUSY_SECONDS, PLAN_SECONDS, Warmer, WarmingPolicy
from web.warming_pace import HOT_SECONDS, LAPSED_SECONDS, UNREAD_SECONDS, Pace

SINCE = datetime(2026, 11, 24, 9, tzinfo=UTC)


def key(user: int) -> EntryKey:
    return EntryKey("a region", user, "a dashboard", ())


@dataclass
class Site:
    """A cache and a read path by hand; a fill takes ``fill_seconds``."""

    policy: WarmingPolicy = field(default_factory=lambda: WarmingPolicy(duty=1.0))
    now: float = 1_000.0
    fill_seconds: float = 0.001
    outcome: str = "stored"
    held: set[EntryKey] = field(default_factory=set)
    dropped: list[EntryKey] = field(default_factory=list)
    due: list[EntryKey] = field(default_factory=list)
    plan: list[Planned] = field(default_factory=list)
    filled: list[tuple[EntryKey, bool]] = field(default_factory=list)
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

    def due_for_renewal(self, _share: float) -> list[EntryKey]:
        return self.due

    def take_dropped(self) -> list[EntryKey]:
        taken, self.dropped = self.dropped, []
        return taken

    def may_answer(self, _arrived: float) -> bool:
        return self.is_trusted

    def holds(self, wanted: EntryKey) -> bool:
        return wanted in self.held

    def warm(self, wanted: EntryKey, *, renew: bool = False) -> str:
        self.now += self.fill_seconds
        self.filled.append((wanted, renew))
        if self.outcome == "stored":
            self.held.add(wanted)
        return self.outcome

    def plans(self, *users: int, since: datetime = SINCE) -> None:
        self.plan = [Planned(key(user), "predicted", since) for user in users]

    def lose(self, user: int, *, read: bool) -> None:
        """A change takes the entry away."""
        self.held.discard(key(user))
        if read:
            self.dropped.append(key(user))

    def tick(self, after: float = 0.25) -> list[int]:
        """Return whose answers were filled."""
        self.now += after
        before = len(self.filled)
        self.warmer.tick()
        return [filled.user for filled, _ in self.filled[before:]]


def test_hot_answers_come_before_old_ones_and_those_before_the_planned() -> None:
    site = Site(dropped=[key(1)], due=[key(2)])
    site.plans(3)
    assert site.tick() == [1, 2, 3]
    assert site.filled[1] == (key(2), True)


def test_the_planned_are_filled_in_the_plans_order_and_not_where_they_are_held() -> None:
    site = Site(held={key(2)})
    site.plans(3, 2, 1)
    assert site.tick() == [3, 1]


@pytest.mark.parametrize("duty", [0.05, 0.5])
def test_warming_takes_its_share_of_time(duty: float) -> None:
    site = Site(WarmingPolicy(duty=duty), fill_seconds=0.01)
    site.plans(*range(100_000))
    for _ in range(400):
        site.tick(0.25)
    taken = len(site.filled) * site.fill_seconds
    passed = site.now - 1_000.0
    assert taken == pytest.approx(duty * passed, rel=0.1)
    assert site.warmer.statistics()["skipped"]["budget"] > 0


def test_what_the_budget_left_over_is_filled_later() -> None:
    site = Site(WarmingPolicy(duty=0.1), fill_seconds=0.1, dropped=[key(user) for user in range(5)])
    filled = [user for _ in range(60) for user in site.tick()]
    assert sorted(filled) == list(range(5))


def test_while_real_reads_wait_nothing_is_tried_for_a_moment() -> None:
    site = Site(outcome="busy", dropped=[key(1)])
    assert site.tick() == [1]
    assert site.tick(BUSY_SECONDS / 2) == []
    site.outcome = "stored"
    assert site.tick(BUSY_SECONDS) == [1]
    assert site.warmer.statistics()["skipped"]["busy"] == 1


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


def test_a_user_who_did_not_come_is_filled_for_again_when_expected_anew() -> None:
    site = Site()
    site.plans(1)
    assert site.tick() == [1]
    site.held.clear()
    assert site.tick(LAPSED_SECONDS / 2) == []
    site.plans(1, since=SINCE.replace(hour=10))
    assert site.tick(PLAN_SECONDS) == [1]


def test_a_change_that_came_in_between_is_tried_again_and_a_hopeless_answer_seldom() -> None:
    site = Site(outcome="refused", dropped=[key(1)])
    tries = sum(len(site.tick(0.25)) for _ in range(400))
    assert 3 <= tries <= 5


def test_the_plan_is_read_every_few_seconds_only() -> None:
    site = Site()
    site.tick()
    site.plans(1)
    assert site.tick(PLAN_SECONDS / 2) == []
    assert site.tick(PLAN_SECONDS / 2) == [1]


def test_switched_off_it_only_sweeps() -> None:
    site = Site(WarmingPolicy(enabled=False), dropped=[key(1)], due=[key(2)])
    site.plans(3)
    assert site.tick(10) == []
    assert site.sweeps == 1


def test_without_refilling_and_renewal_only_the_plan_is_followed() -> None:
    site = Site(WarmingPolicy(on_invalidation=False, renew_at=None, duty=1.0), dropped=[key(1)], due=[key(2)])
    site.plans(3)
    assert site.tick() == [3]


def test_without_trust_in_the_cache_nothing_is_tried_and_then_everything_at_once() -> None:
    site = Site(is_trusted=False, dropped=[key(1)])
    site.plans(2)
    assert [site.tick(10) for _ in range(5)] == [[]] * 5
    site.is_trusted = True
    assert site.tick() == [1, 2]


def test_it_ends_between_two_fills() -> None:
    site = Site(is_stopping=True)
    site.plans(1, 2)
    assert site.tick() == []


def test_what_is_remembered_of_keys_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.warming_pace.MOST_KEYS", 10)
    pace = Pace()
    for user in range(100):
        pace.filled(key(user), float(user))
    assert len(pace._past) == 10
    pace.forget_before(1_000.0)
    assert not pace._past
