"""``python -m bench.watching.watcher``: polls what some users are shown and prints every answer's figures as JSON.

A line of JSON on stdin is its task, a line on stdout says that it has begun, and the end of stdin ends it. Each
connection sends requests at fixed times of its own; when an answer is late, a time is skipped and the others stay.

Invariant: the connections of one user lead to as many different workers as were named, task apart by when each one's
cached answer was computed.
"""

import json
import re
import select
import sys
import time
from datetime import datetime

from bench.load.python_load import Connection

_CALLS = re.compile(rb'"all_time":\{"calls":(\d+)')
_COMPUTED = re.compile(rb'"meta":\{"source":"(\w+)","calculated_at":"([^"]+)"')
MOST_CONNECTIONS, PAUSE_SECONDS = 100, 0.05


class Watched:
    """One connection that reads for one user."""

    def __init__(self, port: int, user: int, request: bytes) -> None:
        self.connection, self.user, self.request = Connection(port), user, request
        self.due, self.waits = 0.0, False

    def ask(self) -> None:
        """Send the request."""
        self.waits = True
        self.connection.send(self.request)

    def stamp(self) -> float | None:
        """Read, and return when the cached answer was computed, or None if it came from no cache."""
        *_, cached, computed = self.shown(self.connection.answer_to(self.request))
        return computed if cached else None

    def shown(self, answer: bytes) -> tuple[int, int, float, float, int, float]:
        """Return user, calls of all time, times of request and answer, whether cached, and when it was computed."""
        self.waits = False
        calls = _CALLS.search(answer)
        assert calls is not None
        computed = _COMPUTED.search(answer)
        cached, when = (int(computed[1] == b"cache"), _seconds(computed[2])) if computed else (1, 0.0)
        return self.user, int(calls[1]), self.connection.sent_at, time.monotonic(), cached, when


def main() -> None:
    """Watch until stdin ends."""
    task = json.loads(sys.stdin.readline())
    watched = [it for asked in task["asked"] for it in _connections(task["port"], task["workers"], **asked)]
    print(json.dumps({"connections": len(watched)}), flush=True)
    print(json.dumps(_watch(watched, task["every_seconds"])), flush=True)


def _connections(port: int, workers: int, user: int, request: str) -> list[Watched]:
    """Return one connection to each worker.

    The cached answer is computed again over each new connection: a connection that shows exactly that computation leads
    to the same worker.

    :raises SystemExit: not all of them could be reached.
    """
    kept: list[Watched] = []
    exact = request.replace("\r\n\r\n", "\r\nCache-Control: no-cache\r\n\r\n").encode()
    for _ in range(MOST_CONNECTIONS):
        made = Watched(port, user, request.encode())
        made.connection.answer_to(exact)
        stamp = made.stamp()
        if stamp is not None and all(it.stamp() != stamp for it in kept):
            kept.append(made)
        if len(kept) == workers:
            return kept
        time.sleep(PAUSE_SECONDS)  # a worker may be without trust for a moment
    raise SystemExit(f"{len(kept)} of {workers} workers were reached")


def _watch(watched: list[Watched], every_seconds: float) -> list[list[tuple[int, int, float, float, int, float]]]:
    """Return what each connection was shown, in order, until stdin ends."""
    poll = select.epoll()
    by_number = {it.connection.socket.fileno(): place for place, it in enumerate(watched)}
    for number in (sys.stdin.fileno(), *by_number):
        poll.register(number, select.EPOLLIN)
    began = time.monotonic()
    for place, it in enumerate(watched):  # one after the other, not all at once
        it.due = began + every_seconds * place / len(watched)
    notes: list[list[tuple[int, int, float, float, int, float]]] = [[] for _ in watched]
    while True:
        _ask_who_is_due(watched, every_seconds)
        for number, _ in poll.poll(max(0.0, min(it.due for it in watched) - time.monotonic())):
            if number == sys.stdin.fileno():
                return notes
            it = watched[by_number[number]]
            if (answer := it.connection.take()) is not None:
                notes[by_number[number]].append(it.shown(answer))


def _ask_who_is_due(watched: list[Watched], every_seconds: float) -> None:
    now = time.monotonic()
    for it in watched:
        if now >= it.due:
            it.due += every_seconds * (1 + (now - it.due) // every_seconds)
            if not it.waits:
                it.ask()


def _seconds(text: bytes) -> float:
    return datetime.fromisoformat(text.decode()).timestamp()


if __name__ == "__main__":
    main()
