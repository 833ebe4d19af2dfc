"""The schemas of three worlds are accepted as they are, and what is proven of them can be installed."""

import psycopg
import pytest

from tests.views_sql.proof.conftest import Court, order_view
from views_sql.declaration.application import Measure, UserTable, View
from views_sql.declaration.proven import ProvenSource, ProvenTable, ProvenView, Watched

PRISMA = (
    UserTable(table="public.Customer", name="name", zone="Europe/Paris"),
    order_view(
        where="status <> 'DRAFT'",
        dimensions={"product": "productId", "country": "coalesce(\"shipCountry\", '??')", "status": "status"},
        measures={
            "orders": Measure(verb="count"),
            "revenue": Measure(verb="sum", argument="total"),
            "refunds": Measure(verb="sum", argument="total", where="status = 'REFUNDED'"),
            "basket": Measure(verb="avg", argument="total", decimals=2),
            "buyers": Measure(verb="distinct", argument="id"),
            "p95": Measure(verb="percentile", argument="total", at=0.95, live=True),
        },
    ),
)
DJANGO = (
    UserTable(table="public.auth_user", name="username"),
    order_view(
        table="public.blog_post",
        user="author_id",
        time="created",
        zone="America/Havana",
        dimensions={"editor": "editor_id"},
        measures={"posts": Measure(verb="count"), "best": Measure(verb="max", argument="score")},
    ),
)
PARTITIONS = (
    UserTable(table="app.account"),
    order_view(
        table="app.event",
        time="occurred_at",
        dimensions={"kind": "kind"},
        measures={"amount": Measure(verb="sum", argument="amount_cents")},
    ),
)
DOMAINS = (
    UserTable(),
    order_view(
        table="app.domains",
        user="id",
        time="at",
        dimensions={"short": "short", "cents": "cents"},
        measures={"most": Measure(verb="max", argument="cents")},
    ),
)
HOSTS = [PRISMA, DJANGO, PARTITIONS, DOMAINS]


def proven(court: Court, user: UserTable, view: View) -> ProvenView:
    verdict = court.judge(view, user=user)
    assert verdict.faults == ()
    assert verdict.proven is not None
    return verdict.proven.views[0]


def test_prisma(court: Court) -> None:
    view = proven(court, *PRISMA)
    assert view.source == ProvenSource(
        name="v",
        table=ProvenTable("public", "Order", "plain"),
        user_column="customerId",
        time_column="createdAt",
        time_kind="timestamp",
        zone="Europe/Paris",
        stored_zone="UTC",
        watched=(
            Watched("id"),
            Watched("status"),
            Watched("total", as_text=True),
            Watched("shipCountry"),
            Watched("productId"),
        ),
        long_keys=True,
    )
    types = {column.name: (column.type, column.nullable) for column in view.columns}
    assert types["d_product"] == ("text", True)
    assert types["d_status"] == ('public."OrderStatus"', True)
    assert types["m_revenue"] == ("numeric(65,30)", True)
    assert view.measures[2].where == "w_refunds"


def test_django(court: Court) -> None:
    view = proven(court, *DJANGO)
    assert (view.source.user_column, view.source.time_kind, view.source.zone) == (
        "author_id",
        "timestamptz",
        "America/Havana",
    )
    assert view.measures[1].type == "smallint"


def test_monthly_partitions(court: Court) -> None:
    view = proven(court, *PARTITIONS)
    assert view.source.table == ProvenTable("app", "event", "partitioned")
    assert view.source.user_column == "account_slug"


def test_a_domain_counts_as_its_base_type(court: Court) -> None:
    view = proven(court, *DOMAINS)
    assert [column.type for column in view.columns] == ["text", "numeric(12,2)", "numeric(12,2)"]


@pytest.mark.parametrize(("user", "view"), HOSTS)
def test_the_row_view_can_be_installed_and_comes_back_as_it_was(court: Court, user: UserTable, view: View) -> None:
    """What is frozen is a fixed point: a database that makes it deparses the same text."""
    found = proven(court, user, view)
    with court.connection.transaction(force_rollback=True):
        court.connection.execute("SET LOCAL search_path = pg_catalog")
        court.connection.execute(f"CREATE VIEW public.installed AS {found.row_select}")
        again = court.connection.execute("SELECT pg_get_viewdef('public.installed'::regclass)").fetchone()
        shown = court.connection.execute("SELECT * FROM public.installed").description
    assert again is not None
    assert again[0].strip().removesuffix(";") == found.row_select
    assert shown is not None
    assert [column.name for column in shown] == ["user_key", "at", "day", *(column.name for column in found.columns)]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris"])
@pytest.mark.parametrize(
    ("time", "moments"),
    [
        ("createdAt", ["2026-03-29 00:30", "0001-01-01", "9999-12-31", "infinity", "0044-03-15 BC"]),
        ("paidAt", ["2026-03-29 00:30+00", "0001-01-01 00:00+00", "9999-12-31 00:00+00", "-infinity"]),
        ("dueOn", ["2026-03-29", "0001-01-01", "9999-12-31", "infinity"]),
    ],
)
def test_the_day_is_the_local_one_and_guarded(court: Court, time: str, moments: list[str], zone: str) -> None:
    view = proven(court, PRISMA[0], order_view(time=time, zone=zone))
    with court.connection.transaction(force_rollback=True):
        court.connection.execute("INSERT INTO public.\"Customer\" VALUES ('c', 'e')")
        for n, moment in enumerate(moments):
            court.connection.execute(
                f'INSERT INTO public."Order" (id, "customerId", total, "{time}") VALUES (%s, %s, 1, %s)',
                (str(n), "c", moment),
            )
        court.connection.execute("SET LOCAL TimeZone = 'Pacific/Auckland'")
        days = court.connection.execute(
            f"SELECT day::text FROM ({view.row_select}) r ORDER BY at = %s DESC, day", moments[:1]
        )
        assert days.fetchall() == [("2026-03-29",), *[(None,)] * (len(moments) - 1)]


def test_a_view_without_a_time_has_no_day(court: Court) -> None:
    view = proven(court, PRISMA[0], order_view(time=None))
    assert view.source.time_column is view.source.zone is None
    assert (
        view.row_select.startswith('SELECT "customerId" AS user_key\n')
        or '."customerId" AS user_key\n' in view.row_select
    )


def test_without_a_table_of_users_the_kind_is_that_of_the_views(court: Court) -> None:
    verdict = court.judge(order_view(user="customerId"), user=UserTable())
    assert verdict.proven is not None
    assert (verdict.proven.users, verdict.proven.key_kind) == (None, "text")


def test_the_users_name_is_judged_too(court: Court) -> None:
    assert "did you mean name?" in court.faults(UserTable(table="public.Customer", name="nme"))["user.name"]


def test_a_connection_that_fails_is_no_fault_of_the_declaration(court: Court) -> None:
    with psycopg.connect(court.url, autocommit=True) as connection:
        connection.close()
        with pytest.raises(psycopg.Error):
            Court(connection, court.url).faults()
