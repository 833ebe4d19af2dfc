"""A stage for tests of hosts: a database from a dump, what an engineer does with one file, and what clients ask then.

Invariant: the product is used through its commands, its processes and HTTP alone.
"""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psycopg

from tests.exactness.description import Description
from tests.exactness.plain_sql import expected
from tests.exactness.questions import Question, ask
from tests.fix_app import BIN, SECRET, System
from tests.fix_postgres import Server
from tests.hosts.host import Host
from tests.waiting import until
from web.auth.tokens import issue_token

EXACT = {"Cache-Control": "no-cache"}
INDEX = re.compile(r"CREATE INDEX .*?;")
ASKED_USERS = 9  # They have many rows; the host's applications write theirs.


class Site:
    """A host's database, a project in a folder of its own, and the processes around them."""

    def __init__(self, host: Host, system: System, folder: Path) -> None:
        self.host, self.system, self.folder = host, system, folder
        self.asked: Counter[str] = Counter()
        self._clients: dict[str, httpx.Client] = {}
        system.environment["FRONTVIEW_COVERAGE_SECONDS"] = "1"

    def command(self, *arguments: str) -> str:
        """Return what a command prints that an engineer runs in the project's folder."""
        ran = subprocess.run(
            [BIN / "frontview", *arguments],
            cwd=self.folder,
            env=self.system.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def run_advised_statements(self) -> None:
        """Run the statements that `frontview check` asks for."""
        for statement in INDEX.findall(self.command("check")):
            self.system.sql.execute(statement.encode())

    def get(self, user: str, view: str, pairs: list[tuple[str, str]], **headers: str) -> httpx.Response:
        if user not in self._clients:
            token = issue_token(SECRET, user, claim=self.host.claim)
            self._clients[user] = self._client(token)
        return self._clients[user].get(f"/api/v1/view/{view}", params=pairs, headers=headers)

    def get_with(self, token: str, view: str) -> httpx.Response:
        with self._client(token) as client:
            return client.get(f"/api/v1/view/{view}")

    def _client(self, token: str) -> httpx.Client:
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.system.port}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
            limits=httpx.Limits(max_connections=1),  # so always the same worker
        )

    def questions(self, seed: str, times: int) -> Iterator[tuple[str, Question]]:
        """Yield random questions about each view, and count what they ask for."""
        chance = Random(f"{self.host.name} {seed}")
        for name, of in self.host.views.items():
            for _ in range(times):
                user = chance.choice(self.host.users[:ASKED_USERS])
                asked = replace(ask(of, chance), user=user, base=False)
                self._count(asked)
                yield name, asked

    def _count(self, asked: Question) -> None:
        self.asked[asked.granularity] += 1
        self.asked[f"compare {asked.compare}"] += 1
        self.asked["filter"] += bool(asked.filters)
        self.asked["null filter"] += any(None in chosen for _, chosen in asked.filters)
        self.asked["group_by"] += bool(asked.group_by)
        self.asked["order"] += asked.order is not None
        self.asked["other"] += asked.other and bool(asked.group_by)

    def compare(self, name: str, asked: Question, **headers: str) -> dict[str, Any]:
        """Return the ``meta`` of an answer; fail unless the answer is that of plain SQL."""
        given, wanted = self._both(name, asked, **headers)
        assert given["data"] == wanted, (name, asked, given, wanted)
        return dict(given["meta"])

    def wait_until_partitions_are_noticed(self) -> None:
        """Wait until reads miss nothing of partitions that came or went, which the leader's check finds."""
        for name, of in self.host.views.items():
            asked = everything(of, self.host.users[0])
            until(lambda name=name, asked=asked: self._is_right(name, asked), "answer with all partitions")

    def _is_right(self, name: str, asked: Question) -> bool:
        given, wanted = self._both(name, asked, **EXACT)
        return bool(given["data"] == wanted)

    def _both(self, name: str, asked: Question, **headers: str) -> tuple[dict[str, Any], Any]:
        """Return an answer, and what plain SQL says at the same time."""
        of = self.host.views[name]
        response = self.get(asked.user, name, pairs(of, asked), **headers)
        assert response.status_code == 200, (response.text, pairs(of, asked))
        return json.loads(response.text, parse_float=Decimal), expected(self.system.sql, of, asked)

    def compare_exact(self, seed: str, times: int) -> set[str]:
        """Compare exact answers to random questions, and every user's totals; return where they came from."""
        asked = list(self.questions(seed, times))
        asked += [(name, everything(of, user)) for name, of in self.host.views.items() for user in self.host.users]
        return {self.compare(name, it, **EXACT)["source"] for name, it in asked}

    def compare_cached(self, seed: str, times: int) -> None:
        """Compare every answer to random questions until each has come from the cache."""
        for name, it in self.questions(seed, times):
            until(lambda name=name, it=it: self.compare(name, it)["source"] == "cache", "hit")

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


@contextmanager
def site_of(server: Server, host: Host, folder: Path) -> Iterator[Site]:
    """Yield a host's database with its rows, and a folder with its one file; nothing of Frontview is there yet."""
    url = server.create(None)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(host.dump.encode())
    project = folder / "project"
    project.mkdir()
    (project / "frontview.toml").write_text(host.declared)
    system = System(url, folder)
    site = Site(host, system, project)
    try:
        for statement in host.fill:
            system.sql.execute(statement.encode(), host.keys)
        system.sql.execute("ANALYZE")
        yield site
    finally:
        site.close()
        system.close()
        server.drop(url)


def everything(of: Description, user: str) -> Question:
    """Return the question of a user's totals over as many days as may be asked for."""
    first, last = date.today() - timedelta(390), date.today() + timedelta(9)
    return Question(user, first, last, "total", None, (), (), tuple(of.measures), None, 100, False, False)


def pairs(of: Description, asked: Question) -> list[tuple[str, str]]:
    """Return a question as the parameters of a request."""
    made = [("measures", ",".join(asked.measures))]
    if of.time:
        made += [("from", str(asked.first)), ("to", str(asked.last)), ("granularity", asked.granularity)]
    made += [("compare", asked.compare)] if asked.compare else []
    made += [("group_by", ",".join(asked.group_by))] if asked.group_by else []
    made += [("order", asked.order)] if asked.order else []
    made += [("limit", str(asked.limit))]
    made += [("other", "true")] if asked.other else []
    for name, chosen in asked.filters:
        made += [(name, it) if it is not None else (f"{name}.null", "true") for it in chosen]
    return made
