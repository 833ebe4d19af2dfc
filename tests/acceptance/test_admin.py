"""What operators do over HTTP and on the command line, to a system that runs: two workers and a leader."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from refresher.operator_tasks import LOST
from tests.acceptance.test_reads import OVERVIEW, fresh_hit, hit, source_of
from tests.fix_app import BIN, ROOT, System, filled_system
from tests.fix_postgres import Server
from tests.voice_stage import VOICE
from tests.waiting import until

ADMIN = 900
INVALIDATE = "/api/v1/admin/cache/invalidate"
WARM = "/api/v1/admin/cache/warm"
REFRESH = "/api/v1/admin/refresh"
STATS = "/api/v1/admin/stats"


def accepted(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def task_ended(admin: httpx.Client, path: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        answer = admin.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.json()["state"] == "ended" else None

    return dict(until(look, "end of the task", seconds=30))


def frontview(system: System, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "frontview", *arguments], env=system.environment, cwd=ROOT, capture_output=True, text=True, check=False
    )


def client_of_each_worker(system: System, user: int, opened: ExitStack) -> list[httpx.Client]:
    """Return keep-alive clients, one for each of two workers: a hit in one is none in the other."""
    with system.client(ADMIN, admin=True) as admin:
        for _ in range(50):
            accepted(admin.post(INVALIDATE, json={"user_id": user}))
            pair = [opened.enter_context(system.client(user)) for _ in range(2)]
            if {source_of(client.get("/api/v1/dashboard/performance")) for client in pair} == {"materialized_view"}:
                return pair
    raise AssertionError("every connection came to the same worker")


def test_two_workers_both_drop_what_was_invalidated_and_nothing_else(system: System) -> None:
    system.environment["FRONTVIEW_ADMIN_POSTS_PER_MINUTE"] = "1000"
    system.start_refresher()
    system.wait_for_views()
    system.start_web(workers=2)
    with ExitStack() as opened, system.client(2) as bystander, system.client(ADMIN, admin=True) as admin:
        clients = client_of_each_worker(system, 1, opened)
        before = [hit(client, OVERVIEW).json()["meta"]["calculated_at"] for client in clients]
        agents = [hit(client, "/api/v1/dashboard/agents").json()["meta"]["calculated_at"] for client in clients]
        others = hit(bystander, OVERVIEW).json()["meta"]["calculated_at"]

        done = accepted(admin.post(INVALIDATE, json={"pattern": "dashboard:user:1:overview"}))

        assert done["watermark"] is not None
        holds_from = tuple(map(int, done["watermark"].split("-")))
        for client, calculated_at in zip(clients, before, strict=True):

            def computed_anew() -> Any:
                meta = client.get(OVERVIEW).json()["meta"]  # noqa: B023  called within this turn
                return meta if meta["calculated_at"] != calculated_at else None  # noqa: B023

            meta = until(computed_anew, "an answer computed after the invalidation")
            assert tuple(map(int, meta["watermark"].split("-"))) >= holds_from
        assert [client.get("/api/v1/dashboard/agents").json()["meta"]["calculated_at"] for client in clients] == agents
        assert bystander.get(OVERVIEW).json()["meta"]["calculated_at"] == others


@pytest.fixture(scope="module")
def one_worker(embedded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A leader and one worker, for tests that look at nothing but what they ask for."""
    with filled_system(embedded_server, tmp_path_factory.mktemp("one-worker"), application=VOICE) as system:
        system.start_refresher()
        system.wait_for_views()
        system.start_web(workers=1)
        yield system


@pytest.mark.parametrize(
    ("body", "dropped"),
    [
        ({"user_id": 1}, {(1, OVERVIEW), (1, "/api/v1/dashboard/agents")}),
        ({"region": "agent"}, {(1, "/api/v1/dashboard/agents"), (2, "/api/v1/dashboard/agents")}),
        ({"pattern": "*:user:2:overview"}, {(2, OVERVIEW)}),
        ({"everything": True}, {(user, path) for user in (1, 2) for path in (OVERVIEW, "/api/v1/dashboard/agents")}),
    ],
    ids=["user", "region", "pattern", "everything"],
)
def test_each_way_of_invalidating_drops_what_it_names(
    one_worker: System, body: dict[str, Any], dropped: set[tuple[int, str]]
) -> None:
    entries = [(user, path) for user in (1, 2) for path in (OVERVIEW, "/api/v1/dashboard/agents")]
    log = one_worker.folder / "web.log"
    told_before = log.read_text().count('"event": "invalidated_by_hand"')
    with one_worker.client(ADMIN, admin=True) as admin:

        def calculated(entry: tuple[int, str]) -> str:
            user, path = entry
            return str(admin.get(f"{path}?user_id={user}").json()["meta"]["calculated_at"])

        before = {}
        for user, path in entries:
            before[user, path] = fresh_hit(admin, f"{path}?user_id={user}").json()["meta"]["calculated_at"]
        accepted(admin.post(INVALIDATE, json=body))
        until(lambda: all(calculated(entry) != before[entry] for entry in dropped), "fresh answers")
        assert {entry for entry in entries if calculated(entry) != before[entry]} == dropped
        # asked again it is another one, and harmless
        first, second = (accepted(admin.post(INVALIDATE, json=body)) for _ in range(2))
        assert first["invalidation_id"] != second["invalidation_id"]

        by_hand = admin.get(STATS).json()["invalidations"]["by_hand"]
        assert [row["invalidation_id"] for row in by_hand][:2] == [second["invalidation_id"], first["invalidation_id"]]
        assert {row["asked_by"] for row in by_hand} == {str(ADMIN)}
    assert log.read_text().count('"event": "invalidated_by_hand"') > told_before


def test_without_a_leader_an_invalidation_waits_and_holds_with_the_next(system: System) -> None:
    system.start_web(workers=1)
    with system.client(ADMIN, admin=True) as admin:
        waiting = accepted(admin.post(INVALIDATE, json={"everything": True}))
        assert waiting["watermark"] is None
        system.start_refresher()
        fed = "SELECT drain_id FROM frontview.invalidation WHERE invalidation_id = %s"
        until(lambda: system.value(fed, waiting["invalidation_id"]), "drain", seconds=30)


def test_a_refresh_by_hand_is_done_logged_and_told(running: System) -> None:
    with running.client(ADMIN, admin=True) as admin:
        settled = running.value("SELECT max(refresh_id) FROM frontview.refresh_log WHERE view = 'agents_1'")
        asked = accepted(admin.post(REFRESH, json={"view": "agents_1"}))
        assert not asked["already_waiting"]
        ended = task_ended(admin, asked["task"])
    assert ended["outcome"] == "refreshed"
    assert (ended["asked_by"], ended["argument"]) == (str(ADMIN), {"view": "agents_1"})
    assert ended["asked_at"] <= ended["started_at"] <= ended["ended_at"]
    logged = "SELECT outcome FROM frontview.refresh_log WHERE view = 'agents_1' AND refresh_id > %s"
    assert running.value(logged, settled) == "refreshed"
    lines = [json.loads(line) for line in (running.folder / "web.log").read_text().splitlines() if line[:1] == "{"]
    (action,) = [line for line in lines if line["event"] == "admin_action" and line["action"] == "refresh"]
    assert (action["asked_by"], action["outcome"], action["view"]) == (str(ADMIN), "accepted", "agents_1")


def test_what_waits_is_asked_for_once_and_a_leader_that_comes_does_it(system: System) -> None:
    system.start_web(workers=2)
    with system.client(ADMIN, admin=True) as admin, system.client(901, admin=True) as other:
        first = accepted(admin.post(REFRESH, json={"view": "calls_1"}))
        second = accepted(other.post(REFRESH, json={"view": "calls_1"}))
        assert (second["task_id"], second["already_waiting"]) == (first["task_id"], True)
        assert admin.get(first["task"]).json()["state"] == "waiting"
        system.start_refresher()
        assert task_ended(admin, first["task"])["outcome"] in ("populated", "refreshed", "moved")


def test_an_unknown_view_and_an_unknown_task_are_404(one_worker: System) -> None:
    with one_worker.client(ADMIN, admin=True) as admin:
        for view in ("nothing", "calls_1; DROP TABLE users", "no\x00thing", "Ünbekannt"):
            answer = admin.post(REFRESH, json={"view": view})
            assert answer.status_code == 404, answer.text
            assert "calls_1" in answer.json()["detail"]
        assert admin.get("/api/v1/admin/tasks/9223372036854775807").status_code == 404


def test_users_to_warm_are_queued_each_once(system: System) -> None:
    system.start_web(workers=1)
    with system.client(ADMIN, admin=True) as admin:
        one = accepted(admin.post(WARM, json={"user_ids": [3, 1, 2, 1]}))
        assert one["queued"] == {"user_ids": [1, 2, 3]}
        (task,) = one["tasks"]
        assert admin.get(task["task"]).json()["argument"] == {"user_ids": [1, 2, 3]}
        again = accepted(admin.post(WARM, json={"user_ids": [1, 2, 3]}))
        assert again["tasks"] == [task | {"already_waiting": True}]
        largest = [2**63 - 1 - n for n in range(1000)]
        many = accepted(admin.post(WARM, json={"user_ids": largest}))
        assert many["queued"] == {"user_ids": sorted(largest)}
        queued = [admin.get(it["task"]).json()["argument"]["user_ids"] for it in many["tasks"]]
        assert sorted(user for users in queued for user in users) == sorted(largest)
        active = accepted(admin.post(WARM, json={"most_active": 100}))
        assert active["queued"] == {"most_active": 100}


def test_stats_tell_every_worker_its_caches_and_who_answered(running: System) -> None:
    with running.client(ADMIN, admin=True) as admin, running.client(1) as client:
        hit(client, OVERVIEW)
        hit(client, OVERVIEW)

        def both() -> dict[str, Any] | None:
            stats = admin.get(STATS).json()
            known = stats["sources"]["cache"] >= 2 and len(stats["workers"]) == 2
            return stats if known else None

        stats = until(both, "reports of both workers", seconds=30)
        assert {row["statistics"]["pid"] for row in stats["workers"]} == {row["pid"] for row in stats["workers"]}
        assert stats["sources"]["materialized_view"] >= 1
        (region,) = [row for row in stats["regions"] if row["region"] == "dashboard"]
        assert region["hits"] >= 2
        assert 0 < region["hit_ratio"] < 1
        assert stats["leader"]["application_name"] == "frontview-refresher-drain"
        assert {row["view"] for row in stats["views"]} >= {"calls_1", "agents_1"}
        assert stats["refreshes"]

        told = json.loads(frontview(running, "stats", "--json").stdout)
        assert set(told) == set(stats)
        shown = frontview(running, "stats")
        assert shown.returncode == 0, shown.stderr
        for words in ("Answers: ", "Workers", "hit ratio", "Warm plan"):
            assert words in shown.stdout


def test_a_worker_that_has_gone_is_forgotten(running: System) -> None:
    workers = "SELECT count(*) FROM frontview.worker"
    until(lambda: running.value(workers) == 2, "reports")
    running.end("web")
    running.sql.execute("UPDATE frontview.worker SET seen_at = seen_at - interval '961 seconds'")
    until(lambda: running.value(workers) == 0, "end of their rows", seconds=30)


def test_the_command_line_invalidates_and_refreshes(running: System) -> None:
    with running.client(1) as client:
        before = hit(client, OVERVIEW).json()["meta"]["calculated_at"]
        done = frontview(running, "invalidate", "--user", "1", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["watermark"] is not None
        until(lambda: client.get(OVERVIEW).json()["meta"]["calculated_at"] != before, "a fresh answer")

    refreshed = frontview(running, "refresh", "agents_1", "--wait", "--json")
    assert refreshed.returncode == 0, refreshed.stderr
    assert json.loads(refreshed.stdout)["outcome"] == "refreshed"
    assert running.value("SELECT DISTINCT asked_by FROM frontview.invalidation").startswith("cli:")
    assert running.value("SELECT DISTINCT asked_by FROM frontview.operator_task").startswith("cli:")


def test_a_task_of_a_leader_that_was_killed_is_done_by_the_next(system: System) -> None:
    system.start_refresher()
    system.wait_for_views()
    system.sql.execute("CREATE TABLE held (it int)")
    system.sql.execute(
        "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN LOCK TABLE public.held; RETURN NEW; END';"
        "CREATE TRIGGER hold BEFORE UPDATE OF through ON frontview.view_state FOR EACH ROW EXECUTE FUNCTION hold()"
    )
    with system.sql.transaction():
        system.sql.execute("LOCK TABLE held")
        frontview(system, "refresh", "agents_1")
        begun = "SELECT started_at FROM frontview.operator_task"
        started = until(lambda: system.value(begun), "begin of the task")
        system.end("refresher", signal.SIGKILL)
    system.start_refresher("second")
    ended = "SELECT outcome FROM frontview.operator_task WHERE ended_at IS NOT NULL"
    outcome = until(lambda: system.value(ended), "end of the task", seconds=30)
    assert outcome in ("refreshed", "busy"), outcome
    assert outcome != LOST
    assert system.value(begun) > started
