"""Whatever roles and databases set for our sessions: the whole system works, or one sentence names the setting.

Each run tries the same 24 combinations on each server; ``FRONTVIEW_SESSION_SETTINGS=100`` makes that a hundred.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient

from models.connection import Connection
from models.engine import connect
from models.preconditions import require_usable_database
from models.settings import Settings, load_settings
from refresher.process import RefresherProcess
from tests.acceptance.session_settings import Drawing, Hostile, hostile_database
from tests.fix_postgres import Server
from tests.models.test_suitable_database import encoded
from tests.oracle.base_tables import facts_of
from tests.oracle.reads import FIGURES
from tests.voice_stage import fill
from tests.waiting import until
from views_sql.operations.catalog import load_application
from web.app import create_app
from web.auth.tokens import issue_token
from web.cli.expected_errors import explain
from web.cli.migrate import grant_rights, upgrade
from web.process.worker import Worker
from web.reads.exact_read import ReadQuestion, statement_of

SECRET = "a secret for the tests that is long enough"
SEEDS = range(int(os.environ.get("FRONTVIEW_SESSION_SETTINGS", "24")))
EVERY_CHANGE = 3
EXACT = {"Cache-Control": "no-cache"}
USER = 1
ADDRESS = "/api/v1/dashboard/{name}?from={first}&to={last}"
READS = ("overview", "analytics", "agents", "performance")
WRITE = """
INSERT INTO public.calls (user_id, agent_id, started_at, status, duration_seconds, cost_cents)
SELECT user_id, min(id), now(), 'completed', 60, 7 FROM public.agents WHERE user_id = 1 GROUP BY user_id
"""


@pytest.fixture(scope="module")
def drawing(any_server: Server) -> Drawing:
    return Drawing(any_server)


@pytest.mark.parametrize(
    "seed", [pytest.param(n, marks=pytest.mark.every_change if n < EVERY_CHANGE else ()) for n in SEEDS]
)
def test_any_settings_that_the_server_accepts(
    any_server: Server, drawing: Drawing, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    combination = drawing.draw(seed)
    with hostile_database(any_server, combination, drawing.usual) as database:
        print(combination.login, combination.superuser, *database.accepted, sep="\n")  # noqa: T201  if it fails
        monkeypatch.setenv("FRONTVIEW_DATABASE_URL", database.url)
        if (refusal := refusal_to_start(database)) is None:
            check_system(database)
        else:
            assert database.names(refusal), refusal


def test_a_database_of_another_encoding_is_read_as_any_other(
    embedded_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with encoded(embedded_server, "LATIN1") as url:
        monkeypatch.setenv("FRONTVIEW_DATABASE_URL", url)
        database = Hostile(url, url, (), {})
        assert refusal_to_start(database) is None
        with database.neutral() as neutral:
            neutral.execute("INSERT INTO users (email, name) VALUES ('zoe@example.org', 'Zoë')")
            neutral.execute("INSERT INTO agents (user_id, name) VALUES (1, 'Jürgen')")
        check_system(database)


def refusal_to_start(database: Hostile) -> str | None:
    """Migrate, and make the checks of every start; return why one of them refuses, None if none does."""
    try:
        upgrade()
        grant_rights()
        require_usable_database(database.url, database.url, "frontview-check")
    except Exception as error:
        if (said := explain(error)) is None:
            raise
        return said
    return None


def check_system(database: Hostile) -> None:
    settings = load_settings(database_url=database.url, jwt_secret=SECRET, refresh_min_seconds=0.5, log_level="warning")
    with database.neutral() as neutral:
        neutral.execute("SET search_path = public")
        with refresher(settings), client_of(settings) as client:
            fill(neutral, users=2)
            check_exact_reads(client, neutral)
            until(lambda: populated(neutral), "populated view")
            check_exact_reads(client, neutral)
            with database.writer() as writer:
                writer.execute(WRITE)
            check_exact_reads(client, neutral)
            check_cached_reads(client, neutral)
        assert alarms(neutral) == []


@contextmanager
def refresher(settings: Settings) -> Iterator[None]:
    url = str(settings.database_url)
    with connect(url, "frontview-test") as connection:
        process = RefresherProcess(settings, load_application(connection), url)
    process.start()
    try:
        yield
    finally:
        process.stop()


@contextmanager
def client_of(settings: Settings) -> Iterator[FlaskClient]:
    worker = Worker(settings, load_application)
    try:
        yield create_app(worker, settings).test_client()
    finally:
        worker.stop()


def populated(neutral: Connection) -> bool:
    return neutral.execute("SELECT bool_and(through IS NOT NULL) FROM frontview.view_state").fetchone() == (True,)


def alarms(neutral: Connection) -> list[tuple[str, str]]:
    return neutral.execute("SELECT kind, detail FROM frontview.alarm").fetchall()


def check_exact_reads(client: FlaskClient, neutral: Connection) -> None:
    for name in READS:
        wanted, address = expected(neutral, name)
        answer = ask(client, address, EXACT)
        assert answer["data"] == wanted
        assert answer["meta"]["source"] in ("database", "materialized_view")


def check_cached_reads(client: FlaskClient, neutral: Connection) -> None:
    for name in READS:
        wanted, address = expected(neutral, name)

        def hit() -> bool:
            answer = ask(client, address)  # noqa: B023  called within this turn
            return answer["meta"]["source"] == "cache" and answer["data"] == wanted  # noqa: B023

        until(hit, f"{name} with the write from the cache")


def expected(neutral: Connection, name: str) -> tuple[dict[str, Any], str]:
    """Return the data of a read and its address, taken from the oracle's own figures."""
    facts = facts_of(neutral, USER)
    first, last = facts.today - timedelta(days=44), facts.today
    dashboard = load_application(neutral).dashboard(name)
    given = dict(dashboard.defaults) | {"from": first, "to": last}
    question = ReadQuestion(dashboard, USER, [given.get(name) for name in dashboard.arguments])
    query, values = statement_of([question], base=True)
    data: dict[str, Any] = json.loads(
        until(lambda: body_of(neutral, query, values), "a read while nothing is rewritten")
    )
    if name != "performance":  # The oracle's figures of that are those of another period.
        found, wanted = FIGURES[name](data, facts, first, last)
        assert found == wanted
    return data, ADDRESS.format(name=name, first=first, last=last)


def body_of(neutral: Connection, query: str, values: tuple[Any, ...]) -> str | None:
    try:
        row = neutral.execute(query.encode(), values).fetchone()
    except psycopg.errors.SerializationFailure:  # A view was populated under this read; Frontview reads again as well.
        return None
    return str(row[1]) if row else None


def ask(client: FlaskClient, address: str, headers: dict[str, str] | None = None) -> Any:
    token = issue_token(SECRET, USER, False, 60)
    answer = client.get(address, headers={"Authorization": f"Bearer {token}"} | (headers or {}))
    assert answer.status_code == 200, answer.text
    return answer.json
