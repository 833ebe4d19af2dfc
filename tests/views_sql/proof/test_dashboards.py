"""Labels, facts, lists and dashboards over a host's tables: what is proven of them, and what is refused in words."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import TypeAdapter

from tests.views_sql.declaration.declaring import read
from tests.views_sql.proof.conftest import Court
from views_sql.declaration.application import Application
from views_sql.declaration.proven import (
    Formula,
    MeasureOf,
    ProvenApplication,
    ProvenOrder,
    ProvenSource,
    ProvenTable,
    ShownMeasure,
    Watched,
)
from views_sql.proof.judge import judge
from views_sql.proof.verdict import Verdict
from views_sql.proof.words import lines

USER = '[user]\ntable = "public.Customer"\n'
VIEWS = """
[view.orders]
table = "public.Order"
time = "createdAt"
dimensions = { product = "productId", priority = "priority" }
measures = { orders = "count", revenue = { sum = "total" }, last = { max = "dueOn" } }
[view.paid]
table = "public.Order"
time = "paidAt"
dimensions = { product = "productId" }
measures = { paid = "count" }
"""
LABEL = '[dimension.product]\nlabel = ["public.Product.name", "public.Product.shipCountry"]\n'
LIST = """
[list.latest]
table = "public.Order"
where = "status <> 'DRAFT'"
columns = { at = "createdAt", raw = "raw", doubled = "total * 2", product = "product.shipCountry" }
order = "createdAt desc"
"""
WHOLE = f"""
{USER}facts = {{ mail = "email", since = "createdAt" }}
{VIEWS}
{LABEL}all = true
{LIST}
[metric.share]
formula = "(paid.paid + 1.5) / orders.orders"
decimals = 3
[dashboard.home]
filters = ["product"]
[dashboard.home.panels]
account = {{ kind = "facts", of = "user" }}
glance = {{ kind = "compare", measures = ["orders.orders", "share"], with = "previous_period" }}
best = {{ kind = "groups", by = ["product"], measures = ["orders.revenue"], sparkline = "orders.orders" }}
latest = {{ kind = "list", list = "latest", ignores = ["product"] }}
"""


def verdict_of(court: Court, folder: Path, text: str) -> tuple[Application, Verdict]:
    application = read(folder, text)
    before = court.everything()
    verdict = judge(court.connection, application)
    assert court.everything() == before
    return application, verdict


def proven(court: Court, folder: Path, text: str) -> ProvenApplication:
    _, verdict = verdict_of(court, folder, text)
    assert verdict.faults == ()
    assert verdict.proven is not None
    return verdict.proven


def refused(court: Court, folder: Path, text: str) -> dict[str, str]:
    _, verdict = verdict_of(court, folder, text)
    assert verdict.proven is None
    return {fault.path: fault.sentence for fault in verdict.faults}


def test_a_label_is_read_by_its_key_for_its_user(court: Court, tmp_path: Path) -> None:
    (label,) = proven(court, tmp_path, WHOLE).labels
    assert label.source == ProvenSource(
        name="product",
        table=ProvenTable("public", "Product", "plain"),
        user_column="sellerId",
        time_column=None,
        time_kind=None,
        zone=None,
        stored_zone="UTC",
        watched=(Watched("id"), Watched("name"), Watched("shipCountry", as_text=True)),
        long_keys=True,
    )
    assert (label.dimension, label.key_type, label.all) == ("product", "text", True)
    assert [(it.name, it.type) for it in label.columns] == [("name", "text"), ("ship_country", "character(2)")]


def test_facts_are_of_the_users_own_row(court: Court, tmp_path: Path) -> None:
    facts = proven(court, tmp_path, WHOLE).facts
    assert facts is not None
    assert (facts.source.name, facts.source.user_column) == ("facts", "id")
    assert facts.source.watched == (Watched("email"), Watched("createdAt"))
    assert [it.name for it in facts.columns] == ["mail", "since"]


def test_a_list_has_a_total_order_and_the_dimensions_of_views(court: Court, tmp_path: Path) -> None:
    (listing,) = proven(court, tmp_path, WHOLE).lists
    assert (listing.source.user_column, listing.source.time_column) == ("customerId", None)
    assert {it.column for it in listing.source.watched} == {
        "id", "status", "total", "productId", "raw", "priority", "createdAt"
    }  # fmt: skip
    assert listing.order == (ProvenOrder("o_1", True), ProvenOrder("o_2", True))
    assert listing.shown == (
        ("at", "c_at"),
        ("raw", "c_raw"),
        ("doubled", "c_doubled"),
        ("product", "product.ship_country"),
    )
    assert {name: it.name for name, it in listing.dimensions.items()} == {
        "product": "d_product",
        "priority": "d_priority",
    }


def test_a_dashboard_has_measures_metrics_and_filters(court: Court, tmp_path: Path) -> None:
    (dashboard,) = proven(court, tmp_path, WHOLE).dashboards
    account, glance, best, latest = dashboard.panels
    assert glance.measures == (
        ShownMeasure("orders", MeasureOf("orders", "orders")),
        ShownMeasure(
            "share", Formula("/", Formula("+", MeasureOf("paid", "paid"), "1.5"), MeasureOf("orders", "orders")), 3
        ),
    )
    assert (glance.views, best.views) == (("orders", "paid"), ("orders",))
    assert best.sparkline == ShownMeasure("orders", MeasureOf("orders", "orders"))
    assert [panel.filters for panel in (account, glance, best, latest)] == [(), ("product",), ("product",), ()]


@pytest.mark.parametrize("which", ["label", "facts", "list"])
def test_what_is_frozen_can_be_installed_and_comes_back_as_it_was(court: Court, tmp_path: Path, which: str) -> None:
    of = proven(court, tmp_path, WHOLE)
    assert of.facts is not None
    select = {"label": of.labels[0].select, "facts": of.facts.select, "list": of.lists[0].select}[which]
    with court.connection.transaction(force_rollback=True):
        court.connection.execute("SET LOCAL search_path = pg_catalog")
        court.connection.execute(f"CREATE VIEW public.installed AS {select}")
        again = court.connection.execute("SELECT pg_get_viewdef('public.installed'::regclass)").fetchone()
        shown = court.connection.execute("SELECT * FROM public.installed").description
    assert again is not None
    assert again[0].strip().removesuffix(";") == select
    assert shown is not None
    assert [column.name for column in shown] == {
        "label": ["user_key", "label_key", "l_name", "l_ship_country"],
        "facts": ["user_key", "f_mail", "f_since"],
        "list": ["user_key", "c_at", "c_raw", "c_doubled", "d_product", "d_priority", "o_1", "o_2"],
    }[which]


def test_values_survive_a_store_of_json(court: Court, tmp_path: Path) -> None:
    """As an installed declaration keeps them."""
    of = proven(court, tmp_path, WHOLE)
    again = TypeAdapter(ProvenApplication).validate_python(json.loads(json.dumps(asdict(of))))
    assert again == of


LABELS = [
    ("public.Prodct.name", "", "product.label", "there is no table public.Prodct; did you mean public.Product?"),
    ("public.Product.title", "", "product.label[0]", "there is no column title in public.Product"),
    ("public.Product.name", 'key = "name"', "product.key", "name has no unique index of its own: a label twice would"),
    ("public.Product.name", 'key = "picture"', "product.key", "picture is of type json: a label key is an integer"),
    ("app.two_columns.b", "", "product.key", "has no primary key of one column; name the column that identifies a"),
    ("app.nullable_key.at", 'key = "id"', "product.key", "id may be NULL: a label key never is"),
    ("public.Channel.title", "", "product.key", "of type smallint, and the dimension is of type text in the view "),
    ("public.Channel.title", "all = true", "product.all", "no column of public.Channel says whose its rows are; name"),
    ("public.Customer.email", "all = true", "product.all", "no column of public.Customer says whose its rows are"),
    ("public.Product.name", 'user = "picture"', "product.user", "picture is of type json: a user key is an integer"),
    ("public.Product.name", 'user = "owner"', "product.user", "there is no column owner in public.Product"),
    ("public.Order.status", 'user = "priority"', "product.user", "priority is a key of kind integer, but the other"),
    ("app.order_view.id", "", "product.label", "is a view: changes are captured of tables only"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "more", "path", "sentence"), LABELS)
def test_a_label_is_refused(court: Court, tmp_path: Path, column: str, more: str, path: str, sentence: str) -> None:
    text = f'{USER}{VIEWS}[dimension.product]\nlabel = ["{column}"]\n{more}\n'
    assert sentence in refused(court, tmp_path, text)[f"dimension.{path}"]


def test_a_label_with_several_users_is_refused(court: Court, tmp_path: Path) -> None:
    text = (
        '[user]\ntable = "public.auth_user"\n[view.comments]\ntable = "public.blog_comment"\ntime = "at"\n'
        'dimensions = { post = "id" }\nmeasures = { comments = "count" }\n'
        '[dimension.post]\nlabel = ["public.blog_post.title"]\n'
    )
    assert "has several foreign keys" in refused(court, tmp_path, text)["dimension.post"]
    (label,) = proven(court, tmp_path, text + "shared = true\n").labels
    assert label.source.user_column is None
    assert "user_key" not in label.select


@pytest.mark.parametrize("more", ["shared = true\n", 'user = "id"\n'])
def test_a_label_without_a_user_concerns_everybody_and_is_warned_of(court: Court, tmp_path: Path, more: str) -> None:
    text = f'{USER}{VIEWS}[dimension.product]\nlabel = ["public.Customer.email"]\n{more}'
    _, verdict = verdict_of(court, tmp_path, text)
    warned = [it.sentence for it in verdict.warnings if it.path == "dimension.product"]
    said = "a change of public.Customer concerns every user, whose answers are all computed again: shared = true"
    assert warned == ([said] if "shared" in more else [])


def test_a_label_of_the_table_of_users_is_seen_by_all(court: Court, tmp_path: Path) -> None:
    """A foreign key of it, such as who invited whom, does not say whose a row is."""
    with court.connection.transaction(force_rollback=True):
        court.connection.execute('ALTER TABLE public."Customer" ADD "invitedBy" text REFERENCES public."Customer"')
        text = f'{USER}{VIEWS}[dimension.product]\nlabel = ["public.Customer.email"]\n'
        assert proven(court, tmp_path, text).labels[0].source.user_column is None


FACTS = [
    ("nme", "there is no column nme in public.Customer; did you mean name?"),
    ("now()", "depends on the moment"),
    ("count(*)", "is no expression over one row"),
    ("email); SELECT (1", "PostgreSQL says: syntax error"),
    ("app.norm(email)", "is not PostgreSQL's own"),
]


@pytest.mark.parametrize(("expression", "sentence"), FACTS)
def test_a_fact_is_refused(court: Court, tmp_path: Path, expression: str, sentence: str) -> None:
    text = f"{USER}facts = {{ x = {json.dumps(expression)} }}\n{VIEWS}"
    assert sentence in refused(court, tmp_path, text)["user.facts.x"]


LISTS = [
    ('table = "public.Oder"', "table", "there is no table public.Oder; did you mean public.Order?"),
    ('user = "raw"', "user", "raw is of type json: a user key is an integer"),
    ('table = "public.blog_note"\nuser = "writer"\norder = "at"', "user", "writer is a key of kind integer, but the"),
    ('where = "total"', "where", "total is of type numeric(65,30), and a condition is true or false"),
    ('columns = { x = "totl" }', "columns.x", "there is no column totl in public.Order; did you mean total?"),
    ('columns = { x = "now()" }', "columns.x", "depends on the moment"),
    ('columns = { x = "app.norm(id)" }', "columns.x", "is not PostgreSQL's own"),
    ('columns = { x = "app.foreign_norm(id)" }\ntrust = ["app.foreign_norm(text)"]', "trust", "belongs to proof_st"),
    ('columns = { x = "\\"Order\\"" }', "columns.x", "uses the whole row"),
    ('dimensions = { x = "total::float8" }', "dimensions.x", "is of type double precision, and a dimension is one of"),
    ('order = "created desc"', "order", "there is no column created in public.Order; did you mean createdAt?"),
    ('order = "raw"', "order", "raw is of type json, by which no list is ordered"),
    ('order = "id, id desc"', "order", "id is named twice"),
    ('table = "app.no_unique"\nuser = "id"\norder = "at"', "order", "has no primary key or unique index of columns"),
    ('table = "app.parent"\nuser = "id"\norder = "at"', "order", "has no primary key or unique index of columns"),
    ('table = "app.nullable_key"\nuser = "id"\norder = "at"', "order", "has no primary key or unique index of columns"),
    ('table = "app.deferrable_key"\nuser = "id"\norder = "at"', "order", "has no primary key or unique index"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "path", "sentence"), LISTS)
def test_a_list_is_refused(court: Court, tmp_path: Path, given: str, path: str, sentence: str) -> None:
    fields = {"table": '"public.Order"', "columns": '{ a = "id" }', "order": '"id"', "dimensions": "{}"}
    fields |= dict(line.split(" = ", 1) for line in given.splitlines())
    if fields["table"] != '"public.Order"' and '"id"' not in fields["columns"]:
        fields["columns"] = '{ a = "id" }'
    text = "".join(f"{name} = {value}\n" for name, value in fields.items())
    assert sentence in refused(court, tmp_path, f"{USER}{VIEWS}[list.x]\n{text}")[f"list.x.{path}"]


def test_an_expression_that_may_raise_is_warned_of(court: Court, tmp_path: Path) -> None:
    text = f'{USER}{VIEWS}[list.x]\ntable = "public.Order"\ncolumns = {{ a = "total / priority" }}\norder = "id"\n'
    _, verdict = verdict_of(court, tmp_path, text)
    assert [it.sentence for it in verdict.warnings if it.path == "list.x.columns.a"] == [
        "a row whose divisor is 0 makes each answer that shows it fail: write a / nullif(b, 0)"
    ]


@pytest.mark.parametrize(
    ("order", "columns", "index"),
    [
        ("createdAt desc", ["createdAt"], None),
        ("createdAt, id desc", ["createdAt", "id"], None),
        ("id desc", ["id"], '("customerId", "id")'),
        ("dueOn desc, createdAt desc", ["dueOn", "createdAt", "id"], '("customerId", "dueOn", "createdAt")'),
        ("dueOn desc, createdAt", ["dueOn", "createdAt", "id"], '("customerId", "dueOn", "createdAt" DESC)'),
    ],
)
def test_the_index_of_an_order_is_advised_where_it_is_missing(
    court: Court, tmp_path: Path, order: str, columns: list[str], index: str | None
) -> None:
    listed = f'[list.x]\ntable = "public.Order"\ncolumns = {{ a = "id" }}\norder = "{order}"\n'
    _, verdict = verdict_of(court, tmp_path, USER + VIEWS.replace('"paidAt"', '"createdAt"') + listed)
    assert verdict.proven is not None
    (listing,) = verdict.proven.lists
    assert len(listing.order) == len(columns) + ("id" not in columns)
    advised = [it.statement for it in verdict.advice if "of the list" in it.reason]
    assert advised == ([f'CREATE INDEX CONCURRENTLY ON "public"."Order" {index};'] if index else [])
    with court.connection.transaction(force_rollback=True):
        for statement in advised:
            court.connection.execute(statement.replace("CONCURRENTLY ", ""))
        again = judge(court.connection, read(tmp_path, USER + VIEWS + listed))
        assert not [it for it in again.advice if "of the list" in it.reason]


DASHBOARDS = [
    (
        '[metric.x]\nformula = "orders.last / 2"\n',
        "metric.x.formula",
        "orders.last is of type date, and a number is needed here",
    ),
    (
        '[dashboard.x.panels.a]\nkind = "groups"\nby = ["product"]\nmeasures = ["orders.orders"]\n'
        'sparkline = "orders.last"\n',
        "dashboard.x.panels.a.sparkline",
        "orders.last is of type date, and a number is needed here",
    ),
    (
        '[dashboard.x.panels.a]\nkind = "groups"\nby = ["product"]\nmeasures = ["orders.orders", "rest.n"]\n',
        "dashboard.x.panels.a.by[0]",
        "product is of type text in the view orders, and of type integer in the view rest: write it with a cast",
    ),
    (
        '[dashboard.x]\nfilters = ["product"]\n[dashboard.x.panels]\n'
        'a = { kind = "series", measures = ["orders.orders"] }\n'
        'b = { kind = "list", list = "l" }\n[list.l]\ntable = "public.Order"\ncolumns = { a = "id" }\norder = "id"\n'
        'dimensions = { product = "priority" }\n',
        "dashboard.x.filters[0]",
        "product is of type text in the view orders, and of type integer in the list l",
    ),
    (
        '[dashboard.x.panels.a]\nkind = "series"\nmeasures = ["orders.orders", "far.n"]\n',
        "dashboard.x.panels.a",
        "orders has the days of UTC, and far those of Asia/Tokyo: today is not the same day in both",
    ),
]
OTHERS = """
[view.rest]
table = "public.Order"
time = "createdAt"
dimensions = { product = "priority" }
measures = { n = "count" }
[view.far]
table = "public.Order"
time = "createdAt"
zone = "Asia/Tokyo"
measures = { n = "count" }
"""


@pytest.mark.parametrize(("text", "path", "sentence"), DASHBOARDS)
def test_a_dashboard_is_refused(court: Court, tmp_path: Path, text: str, path: str, sentence: str) -> None:
    found = refused(court, tmp_path, f"{USER}{VIEWS}{OTHERS}{text}")
    assert list(found) == [path]
    assert sentence in found[path]


def test_a_view_that_is_refused_is_no_fault_of_those_who_show_it(court: Court, tmp_path: Path) -> None:
    text = WHOLE.replace('table = "public.Order"', 'table = "public.Oder"')
    assert {path.partition(".")[2] for path in refused(court, tmp_path, text)} == {
        "orders.table", "paid.table", "latest.table"
    }  # fmt: skip


def test_without_a_dashboard_there_is_home(court: Court, tmp_path: Path) -> None:
    application, verdict = verdict_of(
        court, tmp_path, f"{USER}{VIEWS}{OTHERS}{LIST.replace('product.shipCountry', 'status')}"
    )
    assert verdict.proven is not None
    (home,) = verdict.proven.dashboards
    assert [(it.name, it.kind) for it in home.panels] == [
        ("glance", "compare"),
        ("daily", "series"),
        ("orders_product", "groups"),
        ("priority", "groups"),
        ("paid_product", "groups"),
        ("rest_product", "groups"),
        ("latest", "list"),
    ]
    assert [*verdict.proven.lists[0].dimensions] == ["priority"]  # The views do not agree on the product.
    said = lines(application, verdict)
    assert said[0] == "4 views, 1 dashboard, 1 list of the users of public.Customer (keys: text)"
    assert "  made of every view, since no dashboard is declared" in said
    assert "  without far, whose days are of another zone" in said


def test_check_says_what_is_shown(court: Court, tmp_path: Path) -> None:
    said = lines(*verdict_of(court, tmp_path, WHOLE))
    for line in (
        "home: a dashboard of account (facts), glance (compare), best (groups), latest (list)",
        "  filtered by product",
        "latest: a list of public.Order by customerId, ordered by createdAt desc",
        "  shows at, raw, doubled, product",
        "product: labels product_name, product_ship_country of public.Product, shown to the user in sellerId alone",
        "  a change of id, name, shipCountry concerns that user",
        "facts of a user: mail, since",
    ):
        assert line in said
    assert "  made of every view, since no dashboard is declared" not in said


@pytest.fixture
def inside(court: Court) -> Iterator[psycopg.Connection[Any]]:
    """A transaction that is rolled back: what it makes, the next test does not see."""
    with court.connection.transaction(force_rollback=True):
        yield court.connection


class TestAShownValue:
    COLUMNS = '[list.x]\ntable = "app.shown"\nuser = "id"\ncolumns = { x = "x" }\norder = "id"\n'

    def test_may_be_of_any_type_that_postgresql_spells_itself(
        self, court: Court, tmp_path: Path, inside: psycopg.Connection[Any]
    ) -> None:
        types = (
            *("json", "jsonb", "xml", "point", "float8", "money", "interval", "timestamptz", "text[]", "int4range"),
            *("bytea", "inet", "tsvector", "char(3)", "app.short", 'public."OrderStatus"', 'public."OrderStatus"[]'),
            "public.citext",
        )
        columns = ", ".join(f"c{number} {name}" for number, name in enumerate(types))
        inside.execute(f"CREATE TABLE app.shown (id text PRIMARY KEY, {columns})")
        shown = ", ".join(f'c{number} = "c{number}"' for number in range(len(types)))
        of = proven(court, tmp_path, USER + VIEWS + self.COLUMNS.replace('x = "x"', shown))
        assert len(of.lists[0].columns) == len(types)

    @pytest.mark.parametrize("kind", ["app.pair", "public.citext", "public.citext[]"])
    def test_is_of_no_type_that_others_spell(
        self, court: Court, tmp_path: Path, inside: psycopg.Connection[Any], kind: str
    ) -> None:
        """The cast would run with the rights of Frontview's owner."""
        inside.execute("CREATE TYPE app.pair AS (a integer, b integer)")
        inside.execute("CREATE FUNCTION app.spell(public.citext) RETURNS json LANGUAGE sql AS 'SELECT NULL::json'")
        inside.execute("CREATE CAST (public.citext AS json) WITH FUNCTION app.spell(public.citext)")
        inside.execute(f"CREATE TABLE app.shown (id text PRIMARY KEY, x {kind})")
        sentence = refused(court, tmp_path, USER + VIEWS + self.COLUMNS)["list.x.columns.x"]
        assert "whose spelling in JSON is not PostgreSQL's own; show a field of it, or its text" in sentence

    def test_of_a_virtual_column_is_watched_by_what_it_is_made_of(self, court: Court, tmp_path: Path) -> None:
        if court.connection.info.server_version < 180000:
            pytest.skip("virtual generated columns are there from PostgreSQL 18 on")
        columns = '[list.x]\ntable = "public.Order"\ncolumns = { x = "doubled" }\norder = "id"\ndimensions = {}\n'
        (listing,) = proven(court, tmp_path, USER + VIEWS + columns).lists
        assert {it.column for it in listing.source.watched} == {"id", "fee"}


def test_of_a_partitioned_table_the_index_is_advised_on_each_part(court: Court, tmp_path: Path) -> None:
    text = (
        '[user]\ntable = "app.account"\n[view.all]\ntable = "app.event"\ntime = "occurred_at"\n'
        'measures = { n = "count" }\n[list.x]\ntable = "app.event"\ncolumns = { kind = "kind" }\norder = "kind desc"\n'
    )
    assert "has no primary key or unique index" in refused(court, tmp_path, text)["list.x.order"]
    with court.connection.transaction(force_rollback=True):
        court.connection.execute("ALTER TABLE app.event ADD PRIMARY KEY (occurred_at, kind)")
        _, verdict = verdict_of(court, tmp_path, text)
        assert verdict.proven is not None
        assert verdict.proven.lists[0].order == (ProvenOrder("o_1", True), ProvenOrder("o_2", True))
        advised = [it.statement for it in verdict.advice if '"kind"' in it.statement]
        assert advised == [
            'CREATE INDEX CONCURRENTLY ON "app"."event_2026_01" ("account_slug", "kind");',
            'CREATE INDEX CONCURRENTLY ON "app"."event_2026_02" ("account_slug", "kind");',
            'CREATE INDEX ON "app"."event" ("account_slug", "kind");',
        ]


RANKED = '[dashboard.x.panels]\ng = {{ kind = "groups", by = ["product"], measures = [{0}]{1} }}\n'
WITH_TEXT = USER + VIEWS.replace('orders = "count"', 'latest = { max = "id" }, orders = "count"')


@pytest.mark.parametrize(
    ("measures", "order"),
    [('"orders.latest"', "product"), ('"orders.latest", "orders.orders"', "-orders"), ('"orders.orders"', None)],
)
def test_groups_have_an_order_that_is_possible(court: Court, tmp_path: Path, measures: str, order: str | None) -> None:
    made = proven(court, tmp_path, WITH_TEXT + RANKED.format(measures, ""))
    assert made.dashboards[0].panels[0].order == order


def test_groups_are_not_ordered_by_text(court: Court, tmp_path: Path) -> None:
    text = WITH_TEXT + RANKED.format('"orders.latest"', ', order = "-latest"')
    assert refused(court, tmp_path, text) == {
        "dashboard.x.panels.g.order": "latest is neither a number nor a time, by which groups are ordered"
    }
