"""Expressions over one row: each that is not the row's alone is refused, by its sentence, before anything is made."""

import psycopg
import pytest

from tests.views_sql.proof.conftest import Court, order_view
from views_sql.declaration.application import Measure
from views_sql.declaration.proven import Watched
from views_sql.proof.expressions import COPY, INDEX, VIEW
from views_sql.proof.session import run_author_text


@pytest.mark.parametrize(
    "condition",
    [
        "status = 'PAID'",
        "\"createdAt\" > '2020-01-01'",
        "\"paidAt\" > '2020-01-01 00:00:00+00'",
        "id = 'today'",  # a text, not a moment
        "raw ->> 'status' = 'open'",
        "extract(hour from \"paidAt\" AT TIME ZONE 'Europe/Paris') < 12",
        "coalesce(\"shipCountry\", '??') <> 'DE' -- a comment of the author's",
        "tags[1] = 'new' AND place IS NOT NULL AND note IS NULL",
        "status IN ('PAID', 'REFUNDED') AND \"shipCountry\" LIKE '%D'",
        "priority / nullif(priority, 0) = 1",
    ],
)
def test_what_depends_on_the_row_alone_is_accepted(court: Court, condition: str) -> None:
    verdict = court.judge(order_view(where=condition))
    assert verdict.faults == () == verdict.warnings


SESSION = "holds a literal whose value depends on the session"
OUTSIDE = "which is not PostgreSQL's own"
ONE_ROW = "is no expression over one row"


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("\"dueOn\" > 'today'", SESSION),
        ("\"dueOn\" > 'Tomorrow'::date", SESSION),
        ("\"createdAt\" > 'yesterday'", SESSION),
        ("\"createdAt\" > timestamp 'now'", SESSION),
        ("\"paidAt\" > '2020-01-01'", SESSION),
        ("\"paidAt\" > '2020-01-01 00:00 EST'", SESSION),
        ("\"dueOn\" > '01/02/2020'", SESSION),
        ('"paidAt" > now()', "now() depends on the moment"),
        ('"dueOn" = current_date', "current_date depends on the moment"),
        ("random() > 0.5", "random() has another value each time"),
        ("\"paidAt\"::date = '2020-01-01'", "depends on the session's TimeZone: name the column, the day is taken in"),
        ("to_char(\"paidAt\", 'YYYY') = '2020'", "to_char(timestamp with time zone,text) depends on the session's"),
        ('extract(hour from "paidAt") = 1', "write \"column\" AT TIME ZONE 'UTC'"),
        ("concat(id, 'x') = 'x'", "write a || b"),
        ("to_char(priority, '99') = '1'", "write the number as it is"),
        ("array_to_string(tags, ',') = ''", "name one element"),
        ("status::text = 'PAID'", "a date or an enum may be a dimension as it is"),
        ("app.other_row(id) > 1", f"uses the function app.other_row(text), {OUTSIDE}"),
        ("app.norm(id) = 'x'", 'vouch for it with trust = ["app.norm(text)"]'),
        ("id OPERATOR(app.===) 'x'", "uses the operator app.==="),
        ("id::app.short = 'x'", "uses the type app.short"),
        ("priority::bigint::date > '2020-01-01'", "uses the function app.day_number(bigint)"),
        ("id COLLATE public.folded = 'x'", "uses the collation public.folded"),
        ("norm(id) = 'x'", "a function outside pg_catalog needs its schema"),
        ("(SELECT TRUE)", ONE_ROW),
        ("id IN (SELECT id FROM public.\"Customer\")", ONE_ROW),
        ("count(*) > 1", ONE_ROW),
        ("row_number() OVER () > 1", ONE_ROW),
        ("generate_series(1, 2) > 1", ONE_ROW),
        ("ctid = '(0,1)'", "uses a system column"),
        ("tableoid = 1", "uses a system column"),
        ("priority", "is of type integer, and a condition is true or false"),
        ("stauts = 'x'", "there is no column stauts in public.Order; did you mean status"),
        ("shipCountry = 'x'", 'in SQL write "shipCountry" in double quotes'),
        ("$1 = 1", "there is no parameter"),
    ],
)  # fmt: skip
def test_a_condition_is_refused_by_its_sentence(court: Court, condition: str, sentence: str) -> None:
    assert sentence in court.where(condition)


@pytest.mark.parametrize(
    "condition",
    ['"Order" IS NOT NULL', 'hash_record("Order") > 1', 'hash_record("Order".*) > 1', 'to_jsonb("Order") IS NULL'],
)
def test_a_whole_row_is_refused(court: Court, condition: str) -> None:
    assert "uses the whole row" in court.where(condition)


def test_the_names_of_the_probe_are_no_rows(court: Court) -> None:
    for name in (VIEW, COPY, INDEX):
        assert f"there is no column {name}" in court.where(f"{name} IS NOT NULL")


@pytest.mark.parametrize(
    "text",
    [
        "true); CREATE TABLE app.pwned (); COMMIT; SELECT (1",
        "true)); CREATE TABLE app.pwned (); COMMIT; SELECT ((1",
        "true; CREATE TABLE app.pwned ()",
        'true)) UNION ALL SELECT 1 FROM public."Customer" WHERE ((true',
        "true), (true",
        "false)) OR ((true",  # of which double parentheses alone would make another expression
        "a)), ((b",
        "true) END IS NOT NULL); SELECT (CASE WHEN true THEN (true",
        "true /* ",
        "'",
        "$x$ ",
    ],
)
def test_a_text_cannot_end_the_statement(court: Court, text: str) -> None:
    for place in ("where", "dimension"):
        refused = court.where(text) if place == "where" else court.dimension(text)
        assert refused
        assert "\n" not in refused
    assert court.connection.execute("SELECT to_regclass('app.pwned')").fetchone() == (None,)


def test_an_authors_text_is_one_statement_even_where_psycopg_prepares_nothing(court: Court) -> None:
    with psycopg.connect(court.url, autocommit=True, prepare_threshold=None) as connection:
        with pytest.raises(psycopg.errors.SyntaxError, match="multiple commands"):
            run_author_text(connection, "SELECT 1; SELECT 2")
        connection.execute("SELECT 1; SELECT 2")  # which the simple protocol takes


def test_every_fault_is_named_at_once(court: Court) -> None:
    faults = court.faults(
        where="stauts = 'x'",
        dimensions={"a": "nope", "b": "raw"},
        measures={"m": Measure(verb="sum", argument="weight", where="\"dueOn\" > 'today'")},
        zone="Europe/Pari",
    )
    assert set(faults) == {"where", "dimensions.a", "dimensions.b", "measures.m.sum", "measures.m.where", "zone"}


@pytest.mark.parametrize(
    ("argument", "warning"),
    [
        ("1 / priority", "write a / nullif(b, 0)"),
        ("priority % priority", "write a / nullif(b, 0)"),
        ("(raw ->> 'amount')::numeric", "a row whose text is no numeric makes each refresh fail"),
        ("(raw::jsonb -> 'amount')::numeric", "a row whose text is no"),
    ],
)
def test_what_may_raise_is_warned_of(court: Court, argument: str, warning: str) -> None:
    verdict = court.judge(order_view(measures={"m": Measure(verb="sum", argument=argument)}))
    assert verdict.proven
    assert any(warning in found.sentence for found in verdict.warnings)


@pytest.mark.parametrize(
    "argument",
    [
        "priority / nullif(priority, 0)",
        "total / 100",
        "total / 0.5",
        "case when raw ->> 'amount' ~ '^[0-9]+$' then (raw ->> 'amount')::numeric end",
        "length(id || ' / ')",
    ],
)
def test_what_is_guarded_is_not_warned_of(court: Court, argument: str) -> None:
    assert court.judge(order_view(measures={"m": Measure(verb="sum", argument=argument)})).warnings == ()


def test_a_type_with_operators_of_its_own_is_warned_of(court: Court) -> None:
    (warning,) = court.judge(order_view(where="mail = 'x'")).warnings
    assert "mail is of type public.citext, whose own operators are not used" in warning.sentence


class TestTrust:
    def test_a_function_that_the_author_vouches_for_is_accepted(self, court: Court) -> None:
        verdict = court.judge(order_view(dimensions={"d": "app.norm(id)"}, trust=("app.norm(text)",)))
        assert verdict.proven is not None
        assert verdict.proven.views[0].trusted == ("app.norm(text)",)

    def test_its_owner_is_the_role_that_migrates_or_a_superuser(self, court: Court) -> None:
        """The owner of the table is neither: the function runs with the rights of the role that migrated."""
        with court.connection.transaction(force_rollback=True):
            court.connection.execute('ALTER TABLE public."Order" OWNER TO proof_stranger')
            faults = court.faults(dimensions={"d": "app.foreign_norm(id)"}, trust=("app.foreign_norm(text)",))
        assert "app.foreign_norm(text) belongs to proof_stranger, who could change it" in faults["trust"]
        assert "a trusted function belongs to postgres or to a superuser" in faults["trust"]

    @pytest.mark.parametrize("name", ["app.nrm(text)", "app.norm(", "'; SELECT 1"])
    def test_it_exists(self, court: Court, name: str) -> None:
        assert "there is no function" in court.faults(trust=(name,))["trust"]


class TestWatchedColumns:
    def test_they_are_those_that_the_view_reads(self, court: Court) -> None:
        verdict = court.judge(
            order_view(
                where="status <> 'DRAFT'",
                dimensions={"at": "place IS NULL", "hour": 'extract(hour from "createdAt")::int'},
                measures={"m": Measure(verb="sum", argument="total", where="note IS NOT NULL AND raw IS NOT NULL")},
            )
        )
        assert verdict.proven is not None
        assert verdict.proven.views[0].source.watched == (
            Watched("status"),
            Watched("total", as_text=True),
            Watched("raw", as_text=True),
            Watched("place", as_text=True),
            Watched("note", as_text=True),
            Watched("createdAt"),
        )

    def test_a_virtual_generated_column_stands_for_those_of_its_expression(self, court: Court) -> None:
        if court.connection.info.server_version < 180000:
            pytest.skip("virtual generated columns are there from PostgreSQL 18 on")
        verdict = court.judge(order_view(measures={"m": Measure(verb="sum", argument="doubled")}))
        assert verdict.proven is not None
        assert verdict.proven.views[0].source.watched == (Watched("fee", as_text=True),)


def test_date_trunc_with_a_zone_is_good_from_18_on(court: Court) -> None:
    refused = court.dimension("date_trunc('month', \"paidAt\", 'Europe/Paris') > '2020-01-01 00:00:00+00'")
    if court.connection.info.server_version >= 180000:
        assert refused == ""
    else:
        assert "is good from PostgreSQL 18 on, and this server is 15." in refused
