"""What a view costs and which indexes it lacks, and how a terminal says it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from time import monotonic
from typing import Any

import psycopg
import pytest

from tests.views_sql.proof.conftest import Court, order_view
from views_sql.declaration.application import Application, Measure, UserTable
from views_sql.proof import prices
from views_sql.proof.verdict import Price, Verdict
from views_sql.proof.words import lines


@pytest.fixture
def filled(court: Court) -> Iterator[psycopg.Connection[Any]]:
    """3,000 orders of ten customers on 30 days, in a transaction that is rolled back."""
    with court.connection.transaction(force_rollback=True):
        court.connection.execute(
            "INSERT INTO public.\"Customer\" SELECT 'c' || n, 'e' || n FROM generate_series(0, 9) n"
        )
        court.connection.execute(
            'INSERT INTO public."Order" (id, "customerId", total, "createdAt", status, raw) '
            "SELECT 'o' || n, 'c' || n % 10, n, '2026-01-01'::timestamp + (n / 100) * interval '1 day', 'PAID', "
            '\'{"amount": "n/a"}\' FROM generate_series(0, 2999) n'
        )
        court.connection.execute('ANALYZE public."Order"')
        yield court.connection


def statements(verdict: Verdict) -> list[str]:
    return [advice.statement for advice in verdict.advice]


def test_a_small_table_is_counted(court: Court, filled: psycopg.Connection[Any]) -> None:
    view = order_view(measures={"orders": Measure(verb="count"), "ids": Measure(verb="distinct", argument="id")})
    (price,) = court.judge(view, priced=True).prices
    assert (price.rows, price.groups, price.hidden, price.exact) == (3000, 300, {"ids": 3000}, True)
    assert price.bytes > 3000 * 50
    assert not price.saves_nothing


def test_rows_that_do_not_count_have_no_price(court: Court, filled: psycopg.Connection[Any]) -> None:
    (price,) = court.judge(order_view(where="status = 'DRAFT'"), priced=True).prices
    assert (price.rows, price.groups) == (0, 0)


def test_a_large_table_is_sampled(
    court: Court, filled: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prices, "READ_BYTES", 200_000)
    (price,) = court.judge(order_view(), priced=True).prices
    assert not price.exact
    assert 300 < price.rows < 12_000  # Rolled back rows of other tests lie between them, so few pages have any.
    assert 10 < price.groups < 1800


def test_a_view_that_saves_nothing_names_the_dimension(court: Court, filled: psycopg.Connection[Any]) -> None:
    view = order_view(dimensions={"ref": "id", "status": "status"})
    verdict = court.judge(view, priced=True)
    said = "\n".join(lines(_application(view), verdict))
    assert (
        "view.v: 3,000 rows make 3,000 groups: this view saves nothing, drop a dimension (ref has 3,000 values)" in said
    )


def test_a_view_whose_users_have_few_rows_a_day_blames_no_dimension(
    court: Court, filled: psycopg.Connection[Any]
) -> None:
    filled.execute(
        "UPDATE public.\"Order\" SET \"createdAt\" = '2020-01-01'::timestamp + total::int * interval '1 day'"
    )
    view = order_view(dimensions={"status": "status"})
    said = "\n".join(lines(_application(view), court.judge(view, priced=True)))
    assert "this view saves nothing, since its users have few rows that could be counted together" in said


def test_of_an_estimate_two_digits_are_shown(court: Court, filled: psycopg.Connection[Any]) -> None:
    verdict = court.judge(order_view(), priced=True)
    price = replace(verdict.prices[0], exact=False, rows=5_066_033, groups=36_511, hidden={"ids": 812_345})
    (told,) = [
        line for line in lines(_application(order_view()), replace(verdict, prices=(price,))) if "groups" in line
    ]
    assert told.startswith(
        "  about 5,100,000 rows make about 37,000 groups, about 810,000 more for the values of ids: about "
    )


def test_an_expression_that_raises_on_a_row_is_a_fault(court: Court, filled: psycopg.Connection[Any]) -> None:
    measures = {
        "orders": Measure(verb="count"),
        "amount": Measure(verb="sum", argument="(raw ->> 'amount')::numeric"),
    }
    verdict = court.judge(order_view(measures=measures), priced=True)
    (fault,) = verdict.faults
    assert fault.path == "view.v.measures.amount"
    assert "raises an error on a row that is there (invalid input syntax for type numeric)" in fault.sentence
    assert verdict.proven is None


class TestIndexes:
    def test_one_of_user_and_time_and_one_that_begins_with_the_time(self, court: Court) -> None:
        verdict = court.judge(
            order_view(table="public.blog_comment", time="at"), user=UserTable(table="public.auth_user")
        )
        assert statements(verdict) == [
            'CREATE INDEX CONCURRENTLY ON "public"."blog_comment" ("author_id", "at");',
            'CREATE INDEX CONCURRENTLY ON "public"."blog_comment" ("at");',
        ]

    def test_what_is_there_is_not_advised(self, court: Court, filled: psycopg.Connection[Any]) -> None:
        assert statements(court.judge(order_view())) == [
            'CREATE INDEX CONCURRENTLY ON "public"."Order" USING brin ("createdAt");'  # in the order of its time
        ]
        filled.execute('CREATE INDEX ON public."Order" USING brin ("createdAt")')
        assert statements(court.judge(order_view())) == []

    def test_a_partial_index_does_not_count(self, court: Court, filled: psycopg.Connection[Any]) -> None:
        filled.execute('CREATE INDEX ON public."Order" ("createdAt") WHERE status = \'PAID\'')
        assert len(statements(court.judge(order_view()))) == 1

    def test_of_partitions_each_gets_its_own_and_the_parent_adopts_them(self, court: Court) -> None:
        verdict = court.judge(order_view(table="app.event", time="occurred_at"), user=UserTable(table="app.account"))
        assert statements(verdict) == [
            'CREATE INDEX CONCURRENTLY ON "app"."event_2026_01" ("account_slug", "occurred_at");',
            'CREATE INDEX CONCURRENTLY ON "app"."event_2026_02" ("account_slug", "occurred_at");',
            'CREATE INDEX ON "app"."event" ("account_slug", "occurred_at");',
        ]
        for statement in statements(verdict):
            court.connection.execute(statement)
        assert (
            statements(
                court.judge(order_view(table="app.event", time="occurred_at"), user=UserTable(table="app.account"))
            )
            == []
        )
        court.connection.execute("DROP INDEX app.event_account_slug_occurred_at_idx")

    def test_without_a_time_one_of_the_user(self, court: Court) -> None:
        verdict = court.judge(
            order_view(table="public.blog_comment", time=None), user=UserTable(table="public.auth_user")
        )
        assert statements(verdict) == ['CREATE INDEX CONCURRENTLY ON "public"."blog_comment" ("author_id");']


def _application(*views: Any) -> Application:
    return Application(user=UserTable(table="public.Customer"), views=views, regions=())


def test_the_words_of_a_verdict(court: Court, filled: psycopg.Connection[Any]) -> None:
    view = order_view(dimensions={"status": "status"}, measures={"revenue": Measure(verb="sum", argument="total")})
    said = lines(_application(view), court.judge(view, priced=True))
    assert said[:6] == [
        "1 view of the users of public.Customer (keys: text)",
        "",
        "v: public.Order by customerId, days of createdAt in UTC",
        "  measures revenue",
        "  grouped by status",
        "  a change of status, total counts",
    ]
    assert said[6].startswith("  3,000 rows make 300 groups: about ")
    assert said[8] == "To be run in the database, before frontview migrate:"
    assert said[-1] == "PostgreSQL accepts it. Run the statements above, then frontview plan --write."


def test_the_words_of_a_refusal(court: Court) -> None:
    view = order_view(where="stauts = 'x'")
    said = lines(_application(view), court.judge(view))
    assert said == [
        "1 view of the users of public.Customer",
        "",
        "To be mended:",
        "  frontview.toml: view.v.where: there is no column stauts in public.Order; did you mean status?",
        "",
        "1 fault: nothing was made. Mend them and run frontview check again.",
    ]


def test_one_index_for_days_serves_a_view_without_days_too(court: Court) -> None:
    """In either order of the views."""
    for times in ((None, "created"), ("created", None)):
        views = [
            order_view(name=f"v{n}", table="public.blog_post", user="author_id", time=time)
            for n, time in enumerate(times)
        ]
        verdict = court.judge(*views, user=UserTable(table="public.auth_user"))
        wanted = [statement for statement in statements(verdict) if "author_id" in statement]
        assert wanted == ['CREATE INDEX CONCURRENTLY ON "public"."blog_post" ("author_id", "created");']


class TestASample:
    def test_is_a_short_transaction_of_its_own(self, court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
        """A slow expression is cut off, so that an ALTER TABLE that waits for the table, and its queue, go on."""
        court.connection.execute(
            "INSERT INTO public.blog_note (id, writer, at) SELECT n, 1, now() FROM generate_series(1, 50) n"
        )
        slow = order_view(
            name="slow", table="public.blog_note", user="writer", time="at", trust=("app.slow(bigint)",),
            dimensions={"s": "app.slow(id)"},
        )  # fmt: skip
        court.connection.execute(
            "CREATE FUNCTION app.slow(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS "
            "'BEGIN PERFORM pg_sleep(0.1); RETURN $1; END'"
        )
        monkeypatch.setattr(prices, "SAMPLE_SECONDS", 1)
        waited: list[float] = []
        try:
            with ThreadPoolExecutor(1) as others:
                ended = Event()
                altering = others.submit(_alter_again_and_again, court.url, ended, waited)
                verdict = court.judge(slow, user=UserTable(table="public.auth_user"), priced=True)
                ended.set()
                altering.result()
        finally:
            court.connection.execute("DROP FUNCTION app.slow(bigint); TRUNCATE public.blog_note")
        assert [price.exact for price in verdict.prices] == [False]  # Of the smaller sample, in which no row was.
        assert any("no row of a sample counts" in line for line in lines(_application(slow), verdict))
        assert len(waited) > 5
        assert max(waited) < 2.5  # The sample is cut off after a second; 50 rows would take five.

    def test_that_is_cut_off_is_tried_again_on_fewer_rows(
        self, court: Court, filled: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shares, price = [], prices._price

        def slow_at_first(connection: Any, judged: Any, share: float) -> Price:
            shares.append(share)
            if len(shares) == 1:
                raise psycopg.errors.QueryCanceled("canceling statement due to statement timeout")
            return price(connection, judged, share)

        monkeypatch.setattr(prices, "_price", slow_at_first)
        court.judge(order_view(), priced=True)
        assert shares == [1.0, 0.1]


def _alter_again_and_again(url: str, ended: Event, waited: list[float]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while not ended.is_set():
            begun = monotonic()
            connection.execute("ALTER TABLE public.blog_note ALTER COLUMN at DROP DEFAULT")  # ACCESS EXCLUSIVE
            waited.append(monotonic() - begun)
