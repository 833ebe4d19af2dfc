"""The application under each server it supports."""

import json
import signal
import socket
import sys
import threading
from contextlib import suppress

import pytest

from tests.acceptance.listening import Listener
from tests.acceptance.test_reads import EXACT, OVERVIEW, USER, all_time_calls, hit
from tests.fix_app import ROOT, System
from tests.waiting import until


@pytest.mark.parametrize("options", [[], ["--preload"]])
def test_gunicorn_serves_it_with_and_without_preloading(system: System, options: list[str]) -> None:
    pytest.importorskip("gunicorn")
    system.start_refresher()
    system.wait_for_views()
    bind = f"127.0.0.1:{system.port}"
    system.start(
        "web", sys.executable, "-m", "gunicorn", "web.wsgi:app", "-b", bind, "-w", "2", "--threads", "4",
        "-k", "gthread", *options,
    )  # fmt: skip
    system.wait_for_web()
    with system.client(USER) as client:
        hit(client, OVERVIEW)
        system.add(USER)
        calls = system.value("SELECT count(*) FROM calls WHERE user_id = %s", USER)
        assert all_time_calls(client.get(OVERVIEW, headers=EXACT)) == calls


SILENT_CONNECTIONS = 80  # each takes a thread, which gunicorn starts as long as it has fewer than it may
GUNICORN = (sys.executable, "-m", "gunicorn", "--config", ROOT / "deploy" / "gunicorn.conf.py", "web.wsgi:app")


def start(system: System, *server: str) -> None:
    if not server:
        system.start_web()
        return
    pytest.importorskip("gunicorn")
    system.start("web", *GUNICORN, "-b", f"127.0.0.1:{system.port}", "-w", "2", *server[1:])
    system.wait_for_web()


@pytest.mark.parametrize(
    "server", [(), ("gunicorn",), ("gunicorn", "--preload")], ids=["granian", "gunicorn", "gunicorn preloaded"]
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_streams_do_not_keep_a_server_from_ending(
    system: System, server: tuple[str, ...], number: signal.Signals
) -> None:
    start(system, *server)
    listeners = [Listener(system, user) for user in range(1, 9)]
    for listener in listeners:
        until(lambda listener=listener: listener.named("state"), "open stream")
    assert system.end("web", number) == 0
    for listener in listeners:
        listener.wait_for_the_end("stopping")
        listener.cut()


@pytest.mark.parametrize("server", [(), ("gunicorn",)], ids=["granian", "gunicorn"])
def test_a_start_a_read_and_a_stop_log_no_warning(system: System, server: tuple[str, ...]) -> None:
    system.environment = {name: it for name, it in system.environment.items() if not name.startswith("FRONTVIEW_TEST_")}
    system.start_refresher()
    system.wait_for_views()
    start(system, *server)
    with system.client(USER) as client:
        hit(client, OVERVIEW)
    for name in ("web", "refresher"):
        assert system.end(name) == 0
        lines = [json.loads(line) for line in system.log(name).splitlines() if line.startswith("{")]
        assert lines
        assert [line for line in lines if line["level"] not in ("info", "debug")] == []


def test_a_quick_stop_of_gunicorn_amid_new_connections_does_not_wait_for_itself(system: System) -> None:
    start(system, "gunicorn", "-w", "1")
    connections, some = list[socket.socket](), threading.Event()

    def connect() -> None:
        with suppress(ConnectionError):  # it has ended
            while len(connections) < SILENT_CONNECTIONS:
                connections.append(socket.create_connection(("127.0.0.1", system.port)))
                some.set()

    connecting = threading.Thread(target=connect)
    connecting.start()
    assert some.wait(10)
    server = system.processes["web"]
    server.send_signal(signal.SIGINT)
    connecting.join()
    for connection in connections:
        connection.close()
    assert server.wait(15) == 0
    del system.processes["web"]


@pytest.mark.parametrize("server", [(), ("gunicorn",)], ids=["granian", "gunicorn"])
def test_a_reload_ends_the_streams_of_the_old_processes(system: System, server: tuple[str, ...]) -> None:
    start(system, *server)
    with Listener(system, USER) as listener:
        until(lambda: listener.named("state"), "open stream")
        system.processes["web"].send_signal(signal.SIGHUP)
        listener.wait_for_the_end("stopping")
    with Listener(system, USER, last_event_id="1-1") as again:
        until(lambda: again.named("state"), "stream of a new process")
