"""Hostile and ordinary requests at random, and a check that no answer to them reveals or breaks anything.

Invariant: what a request may see is decided here from its token alone; every answer is judged, none is skipped.
"""

import base64
import http.client
import json
import random
import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import jwt

from web.auth.tokens import issue_token

EVENTS = "/dashboard/events"
READS = (
    "/dashboard/overview", "/dashboard/analytics", "/dashboard/agents", "/dashboard/performance", "/view/calls", EVENTS,
)  # fmt: skip
ADMIN = ("/admin/cache/warm", "/admin/cache/invalidate", "/admin/refresh", "/admin/stats")
METHODS = ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "PROPFIND", "get")
DAYS = (
    "2026-02-30",
    "0000-01-01",
    "9999-12-31",
    "0001-01-01",
    "now",
    "",
    "2026-1-1",
    "infinity",
    "-1",
    "1e9",
    "'",
    "%00",
)
NUMBERS = (
    "0",
    "-1",
    "1.0",
    "9223372036854775808",
    "1e3",
    "0x1",
    "١",
    "null",
    "",
    "1 OR 1=1",
    "'; DROP TABLE users; --",
)
DIRECTIVES = (
    "no-cache",
    "max-age=0",
    "max-age=-1",
    "max-age=x",
    "stale-if-error=999999999",
    "no-cache, ,=",
    "only-if-cached",
)
PATHS = (
    "//api/v1/dashboard/agents",
    "/api/v1/../v1/agents",
    "/api/v1/dashboard/agents/",
    "/api/v1/dashboard/agents/%2e%2e/1",
    "/api/v2/dashboard/agents",
    "/%00",
    "/static/..%2f",
)


# That something has changed, whether changes are reported, and why it ends: no more may be in a stream.
_SAYS_NOTHING = re.compile(
    rb"retry: 2000\n\n"
    rb"(event: (state|changed|end)\n(id: \d+-\d+\n)?data: \{(\"(cache|reason)\": \"[a-z-]+\")?\}\n\n|: alive\n\n)+"
)


@dataclass(frozen=True, slots=True)
class Question:
    """One request, and whose data its token may see; None: no one's."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    user: int | None


@dataclass(slots=True)
class Judgement:
    """What came of many questions."""

    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Stranger:
    """Makes questions; ``tags`` is what a call of each user costs, by which data tells whose it is.

    :param foreign: an id of an agent by user.
    """

    def __init__(self, secret: str, tags: Mapping[int, int], foreign: Mapping[int, int], seed: int) -> None:
        self._chance = random.Random(seed)
        self._secret, self._users, self._foreign = secret, list(tags), foreign
        self._good = {user: issue_token(secret, user, False, 3600) for user in self._users}

    def questions(self, count: int) -> Iterator[Question]:
        """Yield that many; a third of them are ordinary, so that caches are full of other people's answers."""
        kinds: list[Callable[[], Question]] = [
            self._ordinary, self._ordinary, self._bad_token, self._foreign_user, self._odd_query, self._odd_request,
        ]  # fmt: skip
        for _ in range(count):
            yield self._chance.choice(kinds)()

    def _ordinary(self) -> Question:
        user = self._user()
        query = self._chance.choice(("", "?from=2026-01-01&to=2026-01-31"))
        path = self._chance.choice(READS)
        return self._question(path + ("" if path == READS[0] else query), user, self._good[user])

    def _bad_token(self) -> Question:
        user = self._user()
        claims = {"sub": str(user), "exp": int(time.time()) + 600, "scope": "admin"}
        head, payload, signature = self._good[user].split(".")
        other = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
        token = self._chance.choice(
            (
                "",
                "x",
                "a.b.c",
                f"{head}.{other}.{signature}",
                f"{head}.{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
                f"{head}.{payload}.",
                jwt.encode(claims, None, algorithm="none"),
                jwt.encode(claims, "another secret that is long enough too", algorithm="HS256"),
                jwt.encode(claims | {"exp": 1}, self._secret, algorithm="HS256"),
                jwt.encode({"sub": str(user)}, self._secret, algorithm="HS256"),
                jwt.encode(claims | {"sub": "-0"}, self._secret, algorithm="HS256"),
                "A" * 9_000,
            )
        )
        return self._question(self._chance.choice(READS + ADMIN), None, token)

    def _foreign_user(self) -> Question:
        user, other = self._user(), self._user()
        path = self._chance.choice(
            (
                f"{self._chance.choice(READS)}?user_id={other}",
                f"/dashboard/agents?agent={self._foreign[other]}",
                f"/dashboard/analytics?agent={self._foreign[other]}",
                self._chance.choice(ADMIN),
                f"/dashboard/agents?agent={self._foreign[other]}&user_id={user}&user_id={other}",
            )
        )
        return self._question(path, user, self._good[user])

    def _odd_query(self) -> Question:
        user, chance = self._user(), self._chance
        pairs = [
            (
                chance.choice(("from", "to", "granularity", "series", "agent_id", "user_id", "x" * 300, "")),
                chance.choice(DAYS + NUMBERS),
            )
            for _ in range(chance.choice((1, 2, 3, 40)))
        ]
        query = "&".join(f"{name}={value}" for name, value in pairs).replace(" ", "%20")
        return self._question(f"{chance.choice(READS)}?{query}", user, self._good[user])

    def _odd_request(self) -> Question:
        user, chance = self._user(), self._chance
        body = chance.choice(
            (None, b"", b"{", b"[" * 5_000, b'{"user_ids":[' + b"1," * 20_000 + b"1]}", b"\0\xff", b"x" * 70_000)
        )
        headers = chance.choice(
            (
                (),
                (("Content-Type", "application/json"),),
                (("Cache-Control", chance.choice(DIRECTIVES)),),
                (("If-None-Match", chance.choice(("*", '"x"', "W/", '"' * 99))),),
                (("X-Request-Id", "\x7f" + "y" * 200),),
                (("Accept-Encoding", "gzip;q=x, br"),),
            )
        )
        method = chance.choice((*METHODS, "GET", "POST"))
        target = chance.choice((*PATHS, *(f"/api/v1{path}" for path in READS + ADMIN)))
        return Question(method, target, (("Authorization", f"Bearer {self._good[user]}"), *headers), body, user)

    def _question(self, path: str, user: int | None, token: str) -> Question:
        headers = (("Authorization", f"Bearer {token}"),) if token else ()
        return Question("GET", f"/api/v1{path}", headers, None, user)

    def _user(self) -> int:
        return self._chance.choice(self._users)


class Connection:
    """One connection at a time, over which anything can be sent; a library's client would refuse to."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._socket: socket.socket | None = None
        self._reused = False

    def ask(self, question: Question) -> tuple[int, bytes]:
        """Return status and body.

        :raises OSError, http.client.HTTPException: there is no answer.
        """
        try:
            return self._ask(question)
        except (OSError, http.client.HTTPException):
            if not self._reused:
                raise
            self.close()  # the server hung up after something that it would not read to its end
            return self._ask(question)

    def _ask(self, question: Question) -> tuple[int, bytes]:
        self._reused = self._socket is not None
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=30)
        head = [f"{question.method} {question.target} HTTP/1.1", "Host: frontview"]
        head += [f"{name}: {value}" for name, value in question.headers]
        if question.body is not None:
            head.append(f"Content-Length: {len(question.body)}")
        self._socket.sendall("\r\n".join([*head, "", ""]).encode() + (question.body or b""))
        with http.client.HTTPResponse(self._socket, method=question.method) as answer:
            answer.begin()
            status, body, last = answer.status, answer.read(), answer.will_close
        if last:
            self.close()
        return status, body

    def close(self) -> None:
        """Hang up; the next question gets a new connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def ask_all(address: tuple[str, int], questions: Iterator[Question], tags: Mapping[int, int]) -> Judgement:
    """Ask one question after another over one connection at a time, and judge the answers."""
    judgement = Judgement()
    with closing(Connection(*address)) as connection:
        for question in questions:
            try:
                status, body = connection.ask(question)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if question.body is None:  # a server may hang up on a body that it will not read
                    judgement.faults.append(f"{question.method} {question.target[:80]}: {error!r}")
                continue
            judgement.statuses[status] += 1
            fault = _fault(question, status, body, tags)
            if fault:
                judgement.faults.append(f"{question.method} {question.target[:80]}: {status}: {fault}")
    return judgement


def _fault(question: Question, status: int, body: bytes, tags: Mapping[int, int]) -> str | None:
    """Return what is wrong with an answer, or None."""
    if status >= 500:
        return f"a fault of Frontview: {body[:200]!r}"
    if status == 200 and question.method != "HEAD" and question.target.startswith("/api/"):
        if question.user is None:
            return "an answer to a stranger"
        if question.target.split("?")[0].endswith(EVENTS):
            return None if _SAYS_NOTHING.fullmatch(body) else f"an event that says something: {body[:200]!r}"
        answer = json.loads(body)
        if (shown := answer["meta"]["user"]["id"]) != question.user:
            return f"the answer of user {shown}"
        return _foreign(answer["data"], tags[question.user], question.user)
    return None


def _foreign(data: Any, tag: int, user: int) -> str | None:
    """Return what in the data of an answer is not of a user each of whose calls costs ``tag``."""
    if isinstance(data, list):
        return next((fault for item in data if (fault := _foreign(item, tag, user))), None)
    if not isinstance(data, dict):
        return None
    if "agent_name" in data and data["agent_name"] != f"of {user}":
        return f"name {data['agent_name']!r}"
    if "calls" in data and "cost_cents" in data and data["cost_cents"] != data["calls"] * tag:
        return f"{data['calls']} calls of {data['cost_cents']} cents, not {tag} each"
    return next((fault for item in data.values() if (fault := _foreign(item, tag, user))), None)
