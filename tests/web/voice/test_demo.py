"""``frontview demo``: from nothing to a running system and back, on an embedded and on a given database."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.waiting import until
from web.voice.demo.callers import Callers, demo_users
from web.voice.demo.client import Client, data_bytes
from web.voice.demo.proof import prove
from web.voice.demo.stage import DemoError
from web.voice.seed import SeedPlan, write_seed

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 90
SMALL = ["--users", "20", "--calls", "2000"]


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def demo(tmp_path: Path, port: int) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started = []

    def start(*options: str, **environment: str) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("FRONTVIEW_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "web.cli", "demo", "--port", str(port), *SMALL, *options],
            env={**clean, "FRONTVIEW_DATA_DIR": str(tmp_path / "data"), **environment},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(30)
        process.stdout.close()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    raise AssertionError(f"it ended without saying {words!r}:\n{said}")


@pytest.mark.proof
def test_once_on_an_embedded_database(demo: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    process = demo("--once")
    said, _ = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 0, said
    assert "Everything is as promised." in said
    assert not (tmp_path / "data" / "postgresql" / "postmaster.pid").exists(), "the embedded server was stopped"


@pytest.mark.proof
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(
    demo: Callable[..., subprocess.Popen[str]], database_url: str, port: int, number: int
) -> None:
    process = demo(FRONTVIEW_DATABASE_URL=database_url)
    read_until(process, "A few calls a second")
    process.send_signal(number)
    assert process.wait(30) == 0
    assert "Stopped." in process.stdout.read()
    with psycopg.connect(database_url) as connection:
        query = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name LIKE 'frontview%'"
        )
        until(lambda: connection.execute(query).fetchone() == (0,), "database without a connection of ours")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))


@pytest.mark.proof
def test_its_links_sign_in_once_each(demo: Callable[..., subprocess.Popen[str]], database_url: str, port: int) -> None:
    process = demo(FRONTVIEW_DATABASE_URL=database_url)
    said = read_until(process, "A few calls a second")
    assert said.index("Dashboard  ") < said.index("Token of user"), "the links come first"
    for name, page, admin in (("Dashboard", "", False), ("Operators", "ops", True)):
        code = re.search(rf"^{name}  http://127\.0\.0\.1:{port}/{page}#code=(\S+)$", said, re.MULTILINE)[1]
        answers = [httpx.post(f"http://127.0.0.1:{port}/api/v1/sign-in", json={"code": code}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 404]
        assert answers[0].json()["admin"] is admin
        assert answers[0].json()["token"] in said, "the page has the token that is printed below"


@pytest.mark.proof
def test_a_database_with_users_of_its_own_gets_no_calls(
    demo: Callable[..., subprocess.Popen[str]], database_url: str, connection: psycopg.Connection
) -> None:
    connection.execute("INSERT INTO users (email, name) VALUES ('real@customer.test', 'Real')")
    connection.execute("INSERT INTO agents (user_id, name) VALUES (1, 'Ava')")
    process = demo(FRONTVIEW_DATABASE_URL=database_url)
    said = read_until(process, "No user here was created by a demo")
    assert "already holds users: nothing is added" in said
    process.terminate()
    assert process.wait(30) == 0
    assert connection.execute("SELECT count(*) FROM calls").fetchone() == (0,)


@pytest.mark.proof
def test_a_process_that_dies_is_noticed(
    demo: Callable[..., subprocess.Popen[str]], database_url: str, connection: psycopg.Connection
) -> None:
    process = demo(FRONTVIEW_DATABASE_URL=database_url)
    read_until(process, "A few calls a second")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in children}
    [refresher] = [pid for pid, command in commands.items() if b"refresher" in command]
    os.kill(int(refresher), signal.SIGKILL)
    assert process.wait(30) == 1
    assert "Error: The refresher has ended (exit code -9)" in process.stdout.read()


@pytest.mark.proof
def test_a_port_in_use_is_said_at_once(demo: Callable[..., subprocess.Popen[str]], port: int) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        began = time.monotonic()
        process = demo()
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in said
    assert time.monotonic() - began < 10


class TestCallers:
    def test_a_call_brings_quality_leads_and_a_debit(self, connection: psycopg.Connection) -> None:
        write_seed(connection, SeedPlan(users=5, calls=0, days=5))
        callers = Callers(lambda: connection, demo_users(connection), lambda _: None)
        before = connection.execute("SELECT sum(credits_cents) FROM users").fetchone()[0]
        for _ in range(100):
            callers.add_call(connection)
        assert connection.execute("SELECT count(*) FROM calls").fetchone() == (100,)
        assert connection.execute("SELECT count(*) > 0 FROM lead_analytics").fetchone() == (True,)
        after = connection.execute("SELECT sum(credits_cents) FROM users").fetchone()[0]
        assert (before - after,) == connection.execute("SELECT sum(cost_cents)::bigint FROM calls").fetchone()
        talk = connection.execute("SELECT sum(duration_seconds) FROM calls WHERE status = 'completed'").fetchone()
        assert connection.execute("SELECT sum(talk_seconds) FROM agent_analytics").fetchone() == talk

    def test_real_users_are_left_alone(self, connection: psycopg.Connection) -> None:
        connection.execute("INSERT INTO users (email, name) VALUES ('real@customer.test', 'Real')")
        connection.execute("INSERT INTO agents (user_id, name) VALUES (1, 'Ava')")
        assert demo_users(connection) == []


class TestProof:
    """The demo's own check can fail."""

    class Liar(Client):
        def __init__(self, answers: Callable[[], object]) -> None:
            self._answers = answers

        def overview(self, *, exact: bool = False) -> object:
            return self._answers()

    def test_other_bytes_than_those_of_the_base_tables(self, connection: psycopg.Connection) -> None:
        from web.voice.demo.client import Answer  # noqa: PLC0415

        write_seed(connection, SeedPlan(users=1, calls=5, days=5))
        meta = {"source": "materialized_view", "patched_days": 0, "watermark": "1-1"}
        liar = self.Liar(lambda: Answer(b"{}", meta, 0.001))
        with pytest.raises(DemoError, match="differs from the one of the base tables"):
            prove(connection, liar, 1, 1, 1.0, lambda _: None)

    def test_data_is_cut_out_as_it_stands(self) -> None:
        assert data_bytes(b'{"data":{"a" : 1e2,"b":"}\\u00e9"},"meta":{}}') == b'{"a" : 1e2,"b":"}\\u00e9"}'
