"""A stage for tests of declared views: a database with the views of :mod:`shapes`, drained and refreshed by tests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import zip_longest
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import Server, migrate
from tests.leading import lead
from tests.oracle.relations import merged_read, tiers
from tests.views_sql.generation.oracle import Question, expected
from tests.views_sql.generation.shapes import APPLICATION, SHAPES, TABLES, Shape
from views_sql.declaration.maintained_view import MaintainedView
from views_sql.generation.declared_view import create_declared_view, create_users
from views_sql.generation.read_groups import filter_type
from views_sql.generation.stored_columns import distinct_measures, maintained, maintained_values

NUMBER = 3
USERS = ("ann'; --", "Bob", "ø")
TODAY = date(2026, 1, 31)
# Havana puts its clocks back at 01:00 of the first Sunday of November: 00:00 to 01:00 comes twice.
AUTUMN_NIGHT = "2025-11-02 04:00:00+00"
LOG = """
CREATE FUNCTION public.log_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOREACH r IN ARRAY CASE TG_OP WHEN 'INSERT' THEN ARRAY[NEW] WHEN 'DELETE' THEN ARRAY[OLD] ELSE ARRAY[OLD, NEW] END
    LOOP
        INSERT INTO frontview.change_log (source, user_id, day)
        SELECT '{name}', k.user_id, k.day FROM (SELECT {key}) k (user_id, day) WHERE k.user_id IS NOT NULL
        AND k.day IS NOT NULL;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER log_{name} AFTER INSERT OR UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION public.log_{name}();
INSERT INTO frontview.source (source, relation, user_column, events) VALUES
('{name}', '{table}'::regclass, '{user}', '{{INSERT,UPDATE,DELETE}}');
"""
FILL = """
INSERT INTO "Shop"."User" SELECT unnest(%(users)s::text[]);
INSERT INTO "Shop"."Order" ("customerId", "createdAt", "productId", "shipCountry", status, total, email)
SELECT u, at, (ARRAY[1, 2, NULL, 0])[1 + n %% 4], (ARRAY['CU', 'us', ''])[1 + n %% 3],
    (ARRAY['paid', 'refunded', 'paid', 'draft'])[1 + n / 3 %% 4]::"Shop"."Status",
    NULLIF((n * 7919 %% 5000) / 100.0 - 5, 0), (ARRAY['a@x', 'A@x', NULL, 'b@x', repeat('long', 400)])[1 + n %% 5]
FROM unnest(%(users)s::text[]) u, LATERAL (
    SELECT '2026-01-31 23:30:00-05'::timestamptz - n * '9 hours 7 minutes'::interval AS at, n
    FROM generate_series(0, 220) n
    UNION ALL
    SELECT %(night)s::timestamptz + (n - 12) * '10 minutes'::interval, n FROM generate_series(0, 24) n
    UNION ALL
    SELECT at::timestamptz, 1 FROM unnest(ARRAY['infinity', '-infinity', '0001-01-01 00:00:00+00', NULL]) at
) t;
INSERT INTO "Shop"."Order" ("customerId", "createdAt", "shipCountry", status) VALUES (NULL, now(), '', 'paid');
INSERT INTO "Shop".visit SELECT u, '2026-01-31'::date - n / 2, md5((n %% 3)::text)::uuid, NULLIF(n %% 17, 3),
    (ARRAY[TRUE, FALSE, NULL])[1 + n %% 3] FROM unnest(%(users)s::text[]) u, generate_series(0, 200) n;
INSERT INTO "Shop".visit SELECT u, d::date, md5('')::uuid, 1, NULL
FROM unnest(%(users)s::text[]) u, unnest(ARRAY['infinity', '-infinity', '5874897-12-31', NULL]) d;
INSERT INTO "Shop".event SELECT u, '2026-01-31 23:00'::timestamp - n * '7 hours'::interval,
    (ARRAY['x', NULL, 'y'])[1 + n %% 3], n %% 11 FROM unnest(%(users)s::text[]) u, generate_series(0, 200) n;
"""


@dataclass
class Stage:
    """A database with declared views, and its reads."""

    connection: psycopg.Connection[Any]
    term: Term

    def execute(self, query: str, *values: object) -> psycopg.Cursor[Any]:
        return self.connection.execute(query.encode(), values or None)

    def drain(self) -> None:
        drain_once(self.connection, self.term)

    def refresh(self, horizon: date | None = None) -> list[str]:
        self.drain()
        return [
            refresh(self.connection, it, it.tiers, self.term.epoch, horizon=horizon if it.day_column else None).outcome
            for shape in SHAPES
            for it in maintained_views(shape)
        ]

    def check_relations(self) -> None:
        """Check every merged read, and every tier when nothing is stale, against the live relation."""
        for shape in SHAPES:
            for view in maintained_views(shape):
                for user in USERS:
                    difference = merged_read(self.connection, view, user)
                    assert not difference, (view.name, str(difference))

    def check_tiers(self) -> None:
        for shape in SHAPES:
            for view in maintained_views(shape):
                wrong = {name: str(difference) for name, difference in tiers(self.connection, view) if difference}
                assert wrong == {}

    def read(self, shape: Shape, user: str, question: Question, *, base: bool = False) -> tuple[Any, str, int]:
        """Return the answer to a question, its source, and how many days were patched."""
        body, source, patched = self.connection.execute(*call(shape, user, question, base)).fetchone()  # type: ignore[misc]
        return body and json.loads(body, parse_float=Decimal), source, patched

    def check(self, shape: Shape, user: str, question: Question, *, base: bool = False) -> Any:
        """Check an answer against the oracle, and return it."""
        given, _, _ = self.read(shape, user, question, base=base)
        rows = self.connection.cursor(row_factory=dict_row).execute(shape.facts, (user,)).fetchall()
        wanted = expected(shape.view, question, rows)
        assert given == wanted, (shape.view.name, question, difference_of(given, wanted))
        return given


def difference_of(given: Any, wanted: Any) -> list[tuple[Any, Any]]:
    """Return the members and rows in which two answers differ."""
    pairs = [(given.get(name), wanted[name]) for name in wanted if name != "rows"]
    return [(a, b) for a, b in (*pairs, *zip_longest(given["rows"], wanted["rows"])) if a != b][:4]


def maintained_views(shape: Shape) -> list[MaintainedView]:
    """Return the maintained view of a shape and its hidden ones."""
    return [
        maintained(shape.view, NUMBER),
        *(maintained_values(shape.view, it, NUMBER) for it in distinct_measures(shape.view)),
    ]


def call(shape: Shape, user: str, question: Question, base: bool) -> tuple[bytes, list[Any]]:
    """Return the statement of a read with its values."""
    daily = shape.view.source.time_kind is not None
    values: list[Any] = [str(user)]
    if daily:
        values += [question.first, question.last, question.granularity]
    values.append(list(question.group_by))
    filters = dict(question.filters)
    types = ["%s"] * len(values)
    for name, column in shape.view.dimensions.items():
        chosen = filters.get(name)
        values += [chosen and [it for it in chosen if it is not None], bool(chosen) and None in (chosen or ())]
        types += [f"%s::{filter_type(column)}", "%s"]
    rest = [list(question.measures), question.order, question.limit, question.other]
    rest += [question.compare] if daily else []
    values += [*rest, base]
    types += ["%s"] * (len(rest) + 1)
    types[0] = "%s::text::frontview.user_key"
    arguments = ", ".join(types)
    function = f"frontview.{shape.view.name}_{NUMBER}_read"
    return f"SELECT r.body, r.source, r.patched_days FROM {function}({arguments}) r".encode(), values


def build(url: str) -> None:
    """Make the tables, their rows, and everything that is generated for them."""
    migrate(url, "core@head", user_key="text")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES)
        with psycopg.ClientCursor(connection) as cursor:
            cursor.execute(FILL, {"users": list(USERS), "night": AUTUMN_NIGHT})
        for statement in create_users(APPLICATION, NUMBER):
            connection.execute(statement.encode())
        for shape in SHAPES:
            source = shape.view.source
            table = f'"{source.table.schema}"."{source.table.name}"'
            log = LOG.format(name=source.name, key=shape.key, table=table, user=source.user_column)
            connection.execute(log.encode())
            with connection.transaction():
                for statement in create_declared_view(APPLICATION, shape.view, NUMBER):
                    connection.execute(statement.encode())
        connection.execute("VACUUM ANALYZE")


@pytest.fixture(scope="module")
def declared_template(any_server: Server) -> Iterator[str]:
    """The name of a database with the declared views, never drained nor refreshed."""
    url = any_server.create(None)
    build(url)
    yield url
    any_server.drop(url)


@contextmanager
def _populated(server: Server, template: str) -> Iterator[Stage]:
    url = server.create(template.rsplit("/", 1)[1].partition("?")[0])
    with psycopg.connect(url, autocommit=True) as connection:
        term = lead(connection)
        made = Stage(connection, term)
        assert set(made.refresh(horizon=date(2026, 1, 10))) == {"populated"}
        yield made
    server.drop(url)


@pytest.fixture
def declared(any_server: Server, declared_template: str) -> Iterator[Stage]:
    """A database of the test's own in which everything is populated."""
    with _populated(any_server, declared_template) as made:
        yield made


@pytest.fixture(scope="module")
def populated(any_server: Server, declared_template: str) -> Iterator[Stage]:
    """The same, shared by the tests of a module that commit nothing."""
    with _populated(any_server, declared_template) as made:
        yield made


@pytest.fixture
def undone(populated: Stage) -> Iterator[Stage]:
    """The shared database in a transaction that is rolled back, in which changes are undrained."""
    with populated.connection.transaction(force_rollback=True):
        yield populated
