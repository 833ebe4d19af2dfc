"""What is generated for a declaration: its names, who may use it, and that all of it goes when it is dropped."""

from dataclasses import replace
from datetime import date
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import Server
from tests.views_sql.generation.oracle import Question, all_measures
from tests.views_sql.generation.shapes import APPLICATION, EVENTS, ORDERS, SHAPES, Shape
from tests.views_sql.generation.stage import NUMBER, Stage
from views_sql.declaration.proven import (
    ProvenApplication,
    ProvenMeasure,
    ProvenSource,
    ProvenTable,
    ProvenView,
    RowColumn,
)
from views_sql.generation.declared_view import create_declared_view, create_users, drop_declared_view, drop_users
from views_sql.generation.stored_columns import values_name
from views_sql.loader import fill_in

EVERYTHING = """
SELECT oid::regclass::text FROM pg_class UNION ALL SELECT oid::regprocedure::text FROM pg_proc
UNION ALL SELECT oid::regtype::text FROM pg_type UNION ALL SELECT r::text FROM frontview.role_right r
UNION ALL SELECT s.view || s.tier FROM frontview.view_state s ORDER BY 1
"""


def test_what_was_dropped_leaves_nothing_and_another_number_stays(undone: Stage) -> None:
    before = undone.execute(EVERYTHING).fetchall()
    later = NUMBER + 1

    for statement in (
        *create_users(APPLICATION, later),
        *(it for shape in SHAPES for it in create_declared_view(APPLICATION, shape.view, later)),
        *(it for shape in SHAPES for it in drop_declared_view(shape.view, later)),
        *drop_users(APPLICATION, later),
    ):
        undone.connection.execute(statement.encode())

    assert undone.execute(EVERYTHING).fetchall() == before
    undone.check(ORDERS, "Bob", all_measures(ORDERS.view, Question()))


def test_names_of_forty_characters_fit_and_hidden_views_have_names_of_their_own(undone: Stage) -> None:
    view = replace(
        ORDERS.view,
        name="v" * 40,
        dimensions={"d" * 40: ORDERS.view.dimensions["product"]},
        measures=tuple(
            replace(ORDERS.view.measures[5], name=letter * 39 + suffix) for letter, suffix in (("m", "a"), ("m", "b"))
        ),
    )
    undone.execute("SET LOCAL client_min_messages = error")  # A name that is cut off is a notice, and then a duplicate.

    for statement in create_declared_view(APPLICATION, view, 999):
        undone.connection.execute(statement.encode())

    names = {values_name(view, measure, 999) for measure in view.measures}
    assert len(names) == 2
    assert all(undone.execute("SELECT to_regclass(%s)", f"frontview.{it}_live").fetchone() for it in names)
    for statement in drop_declared_view(view, 999):
        undone.connection.execute(statement.encode())


def test_measures_stand_in_any_order(undone: Stage) -> None:
    """The relations of a view have the sums before the extremes; a live row has them so, too."""
    view = replace(ORDERS.view, name="backwards", measures=ORDERS.view.measures[::-1])
    for statement in create_declared_view(APPLICATION, view, NUMBER):
        undone.connection.execute(statement.encode())

    undone.check(replace(ORDERS, view=view), "Bob", all_measures(view, Question(granularity="month")))


def test_a_value_with_dollar_quotes_ends_no_body() -> None:
    body = fill_in("AS $$ SELECT {{value}} $$", {"value": '"a$$b$body$"'})

    assert body == 'AS $body_$ SELECT "a$$b$body$" $body_$'


def test_a_web_worker_reads_by_the_function_and_nothing_else(undone: Stage) -> None:
    undone.execute("SET LOCAL ROLE frontview_web")

    body, _, _ = undone.read(ORDERS, "Bob", all_measures(ORDERS.view, Question(compare="previous_period")))

    assert body["totals"]["orders"] > 0
    for relation in ("orders_3_row", "orders_3_live", "orders_3_recent"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), undone.connection.transaction():
            undone.execute(f"SELECT FROM frontview.{relation}")


def test_text_of_the_declaration_is_never_code(undone: Stage) -> None:
    """Zones and names of tables are the only strings; they are quoted."""
    odd = """Etc/x'); DROP TABLE "Shop"."User"; -- $$ LANGUAGE sql; --"""
    application = replace(APPLICATION, zone=odd)
    view = replace(EVENTS.view, name="odd", source=replace(EVENTS.view.source, zone=odd, stored_zone=odd))

    for statement in create_declared_view(application, view, NUMBER):
        undone.connection.execute(statement.encode())

    assert undone.execute('SELECT count(*) FROM "Shop"."User"').fetchone() == (3,)


TABLES = """
CREATE TABLE public.person (id integer PRIMARY KEY);
CREATE TABLE public.sale (person_id integer, day date NOT NULL, cents bigint NOT NULL);
CREATE INDEX sale_person_day ON public.sale (person_id, day);
INSERT INTO public.person SELECT generate_series(1, 3);
INSERT INTO public.sale SELECT 1 + n % 3, '2026-01-01'::date + n % 31, n FROM generate_series(1, 300) n;
"""
SALES = Shape(
    ProvenView(
        "sales",
        ProvenSource("sales", ProvenTable("public", "sale", "plain"), "person_id", "day", "date", None, "UTC", ()),
        "SELECT s.person_id AS user_key, s.day AS at, s.day, s.cents AS m_cents FROM public.sale s",
        {},
        (RowColumn("m_cents", "bigint", nullable=False),),
        (ProvenMeasure("cents", "sum", "m_cents", None, "numeric"),),
        400,
        "default",
        600,
    ),
    "",
    "SELECT day, cents AS m_cents FROM public.sale WHERE person_id = %s",
)


def test_narrow_integers_are_users_of_a_database_with_bigint_keys(any_server: Server) -> None:
    application = ProvenApplication("integer", "sub", ProvenTable("public", "person", "plain"), "id", "UTC", ())
    url = any_server.create(any_server.template)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES)
        for statement in (*create_users(application, NUMBER), *create_declared_view(application, SALES.view, NUMBER)):
            connection.execute(statement.encode())
        stage = Stage(connection, None)  # type: ignore[arg-type]
        user: Any = 2
        answer = stage.check(SALES, user, all_measures(SALES.view, Question(granularity="week")))
        found = connection.execute(
            "EXPLAIN SELECT FROM frontview.sales_3_days(2::bigint, '2026-01-05', '2026-01-05')"
        ).fetchall()
    any_server.drop(url)

    assert (answer["rows"][0]["period"], answer["from"]) == ("2026-01-01", str(date(2026, 1, 1)))
    assert "sale_person_day" in str(found)
