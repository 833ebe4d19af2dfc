"""How often a user may send requests, and the answer to one too many."""

from collections.abc import Iterator
from dataclasses import replace
from threading import Thread

import pytest
from flask.testing import FlaskClient

from tests.web.web_fakes import HELD, HIT, FakeWorker, bearer, make_app
from web.http.openapi import READ_RESPONSES
from web.http.rate_limit import RateLimit

LOANS = "/api/v1/view/loans"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def taken(limit: RateLimit, user: int = 7, most: int = 1000) -> int:
    """Return how many requests get through one after another."""
    return next((count for count in range(most) if limit.take(user)), most)


def test_a_burst_gets_through_and_no_more(clock: Clock) -> None:
    assert taken(RateLimit(50, 200, monotonic=clock)) == 200


def test_tokens_come_back_at_the_rate_and_fill_the_bucket_at_most(clock: Clock) -> None:
    limit = RateLimit(50, 200, monotonic=clock)
    taken(limit)
    clock.now += 1.01
    assert taken(limit) == 50
    clock.now += 3600
    assert taken(limit) == 200


def test_who_waits_as_long_as_told_gets_through(clock: Clock) -> None:
    limit = RateLimit(0.5, 1, monotonic=clock)
    assert limit.take(7) == 0
    assert limit.take(7) == pytest.approx(2.0, rel=0.01)
    assert limit.take(7) == pytest.approx(2.0, rel=0.01), "a refused request takes nothing"
    clock.now += limit.take(7)
    assert limit.take(7) == 0


def test_users_have_buckets_of_their_own(clock: Clock) -> None:
    limit = RateLimit(1, 3, monotonic=clock)
    assert (taken(limit, 7), taken(limit, 8), taken(limit, 7)) == (3, 3, 0)


def test_zero_is_no_limit(clock: Clock) -> None:
    limit = RateLimit(0, 1, monotonic=clock)
    assert taken(limit) == 1000
    assert len(limit) == 0


def test_memory_is_bounded_and_the_least_recent_bucket_goes_first(clock: Clock) -> None:
    limit = RateLimit(1, 2, most_users=2, monotonic=clock)
    taken(limit, 1)
    limit.take(2)
    clock.now += 1
    limit.take(1)
    limit.take(3)

    assert len(limit) == 2
    assert taken(limit, 1) == 0, "kept, for it was used after 2"


def test_threads_together_get_no_more_than_the_burst(clock: Clock) -> None:
    limit, through = RateLimit(1, 500, monotonic=clock), []
    threads = [Thread(target=lambda: through.append(taken(limit))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(through) == 500


class TestOverHttp:
    @pytest.fixture
    def worker(self) -> FakeWorker:
        return FakeWorker()

    @pytest.fixture
    def client(self, worker: FakeWorker) -> Iterator[FlaskClient]:
        return make_app(worker, access_log=False, rate_limit_per_second=0.001, rate_limit_burst=3).test_client()

    def test_the_request_after_the_burst_is_a_429_that_says_when_to_come_back(self, client: FlaskClient) -> None:
        answers = [client.get(LOANS, headers=bearer(7)) for _ in range(4)]

        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        problem = answers[-1].get_json()
        assert problem["type"] == "urn:frontview:problem:too-many-requests"
        assert answers[-1].content_type == "application/problem+json"
        assert 990 < int(answers[-1].headers["Retry-After"]) <= 1000
        assert "7" not in problem["detail"]
        assert client.get(LOANS, headers=bearer(8)).status_code == 200

    def test_hits_before_flask_count_as_well_and_once_each(self, client: FlaskClient, worker: FakeWorker) -> None:
        worker.read_path.held = HELD
        headers = bearer(7)
        assert [client.get(LOANS, headers=headers).status_code for _ in range(4)] == [200, 200, 200, 429]
        assert len(worker.read_path.asked) == 1

    def test_a_request_that_the_layer_before_flask_passes_on_counts_once(
        self, client: FlaskClient, worker: FakeWorker
    ) -> None:
        headers = bearer(7)
        worker.read_path.outcome = replace(HIT, source="database")
        assert [client.get(LOANS, headers=headers).status_code for _ in range(4)] == [200, 200, 200, 429]
        assert len(worker.read_path.asked) == 3

    def test_nobody_is_counted_without_a_good_token(self, client: FlaskClient) -> None:
        for _ in range(10):
            assert client.get(LOANS, headers={"Authorization": "Bearer nonsense"}).status_code == 401
        assert client.get(LOANS, headers=bearer(7)).status_code == 200

    def test_what_is_wrong_with_a_request_does_not_make_it_free(self, client: FlaskClient) -> None:
        path = f"{LOANS}?nonsense=1"
        assert [client.get(path, headers=bearer(7)).status_code for _ in range(4)] == [422, 422, 422, 429]

    def test_an_admin_is_counted_as_who_asks(self, client: FlaskClient) -> None:
        for user in (1, 2, 3):
            assert client.get(f"{LOANS}?user_id={user}", headers=bearer(7, admin=True)).status_code == 200
        assert client.get(f"{LOANS}?user_id=4", headers=bearer(7, admin=True)).status_code == 429

    def test_health_is_not_limited(self, client: FlaskClient) -> None:
        assert {client.get("/healthz").status_code for _ in range(10)} == {200}

    def test_it_is_documented(self) -> None:
        assert "Retry-After" in READ_RESPONSES[429]["headers"]
