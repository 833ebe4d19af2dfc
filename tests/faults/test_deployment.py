"""A deployment runs as a whole, and each part can be disturbed on its own."""

import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.deployment.clock import clock_faults_unavailable
from tests.faults.deployment.cluster import Cluster
from tests.faults.deployment.deployment import Deployment
from tests.faults.deployment.process import Process
from tests.faults.record import encoding
from tests.waiting import until
from web.auth.tokens import issue_token

HOUR = 3600
ANALYTICS = "/api/v1/dashboard/analytics"
READS_WAITING = """
SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND l.relation = 'frontview.change_log'::regclass AND a.application_name = 'frontview-web'
"""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    # without warming every read of a worker is one that a test has asked for
    settings = {"FRONTVIEW_WARMING_ENABLED": "false"}
    deployment = Deployment(tmp_path_factory.mktemp("deployment"), workers=1, settings=settings)
    try:
        deployment.start()
        deployment.add_users(3)
        yield deployment
    finally:
        deployment.close()


@pytest.fixture
def healthy(deployment: Deployment) -> Deployment:
    until(deployment.converged, "convergence", seconds=30)
    return deployment


def ask(deployment: Deployment, user: int, **arguments: Any) -> httpx.Response:
    token = issue_token(deployment.secret, user, False, HOUR)
    window = {"from": str(deployment.window[0]), "to": str(deployment.window[-1]), "granularity": "day"}
    return httpx.get(
        deployment.worker_urls["worker-1"] + ANALYTICS,
        params=window,
        headers={"Authorization": f"Bearer {token}", "Cache-Control": "no-cache"},
        **arguments,
    )


def costs(deployment: Deployment, user: int) -> list[int]:
    return [day["cost_cents"] for day in ask(deployment, user, timeout=10).json()["data"]["series"]["rows"]]


def users(deployment: Deployment) -> list[int]:
    with deployment.connect() as connection:
        return [row[0] for row in connection.execute("SELECT id FROM users ORDER BY id").fetchall()]


def test_each_user_has_the_tag_on_each_day_of_the_window(healthy: Deployment) -> None:
    for user in users(healthy):
        assert costs(healthy, user) == [encoding.tag(user)] * encoding.DAYS


def test_the_leader_and_every_backend_are_known_by_name(healthy: Deployment) -> None:
    leader = healthy.leader()
    assert leader in healthy.refreshers
    with healthy.connect() as connection:
        names = dict(connection.execute("SELECT pid, application_name FROM pg_stat_activity").fetchall())
    drains = {name: healthy.backends(name, "%drain") for name in healthy.refreshers}
    assert all(len(pids) == 1 for pids in drains.values())
    assert {names[pid] for pid in healthy.backends("worker-1")} == {"frontview-web", "frontview-feed"}


def test_another_refresher_leads_when_the_leader_is_killed(healthy: Deployment) -> None:
    dead = healthy.leader()
    assert dead is not None
    healthy.refreshers[dead].kill()
    assert not healthy.refreshers[dead].alive
    assert until(lambda: (healthy.leader() or dead) != dead and healthy.leader(), "other leader") != dead
    healthy.refreshers[dead].start()


def test_a_pause_stops_a_worker_with_all_its_children(healthy: Deployment) -> None:
    worker = healthy.workers["worker-1"]
    assert len(worker.pids()) > 1
    worker.pause()
    with pytest.raises(httpx.TimeoutException):
        ask(healthy, 1, timeout=0.5)
    worker.resume()
    until(lambda: healthy.trusted("worker-1"), "trust")


def test_what_was_committed_survives_a_crash_of_the_server(healthy: Deployment) -> None:
    port, before = healthy.cluster.port, {user: costs(healthy, user) for user in users(healthy)}
    healthy.cluster.restart("immediate")
    assert healthy.cluster.port == port
    assert "not properly shut down" in healthy.cluster.log()
    until(healthy.converged, "convergence", seconds=30)
    assert {user: costs(healthy, user) for user in users(healthy)} == before


def test_a_killed_backend_makes_the_server_recover(healthy: Deployment) -> None:
    recovered = healthy.cluster.log().count("all server processes terminated; reinitializing")
    healthy.cluster.signal_backend(healthy.backends("worker-1", "%feed")[0], signal.SIGKILL)
    until(
        lambda: healthy.cluster.log().count("all server processes terminated; reinitializing") > recovered, "recovery"
    )
    healthy.cluster.wait_until_ready()
    until(healthy.converged, "convergence", seconds=30)


def test_an_untrusted_worker_is_no_convergence(healthy: Deployment) -> None:
    healthy.links["worker-1"].silence()
    until(lambda: not healthy.converged(), "loss of trust")
    healthy.links["worker-1"].heal()
    until(healthy.converged, "convergence", seconds=30)


def test_a_worker_ends_politely(healthy: Deployment) -> None:
    worker = healthy.workers["worker-1"]
    assert worker.rss_bytes() > 20_000_000
    assert worker.terminate() == 0
    assert worker.rss_bytes() == 0
    worker.start()


@pytest.mark.parametrize(
    ("number", "told"), [(signal.SIGTERM, "Shutting down"), (signal.SIGHUP, "HUP signal received")]
)
def test_a_request_that_a_worker_has_begun_is_answered_before_it_ends(
    healthy: Deployment, number: int, told: str
) -> None:
    worker = healthy.workers["worker-1"]
    before, heard = set(worker.pids()), worker.log().count(told)
    with ThreadPoolExecutor(1) as threads, healthy.connect() as observer, healthy.connect() as holder:
        holder.execute("BEGIN; LOCK TABLE frontview.change_log IN ACCESS EXCLUSIVE MODE")
        answer = threads.submit(ask, healthy, 1, timeout=10)
        until(lambda: observer.execute(READS_WAITING).fetchone() == (1,), "read that waits for the change log")
        worker.signal(number)
        until(lambda: worker.log().count(told) > heard, "word of the signal")
        assert not answer.done()
        holder.rollback()
        assert answer.result().status_code == 200
    until(lambda: not (before - {worker.pid}) & set(worker.pids()), "end of the old processes", seconds=20)
    if number == signal.SIGTERM:
        until(lambda: not worker.alive, "end of the worker")
        worker.start()


def test_settings_of_the_server_change_while_it_runs(healthy: Deployment) -> None:
    healthy.cluster.configure(work_mem="5MB")
    with healthy.connect() as connection:
        shown = "SELECT current_setting('work_mem')"
        until(lambda: connection.execute(shown).fetchone() == ("5MB",), "new setting")


SHOWS_TIME = """
import threading, time
while True:
    began = time.monotonic()
    condition = threading.Condition()
    with condition:
        condition.wait(0.2)
    print(time.time(), time.monotonic() - began, flush=True)
"""


@pytest.fixture
def wristwatch(tmp_path: Path) -> Iterator[Process]:
    if reason := clock_faults_unavailable():
        pytest.skip(reason)
    process = Process("wristwatch", [sys.executable, "-c", SHOWS_TIME], {}, tmp_path, fake_clock=True)
    process.start()
    yield process
    process.close()


@pytest.mark.parametrize("hours", [1, -1])
def test_a_shifted_process_tells_another_time_and_waits_as_long(wristwatch: Process, hours: int) -> None:
    until(wristwatch.log, "line")
    wristwatch.shift_clock(hours * HOUR)

    def shifted() -> bool:
        shown = float(wristwatch.log().splitlines()[-1].split()[0])
        return abs(shown - time.time() - hours * HOUR) < 60

    until(shifted, "shifted time")
    waits = [float(line.split()[1]) for line in wristwatch.log().splitlines()]
    assert all(0.19 < seconds < 60 for seconds in waits)


def test_a_shifted_server_tells_another_time_and_sleeps_as_long(tmp_path: Path) -> None:
    if reason := clock_faults_unavailable():
        pytest.skip(reason)
    cluster = Cluster(tmp_path, fake_clock=True)
    try:
        cluster.start()
        with cluster.connect("postgres") as connection:
            cluster.shift_clock(-HOUR)
            row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
            assert row is not None
            assert abs(row[0] - time.time() + HOUR) < 60
            began = time.monotonic()
            connection.execute("SELECT pg_sleep(0.2)")
            assert 0.19 < time.monotonic() - began < 60
    finally:
        cluster.close()


def test_nothing_of_a_process_outlives_it(tmp_path: Path) -> None:
    parent = Process("parent", ["sh", "-c", "sleep 60 & sleep 60"], {"PATH": "/usr/bin:/bin"}, tmp_path)
    parent.start()
    until(lambda: len(parent.pids()) == 3, "children")
    parent.close()
    assert parent.pids() == []


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, settings={"max_connections": "none"})
    with pytest.raises(AssertionError, match="max_connections"):
        cluster.start()
    cluster.close()
