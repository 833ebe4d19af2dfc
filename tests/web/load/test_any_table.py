"""A file goes into any table that the installed declaration names, whatever its names and columns are like."""

import io
from collections.abc import Iterator

import psycopg
import pytest

from tests.web.declared.conftest import Site, site  # noqa: F401  an application in a schema of its own
from web.load import LoadError, load_csv
from web.load.csv_file import CsvFile
from web.load.tables import Table, find_table

ODD = """
CREATE SCHEMA "Shop, Ltd.";
CREATE DOMAIN "Shop, Ltd.".a_day AS date CHECK (VALUE > '2000-01-01');
CREATE TABLE "Shop, Ltd."."Order, line 7" (
    "Id" serial PRIMARY KEY, "created At" timestamptz NOT NULL, due "Shop, Ltd.".a_day, "a: b" int CHECK ("a: b" < 5),
    code text, twice int GENERATED ALWAYS AS ("a: b" * 2) STORED, "at" time, countdown int
) PARTITION BY RANGE ("Id");
CREATE TABLE "Shop, Ltd."."Rest" PARTITION OF "Shop, Ltd."."Order, line 7" DEFAULT;
CREATE UNIQUE INDEX ON "Shop, Ltd."."Rest" (code);
CREATE SEQUENCE "Shop, Ltd.".down INCREMENT -1 OWNED BY "Shop, Ltd."."Order, line 7".countdown;
"""
HEADER = 'Id,created At,due,"a: b",code,countdown\n'
GOOD = "7,2026-01-31,2026-01-31,1,a,900\n"


@pytest.fixture
def odd(connection: psycopg.Connection) -> Iterator[tuple[psycopg.Connection, Table]]:
    """A table that nobody should make, as one that is captured."""
    connection.execute(ODD)
    with pytest.MonkeyPatch.context() as patch:
        oid = connection.execute("""SELECT '"Shop, Ltd."."Order, line 7"'::regclass::oid""").fetchone()[0]
        patch.setattr("web.load.tables._captured", lambda _: [("Shop, Ltd.", "Order, line 7", oid)])
        yield connection, find_table(connection, "Order, line 7")


def load(connection: psycopg.Connection, table: Table, content: str) -> int:
    return load_csv(connection, table, CsvFile(io.BytesIO(content.encode()), "f.csv"))


def test_tables_of_views_labels_lists_and_users_are_found_with_and_without_their_schema(site: Site) -> None:  # noqa: F811
    for name in ("customer", "country", "Product", "purchase"):
        assert find_table(site.c, name) == find_table(site.c, f"shop.{name}")
    with pytest.raises(LoadError, match=r"there are shop\.Product, shop\.country, shop\.customer, shop\.purchase\."):
        find_table(site.c, "product")


def test_an_export_of_quoted_names_is_loaded(site: Site) -> None:  # noqa: F811
    table = find_table(site.c, "Product")
    assert load(site.c, table, "id,customer,fullName\n901,ann,Ruler\n") == 1
    assert site.rows('DELETE FROM shop."Product" WHERE id = 901 RETURNING "fullName"') == [("Ruler",)]
    with pytest.raises(LoadError, match='line 3, column customer: customer has no row "eve"'):
        load(site.c, table, "id,customer,fullName\n901,ann,Ruler\n902,eve,Ruler\n")
    with pytest.raises(LoadError, match="line 2, column state: invalid input value for enum"):
        load(
            site.c,
            find_table(site.c, "purchase"),
            "customer,at,state,gift,product,basket,due,rate\n"
            "ann,2026-01-31,gone,t,1,cfcd2084-95d5-65ef-66e7-dff9f98764da,2026-01-31,1\n",
        )


def test_sequences_of_any_column_that_counts_upwards_move(odd: tuple[psycopg.Connection, Table]) -> None:
    connection, table = odd
    assert load(connection, table, HEADER + GOOD) == 1
    row = connection.execute(
        """INSERT INTO "Shop, Ltd."."Order, line 7" ("created At") VALUES (now())
        RETURNING "Id", nextval('"Shop, Ltd.".down')"""
    ).fetchone()
    assert row == (8, -1)


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("x,2026-01-31,2026-01-31,1,b,", "Id", '"x" is not a whole number'),
        ("8,today,2026-01-31,1,b,", "created At", '"today" is not a time'),
        ("8,2026-01-31,tomorrow,1,b,", "due", '"tomorrow" is not a date'),
        ("8,2026-01-31,2026-01-31,x,b,", "a: b", '"x" is not a whole number'),
        ("8,2026-01-31,2026-01-31,9,b,", "a: b", '"9" is not allowed: "a: b" < 5'),
        ("7,2026-01-31,2026-01-31,1,b,", "Id", '"7" is there already'),
        ("8,2026-01-31,2026-01-31,1,a,", "code", '"a" is there already'),
        ("8,,2026-01-31,1,a,", "created At", "a value is needed"),
    ],
)
def test_faults_of_odd_names_are_named(
    odd: tuple[psycopg.Connection, Table], row: str, column: str, words: str
) -> None:
    with pytest.raises(LoadError) as caught:
        load(*odd, HEADER + GOOD + row + "\n")
    assert (caught.value.line, caught.value.columns) == (3, (column,))
    assert words in caught.value.problem


def test_what_the_database_computes_is_no_column_of_a_file(odd: tuple[psycopg.Connection, Table]) -> None:
    with pytest.raises(LoadError, match="has no column 'twice'"):
        load(*odd, "created At,twice\n2026-01-31,2\n")
    with pytest.raises(LoadError, match="column created At: Order, line 7 needs it"):
        load(*odd, "code\nx\n")
