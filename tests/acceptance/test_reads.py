"""What a user gets over HTTP: exact or at most H old, labelled, the same from every source."""

import json
import signal
import time
from collections.abc import Callable
from datetime import date, timedelta

import httpx
import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.fix_app import BOTH_WAYS, System
from tests.waiting import until

pytestmark = [BOTH_WAYS, pytest.mark.every_change]

USER = 1
EXACT = {"Cache-Control": "no-cache"}
H_SECONDS = 1.0
OVERVIEW = "/api/v1/dashboard/overview"
AGENTS = "/api/v1/dashboard/agents"
QUESTIONS = [
    OVERVIEW,
    "/api/v1/dashboard/analytics?granularity=week",
    "/api/v1/dashboard/analytics?from=2026-01-01&to=2026-12-31&granularity=month&agent=1",
    AGENTS,
    f"{AGENTS}?agent=1&order=-calls",
    "/api/v1/dashboard/performance",
    "/api/v1/view/leads?group_by=agent&granularity=month",
]


def data_of(answer: httpx.Response) -> bytes:
    """The bytes of ``data``, as they came."""
    assert answer.status_code == 200, answer.text
    body, _, _ = answer.content.rpartition(b',"meta":')
    assert body.startswith(b'{"data":')
    return body


def source_of(answer: httpx.Response) -> str:
    return str(answer.json()["meta"]["source"])


def calculated_at(answer: httpx.Response) -> str:
    return str(answer.json()["meta"]["calculated_at"])


def all_time_calls(answer: httpx.Response) -> int:
    return int(answer.json()["data"]["calls"]["all_time"]["calls"])


def hit(client: httpx.Client, path: str) -> httpx.Response:
    """Ask until the front cache answers."""

    def ask() -> httpx.Response | None:
        answer = client.get(path)
        return answer if source_of(answer) == "cache" else None

    return until(ask, f"hit on {path}")


def fresh_hit(client: httpx.Client, path: str) -> httpx.Response:
    """Get a hit that includes earlier writes of other tests: no hit is older than an exact read."""
    assert client.get(path, headers=EXACT).status_code == 200
    return hit(client, path)


def test_each_of_the_three_sources_gives_the_same_bytes_and_says_which_it_was(system: System) -> None:
    system.start_web(workers=1)
    with system.client(USER) as client:
        from_base = [client.get(path, headers=EXACT) for path in QUESTIONS]
        system.start_refresher()
        system.wait_for_views()
        from_views = [client.get(path, headers=EXACT) for path in QUESTIONS]
        from_cache = [hit(client, path) for path in QUESTIONS]

    assert {source_of(answer) for answer in from_base} == {"database"}
    assert {source_of(answer) for answer in from_views} == {"materialized_view"}
    for base, view, cache in zip(from_base, from_views, from_cache, strict=True):
        assert data_of(base) == data_of(view) == data_of(cache)
        assert base.headers["ETag"] == view.headers["ETag"] == cache.headers["ETag"]


def test_an_exact_read_has_every_commit_and_a_cached_one_has_it_within_h(shared: System) -> None:
    with shared.client(USER) as exact, shared.client(USER) as cached:
        calls = all_time_calls(exact.get(OVERVIEW, headers=EXACT))
        hit(cached, OVERVIEW)
        for _ in range(40):
            shared.add(USER)
            committed = time.monotonic()
            calls += 1
            assert all_time_calls(exact.get(OVERVIEW, headers=EXACT)) == calls

            def has_it() -> bool:
                asked = time.monotonic()
                answer = cached.get(OVERVIEW)
                found = all_time_calls(answer) >= calls  # noqa: B023  called within this turn
                assert found or asked - committed <= H_SECONDS, answer.text  # noqa: B023
                return found

            until(has_it, "the call in a cached answer")
        assert hit(cached, OVERVIEW).json()["meta"]["age_seconds"] < 60


def test_both_workers_answer_and_agree(shared: System) -> None:
    shared.add(USER)
    answers = []
    for _ in range(20):
        with shared.client(USER) as client:  # a new connection, so either worker
            answers.append(client.get(OVERVIEW, headers=EXACT))
    assert len({data_of(answer) for answer in answers}) == 1


def test_analytics_of_a_closed_month_stay_cached_while_calls_of_today_arrive(shared: System) -> None:
    first, last = date.today() - timedelta(days=60), date.today() - timedelta(days=31)
    closed = f"/api/v1/dashboard/analytics?from={first}&to={last}"
    with shared.client(USER) as client:
        before = fresh_hit(client, closed)
        overview = fresh_hit(client, OVERVIEW)
        shared.add(USER)
        until(lambda: calculated_at(client.get(OVERVIEW)) != calculated_at(overview), "invalidation of the overview")
        after = client.get(closed)
        assert source_of(after) == "cache"
        assert calculated_at(after) == calculated_at(before)

        shared.add(USER, days_ago=40)
        until(lambda: data_of(client.get(closed)) != data_of(before), "the late call in the closed month")


def test_a_new_call_is_in_its_agents_row_and_in_the_last_number_of_its_sparkline(shared: System) -> None:
    with shared.client(USER) as client:
        before = fresh_hit(client, AGENTS).json()["data"]["agents"]["rows"]
        for row in before:
            assert (len(row["sparkline"]), sum(row["sparkline"])) == (30, row["calls"])

        shared.add(USER)
        now = client.get(AGENTS, headers=EXACT).json()["data"]["agents"]["rows"][0]
        assert sum(now["sparkline"]) == now["calls"] == before[0]["calls"] + 1
        until(lambda: hit(client, AGENTS).json()["data"]["agents"]["rows"][0] == now, "the call in the cached row")


def test_another_users_change_leaves_an_entry_alone(shared: System) -> None:
    bystander = 3  # of whom no other test writes: what is drained late is of somebody else too
    with shared.client(bystander) as one, shared.client(2) as two:
        before = fresh_hit(one, OVERVIEW)
        others = fresh_hit(two, OVERVIEW)
        shared.add(2)
        until(lambda: calculated_at(two.get(OVERVIEW)) != calculated_at(others), "invalidation of the other's overview")
        assert calculated_at(one.get(OVERVIEW)) == calculated_at(before)


def test_not_modified_when_the_data_is_the_same_and_200_when_it_is_not(shared: System) -> None:
    with shared.client(USER) as client:
        tag = client.get(OVERVIEW, headers=EXACT).headers["ETag"]  # which has what others wrote before
        again = client.get(OVERVIEW, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag

        shared.add(USER)
        changed = client.get(OVERVIEW, headers={"If-None-Match": tag, **EXACT})
        assert changed.status_code == 200
        assert changed.headers["ETag"] != tag


def test_a_large_answer_goes_out_as_gzip_to_who_takes_it_and_is_the_same_text(shared: System) -> None:
    day, before = date.today(), date.today() - timedelta(days=399)
    large = f"/api/v1/dashboard/analytics?from={before}&to={day}&granularity=day"
    with shared.client(USER) as client:
        assert client.get(large, headers=EXACT).status_code == 200  # which has what others wrote before
        for answer_to in (client.get, lambda path, **options: hit(client, path) and client.get(path, **options)):
            packed = answer_to(large, headers={"Accept-Encoding": "gzip"})
            plain = answer_to(large, headers={"Accept-Encoding": "identity"})
            assert data_of(packed) == data_of(plain)
            assert (packed.headers["Content-Encoding"], "Content-Encoding" in plain.headers) == ("gzip", False)
            assert packed.headers["Vary"] == plain.headers["Vary"] == "Authorization, Accept-Encoding"
            assert packed.num_bytes_downloaded * 5 < plain.num_bytes_downloaded == len(plain.content)


@pytest.mark.proof
def test_without_a_refresher_answers_are_exact_and_say_that_they_are_no_hits(running: System) -> None:
    with running.client(USER) as client:
        hit(client, OVERVIEW)
        running.end("refresher", signal.SIGKILL)
        until(lambda: source_of(client.get(OVERVIEW)) != "cache", "lapse of trust")
        running.add(USER)
        calls = running.value("SELECT count(*) FROM calls WHERE user_id = %s", USER)
        answer = client.get(OVERVIEW)
        assert all_time_calls(answer) == calls
        assert source_of(answer) == "materialized_view"
        assert answer.json()["meta"]["patched_days"] in (1, 2, 3)  # In a zone of one's own, the days beside it, too.
        assert client.get("/readyz").json()["trust"] is False

        running.start_refresher("another")
        hit(client, OVERVIEW)


@pytest.mark.proof
@pytest.mark.parametrize(
    "break_it",
    [
        "DROP MATERIALIZED VIEW frontview.calls_1_recent CASCADE",
        "REFRESH MATERIALIZED VIEW frontview.calls_1_recent WITH NO DATA",
    ],
)
def test_a_dropped_or_emptied_view_makes_answers_slower_never_wrong(system: System, break_it: str) -> None:
    system.start_refresher()
    system.wait_for_views()
    system.end("refresher")
    system.start_web(workers=1)
    with system.client(USER) as client:
        before = client.get(OVERVIEW, headers=EXACT)
        system.sql.execute(break_it.encode())
        after = client.get(OVERVIEW, headers=EXACT)
        assert data_of(after) == data_of(before)


@pytest.mark.proof
def test_a_database_that_is_gone_gives_503_and_answers_return_with_it(running: System) -> None:
    name = make_url(running.url).database
    with (
        psycopg.connect(
            make_url(running.url).set(database="postgres").render_as_string(False), autocommit=True
        ) as admin,
        running.client(USER) as client,
    ):
        hit(client, OVERVIEW)
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        answer = client.get(OVERVIEW, headers=EXACT)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "Traceback" not in answer.text
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200

        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
        until(lambda: client.get(OVERVIEW, headers=EXACT).status_code == 200, "answer again", seconds=20)
        hit(client, OVERVIEW)


def test_a_user_sees_only_their_own_data_and_an_admin_any(shared: System) -> None:
    with shared.client(USER) as user, shared.client(USER, admin=True) as admin:
        refusals = [user.get(OVERVIEW, params={"user_id": other}) for other in (2, 999_999)]
        assert [answer.status_code for answer in refusals] == [403, 403]
        shown = [json.loads(answer.content) for answer in refusals]
        for body in shown:
            body.pop("request_id")
        assert shown[0] == shown[1]
        assert admin.get(OVERVIEW, params={"user_id": 2}).json()["meta"]["user"]["id"] == 2
        assert admin.get(OVERVIEW, params={"user_id": 999_999}).status_code == 404
        assert user.get(f"{AGENTS}?agent=4").json()["data"] == {"agents": {"rows": []}}  # another user's agent


def test_sums_beyond_what_a_float_holds_stay_integers(shared: System) -> None:
    shared.add(USER, cents=2**62)
    shared.add(USER, cents=2**62)
    with shared.client(USER) as client:
        text = client.get(OVERVIEW, headers=EXACT).text
    total = shared.value("SELECT sum(cost_cents)::text FROM calls WHERE user_id = %s", USER)
    assert int(total) > 2**63
    assert f'"cost_cents":{total}' in text


@pytest.fixture
def deleted_user(shared: System) -> Callable[[], None]:
    return lambda: shared.sql.execute("DELETE FROM users WHERE id = 5") and None


def test_a_deleted_user_is_gone_from_cached_answers_about_closed_months_too(
    shared: System, deleted_user: Callable[[], None]
) -> None:
    closed = "/api/v1/dashboard/analytics?from=2020-01-01&to=2020-01-31"
    with shared.client(5) as client:
        hit(client, closed)
        deleted_user()
        until(lambda: client.get(closed).status_code == 404, "404")
