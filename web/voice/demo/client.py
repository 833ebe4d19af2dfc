"""The demo's reads over HTTP, on one connection, so that one worker answers all of them.

Invariant: ``data`` is kept as the bytes that were received, never parsed and serialised again.
"""

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any

from web.voice.demo.stage import DemoError

OVERVIEW = "/api/v1/dashboard/overview"
_DATA = b'{"data":'


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a read.

    :param seconds: the time from before the request until after the last byte of its answer.
    """

    data: bytes
    meta: dict[str, Any]
    seconds: float


class Client:
    """Reads as one user of the API."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"Authorization": f"Bearer {token}"}

    def overview(self, *, exact: bool = False) -> Answer:
        """Return the user's overview; ``exact``: without the cache.

        :raises DemoError: the answer is not a 200 with data and meta.
        """
        headers = self._headers | ({"Cache-Control": "no-cache"} if exact else {})
        began = time.perf_counter()
        try:
            self._connection.request("GET", OVERVIEW, headers=headers)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise DemoError(f"GET {OVERVIEW}: {type(error).__name__}: {error}.") from None
        seconds = time.perf_counter() - began
        if response.status != 200 or not body.startswith(_DATA):
            raise DemoError(f"GET {OVERVIEW} answered {response.status}: {body[:300].decode(errors='replace')}")
        return Answer(data_bytes(body), json.loads(body)["meta"], seconds)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def is_ready(port: int) -> bool:
    """Return whether ``/readyz`` answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def data_bytes(body: bytes) -> bytes:
    """Return the bytes of ``data`` in an answer, unchanged."""
    text = body.decode()
    start = len(_DATA)
    while text[start] in " \t\r\n":
        start += 1
    _, end = json.JSONDecoder().raw_decode(text, start)
    return text[start:end].encode()
