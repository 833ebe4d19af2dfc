"""Do a hundred open dashboards on one worker leave ordinary requests fast?

``frontview serve`` with one worker and the real refresher, refreshing as by default, while calls come in as in the
demo, most of them for the users whose pages are open. Ordinary requests, on one connection of each of a few threads,
come at a steady pace, however long answers take: reads of any users, some from the cache, some computed, some with
``no-cache``. Rounds with a hundred open pages and rounds with none take turns. The pages are those of
``bench/load/page_clients.py``: as many streams of events as the server has room for, the others ask every five seconds.

Limits: pages, requests, writer, server and database share the machine, so the goal is for all of it together.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from statistics import median
from threading import local
from typing import Any, TypeAlias

import httpx

from bench.findings.finding import Finding, Goal, percentile, spread
from bench.system.application import ROOT
from bench.system.dashboards import DASHBOARDS
from bench.system.processes import SECRET, refresher, web_server
from bench.system.rounds import interleave
from bench.system.stand import Stand
from models.engine import connect
from web.auth.tokens import issue_token
from web.voice.demo.callers import Callers, demo_users

Report: TypeAlias = tuple[dict[str, int], dict[str, int]]
PAGES = 100
GOAL = Goal("<=", 50)
REQUESTS_A_SECOND = 40
THREADS = 8
EXACT_SHARE = 0.1
MOST_ROUNDS = 5
SECONDS_A_ROUND = 5  # Multiplied by the scale's round.
SETTLE_SECONDS = 2.0


class Ordinary:
    """Requests of any users, at a steady pace.

    :param users: the users to read for; the first ones more often.
    """

    def __init__(self, port: int, users: tuple[int, ...], seconds: float) -> None:
        self._base, self._seconds = f"http://127.0.0.1:{port}/api/v1/", seconds
        self._tokens = [issue_token(SECRET, user) for user in users]
        self._shares = [1 / (rank + 10) for rank in range(len(users))]
        self._threads, self._local = ThreadPoolExecutor(THREADS), local()
        self._random = Random(1)

    def round(self) -> list[float]:
        """Return the milliseconds of each request of a round, from when it was due."""
        began = time.perf_counter()
        answers = []
        for number in range(int(REQUESTS_A_SECOND * self._seconds)):
            due = began + number / REQUESTS_A_SECOND
            time.sleep(max(0.0, due - time.perf_counter()))
            answers.append(self._threads.submit(self._ask, due, *self._question()))
        return [one.result() for one in answers]

    def _question(self) -> tuple[str, dict[str, str]]:
        [token] = self._random.choices(self._tokens, self._shares)
        exact = {"Cache-Control": "no-cache"} if self._random.random() < EXACT_SHARE else {}
        return f"dashboard/{self._random.choice(DASHBOARDS)}", {"Authorization": f"Bearer {token}", **exact}

    def _ask(self, due: float, path: str, headers: dict[str, str]) -> float:
        if not hasattr(self._local, "client"):
            self._local.client = httpx.Client(base_url=self._base, timeout=30)
        self._local.client.get(path, headers=headers).raise_for_status()
        return (time.perf_counter() - due) * 1000


class Contenders:
    """Rounds with open pages and without, with their figures.

    :param reports: by the pages: what they are, then what they did, a round.
    """

    def __init__(self, port: int, everyone: tuple[int, ...], seconds: float) -> None:
        self._port, self._people = port, everyone[:PAGES]
        self._ordinary = Ordinary(port, everyone, seconds)
        self.samples: dict[str, list[list[float]]] = {"with": [], "without": []}
        self.reports: list[Report] = []

    def with_pages(self) -> float:
        """Return the p99 of a round with pages."""
        with open_pages(self._port, self._people, self.reports):
            return self._round("with")

    def without(self) -> float:
        """Return the p99 of a round with none."""
        return self._round("without")

    def _round(self, name: str) -> float:
        self.samples[name].append(self._ordinary.round())
        return percentile(self.samples[name][-1], 0.99)


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield milliseconds of ordinary requests with a hundred pages open and with none."""
    rounds, seconds = min(stand.scale.system_rounds, MOST_ROUNDS), stand.scale.round_seconds * SECONDS_A_ROUND
    discarded = stand.scale.discarded
    stand.expect(rounds + discarded)
    with (
        stand.database() as url,
        refresher(url, refresh_min_seconds="5"),
        web_server(url, 1, access_log="false") as (port, _),
        calls_coming_in(url),
    ):
        sides = Contenders(port, stand.people.everyone, seconds)
        contenders = {"with": sides.with_pages, "without": sides.without}
        p99 = interleave(contenders, rounds, stand.step, discarded=discarded)
    figures: tuple[list[Any], ...] = (*sides.samples.values(), sides.reports)
    for kept in figures:
        del kept[:discarded]
    yield from _findings(p99, sides.samples)
    yield from _findings_of_pages(sides.reports)


@contextmanager
def calls_coming_in(url: str) -> Iterator[None]:
    """Write calls as the demo does."""
    with connect(url, "frontview-bench-callers") as connection:
        users = demo_users(connection)
    callers = Callers(lambda: connect(url, "frontview-bench-callers"), users, print)
    callers.start()
    try:
        yield
    finally:
        callers.stop()


@contextmanager
def open_pages(
    port: int, people: tuple[int, ...], reports: list[tuple[dict[str, int], dict[str, int]]]
) -> Iterator[None]:
    """Keep a page open for each of ``people``; ``reports`` gets what they are and what they did."""
    command = [sys.executable, "-m", "bench.load.page_clients", str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("".join(f"{issue_token(SECRET, user)}\n" for user in people) + "\n")
        process.stdin.flush()
        opened = json.loads(process.stdout.readline())
        time.sleep(SETTLE_SECONDS)
        yield
        process.stdin.close()
        reports.append((opened, json.loads(process.stdout.readline())))


def _findings(p99: dict[str, list[float]], samples: dict[str, list[list[float]]]) -> Iterator[Finding]:
    case = f"one worker, {REQUESTS_A_SECOND} ordinary requests a second"
    for name, words in (("with", f"with {PAGES} open pages"), ("without", "with none")):
        goal = GOAL if name == "with" else None
        yield Finding(case, f"{words}, median", spread([median(one) for one in samples[name]]), "ms")
        yield Finding(case, f"{words}, p99", spread(p99[name]), "ms", goal=goal)


def _findings_of_pages(reports: list[Report]) -> Iterator[Finding]:
    if any(opened["pages"] != PAGES or did.get("failed") for opened, did in reports):
        raise RuntimeError(f"pages failed: {reports}")
    case = f"the {PAGES} pages"
    yield Finding(case, "live by events", spread([float(opened["streams"]) for opened, _ in reports]), "pages")
    for what, names in (
        ("reports of a change", ("changed",)),
        ("reads", ("200", "304")),
        ("of those unchanged (304)", ("304",)),
    ):
        rates = [1000 * sum(did.get(name, 0) for name in names) / did["milliseconds"] for _, did in reports]
        yield Finding(case, what, spread(rates), "/s")
