"""Dashboards and lists over an installed declaration, over HTTP: figures, caching, and what makes an answer stale."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from jsonschema_rs import Draft202012Validator

from tests.web.declared.conftest import Site
from tests.web.web_fakes import bearer
from web.reads.background_fills import WantedFill
from web.warming.warm_plan import WarmPlan

HOME, TIMES, LATEST = "/api/v1/dashboard/home", "/api/v1/dashboard/analytics", "/api/v1/list/latest"
HIT = "frontview; hit"
TODAY = "(now() AT TIME ZONE 'Pacific/Auckland')::date"
DAY = "(at AT TIME ZONE 'Pacific/Auckland')::date"
OF_ANN = "FROM shop.purchase WHERE customer = 'ann'"
SPACE = {"Cache-Control": "no-cache"}


def is_hit(site: Site, path: str, user: str = "ann") -> bool:
    return site.get(path, user=user).headers["Cache-Status"].startswith(HIT)


@contextmanager
def changed(site: Site, statement: str, back: str) -> Iterator[None]:
    """Run a statement and have the caches know it; afterwards take it back in the same way."""
    site.c.execute(statement.encode())
    site.drain_and_follow()
    try:
        yield
    finally:
        site.c.execute(back.encode())
        site.drain_and_follow()


def test_every_panel_has_the_figures_of_plain_sql(site: Site) -> None:
    data = site.get(HOME, **SPACE).json["data"]
    [(today, first, earlier)] = site.rows(f"SELECT {TODAY}::text, ({TODAY} - 29)::text, ({TODAY} - 59)::text")

    assert list(data) == ["account", "glance", "sums", "daily", "products", "countries", "latest"]
    assert data["account"] == {"plan": "free", "letters": 8}
    for side, since, until in (("current", first, today), ("previous", earlier, None)):
        last = until or str(date.fromisoformat(first) - timedelta(days=1))
        [(count, each)] = site.rows(
            f"SELECT count(*), round(sum(total) / count(*), 3)::float8 {OF_ANN} AND {DAY} BETWEEN %s AND %s",
            since,
            last,
        )
        assert data["glance"][side] == {"from": since, "to": last, "purchases": count, "each": each}
    for name, since in (("today", 0), ("last_7_days", 6), ("all_time", 4000)):
        [(count, each)] = site.rows(
            f"SELECT count(*), round(sum(total) / NULLIF(count(*), 0), 3)::float8 {OF_ANN} AND {DAY} >= {TODAY} - %s",
            since,
        )
        assert data["sums"][name] == {"purchases": count, "each": each}
    assert len(data["daily"]["rows"]) == 30
    assert data["daily"]["totals"]["purchases"] == sum(row["purchases"] for row in data["daily"]["rows"])


def test_groups_have_labels_of_the_user_and_of_everybody_and_sparklines(site: Site) -> None:
    data = site.get(HOME, **SPACE).json["data"]
    products = {row["product"]: row for row in data["products"]["rows"]}

    assert {key: (row["product_full_name"], row["product_active"]) for key, row in products.items()} == {
        -2: ("Pen", True), -1: ("Ink", None), 0: (None, None), 1: (None, None), 2: (None, None), 7: ("Quill", False),
    }  # fmt: skip  # 1 is another user's; 7 has no row, but is the user's.
    revenues = [row["revenue"] for row in data["products"]["rows"]]
    assert revenues == sorted(revenues, reverse=True)
    assert (products[7]["revenue"], products[7]["sparkline"]) == (0, [0] * 30)
    by_day = dict(site.rows(f"SELECT {DAY}, count(*) {OF_ANN} AND product = -2 GROUP BY 1"))
    [(today,)] = site.rows(f"SELECT {TODAY}")
    assert products[-2]["sparkline"] == [by_day.get(today - timedelta(days=29 - n), 0) for n in range(30)]
    countries = data["countries"]["rows"]
    assert len(countries) == 3
    assert {row["country"]: row["country_name"] for row in countries if row["country"]}.items() <= {
        "DE": "Germany", "ÑU, 1": "Ñu",
    }.items()  # fmt: skip


def test_a_list_is_the_newest_rows_and_the_same_in_a_panel(site: Site) -> None:
    rows = site.rows(f"SELECT id, total::float8, state::text, product {OF_ANN} ORDER BY at DESC, id DESC LIMIT 5")
    listed = site.get(LATEST, **SPACE).json["data"]

    names = {-2: "Pen", -1: "Ink"}
    assert [tuple(it[key] for key in ("purchase", "total", "state", "product")) for it in listed] == [
        (key, total, state, names.get(product)) for key, total, state, product in rows
    ]
    assert list(listed[0]) == ["purchase", "at", "total", "state", "product"]
    assert listed == site.get(HOME, **SPACE).json["data"]["latest"]
    assert len(site.get(LATEST, ("limit", "2"), ("gift", "true"), ("product", "-2")).json["data"]) == 2


def test_answers_are_as_the_document_says(site: Site) -> None:
    document = site.get("/openapi.json").json
    for path in (HOME, TIMES, LATEST):
        schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        whole = schema | {"components": document["components"]}
        for user in ("ann", "Bob'; --", "none"):
            Draft202012Validator(whole).validate(site.get(path, user=user).json)


def test_what_an_answer_says_of_itself(site: Site) -> None:
    meta = site.get(HOME, ("order", "-revenue"), ("limit", "2")).json["meta"]
    [(today, first)] = site.rows(f"SELECT {TODAY}::text, ({TODAY} - 29)::text")

    assert meta["user"] == {"id": "ann", "name": "Ann Ångström", "zone": "Pacific/Auckland", "today": today}
    assert meta["live"] == ["middle"]
    assert meta["parameters"] == {"from": first, "to": today, "granularity": "day", "limit": 2}
    assert site.get(LATEST).json["meta"]["parameters"] == {"limit": 5}
    assert site.get(LATEST).json["meta"]["live"] == []


def test_filters_and_ranges_are_those_of_sql(site: Site) -> None:
    day = date.today() - timedelta(days=20)
    since = str(day - timedelta(days=9))
    data = site.get(HOME, ("from", since), ("to", str(day)), ("product", "0"), ("product", "1")).json["data"]

    [(ranged, ever)] = site.rows(
        f"SELECT count(*) FILTER (WHERE {DAY} BETWEEN %s AND %s), count(*) {OF_ANN} AND product IN (0, 1)", since, day
    )
    assert data["daily"]["totals"]["purchases"] == data["glance"]["current"]["purchases"] == ranged
    assert data["sums"]["all_time"]["purchases"] == ever
    assert {row["product"] for row in data["products"]["rows"]} <= {0, 1}
    weekly = site.get(HOME, ("granularity", "week")).json["data"]["daily"]["rows"]
    assert 5 <= len(weekly) <= 6


def test_an_order_is_that_of_the_panels_that_have_it(site: Site) -> None:
    plain = site.get(HOME).json["data"]
    ordered = site.get(HOME, ("order", "product")).json["data"]

    keys = [row["product"] for row in ordered["products"]["rows"]]
    assert keys == sorted(keys)
    assert ordered["countries"] == plain["countries"]


@pytest.mark.parametrize("path", [HOME, TIMES, LATEST])
def test_each_source_answers_the_same(site: Site, path: str) -> None:
    exact = site.get(path, **SPACE)
    kept = site.get(path)
    again = site.get(path, **{"If-None-Match": exact.headers["ETag"]})

    assert kept.json["meta"]["source"] == "cache"
    assert exact.json["data"] == kept.json["data"]
    assert (again.status_code, again.headers["ETag"]) == (304, exact.headers["ETag"])
    name = path.rpartition("/")[2] if path != LATEST else "list.latest"
    dashboard = site.catalog.dashboard(name)
    arguments = [list(it) if isinstance(it, tuple) else it for it in dashboard.plain_arguments or ()]
    places = ", ".join(["%s"] * (len(arguments) + 1))
    [(body, source)] = site.rows(
        f"SELECT body::json, source FROM {dashboard.function}({places}, TRUE)", "ann", *arguments
    )
    assert (body, source) == (exact.json["data"], "database")


SHOWN: list[tuple[str, str, set[str]]] = [
    (
        "UPDATE shop.customer SET plan = 'gold' WHERE id = 'ann'",
        "UPDATE shop.customer SET plan = 'free' WHERE id = 'ann'",
        {HOME},
    ),
    (
        """UPDATE shop."Product" SET "fullName" = 'Pens' WHERE id = -2""",
        """UPDATE shop."Product" SET "fullName" = 'Pen' WHERE id = -2""",
        {HOME, LATEST},
    ),
    (
        "UPDATE shop.country SET name = 'Deutschland' WHERE code = 'DE'",
        "UPDATE shop.country SET name = 'Germany' WHERE code = 'DE'",
        {HOME},
    ),
    (
        "UPDATE shop.purchase SET state = 'lost, or \"late\"' WHERE id = 1",
        "UPDATE shop.purchase SET state = 'paid' WHERE id = 1",
        {HOME, LATEST},
    ),
    (
        "INSERT INTO shop.purchase (customer, at, state, gift, product, basket, due, rate) SELECT 'ann', 'infinity', "
        "'paid', TRUE, 0, gen_random_uuid(), '2026-01-01', 0",
        "DELETE FROM shop.purchase WHERE at = 'infinity'",
        {HOME, LATEST},
    ),
]
NOT_SHOWN = [
    "UPDATE shop.customer SET notes = notes || 'x', seen = now() WHERE id = 'ann'",
    'UPDATE shop."Product" SET stock = stock + 1',
    "UPDATE shop.country SET capital = capital || '!'",
    """UPDATE shop."Product" SET "fullName" = "fullName" || '' WHERE customer = 'ann'""",
]


@pytest.mark.parametrize(("statement", "back", "stale"), SHOWN)
def test_a_write_to_what_is_shown_takes_away_just_those_answers(
    site: Site, statement: str, back: str, stale: set[str]
) -> None:
    before = {path: site.get(path).json["data"] for path in (HOME, TIMES, LATEST)}
    with changed(site, statement, back):
        assert {path for path in before if not is_hit(site, path)} == stale
        for path in stale:
            assert site.get(path).json["data"] != before[path]
    assert {path: site.get(path).json["data"] for path in before} == before


@pytest.mark.parametrize("statement", NOT_SHOWN)
def test_a_write_to_what_is_not_shown_makes_nothing_stale(site: Site, statement: str) -> None:
    for path in (HOME, TIMES, LATEST):
        site.get(path)
    site.c.execute(statement.encode())
    site.drain_and_follow()

    assert all(is_hit(site, path) for path in (HOME, TIMES, LATEST))


def test_a_users_own_labels_make_no_other_user_stale_and_those_of_everybody_do(site: Site) -> None:
    for user in ("ann", "Bob'; --"):
        site.get(HOME, user=user)
    rename = """UPDATE shop."Product" SET "fullName" = %s WHERE id = 7"""
    with changed(site, rename % "'Feather'", rename % "'Quill'"):
        assert (is_hit(site, HOME), is_hit(site, HOME, "Bob'; --")) == (False, True)
    for user in ("ann", "Bob'; --"):
        site.get(HOME, user=user)
    rename = "UPDATE shop.country SET name = %s WHERE code = 'DE'"
    with changed(site, rename % "'D'", rename % "'Germany'"):
        assert (is_hit(site, HOME), is_hit(site, HOME, "Bob'; --")) == (False, False)


def test_a_change_of_a_day_that_a_period_holds_takes_an_old_range_away_too(site: Site) -> None:
    """Of a range in the past: ``today`` and ``all_time`` of its panel of periods are of now."""
    past = (("from", str(date.today() - timedelta(days=40))), ("to", str(date.today() - timedelta(days=35))))
    before = site.get(HOME, *past).json["data"]
    insert = (
        "INSERT INTO shop.purchase (customer, at, state, gift, product, basket, due, rate, total) "
        "SELECT 'ann', now(), 'paid', TRUE, 0, gen_random_uuid(), '2026-01-01', 0, 77.77"
    )
    with changed(site, insert, "DELETE FROM shop.purchase WHERE total = 77.77"):
        after = site.get(HOME, *past)
        assert not after.headers["Cache-Status"].startswith(HIT)
        assert after.json["data"]["sums"]["today"]["purchases"] == before["sums"]["today"]["purchases"] + 1
        assert after.json["data"]["daily"] == before["daily"]


def test_who_may_read_what(site: Site) -> None:
    admin = bearer("root", admin=True)
    for path in (HOME, TIMES, LATEST):
        assert site.client.get(path).status_code == 401
        assert site.get(path, ("user_id", "Bob'; --")).status_code == 403
        assert site.get(path, ("user_id", "nobody")).status_code == 403
        assert site.get(path, user="nobody").status_code == 404
        assert site.get(path, ("colour", "red")).status_code == 422
        given = site.client.get(f"{path}?user_id=Bob%27%3B%20--", headers=admin)
        assert given.json["meta"]["user"]["id"] == "Bob'; --"
        assert given.json["data"] == site.get(path, user="Bob'; --").json["data"]
    assert site.get("/api/v1/dashboard/nothing").status_code == 404
    assert site.get(HOME, ("product", "99999")).status_code == 422


def test_warming_fills_what_a_plain_request_asks_for(site: Site) -> None:
    plan = WarmPlan(site.worker.engine, site.catalog)
    site.rows("SELECT frontview.request_invalidation('*', 'test')")
    site.drain_and_follow()
    for name, path in (("home", HOME), ("analytics", TIMES), ("list.latest", LATEST)):
        planned = plan.planned("none", name, "asked", datetime.now(UTC))
        assert site.worker.read_path.warm([WantedFill(planned.key, "asked")]) == ["stored"]
        assert is_hit(site, path, "none")


@pytest.mark.parametrize(
    ("pattern", "gone"),
    [
        ("shop:*", {HOME, LATEST}),
        ("*:user:ann:home", {HOME}),
        ("*:list.*", {LATEST}),
        ("default:user:ann", {TIMES}),
        ("*:user:Bob*", set()),
    ],
)
def test_patterns_name_regions_users_dashboards_and_lists(site: Site, pattern: str, gone: set[str]) -> None:
    for path in (HOME, TIMES, LATEST):
        site.get(path)
    site.rows("SELECT frontview.request_invalidation(%s, 'test')", pattern)
    site.drain_and_follow()

    assert {path for path in (HOME, TIMES, LATEST) if not is_hit(site, path)} == gone


def test_latencies_tell_dashboards_and_lists_apart(site: Site) -> None:
    for path in (HOME, TIMES, LATEST):
        site.get(path)

    regions = {it.route: it.region for it in site.worker.latency.statistics().series}
    assert {path: regions[path] for path in (HOME, TIMES, LATEST)} == {
        HOME: "shop", TIMES: "default", LATEST: "shop",
    }  # fmt: skip
