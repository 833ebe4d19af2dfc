"""The hub: which users a change concerns, what a subscription receives, and how many there may be."""

import threading
import weakref

import pytest

from refresher.front_cache.feed import FeedRow, Poll, Position
from tests.refresher.front_cache.cache_fakes import Clock, changed
from web.process.event_hub import EventHub, Subscription, TooManyStreams
from web.telemetry.process_numbers import numbers_of
from web.telemetry.worker_statistics import WorkerStatistics


def at(drain_id: int) -> Position:
    return Position(3, 99, drain_id)


def tell(hub: EventHub, drain_id: int, *rows: FeedRow, flushed: bool = False) -> None:
    hub.applied(Poll(drain_id - 1, at(drain_id), None, 1, list(rows)), flushed)


def told(subscription: Subscription) -> int | None:
    position, _ = subscription.take()
    return position and position.drain_id


@pytest.fixture
def hub() -> EventHub:
    return EventHub(most=3, most_per_caller=2)


def test_a_change_is_told_to_the_streams_of_its_user_alone(hub: EventHub) -> None:
    first, second, other = hub.subscribe(7, 7), hub.subscribe(1, 7), hub.subscribe(8, 8)
    tell(hub, 11, changed(11, user=7), changed(11, user=9))
    assert [told(it) for it in (first, second, other)] == [11, 11, None]


def test_a_change_of_everybody_and_a_flush_are_told_to_all(hub: EventHub) -> None:
    streams = [hub.subscribe(user, user) for user in (7, 8)]
    tell(hub, 11, changed(11, user=None))
    assert [told(it) for it in streams] == [11, 11]
    tell(hub, 12, flushed=True)
    assert [told(it) for it in streams] == [12, 12]


def test_only_the_newest_of_several_changes_is_told_and_once(hub: EventHub) -> None:
    stream = hub.subscribe(7, 7)
    for drain_id in (11, 12, 13):
        tell(hub, drain_id, changed(drain_id))
    assert [told(stream), told(stream)] == [13, None]


def test_a_poll_without_any_drain_tells_nothing(hub: EventHub) -> None:
    stream = hub.subscribe(7, 7)
    hub.applied(Poll(None, None, None), True)
    assert stream.take() == (None, None)


def test_a_subscription_begins_where_the_feed_is(hub: EventHub) -> None:
    assert hub.subscribe(7, 7).since is None
    tell(hub, 11, changed(11))
    late = hub.subscribe(7, 7)
    assert late.since == at(11)
    assert told(late) is None
    tell(hub, 12)
    assert late.take() == (None, at(12))


def test_a_change_wakes_only_whom_it_concerns(hub: EventHub) -> None:
    concerned, other = hub.subscribe(7, 7), hub.subscribe(8, 8)
    tell(hub, 11, changed(11))
    assert concerned.wait(60)
    assert not other.wait(0)


def test_a_stream_that_waits_is_woken_by_a_change_and_by_the_end(hub: EventHub) -> None:
    for event in (lambda: tell(hub, 11, changed(11)), hub.stop):
        stream = hub.subscribe(7, 7)
        waiting = threading.Thread(target=stream.wait, args=(60,))
        waiting.start()
        event()
        waiting.join(10)
        assert not waiting.is_alive()
    assert stream.stopping


def test_one_caller_and_all_together_have_so_many_places(hub: EventHub) -> None:
    mine = [hub.subscribe(7, 7), hub.subscribe(7, 8)]
    with pytest.raises(TooManyStreams):
        hub.subscribe(7, 9)
    hub.subscribe(8, 7)
    with pytest.raises(TooManyStreams):
        hub.subscribe(9, 9)
    for _ in range(3):
        mine[0].release()
    hub.subscribe(9, 9)
    with pytest.raises(TooManyStreams):
        hub.subscribe(10, 10)
    assert hub.statistics().open == 3


def test_who_was_released_is_told_nothing_and_leaves_nothing(hub: EventHub) -> None:
    stream = hub.subscribe(7, 7)
    stream.release()
    tell(hub, 11, changed(11))
    assert told(stream) is None
    assert hub.statistics().open == 0
    left = weakref.ref(stream)
    del stream
    assert left() is None, "the hub still holds it"


def test_where_there_is_no_place_those_who_are_gone_are_looked_for() -> None:
    hub = EventHub(most=3, most_per_caller=2, monotonic=Clock())
    mine, other = [hub.subscribe(7, 7), hub.subscribe(7, 8)], hub.subscribe(8, 8)

    def send() -> None:
        mine[1].wait(10)
        if mine[1].take_probe():  # and it finds that nobody is there
            mine[1].release()

    sending = threading.Thread(target=send)
    sending.start()
    hub.subscribe(7, 9)
    sending.join(10)
    assert [it.take_probe() for it in (*mine, other)] == [True, False, True]


def test_nobody_is_asked_all_the_time_whether_he_is_there() -> None:
    clock = Clock()
    hub = EventHub(most=9, most_per_caller=1, monotonic=clock)
    stream, other = hub.subscribe(7, 7), hub.subscribe(8, 8)
    probed = []
    for pause in (0.0, 0.5, 0.5):
        clock.advance(pause)
        with pytest.raises(TooManyStreams):
            hub.subscribe(7, 7)
        probed.append(stream.take_probe())
    assert probed == [True, False, True]
    assert not other.take_probe(), "there is room in all, so others are no matter"


def test_none_may_be_allowed() -> None:
    with pytest.raises(TooManyStreams):
        EventHub(most=0, most_per_caller=6).subscribe(7, 7)


def test_what_it_counts_is_told_as_metrics(hub: EventHub) -> None:
    hub.subscribe(7, 7).release()
    stream = hub.subscribe(7, 7)
    stream.sent("changed")
    hub.subscribe(7, 7)
    with pytest.raises(TooManyStreams):
        hub.subscribe(7, 7)
    numbers = numbers_of(WorkerStatistics(event_streams=hub.statistics()))
    assert numbers.gauges["frontview_event_streams", ()] == 2
    assert numbers.gauges["frontview_event_streams_limit", ()] == 3
    assert numbers.counters["frontview_event_streams_opened_total", ()] == 3
    assert numbers.counters["frontview_event_streams_refused_total", ()] == 1
    assert numbers.counters["frontview_events_sent_total", (("event", "changed"),)] == 1
