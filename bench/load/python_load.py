"""Load by one Python thread, for machines without ``wrk``; and single requests.

Invariant: every answer is read whole and must be a 200; an answer counts only if it arrived in time.
"""

import re
import select
import socket
import time
from collections.abc import Sequence
from itertools import cycle

from bench.findings.finding import percentile
from bench.load.request import Load, Request

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNK_BYTES = 1 << 18
TIMEOUT_SECONDS = 10


class Connection:
    """One keep-alive connection, with the part of its answer that has arrived."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self._arrived = b""

    def send(self, request: bytes) -> None:
        """Send a request and note when."""
        self.sent_at = time.monotonic()
        self.socket.sendall(request)

    def take(self) -> bytes | None:
        """Return the answer if it is whole now.

        :raises RuntimeError: the server hung up, or answered anything but 200.
        """
        received = self.socket.recv(CHUNK_BYTES)
        self._arrived = arrived = self._arrived + received if self._arrived else received
        end = arrived.find(b"\r\n\r\n")
        if not received or (end >= 0 and not arrived.startswith(b"HTTP/1.1 200")):
            raise RuntimeError(f"the server answered {arrived[:200]!r}")
        if end < 0 or (length := _LENGTH.search(arrived, 0, end)) is None:
            return None
        if len(arrived) < end + 4 + int(length[1]):
            return None
        self._arrived = b""
        return arrived

    def answer_to(self, request: bytes) -> bytes:
        """Send a request and wait for its whole answer, head and body."""
        self.send(request)
        while (answer := self.take()) is None:
            pass
        return answer


def answer_to(port: int, request: Request) -> tuple[bytes, bytes]:
    """Return head and body of one whole answer, over a connection of its own."""
    connection = Connection(port)
    with connection.socket:
        head, _, body = connection.answer_to(request.text.encode()).partition(b"\r\n\r\n")
    return head, body


def generate(port: int, requests: Sequence[Request], *, connections: int, seconds: float) -> Load:
    """Send ``requests`` in turn; see :func:`bench.load.http_load.generate`."""
    opened = {made.socket.fileno(): made for made in (Connection(port) for _ in range(connections))}
    texts = cycle([request.text.encode() for request in requests])
    poll = select.epoll()
    durations: list[float] = []
    received = 0
    began, busy = time.monotonic(), time.thread_time()
    for number, connection in opened.items():
        poll.register(number, select.EPOLLIN)
        connection.send(next(texts))
    while (now := time.monotonic()) < began + seconds or not durations:  # a slow server's first answer is waited for
        if now > began + seconds + TIMEOUT_SECONDS:
            raise RuntimeError("no answer came")
        for number, _ in poll.poll(0.1):
            connection = opened[number]
            if (answer := connection.take()) is not None:
                durations.append(time.monotonic() - connection.sent_at)
                received += len(answer)
                connection.send(next(texts))
    busy = (time.thread_time() - busy) / (now - began)
    poll.close()
    for connection in opened.values():
        connection.socket.close()
    median, last = (1000 * percentile(durations, share) for share in (0.5, 0.99))
    return Load(len(durations), received, now - began, busy, median, last)
