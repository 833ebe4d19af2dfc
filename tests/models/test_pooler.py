"""Reads through a real PgBouncer in transaction mode: right, limited in time, and leaving nothing behind."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from models.engine import make_engine
from tests.acceptance.test_reads import EXACT, data_of, hit, source_of
from tests.faults.deployment.binaries import run_as
from tests.faults.deployment.cluster import Cluster
from tests.faults.deployment.ports import stable_port
from tests.fix_app import BIN, ROOT, SECRET, System
from tests.fix_postgres import NEUTRAL
from tests.neutral import application as neutral
from tests.waiting import until

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="this machine has no pgbouncer")
USERS = 5
LOANS = "/api/v1/view/loans?from=2026-01-01"
QUESTIONS = (LOANS, "/api/v1/view/renewals", "/api/v1/view/account")
SESSIONS = 3  # fewer than reads at once, so that they are handed around


def loans_of(answer: httpx.Response) -> int:
    loans: int = answer.json()["data"]["totals"]["loans"]
    return loans


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    cluster.start()
    with cluster.connect("postgres") as connection:
        connection.execute("CREATE DATABASE frontview")
        connection.execute("ALTER DATABASE frontview SET timezone = 'Asia/Tokyo'")
    neutral.install(cluster.url())
    with cluster.connect() as connection:
        neutral.fill(connection, USERS)
    yield cluster
    cluster.close()


class Pooler:
    """Starts poolers with our example of a configuration; further settings win over it."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster, self._folder = cluster, folder
        self.running: list[subprocess.Popen[bytes]] = []

    def __call__(self, **settings: str) -> str:
        """Start one; return the URL of the database through it."""
        port = stable_port()
        own = {"listen_port": str(port), "auth_type": "any", "default_pool_size": str(SESSIONS), **settings}
        own["frontview"] = f"host=127.0.0.1 port={self._cluster.port} dbname=frontview user=postgres"
        path = Path(f"/tmp/frontview-pooler-{port}.ini")  # noqa: S108  readable for whom it runs as
        path.write_text(with_settings((ROOT / "deploy" / "pgbouncer.ini").read_text(), own))
        with (self._folder / f"pooler-{port}.log").open("ab") as log:
            self.running.append(subprocess.Popen([str(PGBOUNCER), path], cwd="/", stdout=log, stderr=log, **run_as()))
        url = self._cluster.url(port=port)
        until(lambda: answers(url), "answer of the pooler")
        path.unlink()
        return url


@pytest.fixture
def pooler(cluster: Cluster, tmp_path: Path) -> Iterator[Pooler]:
    pooler = Pooler(cluster, tmp_path)
    yield pooler
    for process in pooler.running:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(10)


def with_settings(text: str, settings: dict[str, str]) -> str:
    """A section that is there twice loses what its first part said, so lines are replaced."""
    for name, value in settings.items():
        line = f"{name} = {value}"
        text, found = re.subn(rf"^{name} = .*$", line, text, flags=re.MULTILINE)
        text = text if found else f"{text}{line}\n"
    return text


def answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def pooled(cluster: Cluster, pooler: Pooler, tmp_path: Path) -> Iterator[System]:
    """A system whose reads go through the pool and whose other connections go around it."""
    system = System(cluster.url(), tmp_path, NEUTRAL)
    system.environment |= {
        "FRONTVIEW_DATABASE_URL": pooler(),
        "FRONTVIEW_DIRECT_URL": cluster.url(),
        "FRONTVIEW_STATEMENT_TIMEOUT_SECONDS": "2",
    }
    yield system
    system.close()


def test_reads_from_every_source_are_the_same_bytes_as_without_the_pooler(pooled: System) -> None:
    pooled.start_web(workers=1)
    with pooled.client(1) as client:
        from_base = [client.get(path, headers=EXACT) for path in QUESTIONS]
        pooled.start_refresher()
        pooled.wait_for_views()
        from_views = [client.get(path, headers=EXACT) for path in QUESTIONS]
        from_cache = [hit(client, path) for path in QUESTIONS]
    pooled.end("web")
    del pooled.environment["FRONTVIEW_DIRECT_URL"]
    pooled.environment["FRONTVIEW_DATABASE_URL"] = pooled.url
    pooled.start_web(workers=1)
    with pooled.client(1) as client:
        direct = [client.get(path, headers=EXACT) for path in QUESTIONS]
    assert {source_of(answer) for answer in from_base} <= {"database", "materialized_view"}
    assert {source_of(answer) for answer in from_views} == {"materialized_view"}
    for answers_of_one in zip(from_base, from_views, from_cache, direct, strict=True):
        assert len({data_of(answer) for answer in answers_of_one}) == 1


def test_every_exact_read_has_its_writers_last_commit_while_sessions_are_handed_around(pooled: System) -> None:
    pooled.start_refresher()
    pooled.wait_for_views()
    pooled.start_web(workers=2)

    def write_and_read(user: int) -> set[str]:
        sources = set()
        with psycopg.connect(pooled.url, autocommit=True) as sql, pooled.client(user) as client:
            loans = loans_of(client.get(LOANS, headers=EXACT))
            for _ in range(40):
                neutral.lend(sql, user)
                loans += 1
                exact = client.get(LOANS, headers=EXACT)
                assert loans_of(exact) == loans
                cached = client.get(LOANS)
                assert loans_of(cached) <= loans
                sources |= {source_of(exact), source_of(cached)}
            sources.add(source_of(hit(client, LOANS)))
        return sources

    with ThreadPoolExecutor(USERS) as threads:
        sources = set().union(*threads.map(write_and_read, range(1, USERS + 1)))
    assert {"cache", "materialized_view"} <= sources
    readers = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'frontview-web'"
    assert 0 < pooled.value(readers) <= SESSIONS
    assert "view_failed" not in pooled.log("web")


def test_a_read_that_takes_too_long_is_ended_by_the_server(cluster: Cluster, pooled: System) -> None:
    pooled.start_web(workers=1)
    with psycopg.connect(pooled.url) as holder, pooled.client(1) as client:
        holder.execute("LOCK TABLE loan")
        answer = client.get(LOANS, headers=EXACT)
        assert answer.status_code == 503
    assert "frontview-web ERROR:  canceling statement due to statement timeout" in cluster.log()
    with pooled.client(1) as client:
        assert client.get(LOANS, headers=EXACT).status_code == 200


def test_a_pooler_that_falls_silent_costs_a_read_its_time_and_no_more(pooled: System, pooler: Pooler) -> None:
    pooled.start_web(workers=1)
    (silent,) = pooler.running
    with pooled.client(1) as client:
        assert client.get(LOANS, headers=EXACT).status_code == 200
        silent.send_signal(signal.SIGSTOP)
        assert client.get(LOANS, headers=EXACT).status_code == 503
        silent.send_signal(signal.SIGCONT)
        until(lambda: client.get(LOANS, headers=EXACT).status_code == 200, "exact read again")
    assert pooled.end("web") == 0
    assert "Traceback" not in pooled.log("web")


def reading(url: str, **session: str) -> Engine:
    return make_engine(url, "frontview-test", pool_size=4, session=session, through_pooler=True)


def test_our_settings_hold_in_each_transaction_whatever_others_left_and_leave_nothing(pooler: Pooler) -> None:
    url = pooler(default_pool_size="1")
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SET statement_timeout = '77s'")
        other.execute("SET search_path = nowhere")
        engine = reading(url, statement_timeout="1234")
        ask = (
            "SELECT pg_catalog.current_setting('statement_timeout'), pg_catalog.current_setting('timezone'), "
            "pg_catalog.current_setting('jit')"
        )
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            for _ in range(20):  # a statement is prepared after a few times
                assert tuple(connection.exec_driver_sql(ask).one()) == ("1234ms", "UTC", "off")
        with engine.connect() as connection:
            for _ in range(20):
                assert tuple(connection.exec_driver_sql(ask).one()) == ("1234ms", "UTC", "off")
            connection.rollback()
            assert tuple(connection.exec_driver_sql(ask).one()) == ("1234ms", "UTC", "off")
        engine.dispose()
        left = other.execute(ask).fetchone()
        prepared = other.execute("SELECT count(*) FROM pg_catalog.pg_prepared_statements").fetchone()
    assert left is not None
    assert (left[0], left[2], prepared) == ("77s", "on", (0,))


@pytest.mark.parametrize("autocommit", [True, False])
def test_an_error_ends_the_transaction_and_the_connection_goes_on(pooler: Pooler, autocommit: bool) -> None:
    engine = reading(pooler(), statement_timeout="200")
    options = {"isolation_level": "AUTOCOMMIT"} if autocommit else {}
    with engine.execution_options(**options).connect() as connection:
        for _ in range(3):
            with pytest.raises(OperationalError) as caught:
                connection.exec_driver_sql("SELECT pg_sleep(%s)", (30,))
            assert getattr(caught.value.orig, "sqlstate", None) == "57014"
            assert not caught.value.connection_invalidated
            connection.rollback()
            assert connection.exec_driver_sql("SELECT %s::int", (7,)).scalar_one() == 7
            connection.rollback()
    engine.dispose()


def serve(url: str, direct_url: str | None = None) -> tuple[int, str]:
    """Run ``frontview serve``; return its exit code and what it said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FRONTVIEW_")}
    environment |= {"FRONTVIEW_DATABASE_URL": url, "FRONTVIEW_JWT_SECRET": SECRET}
    if direct_url is not None:
        environment["FRONTVIEW_DIRECT_URL"] = direct_url
    command = [str(BIN / "frontview"), "serve", "--port", str(stable_port())]
    ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({}, "a pooler in between that refuses the settings"),
        ({"ignore_startup_parameters": "options"}, "a transaction pooler in between"),
        ({"ignore_startup_parameters": "options", "pool_mode": "session"}, "drops the settings"),
    ],
)
def test_without_a_direct_way_the_web_server_refuses_to_start(
    pooler: Pooler, settings: dict[str, str], fault: str
) -> None:
    code, said = serve(pooler(**settings))
    assert code == 1
    assert fault in said
    assert "FRONTVIEW_DATABASE_URL: " in said
    assert "set FRONTVIEW_DIRECT_URL to the server itself" in said
    assert "Traceback" not in said


def test_a_direct_way_that_is_none_is_named(pooler: Pooler) -> None:
    code, said = serve(pooler(), direct_url=pooler(ignore_startup_parameters="options"))
    assert code == 1
    assert "FRONTVIEW_DIRECT_URL: there is a transaction pooler" in said


def test_readiness_is_asked_through_the_pool_too(pooled: System) -> None:
    pooled.start_web(workers=1)
    answer = httpx.get(f"http://127.0.0.1:{pooled.port}/readyz")
    assert (answer.status_code, answer.json()["database"]) == (200, True)
