"""Readers over HTTP at a steady pace, however long answers take; every answer is kept for later checks.

Invariant: a request's time begins when it was due, not when it could be sent, so a server that stalls is
charged for the requests that were due meanwhile.
"""

import http.client
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import NamedTuple

THREADS = 32
TIMEOUT_SECONDS = 30


class Request(NamedTuple):
    """One future request: its user, when it is due in seconds, and whether it asks for an exact answer."""

    user: int
    after_seconds: float
    exact: bool


class Seen(NamedTuple):
    """One answer; times are monotonic, ``document`` is its JSON text."""

    user: int
    exact: bool
    due: float
    sent: float
    received: float
    document: bytes

    @property
    def milliseconds(self) -> float:
        """How long the reader waited."""
        return (self.received - self.due) * 1000


class SteadyReaders:
    """Keep-alive connections to one server, a thread each.

    :param tokens: by user.
    """

    def __init__(self, port: int, path: str, tokens: dict[int, str]) -> None:
        self._port, self._path, self._tokens = port, path, tokens
        self._threads, self._local = ThreadPoolExecutor(THREADS), local()

    def warm(self, users: Sequence[int]) -> None:
        """Read once for each user, as fast as it goes."""
        now = time.monotonic()
        list(self._threads.map(lambda user: self._ask(Request(user, 0.0, exact=False), now), users))

    def read(self, requests: Sequence[Request]) -> list[Seen]:
        """Send each request when it is due, and return the answers in that order."""
        began = time.monotonic()
        answers = []
        for request in requests:
            due = began + request.after_seconds
            time.sleep(max(0.0, due - time.monotonic()))
            answers.append(self._threads.submit(self._ask, request, due))
        return [one.result() for one in answers]

    def _ask(self, request: Request, due: float) -> Seen:
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_SECONDS)
        headers = {"Authorization": f"Bearer {self._tokens[request.user]}"}
        if request.exact:
            headers["Cache-Control"] = "no-cache"
        sent = time.monotonic()
        try:
            answer = self._answer(headers)
        except http.client.RemoteDisconnected:  # the server closes connections that were idle for long
            answer = self._answer(headers)
        document = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"status {answer.status}: {document[:200]!r}")
        return Seen(request.user, request.exact, due, sent, time.monotonic(), document)

    def _answer(self, headers: dict[str, str]) -> http.client.HTTPResponse:
        connection: http.client.HTTPConnection = self._local.connection
        connection.request("GET", self._path, headers=headers)
        return connection.getresponse()
