"""``frontview serve`` says what is wrong before any worker starts."""

import os
import signal
import socket
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner, Result

import web.cli.serve as module
from models.errors import ConfigurationError, NotMigrated
from models.settings import load_settings
from tests.web.web_fakes import SECRET
from web.cli.serve import check_address, default_workers, serve, worker_environment


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("FRONTVIEW_")]:
        monkeypatch.delenv(name)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def port():
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(serve, arguments, env=environment)


def test_a_configuration_without_keys_is_refused():
    result = run(FRONTVIEW_DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert isinstance(result.exception, ConfigurationError)
    assert "FRONTVIEW_JWT_SECRET" in str(result.exception)


def test_a_database_that_cannot_be_reached_is_named_without_its_password(port):
    url = f"postgresql://ann:hunter2@127.0.0.1:{port}/none"
    result = run(FRONTVIEW_DATABASE_URL=url, FRONTVIEW_JWT_SECRET=SECRET)
    assert result.exit_code == 1
    assert result.output.startswith("Error: The database of FRONTVIEW_DATABASE_URL cannot be used: ")
    assert "hunter2" not in result.output
    assert "Traceback" not in result.output


def test_a_database_that_is_not_migrated_is_refused(monkeypatch):
    def refuse(_connection):
        raise NotMigrated("there is no frontview schema.")

    for passed in ("require_readable_text", "require_visible_rows"):
        monkeypatch.setattr(f"models.preconditions.{passed}", lambda _connection: None)
    monkeypatch.setattr("models.preconditions.require_migrated", refuse)
    monkeypatch.setattr("models.preconditions.make_engine", FakeEngine)
    result = run(FRONTVIEW_DATABASE_URL="postgresql://127.0.0.1/db", FRONTVIEW_JWT_SECRET=SECRET)
    assert isinstance(result.exception, NotMigrated)
    assert FakeEngine.disposed


class FakeEngine:
    """An engine whose server is new enough."""

    disposed = False

    def __init__(self, *_: object, **__: object) -> None:
        FakeEngine.disposed = False

    def connect(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def exec_driver_sql(self, _statement: str):
        return self

    def one(self) -> tuple[int, str]:
        return 180_000, "18.0"

    def dispose(self) -> None:
        FakeEngine.disposed = True


def test_a_port_in_use_is_refused(monkeypatch):
    monkeypatch.setattr(module, "check_database", lambda *_: None)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as granian's own sockets are
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run(
            "--port",
            str(port),
            FRONTVIEW_DATABASE_URL="postgresql://127.0.0.1/db",
            FRONTVIEW_JWT_SECRET=SECRET,
        )
    assert result.exit_code == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in result.output


def test_an_address_that_is_not_ours_is_refused(monkeypatch):
    monkeypatch.setattr(module, "check_database", lambda *_: None)
    result = run("--host", "192.0.2.1", FRONTVIEW_DATABASE_URL="postgresql://h/db", FRONTVIEW_JWT_SECRET=SECRET)
    assert result.exit_code == 1
    assert "192.0.2.1" in result.output


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".example", "..", "unix:/run/frontview.sock"])
def test_a_host_without_an_address_is_refused_in_a_sentence(host):
    with pytest.raises(click.ClickException) as caught:
        check_address(host, 8000)
    assert str(caught.value).startswith(f"Cannot listen on {host}:8000: ")
    assert str(caught.value).endswith("Choose another --host.")


@pytest.mark.parametrize(
    ("host", "address"), [("localhost", "127.0.0.1"), ("", "127.0.0.1"), ("::1", "::1"), ("[::1]", "::1")]
)
def test_a_host_is_turned_into_the_address_that_granian_needs(host, address, port):
    assert check_address(host, port) == address


@pytest.mark.parametrize("arguments", [["--port", "0"], ["--port", "x"], ["--workers", "0"], ["extra"]])
def test_arguments_that_make_no_sense_are_a_usage_error(arguments):
    assert run(*arguments).exit_code == 2


def test_a_configured_database_adds_nothing_to_the_workers_environment():
    assert worker_environment(load_settings(database_url="postgresql://h/db", jwt_secret=SECRET)) == {}


def test_the_embedded_database_is_passed_to_the_workers_with_its_secret(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "start_embedded", lambda _dir: "postgresql://embedded/db")
    environment = worker_environment(load_settings(data_dir=tmp_path))
    assert environment["FRONTVIEW_DATABASE_URL"] == "postgresql://embedded/db"
    assert environment["FRONTVIEW_JWT_SECRET"] == (tmp_path / "jwt_secret").read_text()
    keys = load_settings(data_dir=tmp_path, jwks_url="https://issuer.example/keys")
    assert worker_environment(keys) == {"FRONTVIEW_DATABASE_URL": "postgresql://embedded/db"}


def test_the_workers_see_the_environment_and_it_is_taken_away_again(monkeypatch, port):
    seen = {}
    monkeypatch.setattr(module, "start_embedded", lambda _dir: "postgresql://embedded/db")
    monkeypatch.setattr(module, "check_database", lambda url, _direct: seen.update(checked=url))
    monkeypatch.setattr(module, "_run", lambda *arguments: seen.update(os.environ, arguments=arguments[1:]))
    result = run("--host", "localhost", "--port", str(port), "--workers", "3", FRONTVIEW_JWT_SECRET=SECRET)
    assert result.exit_code == 0, result.output
    assert seen["checked"] == seen["FRONTVIEW_DATABASE_URL"] == "postgresql://embedded/db"
    assert seen["arguments"] == ("127.0.0.1", port, 3, False)
    assert "FRONTVIEW_DATABASE_URL" not in os.environ


def test_the_default_number_of_workers_is_small():
    assert 2 <= default_workers() <= module.MOST_DEFAULT_WORKERS


def test_no_two_workers_take_the_same_core_and_who_goes_gives_it_back():
    usable = sorted(os.sched_getaffinity(0))
    take = (
        "import os, sys; from web.process.own_core import take_core;"
        "print(take_core(sys.argv[1]), sorted(os.sched_getaffinity(0)), flush=True); input()"
    )
    name = f"frontview-test-{os.getpid()}"

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", take, name]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    workers = [start() for _ in range(len(usable) + 1)]
    said = {worker: worker.stdout.readline().strip() for worker in workers}
    try:
        assert sorted(said.values()) == sorted([*(f"{core} [{core}]" for core in usable), f"None {usable}"])
        gone = next(worker for worker in workers if not said[worker].startswith("None"))
        gone.kill()
        gone.wait()
        workers.append(start())
        assert workers[-1].stdout.readline().strip() == said[gone]
    finally:
        for worker in workers:
            worker.communicate("\n" if worker.poll() is None else None)


LATE_WORKER = """
import os, sys, time
from web.process import own_core

own_core.RETRY_SECONDS = 0.01
own_core.keep_to_own_core(sys.argv[1])
print("waits", flush=True)
def cores_of_threads():
    while True:
        try:
            return {core for thread in os.listdir("/proc/self/task") for core in os.sched_getaffinity(int(thread))}
        except ProcessLookupError:  # A thread has ended meanwhile.
            pass
while len(cores := cores_of_threads()) > 1:
    time.sleep(0.01)
print(*cores, flush=True)
"""


def test_a_worker_without_a_core_takes_one_with_all_its_threads_when_one_is_free():
    usable = os.sched_getaffinity(0)
    name = f"frontview-test-late-{os.getpid()}"
    claims = {core: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for core in usable}
    for core, claim in claims.items():
        claim.bind(f"\0{name}-{core}")
    command = [sys.executable, "-c", LATE_WORKER, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        try:
            assert next(line for line in worker.stdout if line == "waits\n")
            claims[max(usable)].close()
            assert worker.stdout.readline() == f"{max(usable)}\n"
        finally:
            worker.kill()
            for claim in claims.values():
                claim.close()
