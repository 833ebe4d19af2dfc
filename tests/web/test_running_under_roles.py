"""The whole system with a login for each role: an ordinary owner migrated it, and is not there when it runs."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fix_app import BIN, ROOT, System
from tests.fix_postgres import NEUTRAL, Server
from tests.views_sql.roles_stage import Cast, cast
from tests.waiting import until

pytestmark = pytest.mark.proof  # each test starts processes

LOANS = "/api/v1/view/loans"
EXACT = {"Cache-Control": "no-cache"}
REFUSED = re.compile(r"\b42501\b|permission denied")
READS = (LOANS, "/api/v1/view/renewals", "/api/v1/view/account")


class Separated(System):
    """A system whose processes connect as logins of one role each; ``sql`` is the owner's."""

    def __init__(self, found: Cast, folder: Path) -> None:
        super().__init__(found.owner, folder, NEUTRAL)
        self.cast = found
        self.environment |= {"FRONTVIEW_LOG_FORMAT": "json", "FRONTVIEW_COVERAGE_SECONDS": "1"}

    def act_as(self, who: str) -> None:
        self.environment["FRONTVIEW_DATABASE_URL"] = self.cast.of(who)

    def run(self, who: str, *command: str) -> "subprocess.CompletedProcess[str]":
        self.act_as(who)
        return subprocess.run(
            [str(BIN / "frontview"), *command],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def refusals(self) -> list[str]:
        """Return the lines of every process that speak of missing rights."""
        lines = [line for path in self.folder.glob("*.log") for line in path.read_text().splitlines()]
        return [line for line in lines if REFUSED.search(line)]


@contextmanager
def separated_system(server: Server, folder: Path) -> Iterator[Separated]:
    with cast(server) as found:
        system = Separated(found, folder)
        NEUTRAL.fill(system.sql)
        yield system
        system.close()


@pytest.fixture
def separated(any_server: Server, tmp_path: Path) -> Iterator[Separated]:
    with separated_system(any_server, tmp_path) as system:
        yield system


@pytest.fixture(scope="module")
def running(any_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Separated]:
    """A system that runs, for all tests of this file that need none of their own."""
    with separated_system(any_server, tmp_path_factory.mktemp("running")) as system:
        system.act_as("refresher")
        system.start_refresher()
        system.wait_for_views()
        system.act_as("web")
        system.start_web(workers=1)
        yield system


def meta(client: httpx.Client, path: str = LOANS, **headers: str) -> dict[str, Any]:
    response = client.get(path, headers=headers)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()["meta"]
    return found


def test_reads_come_from_base_tables_views_and_cache(separated: Separated) -> None:
    separated.act_as("web")
    separated.start_web(workers=1)
    with separated.client(1) as client:
        assert {meta(client, path)["source"] for path in READS} == {"database"}
        separated.act_as("refresher")
        separated.start_refresher()
        separated.wait_for_views()
        for path in READS:
            until(
                lambda path=path: meta(client, path, **{"Cache-Control": "no-cache"})["source"] == "materialized_view",
                path,
            )
            until(lambda path=path: meta(client, path)["source"] == "cache", path)

        before = client.get(LOANS).json()["data"]["totals"]["loans"]
        separated.add(1)
        exact = client.get(LOANS, headers=EXACT).json()["data"]
        assert exact["totals"]["loans"] == before + 1
    assert separated.refusals() == []


def test_everything_the_refresher_does_is_done(running: Separated) -> None:
    watch = "SELECT sum(checks) FROM frontview.audit"
    until(lambda: (running.value(watch) or 0) > 0, "audit", seconds=30)
    horizons = "SELECT count(*) FROM frontview.view_state WHERE tier = 'recent' AND isfinite(first_day)"
    until(lambda: running.value(horizons) == 3, "horizons moved")
    running.add(1)
    refreshed = "SELECT count(*) FROM frontview.refresh_log WHERE outcome = 'refreshed'"
    until(lambda: running.value(refreshed) > 0, "concurrent refresh", seconds=30)
    until(lambda: running.value("SELECT count(*) FROM frontview.change_log") == 0, "pruned log", seconds=30)
    assert running.value(
        "SELECT count(*) FROM pg_stats WHERE schemaname = 'frontview' AND tablename = 'loans_1_recent'"
    )
    assert running.refusals() == []


def test_operators_ask_through_the_webs_role(running: Separated) -> None:
    with running.client(1) as client, running.cast.session("web") as web:
        until(lambda: meta(client)["source"] == "cache", "a hit")
        first = meta(client)["calculated_at"]
        web.execute("SELECT frontview.request_invalidation('shelf:*', 'an admin')")
        until(lambda: meta(client)["calculated_at"] != first, "the answer computed anew")
        task = web.execute("SELECT is_new FROM frontview.request_task('refresh', '{}', 'an admin')").fetchone()
        assert task == (True,)
        assert web.execute("SELECT asked_by FROM frontview.invalidation").fetchall() == [("an admin",)]
    assert running.refusals() == []


def test_status_doctor_and_audit_work_for_each_role(running: Separated) -> None:
    # a refresher's role need not read dashboards, nor a web's refresh
    for who, warnings in (("web", {"may refresh"}), ("refresher", {"may read"}), ("owner", set())):
        status = running.run(who, "status", "--json")
        assert status.returncode == 0, status.stderr
        assert json.loads(status.stdout)["watermark"]
        assert running.run(who, "status").returncode == 0

        found = {finding["subject"]: finding for finding in json.loads(running.run(who, "doctor", "--json").stdout)}
        assert {subject for subject, f in found.items() if f["outcome"] == "fail"} == set(), found
        assert {subject for subject, f in found.items() if f["outcome"] == "warn"} == warnings, found
    audit = running.run("refresher", "audit", "--all", "--json")
    assert audit.returncode == 0, audit.stderr
    assert json.loads(audit.stdout)["violations"] == 0


def test_alarms_are_raised_and_shown(running: Separated) -> None:
    running.sql.execute("ALTER TABLE loan DISABLE TRIGGER frontview_capture_loans_1_update")

    def shown() -> list[str]:
        body = httpx.get(f"http://127.0.0.1:{running.port}/readyz").json()
        return [alarm["kind"] for alarm in body["alarms"]]

    until(lambda: "uncaptured" in shown(), "alarm on /readyz", seconds=30)
    running.sql.execute("ALTER TABLE loan ENABLE ALWAYS TRIGGER frontview_capture_loans_1_update")
    assert running.refusals() == []
