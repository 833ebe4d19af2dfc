"""Server-sent events over HTTP: a write by any client reaches the streams of the users it concerns, and no others."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.acceptance.listening import EVENTS, TRUSTED, UNTRUSTED, Listener
from tests.acceptance.test_reads import EXACT, OVERVIEW, all_time_calls
from tests.fix_app import System
from tests.waiting import until

USER, OTHER, NOBODY = 1, 2, 999
ANOTHER = 3

Listen = Callable[..., Listener]


@pytest.fixture
def listen(system: System) -> Iterator[Listen]:
    """Opens listeners, which are cut at the end."""
    with ExitStack() as open_ones:
        yield lambda user, **options: open_ones.enter_context(Listener(system, user, **options))


def drain_of(id_: str | None) -> int:
    assert id_ is not None
    return int(id_.rpartition("-")[2])


def test_a_write_is_told_to_all_of_its_user_and_to_nobody_else(running: System, listen: Listen) -> None:
    # of both workers, in all likelihood; and no more than one of them takes of a user, should all be there
    mine = [listen(USER) for _ in range(4)] + [listen(ANOTHER, about=USER)]
    others = [listen(OTHER), listen(OTHER), listen(ANOTHER, about=NOBODY)]
    for listener in (*mine, *others):
        listener.wait_for("state", TRUSTED)
    before = [len(listener.events) for listener in (*mine, *others)]

    running.add(USER, cents=987_654)

    told = [listener.wait_for("changed", after=seen).id for listener, seen in zip(mine, before, strict=False)]
    assert all(re.fullmatch(r"\d+-\d+", id_ or "") for id_ in told)
    running.add(OTHER)
    for listener, seen in zip(others[:2], before[len(mine) :], strict=False):
        first = listener.wait_for("changed", after=seen)
        assert drain_of(first.id) > max(map(drain_of, told)), "that was told before there was anything"
    assert others[2].named("changed") == []
    for listener in (*mine, *others):
        assert {event.data for event in listener.named("changed")} <= {"{}"}
        assert "987654" not in listener.text
    with running.client(USER) as client:
        calls = running.value("SELECT count(*) FROM calls WHERE user_id = %s", USER)
        assert all_time_calls(client.get(OVERVIEW, headers=EXACT)) == calls


def test_what_came_during_a_cut_is_told_to_who_comes_back(running: System, listen: Listen) -> None:
    first = listen(USER)
    first.wait_for("state", TRUSTED)
    last_id = first.last_id
    first.cut()
    with Listener(running, OTHER) as witness:
        witness.wait_for("state", TRUSTED)
        running.add(OTHER)
        witness.wait_for("changed")

    missed_nothing = listen(USER, last_event_id=last_id)
    missed_nothing.wait_for("state", TRUSTED)
    running.add(USER)
    change = missed_nothing.wait_for("changed")
    assert missed_nothing.named("changed") == [change]

    back = listen(USER, last_event_id=last_id)
    assert drain_of(back.wait_for("changed").id) >= drain_of(change.id)
    assert back.events[0].id is None, "the state must not cover what is told after it"
    foreign = listen(USER, last_event_id="0-1")
    foreign.wait_for("changed")


def test_without_a_refresher_clients_are_told_to_ask_by_themselves(running: System, listen: Listen) -> None:
    listener = listen(USER)
    listener.wait_for("state", TRUSTED)
    assert running.end("refresher") == 0
    listener.wait_for("state", UNTRUSTED)
    seen = len(listener.events)
    running.add(USER)
    running.start_refresher()
    listener.wait_for("state", TRUSTED, after=seen)
    listener.wait_for("changed", after=seen)


def test_before_any_leader_a_stream_is_open_and_says_that_it_hears_nothing(system: System, listen: Listen) -> None:
    system.start_web(workers=1)
    listener = listen(USER)
    listener.wait_for("state", UNTRUSTED)
    assert listener.events[0].id is None
    system.start_refresher()
    listener.wait_for("state", TRUSTED)
    listener.wait_for("changed")


def test_a_token_that_expires_ends_its_stream(system: System, listen: Listen) -> None:
    system.start_web(workers=1)
    listen(USER, ttl_seconds=2).wait_for_the_end("token-expired")


def refused(system: System, user: int) -> bool:
    with system.client(user) as client, client.stream("GET", EVENTS) as response:
        if response.status_code == 200:
            return False
        response.read()
        assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
        assert response.json()["type"] == "urn:frontview:problem:too-many-streams"
        return True


def test_there_is_room_for_so_many_and_a_place_is_free_again_when_a_client_is_gone(
    system: System, listen: Listen
) -> None:
    system.environment |= {"FRONTVIEW_EVENT_STREAMS": "3", "FRONTVIEW_EVENT_STREAMS_PER_USER": "2"}
    system.start_refresher()
    system.wait_for_views()
    system.start_web(workers=1)
    mine = [listen(USER), listen(USER)]
    assert refused(system, USER), "two a user"
    for listener in (*mine, listen(OTHER)):
        listener.wait_for("state", TRUSTED)
    assert refused(system, ANOTHER), "three in all"
    mine[0].cut()
    until(lambda: listen(ANOTHER).response.status_code == 200, "free place")


def test_requests_are_answered_while_every_place_is_taken(system: System, listen: Listen) -> None:
    places = 24
    system.environment |= {
        "FRONTVIEW_EVENT_STREAMS": str(places),
        "FRONTVIEW_EVENT_STREAMS_PER_USER": str(places),
        "FRONTVIEW_POOL_SIZE": "1",
    }
    system.start_refresher()
    system.wait_for_views()
    system.start_web(workers=1)
    listeners = [listen(USER) for _ in range(places)]
    assert refused(system, OTHER)

    def ask(_number: int) -> int:
        with system.client(OTHER) as client:
            return client.get(OVERVIEW).status_code

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(ask, range(40))) == {200}
    system.add(USER)
    for listener in listeners:
        listener.wait_for("changed")
        assert len(listener.named("end")) == 0


def test_another_user_is_nobodys_to_listen_to(system: System) -> None:
    system.start_web(workers=1)
    with system.client(USER) as client:
        answers = [client.get(EVENTS, params={"user_id": user}) for user in (OTHER, NOBODY)]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert len({answer.json()["detail"] for answer in answers}) == 1
