"""Watches one large drain from outside: its commit, its duration, and when a worker had applied it.

Invariant: it uses only what any client can see: the drain's own row, and the event that a worker sends to an open page
once its cache has applied the feed.
"""

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import isnan
from threading import Event, Thread

from models.engine import connect

EVENTS = "/api/v1/dashboard/events"
LOOK_SECONDS = 0.004
PATIENCE_SECONDS = 10
_LARGE = """
SELECT d.drain_id, d.key_count, EXTRACT(EPOCH FROM clock_timestamp() - d.drained_at)::float8
FROM frontview.drain d WHERE d.drain_id > %s AND d.key_count >= %s ORDER BY d.drain_id LIMIT 1
"""


class FeedWatch:
    """A future drain of at least ``keys`` keys, and the page of a user whom it concerns.

    ``drain_seconds``: from the drain's beginning to its commit; ``drained``, ``applied``: monotonic times of the
    commit and of the worker's event. Both are at most 4 ms late, the time between two checks.
    """

    def __init__(self, url: str, port: int, token: str, keys: int) -> None:
        self._url, self._port, self._token, self._least = url, port, token, keys
        self._open, self._over = Event(), Event()
        self.keys = 0
        self.drain_seconds = self.drained = self.applied = float("nan")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the block runs, and then until everything has been seen.

        :raises RuntimeError: there was no such drain, or no event for it.
        """
        watchers = [Thread(target=watcher) for watcher in (self._watch_drain, self._watch_events)]
        for watcher in watchers:
            watcher.start()
        try:
            if not self._open.wait(PATIENCE_SECONDS):
                raise RuntimeError("the worker opens no stream of events")
            yield
        finally:
            self._over.set()
            for watcher in watchers:
                watcher.join()
        if not self.keys or isnan(self.applied):
            raise RuntimeError("the drain of the bulk update, or its event, was not seen")

    def _watch_drain(self) -> None:
        with connect(self._url, "frontview-bench-watch") as connection:
            row = connection.execute("SELECT max(drain_id) FROM frontview.drain").fetchone()
            newest = row[0] if row else 0
            while not self._over.is_set():
                found = connection.execute(_LARGE, (newest, self._least), prepare=True).fetchone()
                if found is not None:
                    self.drained = time.monotonic()
                    _, self.keys, self.drain_seconds = found
                    return
                time.sleep(LOOK_SECONDS)

    def _watch_events(self) -> None:
        page = http.client.HTTPConnection("127.0.0.1", self._port, timeout=3 * PATIENCE_SECONDS)
        page.request("GET", EVENTS, headers={"Authorization": f"Bearer {self._token}", "Accept": "text/event-stream"})
        answer = page.getresponse()
        if answer.status != http.client.OK:
            return
        self._open.set()
        while line := answer.readline():
            if line.strip() == b"event: changed":
                self.applied = time.monotonic()
                break
        page.close()
