"""Labels, facts, lists and dashboards are installed, kept, replaced and dropped like views, each with its capture."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fix_postgres import Server
from tests.migrations.project_stage import DECLARED, Project, project
from views_sql.operations.catalog import catalog_of
from views_sql.operations.database import newest_declaration
from views_sql.operations.installed import Installed, installed_of, row_of
from web.doctor.declaration import as_generated, objects

HOST = """
CREATE TYPE "Shop"."Kind" AS ENUM ('small', 'large');
CREATE TABLE "Shop"."Product" (
    id integer PRIMARY KEY, owner bigint REFERENCES "Shop"."User" (id), name text, "kindOf" "Shop"."Kind", secret text
);
CREATE TABLE "Shop"."Country" (code text PRIMARY KEY, title text);
ALTER TABLE "Shop"."Order" ADD "productId" integer;
INSERT INTO "Shop"."User" VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO "Shop"."Product" VALUES (7, 1, 'tea', 'small'), (8, 1, 'cup', NULL), (9, 2, 'of Bob', 'large');
INSERT INTO "Shop"."Country" VALUES ('DE', 'Germany');
INSERT INTO "Shop"."Order" ("customerId", "createdAt", country, total, "productId")
VALUES (1, now() - '1 hour'::interval, 'DE', 10.50, 7), (1, now(), 'FR', 2, 9), (2, now(), 'DE', 100, 9);
"""
WITH_PARTS = (
    DECLARED.replace(
        'claim = "account.id"', 'claim = "account.id"\nfacts = { called = "name", letters = "length(name)" }'
    ).replace('{ country = "country" }', '{ country = "country", product = "productId" }')
    + """
[dimension.product]
label = ["Shop.Product.name", "Shop.Product.kindOf"]
all = true

[dimension.country]
label = ["Shop.Country.title"]
shared = true

[metric]
basket = { formula = "orders.revenue / orders.orders", decimals = 1 }

[list.latest]
table = "Shop.Order"
columns = { order_id = "id", total = "total", product = "product.name", kind = "product.kindOf" }
order = "createdAt desc, id desc"
limit = 2

[dashboard.start]
filters = ["product"]
[dashboard.start.panels]
account = { kind = "facts", of = "user" }
sums = { kind = "periods", periods = ["today", "all_time"], measures = ["orders.orders", "basket"] }
countries = { kind = "groups", by = ["country"], measures = ["orders.orders"] }
latest = { kind = "list", list = "latest" }
[dashboard.start.panels.products]
kind = "groups"
by = ["product"]
measures = ["orders.revenue", "orders.orders"]
sparkline = "orders.orders"
"""
)


@pytest.fixture(scope="module")
def applied(any_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with every kind of part, applied; to be copied."""
    with project(any_server, tmp_path_factory.mktemp("parts")) as made:
        made.c.execute(HOST.encode())
        made.declare(WITH_PARTS)
        made.run("plan", "--write")
        made.run("migrate")
        made.c.close()
        yield made


@pytest.fixture
def shop(any_server: Server, tmp_path: Path, applied: Project) -> Iterator[Project]:
    with project(any_server, tmp_path, like=applied) as made:
        yield made


def installed(shop: Project) -> Installed:
    found = newest_declaration(shop.c)
    assert found is not None
    return found


def numbers(shop: Project) -> dict[str, int]:
    return {f"{kind} {name}": part.number for part in installed(shop).everything for kind, name in [part.key]}


def replan(shop: Project, text: str) -> dict[str, str]:
    """Declare something else, apply it, and return what it did with each part that changed."""
    shop.declare(text)
    changes = json.loads(shop.run("plan", "--json", "--write"))["changes"]
    shop.run("migrate")
    listed = [(change.pop("action"), *change.items()) for change in changes]
    return {" ".join(what): action for action, what in listed if action != "keep"}


def start(shop: Project, user: int, number: int = 1, limit: int | None = None) -> Any:
    call = f"frontview.start_{number}_dashboard(%s, NULL, NULL, NULL, NULL, NULL, %s, FALSE)"
    ((body,),) = shop.rows(f"SELECT body FROM {call}", user, limit)
    return body and json.loads(body, parse_float=Decimal)


def logged(shop: Project, *statements: str) -> set[tuple[str, int | None]]:
    """Return which sources log what users for statements."""
    shop.c.execute(b"DELETE FROM frontview.change_log")
    for statement in statements:
        shop.c.execute(statement.encode())
    return set(shop.rows("SELECT source, user_id FROM frontview.change_log"))


def test_a_dashboard_answers_with_labels_facts_and_lists(shop: Project) -> None:
    found = start(shop, 1)

    assert found["account"] == {"called": "Ann", "letters": 3}
    assert found["sums"]["all_time"] == {"orders": 2, "basket": Decimal("6.3")}
    products = [{name: row[name] for name in row if name != "sparkline"} for row in found["products"]["rows"]]
    assert products == [
        {"product": 7, "product_name": "tea", "product_kind_of": "small", "revenue": Decimal("10.50"), "orders": 1},
        # Somebody else's product has no label.
        {"product": 9, "product_name": None, "product_kind_of": None, "revenue": 2, "orders": 1},
        {"product": 8, "product_name": "cup", "product_kind_of": None, "revenue": 0, "orders": 0},
    ]
    assert [sum(row["sparkline"]) for row in found["products"]["rows"]] == [1, 1, 0]
    titles = [(row["country"], row["country_title"]) for row in found["countries"]["rows"]]
    assert titles == [("DE", "Germany"), ("FR", None)]
    assert [(row["total"], row["product"], row["kind"]) for row in found["latest"]] == [
        (2, None, None),
        (Decimal("10.50"), "tea", "small"),
    ]
    assert start(shop, 3) is None


def test_only_what_is_shown_is_captured_and_of_whom(shop: Project) -> None:
    everybody = logged(shop, """UPDATE "Shop"."Country" SET title = 'Almanya'""")
    assert everybody == {("country_1_label", None)}
    assert logged(shop, """UPDATE "Shop"."Country" SET title = title || ''""") == set()
    assert logged(shop, """INSERT INTO "Shop"."Country" VALUES ('x'), ('y')""") == everybody
    assert logged(shop, """DELETE FROM "Shop"."Country" WHERE code = 'none'""") == set()
    assert logged(shop, """TRUNCATE "Shop"."Country" """) == everybody
    assert logged(shop, """UPDATE "Shop"."Product" SET name = 'mug' WHERE id = 8""") == {("product_1_label", 1)}
    assert logged(shop, """UPDATE "Shop"."Product" SET secret = 'x'""") == set()
    assert logged(shop, """UPDATE "Shop"."User" SET name = 'Bo' WHERE id = 2""") == {("facts_1_of_user", 2)}
    changed = logged(shop, """UPDATE "Shop"."Order" SET "productId" = 8 WHERE "customerId" = 2""")
    assert changed == {("orders_1", 2), ("latest_1_list", 2)}


def test_one_row_a_transaction_says_that_everybody_is_concerned(shop: Project) -> None:
    shop.c.execute(b"""DELETE FROM frontview.change_log;
        INSERT INTO "Shop"."Country" SELECT n::text, n::text FROM generate_series(1, 50) n""")
    with shop.c.transaction():
        shop.c.execute(b"""UPDATE "Shop"."Country" SET title = title || '!'""")
        shop.c.execute(b"""DELETE FROM "Shop"."Country" WHERE code = '5'""")

    assert shop.rows("SELECT count(*), count(DISTINCT xid) FROM frontview.change_log") == [(2, 2)]


def test_nothing_changes_while_the_file_is_the_same_and_the_doctor_knows_all_parts(shop: Project) -> None:
    assert "there is nothing to do" in shop.run("plan", "--write")
    assert (objects(shop.c).outcome, as_generated(shop.c).outcome) == ("pass", "pass")
    names = {source.name for source in catalog_of(installed(shop)).sources}
    assert {"product_1_label", "country_1_label", "facts_1_of_user", "latest_1_list"} <= names
    shop.c.execute(b"DROP FUNCTION frontview.start_1_dashboard")
    assert "start_1_dashboard" in str(objects(shop.c))


def test_a_row_holds_all_parts(shop: Project) -> None:
    found = installed(shop)
    content, ddl = row_of(found)

    assert installed_of(found.number, 1, json.loads(content), ddl) == found
    assert {kind for kind, _ in (part.key for part in found.everything)} == {
        "view", "label", "facts", "list", "dashboard",
    }  # fmt: skip


def test_where_only_a_dashboard_changes_only_its_function_is_made_again(shop: Project) -> None:
    before = numbers(shop)

    assert replan(shop, WITH_PARTS.replace("decimals = 1", "decimals = 3")) == {"dashboard start": "read function only"}

    assert numbers(shop) == before
    assert start(shop, 1)["sums"]["all_time"]["basket"] == Decimal("6.250")
    shop.run("migrate", "--back")
    assert start(shop, 1)["sums"]["all_time"]["basket"] == Decimal("6.3")


def test_a_dashboard_with_other_parameters_is_another_function(shop: Project) -> None:
    """Web workers that have not seen it yet pass their arguments by place, to the function that they know."""
    other = WITH_PARTS.replace('filters = ["product"]', 'filters = ["country"]')

    assert replan(shop, other) == {"dashboard start": "replace"}

    kept = shop.rows(
        "SELECT proname::text, proargnames[5] FROM pg_proc WHERE proname ~ '^start_._dashboard$' ORDER BY 1"
    )
    assert [name for name, _ in kept] == ["start_1_dashboard", "start_2_dashboard"]


def test_a_dashboard_is_replaced_with_what_it_reads(shop: Project) -> None:
    before = shop.snapshot()
    wider = WITH_PARTS.replace('"Shop.Product.kindOf"]', '"Shop.Product.kindOf", "Shop.Product.secret"]')

    assert replan(shop, wider) == {
        "label product": "replace",
        "list latest": "replace",
        "dashboard start": "replace",
    }

    assert start(shop, 1, number=2)["products"]["rows"][0]["product_secret"] is None
    assert logged(shop, """UPDATE "Shop"."Product" SET secret = 'x' WHERE id = 9""") == {("product_2_label", 2)}
    assert objects(shop.c).outcome == "pass"
    shop.run("migrate", "--back")
    assert start(shop, 1)["products"]["rows"][0]["product_name"] == "tea"
    shop.drop_retired()
    assert [it for it in shop.snapshot() if "_label" in it] == [it for it in before if "_label" in it]


def test_all_parts_go(shop: Project) -> None:
    assert set(replan(shop, DECLARED).values()) == {"drop", "replace", "create"}
    shop.populate()
    shop.drop_retired()

    rest = shop.rows("""SELECT c.relname FROM pg_class c WHERE relnamespace = 'frontview'::regnamespace
        AND relname ~ '_(label|listed|facts)$' UNION ALL SELECT p.proname FROM pg_proc p
        WHERE pronamespace = 'frontview'::regnamespace AND proname ~ '(start_|_label|_list$|facts)'
        UNION ALL SELECT s.source FROM frontview.source s WHERE source ~ '(label|list|facts)'
        UNION ALL SELECT r.object FROM frontview.role_right r WHERE r.object ~ 'start_|_list$'
        UNION ALL SELECT t.tgname FROM pg_trigger t WHERE t.tgname ~ '(label|list|facts)'""")
    assert rest == []
    shop.run("migrate", "--back")
    assert start(shop, 1)["account"]["called"] == "Ann"


def test_days_of_a_dashboard_are_those_of_each_users_zone(any_server: Server, tmp_path: Path) -> None:
    declared = WITH_PARTS.replace('zone = "Europe/Berlin"', 'zone = { column = "zone", default = "UTC" }')
    hourly = """
    ALTER TABLE "Shop"."User" ADD zone text;
    UPDATE "Shop"."User" SET zone = CASE id WHEN 1 THEN 'Pacific/Kiritimati' ELSE 'Pacific/Pago_Pago' END;
    DELETE FROM "Shop"."Order";
    INSERT INTO "Shop"."Order" ("customerId", "createdAt", total)
    SELECT u, now() - n * '1 hour'::interval, 1 FROM generate_series(1, 2) u, generate_series(-30, 400) n
    """
    with project(any_server, tmp_path) as shop:
        shop.c.execute(f"{HOST}{hourly}".encode())
        shop.declare(declared.replace('["today", "all_time"]', '["today", "yesterday", "last_7_days", "all_time"]'))
        shop.run("plan", "--write")
        shop.run("migrate")

        for user in (1, 2):
            ((today, yesterday, week),) = shop.rows(
                """SELECT count(*) FILTER (WHERE day = today), count(*) FILTER (WHERE day = today - 1),
                count(*) FILTER (WHERE day BETWEEN today - 6 AND today) FROM (
                    SELECT (o."createdAt" AT TIME ZONE u.zone)::date AS day, (now() AT TIME ZONE u.zone)::date AS today
                    FROM "Shop"."Order" o JOIN "Shop"."User" u ON u.id = o."customerId" WHERE u.id = %s
                ) d""",
                user,
            )
            sums = start(shop, user)["sums"]
            assert [sums[it]["orders"] for it in ("today", "yesterday", "last_7_days", "all_time")] == [
                today, yesterday, week, 431,
            ]  # fmt: skip
