"""Status codes over a real database: what is wrong with us is never the caller's fault, and never an outage.

Each failing function raises inside PostgreSQL, as a defective function of an application would.
"""

import json
from collections.abc import Iterator

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from structlog.testing import capture_logs

from models.engine import make_engine
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.limits import RegionLimits
from tests.neutral.catalog import CATALOG, SERVED
from tests.web.web_fakes import FakeWorker, bearer, make_app
from web.reads.read_path import ReadPath

Connection = psycopg.Connection[tuple[object, ...]]

USER = 7
ACCOUNT, RENEWALS = "/api/v1/view/account", "/api/v1/view/renewals"
REPLACED = """
CREATE OR REPLACE FUNCTION frontview.account_1_read(
    p_user frontview.user_key, p_group_by text[], p_measures text[], p_order text, p_limit integer, p_other boolean,
    p_base boolean
) RETURNS frontview.answer LANGUAGE plpgsql STABLE AS $$ BEGIN {} END $$
"""


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url, "frontview-test")
    yield engine
    engine.dispose()


@pytest.fixture
def read_path(engine: Engine) -> ReadPath:
    cache = FrontCache([RegionLimits(region.name, 10, 10_000) for region in CATALOG.regions])
    return ReadPath(engine, cache, CATALOG)


@pytest.fixture
def client(engine: Engine, read_path: ReadPath, connection: Connection) -> FlaskClient:
    connection.execute("INSERT INTO member (id, name) OVERRIDING SYSTEM VALUE VALUES (7, 'ann@example.org')")
    return make_app(FakeWorker(read_path=read_path, engine=engine, served=SERVED), log_level="error").test_client()


def kind_of(response) -> tuple[int, str]:
    return response.status_code, response.json["type"].removeprefix("urn:frontview:problem:")


def get(client: FlaskClient, path: str):
    return client.get(path, headers=bearer(USER))


@pytest.mark.parametrize(
    ("body", "sqlstate"),
    [
        ("RETURN (SELECT NULL::frontview.answer WHERE 1 / (p_user - 7) = 1);", "22012"),
        ("RAISE 'a user''s time zone' USING ERRCODE = '22023';", "22023"),
        ("RAISE 'oops';", "P0001"),
    ],
    ids=lambda it: it if len(it) == 5 else "",
)
def test_a_defect_in_a_function_is_a_500_with_its_sqlstate_in_the_log(client, connection, body, sqlstate):
    connection.execute(REPLACED.format(body))
    with capture_logs() as logs:
        response = get(client, ACCOUNT)
    assert kind_of(response) == (500, "about:blank")
    assert "Retry-After" not in response.headers
    (error,) = (line for line in logs if line["log_level"] == "error")
    assert (error["event"], error["sqlstate"]) == ("statement_failed", sqlstate)
    assert error["request_id"] == response.headers["X-Request-Id"]
    assert error["function"].startswith("PL/pgSQL function frontview.account_1_read(")
    assert not any(word in json.dumps(logs) for word in ("ann@example.org", "SELECT", "time zone"))


@pytest.mark.parametrize("sqlstate", ["53200", "57014", "58030", "XX001", "55P03", "40001"])
def test_an_outage_is_a_503_that_says_when_to_come_back(client, connection, sqlstate):
    connection.execute(REPLACED.format(f"RAISE 'x' USING ERRCODE = '{sqlstate}';"))
    response = get(client, ACCOUNT)
    assert kind_of(response) == (503, "database-unavailable")
    assert response.headers["Retry-After"]


@pytest.mark.parametrize(
    "body",
    [
        "PERFORM a_table_that_was_dropped.id FROM a_table_that_was_dropped;",
        "PERFORM a_function_that_was_dropped(1);",
        "PERFORM u.a_column_that_was_dropped FROM public.member u;",
    ],
)
def test_what_is_missing_may_be_of_a_declaration_that_was_replaced(client, connection, body):
    connection.execute(REPLACED.format(body))
    response = get(client, ACCOUNT)
    assert kind_of(response) == (503, "declaration-changing")


def test_a_function_that_is_missing_because_of_the_schema_is_not_migrated(client, connection):
    connection.execute("DROP FUNCTION frontview.account_1_read")
    assert kind_of(get(client, ACCOUNT)) == (503, "declaration-changing")
    connection.execute("DELETE FROM public.frontview_alembic_version")
    assert kind_of(get(client, ACCOUNT)) == (503, "not-migrated")


def test_a_defect_is_counted_and_asked_of_the_base_tables_once(client, connection, read_path):
    connection.execute(REPLACED.format("RAISE division_by_zero;"))
    get(client, ACCOUNT)
    statistics = read_path.statistics()
    assert (statistics.view_failed, statistics.statement_failed, statistics.unavailable) == (1, 1, 0)


@pytest.mark.parametrize(
    ("query", "detail"), [("?from=9999-12-31", "is after"), ("?from=2001-01-01", "at most 400 are allowed")]
)
def test_only_the_database_knows_the_users_today_so_it_may_refuse_a_range(client, query, detail):
    response = get(client, RENEWALS + query)
    assert response.status_code == 422
    (fault,) = response.json["errors"]
    assert (fault["in"], fault["field"]) == ("query", "from")
    assert detail in fault["detail"]


def test_a_role_without_a_right_gets_a_500_for_reads_and_for_operators(client, connection):
    connection.execute(REPLACED.format("RAISE insufficient_privilege;"))
    assert kind_of(get(client, ACCOUNT)) == (500, "not-permitted")
    connection.execute(
        "CREATE OR REPLACE FUNCTION frontview.request_invalidation(p_pattern text, p_asked_by text) RETURNS bigint "
        "LANGUAGE plpgsql AS $$ BEGIN RAISE insufficient_privilege; END $$"
    )
    with capture_logs() as logs:
        response = client.post(
            "/api/v1/admin/cache/invalidate", json={"everything": True}, headers=bearer(USER, admin=True)
        )
    assert kind_of(response) == (500, "not-permitted")
    assert "frontview doctor" in response.json["detail"]
    assert [line["sqlstate"] for line in logs if line["log_level"] == "error"] == ["42501"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("ALTER TABLE frontview.alarm RENAME COLUMN detail TO details", (503, "declaration-changing")),
        ("ALTER TABLE frontview.alarm RENAME COLUMN detail TO details; DELETE FROM frontview_alembic_version",
         (503, "not-migrated")),
    ],
    ids=["something is missing", "not migrated"],
)  # fmt: skip
def test_operators_are_told_the_same_as_readers(client, connection, change, expected):
    connection.execute(change)
    assert kind_of(client.get("/api/v1/admin/stats", headers=bearer(USER, admin=True))) == expected
