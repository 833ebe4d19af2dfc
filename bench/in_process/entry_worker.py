"""``python -m bench.in_process.entry_worker``: traces the memory of a cache entry beyond its body; prints JSON.

A line of JSON on stdin says which users and dashboards to read, and holds a request's environ and the secret that signs
tokens. *Read* reads by the read path, everything twice with the cache emptied in between, so that what a first reading
leaves elsewhere is not counted; *own* does the same for months that no other user asks for. *Asked* sends whole
requests, each user with a token, each question until it hits, so that what the front layer remembers about tokens and
questions is counted too; a few users have been read before that.

Invariant: entries are made as a user's are, by reads of the real read path or of the whole application; a body is the
JSON that the database wrote, and it is not compressed.
"""

import gc
import json
import sys
import time
import tracemalloc
from array import array
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from bench.in_process.hit_worker import Caller
from web.auth.tokens import issue_token
from web.context import context_of
from web.wsgi import app

KNOWN_USERS = 20
PASSES = 4
FIRST_DAY = date(2001, 1, 1)
Asked = tuple[int, str]
Read = Callable[[int, str], int]


def main() -> None:
    """Trace entries made in three ways."""
    task = json.loads(sys.stdin.readline())
    worker = context_of(app).worker
    worker.ensure_started()
    users = task["users"]
    common = [(user, dashboard) for user in users for dashboard in task["dashboards"]]
    days = [(FIRST_DAY + timedelta(days=day)).isoformat() for day in range(4 * len(users))]
    before, own = (list(zip(users * 2, days[half::2], strict=True)) for half in (0, 1))
    known = len(task["dashboards"]) * KNOWN_USERS
    by_path, by_requests = _by_read_path(worker), _by_requests(task["environ"], task["secret"])
    found = {
        "read": _trace(worker, by_path, before=common, traced=common),
        "own": _trace(worker, _of_month(worker), before=before, traced=own),
        "asked": _trace(worker, by_requests, before=common[:known], traced=common[known:]),
    }
    print(json.dumps(found), flush=True)


def _by_read_path(worker: Any) -> Read:
    def read(user: int, dashboard: str) -> int:
        return _stored(worker, dashboard, user, worker.serving.catalog.dashboard(dashboard).defaults)

    return read


def _of_month(worker: Any) -> Read:
    def read(user: int, first_day: str) -> int:
        first = date.fromisoformat(first_day)
        arguments = {"from": first, "to": first + timedelta(days=29), "granularity": "day"}
        return _stored(worker, "analytics", user, arguments)

    return read


def _stored(worker: Any, dashboard: str, user: int, parameters: Mapping[str, Any]) -> int:
    """Read until the cache keeps the answer (it refuses while it is not trusted), and return the answer's size."""
    while not (reading := worker.read_path.read(dashboard, user, parameters)).stored:
        time.sleep(0.01)
    return len(reading.data)


def _by_requests(environ: dict[str, Any], secret: str) -> Read:
    caller = Caller(app, environ)

    def read(user: int, dashboard: str) -> int:
        request = {"PATH_INFO": f"/api/v1/dashboard/{dashboard}", "HTTP_AUTHORIZATION": f"Bearer {tokens(user)}"}
        body = b""
        while not body or not caller.was_hit():
            body = caller.ask(**request)
            assert caller.status == "200 OK", body[:300]
        return len(body.removeprefix(b'{"data":').partition(b',"meta":{"source"')[0])

    def tokens(user: int) -> str:
        return signed.setdefault(user, issue_token(secret, user))

    signed: dict[int, str] = {}
    return read


def _trace(worker: Any, read: Read, *, before: Sequence[Asked], traced: Sequence[Asked]) -> dict[str, float]:
    """Return entries, the bytes of their bodies, and how far the traced memory grew."""
    for user, what in before:
        read(user, what)
    worker.cache.flush("benchmark")
    while not worker.cache.may_answer(time.monotonic()):
        time.sleep(0.01)
    sizes = array("q", bytes(8 * len(traced)))  # made before, so that it is not counted
    tracemalloc.start()
    began = _traced()
    for _ in range(PASSES):  # a read that is ahead of the feed drops its user's entries
        for place, (user, what) in enumerate(traced):
            sizes[place] = read(user, what)
        entries = sum(region.entries for region in worker.cache.statistics().regions.values())
        if entries == len(traced):
            break
    else:
        raise SystemExit(f"{entries} entries of {len(traced)} are there")
    grown = _traced() - began
    tracemalloc.stop()
    return {"entries": entries, "bodies": sum(sizes), "grown": grown}


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


if __name__ == "__main__":
    main()
    context_of(app).worker.stop()
