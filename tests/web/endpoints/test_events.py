"""The endpoint of events: who may listen, to whom, how many, and what it answers."""

import pytest
from flask import Response
from flask.testing import EnvironBuilder

from refresher.front_cache.feed import Position
from tests.refresher.front_cache.cache_fakes import Clock, Feed, changed, make_cache
from tests.web.web_fakes import FakeWorker, bearer, make_app
from web.endpoints.events import missed_something
from web.process.event_hub import EventHub

EVENTS = "/api/v1/dashboard/events"
BRIEF = {"event_stream_seconds": 0.01}


@pytest.fixture
def worker() -> FakeWorker:
    return FakeWorker()


def ask(worker: FakeWorker, path: str = EVENTS, user: int = 7, *, admin: bool = False, **headers: str):
    client = make_app(worker, **BRIEF).test_client()
    return client.get(path, headers=bearer(user, admin=admin) | headers, buffered=True)


def test_a_stream_is_answered_with_headers_that_nobody_keeps_or_holds_back(worker):
    response = ask(worker)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store, no-transform"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["Vary"] == "Authorization"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Length" not in response.headers
    assert response.text.startswith('retry: 2000\n\nevent: state\ndata: {"cache": "untrusted"}\n\n')
    assert response.text.endswith('event: end\ndata: {"reason": "longest-life"}\n\n')


def test_a_place_is_given_back_when_the_stream_is_over_and_when_its_client_is_gone(worker):
    ask(worker)
    assert worker.event_hub.statistics().open == 0
    response = make_app(worker).test_client().get(EVENTS, headers=bearer())
    assert worker.event_hub.statistics().open == 1
    response.close()
    assert worker.event_hub.statistics().open == 0


def test_a_place_is_given_back_though_nothing_was_sent(worker):
    app = make_app(worker)
    calls = []
    body = app.wsgi_app(_environ(app), lambda *started: calls.append(started))
    assert worker.event_hub.statistics().open == 1
    body.close()
    assert worker.event_hub.statistics().open == 0


def _environ(app):
    return EnvironBuilder(app, EVENTS, headers=bearer()).get_environ()


@pytest.mark.parametrize("when", ["in the view", "after it"])
def test_a_place_is_given_back_when_something_fails(worker, monkeypatch, when):
    app = make_app(worker)
    if when == "in the view":
        monkeypatch.setattr("web.endpoints.events.missed_something", lambda *_: 1 / 0)
    else:

        def fail(_response: Response) -> Response:
            raise ZeroDivisionError

        app.after_request(fail)
    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    try:
        assert app.test_client().get(EVENTS, headers=bearer()).status_code == 500
    except ZeroDivisionError:  # raised again while the 500 was finished
        assert when == "after it"
    assert worker.event_hub.statistics().opened == 1
    assert worker.event_hub.statistics().open == 0


def test_head_opens_no_stream(worker):
    response = make_app(worker).test_client().head(EVENTS, headers=bearer())
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.data == b""
    assert worker.event_hub.statistics().opened == 0


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [(f"{EVENTS}?user_id=8", 403, "not-yours"), (f"{EVENTS}?user_id=x", 422, "invalid-parameters"),
     (f"{EVENTS}?since=1", 422, "invalid-parameters")],
)  # fmt: skip
def test_what_may_not_be_asked_takes_no_place(worker, path, status, kind):
    response = ask(worker, path)
    assert response.status_code == status
    assert response.json["type"].endswith(kind)
    assert worker.event_hub.statistics().opened == 0


def test_without_a_token_there_is_no_stream(worker):
    response = make_app(worker).test_client().get(EVENTS)
    assert response.status_code == 401
    assert worker.event_hub.statistics().opened == 0


def test_an_admin_may_listen_to_anybody(worker):
    subscribed = []

    class Watched(EventHub):
        def subscribe(self, caller, user):
            subscribed.append((caller, user))
            return super().subscribe(caller, user)

    worker.event_hub = Watched(4, 2)
    assert ask(worker, f"{EVENTS}?user_id=8", user=1, admin=True).status_code == 200
    assert subscribed == [(1, 8)]


def test_beyond_the_bound_clients_are_told_when_to_ask_again(worker):
    for _ in range(2):
        worker.event_hub.subscribe(7, 7)
    response = ask(worker)
    assert response.status_code == 503
    assert response.content_type == "application/problem+json"
    assert response.json["type"] == "urn:frontview:problem:too-many-streams"
    assert response.headers["Retry-After"] == "30"
    assert ask(worker, user=8).status_code == 200


def test_it_counts_against_the_users_rate(worker):
    client = make_app(worker, rate_limit_per_second=0.001, rate_limit_burst=1, **BRIEF).test_client()
    assert [client.get(EVENTS, headers=bearer(), buffered=True).status_code for _ in range(2)] == [200, 429]


def test_a_token_that_ends_ends_the_stream(worker):
    response = make_app(worker).test_client().get(EVENTS, headers=bearer(ttl_seconds=-2))
    assert response.text.endswith('data: {"reason": "token-expired"}\n\n'), "within the leeway, and over"


def test_a_stream_asked_for_while_the_process_ends_is_over_at_once(worker):
    worker.event_hub.stop()
    response = make_app(worker).test_client().get(EVENTS, headers=bearer())
    assert response.text.endswith('data: {"reason": "stopping"}\n\n')


class TestMissed:
    """Decided from the feed as this process remembers it."""

    @pytest.fixture
    def feed(self) -> Feed:
        clock = Clock()
        feed = Feed(make_cache(clock), clock, drain_id=100)
        feed.apply(changed(105, user=7), changed(110, user=8))
        return feed

    @pytest.mark.parametrize(
        ("last_event_id", "missed"),
        [
            (None, False),
            ("1-104", True),
            ("1-105", False),
            ("1-110", False),
            ("1-111", True),
            ("1-100", True),
            ("1-99", True),
            ("2-105", True),
            ("0-105", True),
            ("", True),
            ("x", True),
            ("1-105-1", True),
            ("01-105", True),
            ("1-١٠٥", True),
            (f"1-{'9' * 30}", True),
        ],
    )
    def test_what_came_after_the_last_id(self, feed: Feed, last_event_id: str | None, missed: bool) -> None:
        assert missed_something(feed.cache, 7, last_event_id) is missed

    def test_other_users_changes_are_none_and_everybodys_are(self, feed: Feed) -> None:
        assert not missed_something(feed.cache, 9, "1-100")
        feed.apply(changed(120, user=None))
        assert missed_something(feed.cache, 9, "1-110")
        assert not missed_something(feed.cache, 9, "1-120")

    def test_after_a_flush_and_before_the_feed_is_read_everything_may_have_changed(self, feed: Feed) -> None:
        feed.apply(changed(130, user=8), reconnected=True)
        assert missed_something(feed.cache, 7, "1-129")
        assert not missed_something(feed.cache, 7, "1-130")
        feed.cache.flush("failure")
        assert missed_something(feed.cache, 7, "1-130")

    def test_a_client_that_comes_back_is_told(self, feed: Feed) -> None:
        worker = FakeWorker(cache=feed.cache)
        worker.event_hub.position = Position(1, 99, 110)
        assert "event: changed\nid: 1-110\ndata: {}\n\n" in ask(worker, **{"Last-Event-ID": "1-104"}).text
        assert "event: changed" not in ask(worker, **{"Last-Event-ID": "1-105"}).text
