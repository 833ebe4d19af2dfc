"""One stream: what it sends, in which order, and how long it waits; on clocks that are moved by hand."""

from collections.abc import Iterator
from typing import Any

import pytest

from refresher.front_cache.feed import Position
from tests.refresher.front_cache.cache_fakes import Clock, changed
from tests.web.process.test_event_hub import at, tell
from web.endpoints.event_stream import ALIVE, HEARTBEAT_SECONDS, LEAST_SECONDS_BETWEEN_CHANGES, EventStream, frame
from web.process.event_hub import EventHub

TRUSTED = {"cache": "trusted"}
EXPIRES_AT = 2_000_000_000.0


class Stage:
    """A stream about user 7, its hub, the clocks and the trust."""

    def __init__(self, begins_at: int | None = 10, **options: Any) -> None:
        self.clock, self.wall = Clock(), Clock(EXPIRES_AT - 1000)
        self.trusted = True
        self.hub = EventHub(most=3, most_per_caller=3)
        if begins_at is not None:
            tell(self.hub, begins_at)
        self.subscription = self.hub.subscribe(7, 7)
        self.stream = EventStream(
            self.subscription,
            lambda _now: self.trusted,
            **{"expires_at": EXPIRES_AT, "longest_seconds": 300.0} | options,
            monotonic=self.clock,
            wall=self.wall,
        )

    def change(self, drain_id: int) -> None:
        tell(self.hub, drain_id, changed(drain_id))

    def due(self, after_seconds: float = 0.0) -> bytes:
        self.clock.advance(after_seconds)
        self.wall.advance(after_seconds)
        return self.stream.due()


@pytest.fixture
def opened() -> Stage:
    stage = Stage()
    stage.due()
    return stage


def opening(stage: Stage) -> bytes:
    return next(iter(stage.stream))


def ending(reason: str, drain_id: int = 10) -> bytes:
    return frame("end", {"reason": reason}, at(drain_id))


def test_an_event_is_framed_as_the_standard_wants_it() -> None:
    assert frame("changed", {}, Position(3, 99, 1842)) == b"event: changed\nid: 3-1842\ndata: {}\n\n"
    assert frame("state", TRUSTED) == b'event: state\ndata: {"cache": "trusted"}\n\n'


def test_it_begins_with_how_soon_to_come_back_the_state_and_where_it_is() -> None:
    assert opening(Stage()) == b"retry: 2000\n\n" + frame("state", TRUSTED, at(10))


def test_what_was_missed_is_told_at_once_and_its_id_comes_with_it() -> None:
    told = frame("state", TRUSTED) + frame("changed", {}, at(10))
    assert opening(Stage(changed=True)) == b"retry: 2000\n\n" + told


def test_before_the_feed_was_read_nothing_has_an_id() -> None:
    stage = Stage(begins_at=None, changed=True)
    assert opening(stage) == b"retry: 2000\n\n" + frame("state", TRUSTED)
    stage.change(11)
    assert stage.due() == frame("changed", {}, at(11))


def test_a_change_between_the_beginning_and_the_first_piece_leaves_the_state_without_an_id() -> None:
    stage = Stage()
    stage.change(11)
    assert stage.due() == frame("state", TRUSTED) + frame("changed", {}, at(11))


def test_a_change_is_told_at_once(opened: Stage) -> None:
    opened.change(11)
    assert opened.due() == frame("changed", {}, at(11))
    assert opened.due(0.1) == b""


def test_many_changes_are_told_a_few_times_with_the_newest_id(opened: Stage) -> None:
    opened.change(11)
    opened.due()
    for drain_id in (12, 13, 14):
        opened.change(drain_id)
        assert opened.due(0.0625) == b""
    assert 0 < opened.stream.seconds_to_wait() <= LEAST_SECONDS_BETWEEN_CHANGES
    assert opened.due(0.0625) == frame("changed", {}, at(14))
    assert opened.due(LEAST_SECONDS_BETWEEN_CHANGES) == b""


def test_trust_lost_and_regained_is_told(opened: Stage) -> None:
    opened.trusted = False
    assert opened.due(1) == frame("state", {"cache": "untrusted"})
    assert opened.due(1) == b""
    opened.trusted = True
    assert opened.due(1) == frame("state", TRUSTED)


def test_silence_is_broken_so_that_a_dead_client_is_noticed(opened: Stage) -> None:
    assert opened.due(HEARTBEAT_SECONDS - 0.5) == b""
    assert opened.due(0.5) == ALIVE
    assert opened.due(0.5) == b""
    opened.change(11)
    opened.due(HEARTBEAT_SECONDS - 1)
    assert opened.due(1) == b"", "something was sent meanwhile"


def test_it_ends_within_a_second_once_another_claim_names_the_user() -> None:
    claims = iter((True, False))
    stage = Stage(claim_holds=lambda: next(claims))
    pieces = iter(stage.stream)
    assert ending("claim-changed") not in next(pieces)
    assert stage.due(1.0) == ending("claim-changed")


def test_a_probe_is_answered_with_something(opened: Stage) -> None:
    opened.subscription.probe()
    assert opened.due() == ALIVE
    assert opened.due() == b""


def test_it_looks_around_each_second(opened: Stage) -> None:
    assert opened.stream.seconds_to_wait() == 1.0


@pytest.mark.parametrize(
    ("options", "after_seconds", "reason"),
    [
        ({"longest_seconds": 5.0}, 5.0, "longest-life"),
        ({"expires_at": EXPIRES_AT - 995}, 5.0, "token-expired"),
        ({"expires_at": EXPIRES_AT - 2000}, 0.0, "token-expired"),
    ],
)
def test_it_ends_and_says_why(options: dict[str, float], after_seconds: float, reason: str) -> None:
    stage = Stage(**options)
    pieces = iter(stage.stream)
    if after_seconds:
        assert ending(reason) not in next(pieces)
        stage.due(after_seconds - 0.5)
        assert stage.stream.seconds_to_wait() == 0.5
        stage.clock.advance(0.5)
        stage.wall.advance(0.5)
    assert next(pieces).endswith(ending(reason))
    assert list(pieces) == []


def test_a_clock_that_is_set_ends_it_at_the_next_check(opened: Stage) -> None:
    opened.wall.now = EXPIRES_AT
    assert opened.due() == ending("token-expired")


def test_it_ends_when_the_process_is_asked_to(opened: Stage) -> None:
    opened.hub.stop()
    assert opened.due() == ending("stopping")


def test_a_change_is_told_before_the_end_however_soon_after_another(opened: Stage) -> None:
    opened.change(11)
    opened.due()
    opened.change(12)
    tell(opened.hub, 13)
    opened.hub.stop()
    assert opened.due(0.1) == frame("changed", {}, at(12)) + ending("stopping", 13)


def test_it_sleeps_until_it_is_told() -> None:
    stage = Stage()
    pieces: Iterator[bytes] = iter(stage.stream)
    next(pieces)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        stage.change(11)

    stage.subscription.wait = sleep  # type: ignore[method-assign]
    assert next(pieces) == frame("changed", {}, at(11))
    assert waits == [1.0]


def test_what_is_sent_is_counted() -> None:
    stage = Stage(changed=True)
    opening(stage)
    stage.due(HEARTBEAT_SECONDS)
    stage.hub.stop()
    stage.due()
    assert stage.hub.statistics().sent == {"changed": 1, "state": 1, "end": 1, "alive": 1}
