"""``python -m tests.faults.load.readers TASK``: clients over HTTP, each with one connection to one worker.

Invariant: every request is recorded, whatever came of it; the stamps enclose it.
"""

import json
import random
import re
import select
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.faults.load.books import groups_of
from tests.faults.load.recording import Pace, Recorder, read_task, serve
from tests.faults.load.tokens import token_for
from tests.faults.record.encoding import DAYS, OLD_DAYS
from tests.faults.record.history import Read

READ_OFTEN = 3  # users of each group, which get this share of its reads:
SHARE_OF_READ_OFTEN = 0.75
TIMEOUT_SECONDS = 10.0
CHUNK_BYTES = 1 << 16
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Failed(Exception):
    """No answer: ``refused``, ``broken`` or ``timeout``."""


class HungUp(ConnectionError):
    """The server closed the connection before the first byte of an answer."""


class KeepAlive:
    """One HTTP connection, opened again when it is lost. Much cheaper than the standard library's client.

    A server may close an idle connection in the very moment in which a request is on its way. Like every client with a
    pool, this one then sends the request again on a new connection (RFC 9110, 9.2.2), and says so: ``sent_again``
    is of the last request.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._socket: socket.socket | None = None
        self.sent_again = False

    def get(self, request: bytes) -> tuple[int, bytes]:
        """Return status and body.

        :raises Failed: there is none; the next request gets a new connection.
        """
        deadline = time.monotonic() + TIMEOUT_SECONDS
        self.sent_again = False
        self._close_if_hung_up()
        reused = self._socket is not None
        try:
            try:
                return self._get(request, deadline)
            except HungUp:
                if not reused:
                    raise
                self.close()
                self.sent_again = True
                return self._get(request, deadline)
        except TimeoutError:
            reason = "timeout"
        except ConnectionRefusedError:
            reason = "refused"
        except OSError:
            reason = "broken"
        self.close()
        raise Failed(reason)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _close_if_hung_up(self) -> None:
        """Close a connection that the server has closed since the last answer; clients with a pool look, too."""
        if self._socket is not None and select.select([self._socket], [], [], 0)[0]:
            self.close()

    def _get(self, request: bytes, deadline: float) -> tuple[int, bytes]:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, TIMEOUT_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            self._socket.sendall(request)
            arrived = self._more(deadline)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise HungUp(str(error)) from error
        head, body = self._head(arrived, deadline)
        length = _LENGTH.search(head)
        if length is None:
            raise ConnectionError("an answer without a length")
        while len(body) < int(length[1]):
            body += self._more(deadline)
        if b"connection: close" in head.lower():
            self.close()
        return int(head[9:12]), body

    def _head(self, arrived: bytes, deadline: float) -> tuple[bytes, bytes]:
        while (end := arrived.find(b"\r\n\r\n")) < 0:
            arrived += self._more(deadline)
        return arrived[:end], arrived[end + 4 :]

    def _more(self, deadline: float) -> bytes:
        assert self._socket is not None
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        chunk = self._socket.recv(CHUNK_BYTES)
        if not chunk:
            raise ConnectionResetError("the server hung up")
        return chunk


@dataclass(frozen=True, slots=True)
class Question:
    """One question about some days, and how to find their costs in the answer."""

    path: str
    costs: Callable[[Any], tuple[dict[int, int], int | None]]


def questions(window: list[date], seed: int) -> dict[Question, int]:
    """Return the few questions of a run, which everybody asks, with their weights."""
    chance = random.Random(seed)
    old = chance.randrange(OLD_DAYS - 4)
    day = chance.randrange(DAYS - 1)
    return {
        _series(window, 0, DAYS - 1): 5,
        _series(window, DAYS - 3, DAYS - 1): 3,
        _series(window, old, old + 4): 3,
        _overview(window): 3,
        _agents(window, DAYS - 1): 2,
        _agents(window, day): 2,
    }


def _series(window: list[date], first: int, last: int) -> Question:
    numbers = {day.isoformat(): number for number, day in enumerate(window)}

    def costs(data: Any) -> tuple[dict[int, int], int | None]:
        series = data["series"]
        found = {numbers[row["period"]]: int(row["cost_cents"]) for row in series["rows"]}
        return found, int(series["totals"]["cost_cents"])

    path = f"/api/v1/dashboard/analytics?from={window[first]}&to={window[last]}&granularity=day"
    return Question(path, costs)


def _overview(window: list[date]) -> Question:
    """The last 30 days, which are the window, and the sum of all time, which is that of the window."""
    numbers = {day.isoformat(): number for number, day in enumerate(window)}

    def costs(data: Any) -> tuple[dict[int, int], int | None]:
        rows = [row for row in data["daily"]["rows"] if row["period"] in numbers]
        found = {numbers[row["period"]]: int(row["cost_cents"]) for row in rows}
        whole = int(data["calls"]["all_time"]["cost_cents"])
        return found, whole if len(found) == len(window) else None  # After midnight the answer lacks the first day.

    return Question("/api/v1/dashboard/overview", costs)


def _agents(window: list[date], day: int) -> Question:
    def costs(data: Any) -> tuple[dict[int, int], int | None]:
        return {day: sum(int(row["cost_cents"]) for row in data["agents"]["rows"])}, None

    return Question(f"/api/v1/dashboard/agents?from={window[day]}&to={window[day]}", costs)


def ask(
    connection: KeepAlive,
    question: Question,
    head: str,
    asked: tuple[str, str, int, bool],
    *,
    stale_if_error_seconds: int = 0,
) -> Read:
    """Ask once and return what came of it.

    :param head: lines of the request, each with its end.
    :param asked: client, worker, user and whether it is an exact read.
    """
    request = f"GET {question.path} HTTP/1.1\r\nHost: frontview\r\n{head}\r\n".encode()
    sent = time.monotonic()
    try:
        status, body = connection.get(request)
        received, error = time.monotonic(), None
    except Failed as failure:
        status, body, received, error = 0, b"", time.monotonic(), str(failure)
    found = _facts(question, body) if status == 200 else {}
    return Read(
        *asked,
        sent,
        received,
        status,
        stale_if_error_seconds=stale_if_error_seconds,
        error=error,
        sent_again=connection.sent_again,
        **found,
    )


class Client:
    """Somebody who asks for one user after another over one connection.

    :param task: as :class:`tests.faults.load.Load` wrote it.
    """

    def __init__(
        self,
        name: str,
        worker: str,
        task: dict[str, Any],
        token_of: Callable[[int], str],
        recorder: Recorder,
    ) -> None:
        self._name, self._worker, self._recorder, self._token_of = name, worker, recorder, token_of
        self._connection = KeepAlive(task["worker_urls"][worker])
        self._chance = random.Random(f"{task['seed']} {name}")
        self._exact_share = float(task["exact_share"])
        self._stale_if_error_seconds = int(task["stale_if_error_seconds"])
        self._groups = groups_of(task["users"])
        weights = questions([date.fromisoformat(day) for day in task["window"]], task["seed"])
        asked = task["questions"]
        self._questions, self._weights = list(weights)[:asked], list(weights.values())[:asked]

    def run(self, pace: Pace, a_second: float) -> None:
        """Ask until told to stop."""
        for _ in pace.turns(a_second, self._chance):
            self._ask()
        self._connection.close()

    def _ask(self) -> None:
        chance = self._chance
        user, question = self._a_user(), chance.choices(self._questions, self._weights)[0]
        exact = chance.random() < self._exact_share
        stale_seconds = 0 if exact else self._stale_if_error_seconds
        directive = "no-cache" if exact else self._directive(stale_seconds)
        head = f"Authorization: Bearer {self._token_of(user)}\r\n" + (
            f"Cache-Control: {directive}\r\n" if directive else ""
        )
        read = ask(
            self._connection,
            question,
            head,
            (self._name, self._worker, user, exact),
            stale_if_error_seconds=stale_seconds,
        )
        self._recorder.add(read)
        if read.error == "refused":
            time.sleep(0.02)

    def _a_user(self) -> int:
        group = self._chance.choice(self._groups)
        often = self._chance.random() < SHARE_OF_READ_OFTEN
        return self._chance.choice(group[:READ_OFTEN] if often else group)

    def _directive(self, stale_seconds: int) -> str:
        if stale_seconds:
            return f"stale-if-error={stale_seconds}"
        return f"max-age={self._chance.randint(1, 5)}" if self._chance.random() < 0.1 else ""


def _facts(question: Question, body: bytes) -> dict[str, Any]:
    answer = json.loads(body)
    meta = answer["meta"]
    epoch, drain_id = meta["watermark"].split("-")
    values, whole = question.costs(answer["data"])
    return {
        "source": meta["source"],
        "stale": meta.get("stale", False),
        "age_seconds": meta["age_seconds"],
        "watermark": (int(epoch), int(drain_id)),
        "patched_days": meta["patched_days"],
        "values": values,
        "whole": whole,
    }


def main() -> int:
    """Ask as the task says, with several clients."""
    task = read_task()
    recorder, pace = Recorder(Path(task["events"])), Pace()

    @cache
    def token_of(user: int) -> str:
        return token_for(task["secret"], user)

    workers = list(task["worker_urls"])
    clients = [
        Client(f"client-{index}", workers[index % len(workers)], task, token_of, recorder) for index in task["indexes"]
    ]
    return serve([lambda it=it: it.run(pace, task["a_second"]) for it in clients], recorder, pace)


if __name__ == "__main__":
    sys.exit(main())
