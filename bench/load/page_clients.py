"""``python -m bench.load.page_clients PORT``: many open dashboards, without browsers, that behave as the page does.

Tokens are read from stdin, one a line. A line on stdout says when all pages are open; the end of stdin closes them, and
a line of JSON says what they did. They behave as ``web/static/live.js`` does: a page follows the server's events where
there is room, and reads everything at a change and again when H has passed; the others read every five seconds, with
the entity tags of what they have.

Invariant: a page sends what the browser's page sends: the same addresses and headers, over at most six connections.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from contextlib import suppress
from random import random

import httpx

READS = ("application", "dashboard/overview")
EVENTS = "dashboard/events"
POLL_SECONDS, ANYWAY_SECONDS, TRUST_SECONDS, RETRY_SECONDS = 5.0, 60.0, 1.1, 2.0
ANY_AGE = {"Cache-Control": "max-age=31536000", "Pragma": "no-cache"}
CONNECTIONS = 6
TOGETHER = 10  # How many pages open at once.


class Page:
    """One open dashboard.

    :param counts: counters shared by all pages: answers by status, change events, failures.
    """

    def __init__(self, port: int, token: str, counts: Counter[str]) -> None:
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip", **ANY_AGE}
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        base = f"http://127.0.0.1:{port}/api/v1/"
        self._client = httpx.AsyncClient(base_url=base, headers=headers, limits=limits, timeout=30)
        self._counts, self._tags = counts, dict[str, str]()
        self.streams = False
        self.settled = asyncio.Event()

    async def live(self) -> None:
        """Stay open until cancelled."""
        async with self._client:
            await self._refresh()
            await asyncio.gather(self._stream(), self._poll())

    async def _refresh(self) -> None:
        await asyncio.gather(*map(self._read, READS))

    async def _read(self, path: str) -> None:
        tag = self._tags.get(path)
        try:
            answer = await self._client.get(path, headers={"If-None-Match": tag} if tag else {})
        except httpx.TransportError:
            self._counts["failed"] += 1
            return
        self._counts[str(answer.status_code)] += 1
        self._tags[path] = answer.headers.get("ETag", "")

    async def _poll(self) -> None:
        await self.settled.wait()
        await asyncio.sleep(POLL_SECONDS * random())  # pages open one by one
        while True:
            if not self.streams:
                await self._refresh()
                await self._client.get("/readyz")
            await asyncio.sleep(ANYWAY_SECONDS if self.streams else POLL_SECONDS)

    async def _stream(self) -> None:
        while True:
            seconds = RETRY_SECONDS
            with suppress(httpx.TransportError):
                async with self._client.stream("GET", EVENTS, headers={"Accept": "text/event-stream"}) as answer:
                    self._counts[f"events {answer.status_code}"] += 1
                    self.streams = answer.status_code == httpx.codes.OK
                    seconds = float(answer.headers.get("Retry-After", RETRY_SECONDS))
                    self.settled.set()
                    if self.streams:
                        await self._follow(answer)
            self.streams = False
            await asyncio.sleep(seconds)

    async def _follow(self, answer: httpx.Response) -> None:
        async for line in answer.aiter_lines():
            if line == "event: changed":
                self._counts["changed"] += 1
                await self._refresh()
                await asyncio.sleep(TRUST_SECONDS)
                await self._refresh()


async def main(port: int, tokens: list[str]) -> None:
    """Open the pages, report that, and close them when stdin ends."""
    counts: Counter[str] = Counter()
    pages = [Page(port, token, counts) for token in tokens]
    tasks: list[asyncio.Task[None]] = []
    for first in range(0, len(pages), TOGETHER):
        opened = pages[first : first + TOGETHER]
        tasks += [asyncio.create_task(page.live()) for page in opened]
        await asyncio.gather(*(page.settled.wait() for page in opened))
    say({"streams": sum(page.streams for page in pages), "pages": len(pages)})
    counts.clear()
    began = time.monotonic()
    await asyncio.to_thread(sys.stdin.read)
    say({"milliseconds": int(1000 * (time.monotonic() - began)), **counts})
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def say(report: dict[str, int]) -> None:
    """Write one line of JSON."""
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), list(iter(lambda: sys.stdin.readline().strip(), ""))))
