"""The whole system as its systemd units start it: migrated, read, reloaded, replaced, ended."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.acceptance.test_reads import EXACT, hit
from tests.faults.deployment.cluster import Cluster
from tests.faults.deployment.ports import stable_port
from tests.fix_app import SECRET
from tests.neutral import application as neutral
from tests.nginx_example import NGINX, example
from tests.units_of_systemd import ROOT, Service
from tests.waiting import until
from web.auth.tokens import issue_token

PSQL = shutil.which("psql")
USER = 1
CLIENTS = 4
COUNTER = "/api/v1/dashboard/counter"
GRANIAN, GUNICORN = "frontview-web@.service", "frontview-web-gunicorn@.service"


class Stack:
    """A database migrated by its unit, a refresher, and as many web servers as asked for."""

    def __init__(self, url: str, folder: Path, close_later: ExitStack) -> None:
        self._url, self._folder, self._close_later = url, folder, close_later
        self.codes: dict[str, int] = {}
        migrate = self._service("frontview-migrate.service", with_project(url, folder))
        assert migrate.start().wait(120) == 0, migrate.log()
        with psycopg.connect(url, autocommit=True) as connection:
            neutral.fill(connection)
        self.refresher = self._service("frontview-refresher@.service", {"FRONTVIEW_DATABASE_URL": url}, "1")
        self.refresher.start()
        until(self._populated, "populated views", seconds=60)

    def _service(self, name: str, filled_in: dict[str, str], instance: str = "") -> Service:
        service = Service(name, self._folder, filled_in, instance)
        self._close_later.callback(service.close)
        return service

    def _populated(self) -> bool:
        with psycopg.connect(self._url) as connection:
            row = connection.execute("SELECT count(*) FROM frontview.view_state WHERE through IS NULL").fetchone()
        return row == (0,)

    def renewals(self) -> int:
        """Return how many the user has."""
        with psycopg.connect(self._url) as connection:
            row = connection.execute("SELECT count(*) FROM renewal WHERE member_id = %s", (USER,)).fetchone()
        assert row is not None
        return int(row[0])

    def web(self, name: str, port: int) -> Service:
        filled_in = {"FRONTVIEW_DATABASE_URL": self._url, "FRONTVIEW_JWT_SECRET": SECRET}
        filled_in["FRONTVIEW_RATE_LIMIT_PER_SECOND"] = "0"  # few users ask as often as they can
        web = self._service(name, filled_in, str(port))
        web.start()
        until(lambda: ready(port), "ready web server", seconds=60)
        return web


def with_project(url: str, folder: Path) -> dict[str, str]:
    """Make tables and a project that declares them, and return what the file of the migrations has of both."""
    neutral.make_tables(url)
    neutral.in_project(url, folder, "plan --write")
    return {"FRONTVIEW_DATABASE_URL": url, "FRONTVIEW_PROJECT": str(folder)}


def ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def stack(empty_url: str, tmp_path: Path) -> Iterator[Stack]:
    with ExitStack() as close_later:
        yield Stack(empty_url, tmp_path, close_later)


def client(address: str) -> httpx.Client:
    token = issue_token(SECRET, USER, False, 3600)
    return httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=30, verify=False)  # noqa: S501  our own certificate


class Askers:
    """Ask without a pause until told to stop.

    :param again: send a GET again that the server hung up on without a word, as browsers and proxies do.
    """

    def __init__(self, address: str, *, again: bool) -> None:
        self._address, self._again = address, again
        self._stopping = threading.Event()
        self.answers: list[int | str] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> "Askers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with client(self._address) as asking:
            while not self._stopping.is_set():
                self.answers.append(self._one(asking, self._again))

    def _one(self, asking: httpx.Client, again: bool) -> int | str:
        try:
            return asking.get(COUNTER).status_code
        except (httpx.RemoteProtocolError, httpx.ReadError) as error:
            return self._one(asking, False) if again else repr(error)
        except httpx.TransportError as error:
            return repr(error)


@pytest.mark.parametrize("name", [GRANIAN, GUNICORN])
def test_it_reads_reloads_without_losing_a_request_and_ends_when_asked(stack: Stack, name: str) -> None:
    port = stable_port()
    web = stack.web(name, port)
    address = f"http://127.0.0.1:{port}"
    with client(address) as asking:
        assert asking.get(COUNTER, headers=EXACT).json()["data"]["sums"]["all_time"]["renewals"] == stack.renewals() > 0
        hit(asking, COUNTER)
    before = web.children()
    with Askers(address, again=True) as askers:
        until(lambda: len(askers.answers) > CLIENTS, "first answers")
        web.reload()
        until(lambda: not before & web.children(), "replaced workers", seconds=60)
        answered = len(askers.answers)
        until(lambda: len(askers.answers) > answered + CLIENTS, "answers of the new workers")
    assert set(askers.answers) == {200}
    assert (web.stop(), stack.refresher.stop()) == (0, 0), web.log()
    assert "Traceback" not in web.log() + stack.refresher.log()


@pytest.mark.skipif(NGINX is None, reason="this machine has no nginx")
def test_both_nodes_are_replaced_behind_nginx_without_losing_a_request(stack: Stack, tmp_path: Path) -> None:
    ports = (stable_port(), stable_port())
    webs = {port: stack.web(GRANIAN, port) for port in ports}
    tls = stable_port()
    with ExitStack() as close_later:
        configuration = example(tmp_path, nodes=ports, tls_port=tls, plain_port=stable_port())
        nginx = subprocess.Popen([str(NGINX), "-c", configuration, "-p", tmp_path, "-g", "daemon off;"])
        close_later.callback(nginx.wait, 10)
        close_later.callback(nginx.terminate)
        address = f"https://127.0.0.1:{tls}"
        until(lambda: answers(address), "answer through nginx")
        with Askers(address, again=False) as askers:
            for port in ports:
                assert webs[port].stop() == 0
                answered = len(askers.answers)
                until(lambda: len(askers.answers) > answered + CLIENTS, "answers of the other node")  # noqa: B023
                webs[port].start()
                until(lambda: ready(port), "the node again", seconds=60)  # noqa: B023
        assert set(askers.answers) == {200}
        with client(address) as asking:
            hit(asking, COUNTER)
            assert asking.get("/readyz").status_code == 404


def answers(address: str) -> bool:
    try:
        with client(address) as asking:
            return asking.get(COUNTER).status_code == 200
    except httpx.TransportError:
        return False


def test_without_a_secret_no_web_server_starts(empty_url: str, tmp_path: Path) -> None:
    for name in (GRANIAN, GUNICORN):
        web = Service(name, tmp_path, {"FRONTVIEW_DATABASE_URL": empty_url}, str(stable_port()))
        assert web.start().wait(60) == 1
        assert "FRONTVIEW_JWT_SECRET" in web.log()
        assert "Traceback" not in web.log()


def test_gunicorn_refuses_a_database_that_is_not_migrated(empty_url: str, tmp_path: Path) -> None:
    filled_in = {"FRONTVIEW_DATABASE_URL": empty_url, "FRONTVIEW_JWT_SECRET": SECRET}
    web = Service(GUNICORN, tmp_path, filled_in, str(stable_port()))
    assert web.start().wait(60) == 1
    assert "The database is not migrated" in web.log()
    assert "Traceback" not in web.log()


@pytest.mark.skipif(PSQL is None, reason="this machine has no psql")
def test_the_example_of_logins_lets_one_migrate_as_the_owner(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)  # its own: roles belong to a whole server
    try:
        cluster.start()
        with cluster.connect("postgres") as connection:
            connection.execute("CREATE DATABASE frontview")
        passwords = [f"-v{who}_password=of-{who}" for who in ("migrate", "refresher", "web")]
        for _ in range(2):
            command = [str(PSQL), "-qX", *passwords, "-f", ROOT / "deploy" / "postgres" / "logins.sql", cluster.url()]
            subprocess.run(command, check=True, capture_output=True)
        url = cluster.url().replace("postgres@", "frontview_migrate_login@")
        migrate = Service("frontview-migrate.service", tmp_path, with_project(url, tmp_path))
        assert migrate.start().wait(120) == 0, migrate.log()
        with cluster.connect() as connection:
            owners = connection.execute(
                "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'frontview'::regnamespace"
            ).fetchall()
            assert owners == [("frontview_owner",)]
    finally:
        cluster.close()
