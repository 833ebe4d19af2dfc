"""A user's client of a web worker over an installed application: what is asked of it over HTTP, and what it answers.

Invariant: a cached answer is asked for only after the worker has applied everything that was drained, so that it must
be what is there now.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import psycopg
from flask.testing import FlaskClient

from models.settings import load_settings
from refresher.leader.drain import wake_followers
from tests.exactness.description import Description
from tests.exactness.pools import NO_NUMBERS
from tests.exactness.questions import Question
from tests.waiting import until
from tests.web.web_fakes import SECRET, bearer
from views_sql.declaration.maintained_view import Catalog
from web.app import create_app
from web.process.worker import Worker

KEPT = 8
LONGEST = 1000  # Characters of a value that an address may hold.
OPTIONS: dict[str, Any] = {
    "jwt_secret": SECRET, "trust_seconds": 60, "rate_limit_per_second": 0, "access_log": False,
    "warming_enabled": False, "pool_size": 2,
}  # fmt: skip


@dataclass
class Client:
    """A client of a worker in this process."""

    worker: Worker
    client: FlaskClient

    def follow(self, c: psycopg.Connection[Any]) -> None:
        """Wait until the worker has applied all drains."""
        wake_followers(c)
        row = c.execute("SELECT max(drain_id) FROM frontview.drain").fetchone()
        assert row is not None
        until(lambda: (seen := self.worker.cache.applied) is not None and seen.drain_id >= row[0], "the drain")

    def get(self, user: str, path: str, pairs: list[tuple[str, str]], *, exact: bool) -> tuple[str, Any]:
        """Return where the answer came from, and its data; None: there is no such user."""
        headers = bearer(user) | ({"Cache-Control": "no-cache"} if exact else {})
        response = self.client.get(path, query_string=pairs, headers=headers)
        if response.status_code == 404:
            return "nobody", None
        assert response.status_code == 200, (response.status_code, response.text, path, pairs)
        answer = json.loads(response.text, parse_float=Decimal)
        return answer["meta"]["source"], answer["data"]


@dataclass
class Visitor(Client):
    """Asks about a view; ``kept`` are questions that it repeats, so that some are answered from the cache."""

    of: Description
    kept: list[Question] = field(default_factory=list)

    def again(self, asked: Question, chance: Random) -> Question:
        """Return the question, or one that was asked before; one that no address can hold is left out."""
        values = {it for _, chosen in asked.filters for it in chosen}
        long = any(len(it) > LONGEST for it in values if it is not None)
        if len(self.kept) == KEPT or long or values & NO_NUMBERS:
            return chance.choice(self.kept) if self.kept else _plain(asked)
        self.kept.append(asked)
        return asked

    def ask(self, asked: Question, *, exact: bool) -> tuple[str, Any]:
        """Return where the answer came from, and its data; None: there is no such user."""
        return self.get(asked.user, "/api/v1/view/things", _pairs(self.of, asked), exact=exact)


def _plain(asked: Question) -> Question:
    return Question(**vars(asked) | {"filters": ()})


def _pairs(of: Description, asked: Question) -> list[tuple[str, str]]:
    pairs = [("measures", ",".join(asked.measures)), ("limit", str(asked.limit))]
    if of.time:
        pairs += [("from", str(asked.first)), ("to", str(asked.last)), ("granularity", asked.granularity)]
    pairs += [("group_by", ",".join(asked.group_by))] if asked.group_by else []
    pairs += [("order", asked.order)] if asked.order else []
    pairs += [("compare", asked.compare)] if asked.compare else []
    pairs += [("other", "true")] if asked.other else []
    for name, chosen in asked.filters:
        pairs += [(name, it) if it is not None else (f"{name}.null", "true") for it in chosen]
    return pairs


@contextmanager
def visiting(url: str, catalog: Catalog) -> Iterator[Client]:
    """Yield a client of a worker in this process."""
    settings = load_settings(database_url=url, **OPTIONS)
    worker = Worker(settings, catalog)
    worker.ensure_started()
    try:
        until(lambda: worker.follower.status().trusted, "trust")
        yield Client(worker, create_app(worker, settings).test_client())
    finally:
        worker.stop()
