"""How many files a read passes through: what a developer opens to follow one from the WSGI server to its answer.

``pytest -n0 -rP tests/web/test_files_of_a_read.py`` prints the figures and the files.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient

from models.settings import load_settings
from refresher.leader.drain import drain_once
from tests.fix_app import SECRET
from tests.fix_postgres import ROOT, Application
from tests.leading import lead
from tests.waiting import until
from views_sql.operations.catalog import load_application
from web.app import create_app
from web.auth.tokens import issue_token
from web.process.worker import Worker

COUNTER = "/api/v1/dashboard/counter"
LAYERS = ("models", "views_sql", "refresher", "web")
# What happens whenever any code takes a connection out of the pool.
POOL = {"models/deadlines.py", "models/engine.py", "web/background.py"}
MOST_FILES = {"miss": 26, "hit": 13}


class Entered:
    """The files of the product in the order in which calls of this thread enter them, without those of the pool."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def during(self, call: Callable[[], Any]) -> Any:
        sys.setprofile(self._note)
        try:
            return call()
        finally:
            sys.setprofile(None)

    @property
    def files(self) -> list[str]:
        return sorted(set(self.calls))

    @property
    def changes(self) -> int:
        """How often one call is in another file than the call before it."""
        return sum(1 for before, after in pairwise(self.calls) if before != after)

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith(LAYERS) and name not in POOL:
                self.calls.append(name)


@pytest.fixture
def client(database_url: str, connection: psycopg.Connection[Any], application: Application) -> Iterator[FlaskClient]:
    """A client of a worker that trusts its cache and warms nothing; there is no access log."""
    application.fill(connection)
    term = lead(connection)
    drain_once(connection, term)
    options = {"trust_seconds": 30, "warming_enabled": False, "access_log": False}
    settings = load_settings(database_url=database_url, jwt_secret=SECRET, **options)
    worker = Worker(settings, load_application)
    worker.ensure_started()
    until(lambda: worker.follower.status().trusted, "trust")
    yield create_app(worker, settings).test_client()
    worker.stop()


def bearer(user: int) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_token(SECRET, user, False, 3600)}"}


def test_a_miss_and_a_hit_pass_through_few_files(client: FlaskClient) -> None:
    headers = bearer(2)
    client.get(COUNTER, headers=bearer(1))  # Makes what all users share,
    client.get("/api/v1/view/account", headers=headers)  # and verifies the token.
    for kind, status in (("miss", "fwd=uri-miss"), ("first hit", "hit"), ("hit", "hit")):
        entered = Entered()
        response = entered.during(lambda: client.get(COUNTER, headers=headers))
        assert response.status_code == 200
        assert response.headers["Cache-Status"].startswith(f"frontview; {status}")
        sys.stdout.write(f"{kind}: {len(entered.files)} files, {entered.changes} changes of file\n")
        sys.stdout.writelines(f"    {name}\n" for name in entered.files)
        assert len(entered.files) <= MOST_FILES.get(kind, MOST_FILES["miss"])
