"""A SELECT in the place of a table: what is captured for it, and each thing that it may not do."""

from typing import Any

import pytest

from tests.views_sql.proof.conftest import COUNT, Court, order_view
from views_sql.declaration.application import Measure, SourceTable, UserTable
from views_sql.declaration.proven import Watched

BUYERS = """
-- one row an order, with how many orders its customer has
SELECT o."customerId", o."createdAt", o.total, c.name IS NOT NULL AS named
FROM public."Order" o JOIN public."Customer" c ON c.id = o."customerId";
"""
ROWS = 'o."customerId", o."createdAt"'
ORDERS = 'FROM public."Order" o'


def faults(court: Court, text: str, **view: Any) -> dict[str, str]:
    return court.faults(select="sql/x_v01.sql", select_text=text, locality="asserted", **view)


def said(court: Court, text: str, **view: Any) -> str:
    return faults(court, text, **view)["select"]


def customer() -> tuple[SourceTable, ...]:
    return (SourceTable(table="public.Customer", user="id"),)


def test_every_table_that_it_reads_is_captured_with_what_it_reads(court: Court) -> None:
    view = order_view(
        select="sql/buyers_v01.sql", select_text=BUYERS, locality="asserted", sources=customer(),
        dimensions={"named": "named"}, measures={"most": Measure(verb="max", argument="total::numeric(12, 2)")},
    )  # fmt: skip
    verdict = court.judge(view)
    assert verdict.faults == ()
    assert verdict.proven is not None
    (proven,) = verdict.proven.views
    orders, customers = proven.sources
    assert (orders.table.name, orders.user_column, orders.time_column) == ("Order", "customerId", "createdAt")
    assert orders.watched == (
        Watched("customerId"), Watched("total", as_text=True), Watched("createdAt"),
    )  # fmt: skip
    assert (customers.table.name, customers.user_column, customers.time_column) == ("Customer", "id", None)
    assert customers.watched == (Watched("id"), Watched("name"))
    assert "frontview_select" in proven.row_select
    assert "one row an order" not in proven.row_select  # PostgreSQL's text of it, not the author's
    court.connection.execute(f"CREATE VIEW app.again AS {proven.row_select}".encode())
    court.connection.execute("DROP VIEW app.again")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"SELECT {ROWS} {ORDERS}; SELECT 1", "holds more than one statement: one SELECT is expected"),
        (f"SELECT {ROWS} {ORDERS}) s, (SELECT 1", "PostgreSQL says: syntax error at or near"),
        (f"SELECT {ROWS} {ORDERS} WITH CHECK OPTION", "PostgreSQL says: syntax error at or near"),
        ('DELETE FROM public."Order"', "PostgreSQL says: syntax error at or near"),
        ('SELECT o."customerId" FROM "Order" o', 'tables are written with their schema, public."Order"'),
        (
            f'SELECT {ROWS} {ORDERS} JOIN public."Customer" c ON c.id = o."customerId"',
            "reads public.Customer, whose changes nobody would capture: add it to sources",
        ),
        (f"SELECT {ROWS} FROM app.order_view o", "reads the view app.order_view, whose changes cannot be captured"),
        (f"SELECT {ROWS}, now() AS n {ORDERS}", "now() depends on the moment or the session that asks"),
        (f"SELECT {ROWS} {ORDERS} WHERE o.\"createdAt\" > 'today'", "holds a literal whose value depends on"),
        (f'SELECT {ROWS}, o."dueOn"::text AS due {ORDERS}', "casts date to text by its text"),
        (f"SELECT {ROWS}, o.tags[1]::date AS due {ORDERS}", "casts text to date by its text"),
        (f"SELECT {ROWS} {ORDERS} WHERE random() > 0.5", "random() has another value each time"),
        (f"SELECT {ROWS} {ORDERS} FOR UPDATE", "locks rows (FOR UPDATE or FOR SHARE)"),
        (f"SELECT {ROWS} {ORDERS} LIMIT 100", "has LIMIT: which rows are left"),
        (f"SELECT {ROWS}, (SELECT count(*) FROM pg_class) AS n {ORDERS}", "reads pg_class, a system table"),
        (f"SELECT {ROWS} {ORDERS} TABLESAMPLE SYSTEM (1)", "takes a sample, which is another one each time"),
        (f"SELECT {ROWS}, o AS o {ORDERS}", "uses a whole row: nothing says which columns it reads"),
        (f"SELECT {ROWS}, o.xmin::text AS x {ORDERS}", "uses a system column"),
        (f"SELECT {ROWS}, app.norm(o.id) AS n {ORDERS}", 'or vouch for it with trust = ["app.norm(text)"]'),
        (f"SELECT {ROWS}, app.none(o.id) AS n {ORDERS}", "a function outside pg_catalog needs its schema"),
        ("", "PostgreSQL says: syntax error at"),
        ("/* no end", "PostgreSQL says: unterminated /* comment"),
    ],
)  # fmt: skip
def test_what_it_may_not_do(court: Court, text: str, sentence: str) -> None:
    assert sentence in said(court, text)


@pytest.mark.parametrize(
    ("text", "path", "sentence"),
    [
        (
            f'SELECT o."customerId" {ORDERS}', "time",
            "sql/x_v01.sql gives no column createdAt; it has to, beside what is measured",
        ),
        (
            f'SELECT o."customerId", o."createdAt"::date {ORDERS}', "time",
            "createdAt is of type date in sql/x_v01.sql, and of type timestamp(3) without time zone in the table; "
            "give it the table's type",
        ),
        (
            f'SELECT 7 AS "customerId", o."createdAt" {ORDERS}', "user",
            "customerId is of type integer in sql/x_v01.sql, and of type text in the table; give it the table's type",
        ),
        (
            'SELECT c.id AS "customerId", c."createdAt" FROM public."Customer" c', "table",
            "the SELECT does not read public.Order: table is the one whose rows it gives, with their user and time",
        ),
    ],
)  # fmt: skip
def test_its_columns_are_those_that_are_declared(court: Court, text: str, path: str, sentence: str) -> None:
    sources = customer() if path == "table" else ()
    assert faults(court, text, sources=sources) == {path: sentence}


def test_expressions_are_those_of_its_columns(court: Court) -> None:
    found = faults(court, f"SELECT {ROWS} {ORDERS}", dimensions={"d": "totl"}, measures=COUNT)
    assert found == {"dimensions.d": "there is no column totl in sql/x_v01.sql; there are createdAt, customerId"}


def test_sources_that_cannot_be_captured_or_are_not_read(court: Court) -> None:
    text = f"SELECT {ROWS} {ORDERS}"
    sources = [SourceTable(table="app.order_view"), SourceTable(table="public.Custmer")]
    found = faults(court, text, sources=tuple(sources))
    assert found["sources[0]"].startswith("app.order_view is a view: changes are captured of tables only")
    assert found["sources[1]"] == "there is no table public.Custmer; did you mean public.Customer?"
    assert faults(court, text, sources=customer()) == {
        "sources[0]": "the SELECT does not read public.Customer; leave it out"
    }
    timed = (SourceTable(table="public.Customer", user="id", time="name"),)
    assert "name is of type text: a time is" in faults(court, BUYERS, sources=timed)["sources[0].time"]


def test_trusted_functions_may_be_used(court: Court) -> None:
    text = f"SELECT {ROWS}, app.norm(o.id) AS n {ORDERS}"
    view = order_view(
        select="sql/x_v01.sql", select_text=text, locality="asserted", trust=("app.norm(text)",),
        dimensions={"n": "n"},
    )  # fmt: skip
    verdict = court.judge(view)
    assert verdict.faults == ()
    assert verdict.proven is not None
    assert verdict.proven.views[0].trusted == ("app.norm(text)",)


def test_a_source_has_its_user_in_the_column_that_is_called_as_the_views(court: Court) -> None:
    view = order_view(
        table="public.blog_post", user="author_id", time="created", select="sql/x_v01.sql", locality="asserted",
        sources=(SourceTable(table="public.blog_comment"),), select_text="SELECT p.author_id, p.created, c.at "
        "FROM public.blog_post p JOIN public.blog_comment c ON c.author_id = p.author_id",
    )  # fmt: skip
    verdict = court.judge(view, user=UserTable(table="public.auth_user"))
    assert verdict.proven is not None
    assert [source.user_column for source in verdict.proven.views[0].sources] == ["author_id", "author_id"]
