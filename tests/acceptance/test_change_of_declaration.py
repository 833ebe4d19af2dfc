"""A declaration is changed and taken back while workers and refresher run, under steady reads and writes."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.fix_app import ROOT, System
from tests.fix_postgres import Server
from tests.migrations.project_stage import Project, project
from tests.waiting import until

USERS = (1, 2)
EXACT = {"Cache-Control": "no-cache"}
ORDERS = "/api/v1/view/orders?granularity=total"
STALENESS_SECONDS = 1.0  # FRONTVIEW_TRUST_SECONDS, which these workers leave as it is.
FIRST = """
[user]
table = "Shop.User"

[view.orders]
table = "Shop.Order"
time = "createdAt"
dimensions = { country = "country" }
region = "shop"
[view.orders.measures]
orders = "count"
revenue = { sum = "total" }
middle = { percentile = "total", at = 0.5, live = true }

[view.visits]
table = "Shop.visit"
user = "visitor"
time = "day"
measures = { pages = { sum = "pages" } }

[region.shop]
max_entries = 7
"""
# Measures are dropped, one is new; a view goes, and one comes with a region of its own.
SECOND = """
[user]
table = "Shop.User"

[view.orders]
table = "Shop.Order"
time = "createdAt"
region = "shop"
[view.orders.measures]
orders = "count"
cheap = { count = true, where = "total < 10" }

[view.buyers]
table = "Shop.Order"
time = "createdAt"
region = "people"
measures = { buyers = { distinct = "email" } }

[region.shop]
max_entries = 9
[region.people]
"""
# Of the first one, only a function is another: its name, its tiers and its capture stay.
ONLY_READ = FIRST.replace("at = 0.5", "at = 0.9")
SHAPES = ({"orders", "revenue", "middle"}, {"orders", "cheap"})
SERVERS = {
    "granian": ("true", None),
    "granian without the front layer": ("false", None),
    "gunicorn": ("true", ["--config", str(ROOT / "deploy" / "gunicorn.conf.py"), "-w", "2"]),
}


@dataclass
class Load:
    """Writers and readers that go on until they are stopped; ``wrong`` has what no client may see."""

    system: System
    committed: dict[int, list[tuple[float, int]]] = field(default_factory=lambda: {user: [(0.0, 0)] for user in USERS})
    sent: dict[int, int] = field(default_factory=lambda: dict.fromkeys(USERS, 0))
    statuses: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        jobs = [threading.Thread(target=self._write)]
        jobs += [threading.Thread(target=self._read, args=(user, exact)) for user in USERS for exact in (True, False)]
        for job in jobs:
            job.start()
        try:
            yield
        finally:
            self.stopping.set()
            for job in jobs:
                job.join(30)

    def _write(self) -> None:
        with psycopg.connect(self.system.url, autocommit=True) as connection:
            number = 0
            while not self.stopping.wait(0.02):
                number += 1
                user = USERS[number % len(USERS)]
                self.sent[user] += 1
                connection.execute(
                    'INSERT INTO "Shop"."Order" ("customerId", "createdAt", country, total, email)'
                    " VALUES (%s, now(), 'DE', %s, %s)",
                    (user, number % 20, f"{number % 7}@example.org"),
                )
                self.committed[user].append((time.monotonic(), self.sent[user]))

    def _read(self, user: int, exact: bool) -> None:
        while not self.stopping.is_set():
            with self.system.client(user) as client:  # Another connection, perhaps to another worker.
                for _ in range(10):
                    self._ask(client, user, exact)

    def _ask(self, client: httpx.Client, user: int, exact: bool) -> None:
        arrived = time.monotonic()
        try:
            answer = client.get(ORDERS, headers=EXACT if exact else {})
        except httpx.HTTPError as error:
            self.wrong.append(f"{type(error).__name__}: {error}")
            return
        kind = answer.json().get("type", "")
        self.statuses[f"{answer.status_code} {kind}"] = self.statuses.get(f"{answer.status_code} {kind}", 0) + 1
        if answer.status_code == 503 and kind.endswith("declaration-changing") and "Retry-After" in answer.headers:
            return
        if answer.status_code != 200:
            self.wrong.append(answer.text)
            return
        totals = answer.json()["data"]["totals"]
        least_at = arrived - (0.0 if exact else STALENESS_SECONDS)
        least = max(count for at, count in list(self.committed[user]) if at <= least_at)
        if not least <= totals["orders"] <= self.sent[user] or set(totals) not in SHAPES:
            self.wrong.append(f"{totals} of user {user}, at least {least}, at most {self.sent[user]}")


@pytest.fixture(params=[pytest.param(it, marks=[pytest.mark.proof] if it != "granian" else []) for it in SERVERS])
def site(request: pytest.FixtureRequest, embedded_server: Server, tmp_path: Path) -> Iterator[tuple[Project, System]]:
    front_layer, gunicorn = SERVERS[request.param]
    folder = tmp_path / "project"
    folder.mkdir()
    with project(embedded_server, folder) as made:
        made.declare(FIRST)
        made.run("plan", "--write")
        made.run("migrate")
        made.c.execute('INSERT INTO "Shop"."User" (id) VALUES (1), (2)')
        made.c.execute('INSERT INTO "Shop".visit VALUES (1, current_date, 3)')
        system = System(made.url, tmp_path)
        system.environment["FRONTVIEW_FRONT_LAYER"] = front_layer
        try:
            system.start_refresher()
            system.wait_for_views()
            start(system, gunicorn)
            yield made, system
        finally:
            system.close()


def start(system: System, gunicorn: list[str] | None) -> None:
    if gunicorn is None:
        system.start_web()
        return
    pytest.importorskip("gunicorn")
    bind = f"127.0.0.1:{system.port}"
    system.start("web", sys.executable, "-m", "gunicorn", *gunicorn, "web.wsgi:app", "-b", bind)
    system.wait_for_web()


def everywhere(system: System, path: str, status: int, times: int = 12) -> None:
    """Wait until each worker answers with that status: many new connections in a row get it."""

    def so() -> bool:
        for _ in range(times):
            with system.client(1) as client:
                if client.get(path).status_code != status:
                    return False
        return True

    until(so, f"{status} from every worker for {path}; {system.log('web')}", seconds=20)


def told(system: System, path: str) -> Any:
    with system.client(1) as client:
        return client.get(path).json()


def served_from_views(system: System, path: str) -> None:
    def so() -> bool:
        with system.client(1) as client:
            return bool(client.get(path, headers=EXACT).json()["meta"]["source"] == "materialized_view")

    until(so, f"read of {path} from populated tiers; {system.log('refresher')}", seconds=30)


def test_processes_follow_a_declaration_that_changes_and_is_taken_back(site: tuple[Project, System]) -> None:
    shop, system = site
    everywhere(system, ORDERS, 200)
    load = Load(system)
    with load.running():
        for _ in range(2):
            shop.declare(SECOND)
            shop.run("plan", "--write")
            shop.run("migrate", "--wait", "30")
            everywhere(system, "/api/v1/view/buyers", 200)
            everywhere(system, "/api/v1/view/visits", 404)
            paths = told(system, "/openapi.json")["paths"]
            assert "/api/v1/view/buyers" in paths
            assert "/api/v1/view/visits" not in paths
            assert set(told(system, "/api/v1/application")["views"]) == {"orders", "buyers"}
            assert set(told(system, ORDERS)["data"]["totals"]) == SHAPES[1]
            served_from_views(system, "/api/v1/view/buyers")
            served_from_views(system, ORDERS)

            shop.run("migrate", "--back")
            everywhere(system, "/api/v1/view/visits", 200)
            everywhere(system, "/api/v1/view/buyers", 404)
            assert "/api/v1/view/buyers" not in told(system, "/openapi.json")["paths"]
            assert set(told(system, ORDERS)["data"]["totals"]) == SHAPES[0]
            served_from_views(system, "/api/v1/view/visits")
            for file in (shop.folder / "revisions").glob("*.py"):
                if "DECLARATION = 1\n" not in file.read_text():
                    file.unlink()
    assert load.wrong == []
    assert load.statuses.get("200 ", 0) > 100
    assert load.sent[1] > 50
    assert not system.log("refresher").count('"level": "error"')


def test_a_declaration_that_only_reads_in_another_way_fails_no_read(site: tuple[Project, System]) -> None:
    shop, system = site
    everywhere(system, ORDERS, 200)
    load = Load(system)
    before = told(system, "/api/v1/application")["declaration"]
    with load.running():
        shop.declare(ONLY_READ)
        assert "read function only" in shop.run("plan", "--write")
        shop.run("migrate", "--wait", "30")
        until(lambda: told(system, "/api/v1/application")["declaration"] != before, "the other declaration")
        time.sleep(STALENESS_SECONDS)
        reported = "SELECT DISTINCT w.statistics ->> 'declaration' FROM frontview.worker w"
        until(lambda: shop.rows(reported) == [("2",)], "reports that the other one is served", seconds=20)
    assert load.wrong == []
    assert set(load.statuses) == {"200 "}
