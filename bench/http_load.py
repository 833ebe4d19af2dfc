"""A load generator: one thread, many keep-alive connections, each sending its next request on the answer.

Invariant: every answer is read whole and must be a 200; what is counted has arrived within the time.
"""

import re
import select
import socket
import time
from dataclasses import dataclass

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Load:
    """What one round of load came to.

    :param marked: answers that carried the mark asked for.
    :param busy: share of one core that generating took; near 1, the generator was the limit.
    """

    answers: int
    marked: int
    seconds: float
    busy: float

    @property
    def a_second(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


class _Connection:
    """One keep-alive connection and what has arrived of its answer."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._arrived = b""

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


def request_bytes(path: str, token: str) -> bytes:
    """Return a GET request as it goes over the wire."""
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nAccept: */*\r\n\r\n"
    return head.encode()


def answer_to(port: int, request: bytes) -> bytes:
    """Return one whole answer, head and body."""
    connection = _Connection(port)
    with connection.socket:
        connection.socket.sendall(request)
        while (answer := connection.take()) is None:
            pass
    return answer


def generate(port: int, request: bytes, *, connections: int, seconds: float, mark: bytes = b"") -> Load:
    """Send ``request`` over and over for some seconds.

    :param mark: counted in the answers, to prove that they are what was meant.
    """
    opened = {made.socket.fileno(): made for made in (_Connection(port) for _ in range(connections))}
    poll = select.epoll()
    answers = marked = 0
    for number, connection in opened.items():
        poll.register(number, select.EPOLLIN)
        connection.socket.sendall(request)
    began, busy = time.perf_counter(), time.thread_time()
    while (now := time.perf_counter()) < began + seconds:
        for number, _ in poll.poll(0.1):
            if (answer := opened[number].take()) is not None:
                answers += 1
                marked += mark in answer
                opened[number].socket.sendall(request)
    busy = (time.thread_time() - busy) / (now - began)
    poll.close()
    for connection in opened.values():
        connection.socket.close()
    return Load(answers, marked, now - began, busy)
