"""`/metrics` under load: any process reports all processes of its server, and no counter ever falls."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.acceptance.test_reads import EXACT, OVERVIEW
from tests.fix_app import System
from tests.scraping import Scraped, scrape
from tests.waiting import until

CONNECTIONS = 12
EACH = 40  # requests a connection
REQUESTS = CONNECTIONS * EACH
GUNICORN = (sys.executable, "-m", "gunicorn", "web.wsgi:app", "-w", "2", "--threads", "4", "-k", "gthread")


def children_of(pid: int) -> set[int]:
    """The processes that this one has started and that have not ended."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.add(int(path.parent.name))
    return found


def server_process(client: httpx.Client, candidates: set[int]) -> int:
    """Which of these processes is at the other end of the client's one connection."""
    answer = client.get("/healthz")
    _, port = answer.extensions["network_stream"].get_extra_info("client_addr")
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows if int(row[2].rpartition(":")[2], 16) == port}
    holders = {pid for pid in candidates if inodes & _open_by(pid)}
    assert len(holders) == 1, holders
    return holders.pop()


def _open_by(pid: int) -> set[str]:
    found = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.add(str(path.readlink()))
        except FileNotFoundError:
            continue
    return found


class Server:
    """A web server of several processes, connections that read, and others that watch."""

    def __init__(self, system: System, clients: list[httpx.Client], watchers: list[httpx.Client]) -> None:
        self.system, self.clients, self.watchers = system, clients, watchers
        self.parent = system.processes["web"].pid

    def by_process(self) -> dict[int, httpx.Client]:
        """One of the watching connections to every process."""
        workers = children_of(self.parent)
        return {server_process(client, workers): client for client in self.watchers}

    def load(self) -> None:
        """Requests over all connections at once."""

        def ask(client: httpx.Client) -> None:
            for number in range(EACH):
                headers = EXACT if number % 5 == 0 else {}
                assert client.get(OVERVIEW, headers=headers).status_code == 200

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(ask, self.clients))

    def everywhere(self) -> list[Scraped]:
        """What each process tells."""
        return [scrape(client) for client in self.by_process().values()]


@contextmanager
def serving(system: System, start: Callable[[], None]) -> Iterator[Server]:
    system.start_refresher()
    system.wait_for_views()
    start()
    with ExitStack() as stack:
        clients = [stack.enter_context(system.client(1 + n % 5)) for n in range(2 * CONNECTIONS)]
        server = Server(system, clients[:CONNECTIONS], clients[CONNECTIONS:])
        until(lambda: len(children_of(server.parent)) >= 2, "second process")
        server.load()  # gunicorn's processes start their part with the first read
        for _ in range(20):  # one process may have taken all connections, and would keep them
            if len(server.by_process()) == 2:
                break
            more = [stack.enter_context(system.client(1)) for _ in range(CONNECTIONS)]
            with ThreadPoolExecutor(CONNECTIONS) as pool:
                list(pool.map(lambda client: client.get("/healthz"), more))
            server.watchers += more
        assert len(server.by_process()) == 2, "a connection to each process"
        yield server


def gunicorn(system: System, *options: str) -> Callable[[], None]:
    def start() -> None:
        system.start("web", *GUNICORN, "-b", f"127.0.0.1:{system.port}", *options)
        system.wait_for_web()

    return start


SERVERS: dict[str, Callable[[System], Callable[[], None]]] = {
    "granian": lambda system: lambda: system.start_web(workers=2),
    "gunicorn": gunicorn,
    "gunicorn --preload": lambda system: gunicorn(system, "--preload"),
}


def requests(scraped: Scraped) -> float:
    return scraped.total("frontview_http_responses_total", route=OVERVIEW, status="200")


def watch_by_turns(web: Server) -> None:
    """Load the server, and ask its processes by turns meanwhile: none tells less than the one before."""
    watching = list(web.by_process().values())
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(web.load)
        before = scrape(watching[0])
        while not loading.done():
            for client in watching:
                now = scrape(client)
                assert now.fallen_since(before) == {}
                before = now
        loading.result()


@pytest.mark.parametrize("server", SERVERS)
def test_whoever_is_asked_tells_of_all_processes_and_no_counter_falls_when_one_dies(
    system: System, server: str
) -> None:
    with serving(system, SERVERS[server](system)) as web:
        watch_by_turns(web)
        made = 2 * REQUESTS
        until(lambda: all(requests(told) == made for told in web.everywhere()), "all requests told by each process")
        told = web.everywhere()
        assert len(told) == 2
        for scraped in told:
            reads = scraped.total("frontview_reads_total")
            assert reads == made
            assert scraped.value("frontview_reads_total", source="cache") == scraped.total("frontview_cache_hits_total")
            assert scraped.total("frontview_request_seconds_count", route=OVERVIEW) == made
            assert scraped.total("frontview_request_seconds_bucket", route=OVERVIEW, le="+Inf") == made
            assert scraped.value("frontview_workers") == 2
            assert scraped.value("frontview_metrics_shared") == 1
        by_process = web.by_process()
        victim, other = by_process
        before = scrape(by_process[victim])
        os.kill(victim, signal.SIGKILL)
        seen = [before]

        def ended() -> bool:
            seen.append(scrape(by_process[other]))
            assert seen[-1].fallen_since(seen[-2]) == {}
            return seen[-1].value("frontview_workers_ended_total") == 1

        until(ended, "end of a process in the metrics")
        until(lambda: victim not in children_of(web.parent), "end of the process")
        assert requests(seen[-1]) == made
        assert seen[-1].fallen_since(before) == {}


def test_no_label_names_a_user_or_a_process(running: System) -> None:
    with running.client(3) as client:
        for path in (OVERVIEW, "/api/v1/dashboard/agents?agent=7", "/nowhere/4711", "/api/v1/view/leads?user_id=3"):
            client.get(path)
        told = scrape(client)
    names = {label for _, labels in told.values for label, _ in labels}
    assert names <= {"region", "reason", "source", "route", "status", "event", "state", "le", "age"}
    values = {value for _, labels in told.values for label, value in labels if label not in ("le", "status", "age")}
    assert not [value for value in values if any(digit in value.replace("/v1/", "") for digit in "0123456789")]
    assert told.total("frontview_http_responses_total", route="(none)", status="404") == 1


def test_metrics_need_no_token_and_can_be_closed(running: System) -> None:
    url = f"http://127.0.0.1:{running.port}/metrics"
    assert httpx.get(url).status_code == 200
    running.end("web")
    running.environment["FRONTVIEW_METRICS_ENABLED"] = "false"
    running.start_web(workers=1)
    answer = httpx.get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_a_folder_that_others_can_open_is_refused_and_the_process_tells_of_itself(
    running: System, tmp_path: Path
) -> None:
    running.end("web")
    folder = tmp_path / "metrics"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    running.environment["FRONTVIEW_METRICS_DIR"] = str(folder)
    running.start_web(workers=1)
    with running.client(1) as client:
        told = scrape(client)
    assert told.value("frontview_metrics_shared") == 0
    assert told.value("frontview_workers") == 1
    assert "open to others" in running.log("web")
    assert list(folder.iterdir()) == []
