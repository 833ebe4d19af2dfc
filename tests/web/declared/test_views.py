"""``/api/v1/view/<view>`` over an installed declaration: what it answers, refuses, keeps and drops."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.web.declared.conftest import Site
from tests.web.web_fakes import bearer
from web.reads.background_fills import WantedFill
from web.warming.warm_plan import WarmPlan

PAIRS = tuple[tuple[str, str], ...]
NOW = date.today()
ALL_DAYS = ("from", str(NOW - timedelta(days=60)))
A_YEAR: PAIRS = (("from", str(NOW - timedelta(days=364))), ("to", str(NOW)))
HIT = "frontview; hit"
TODAY = "(now() AT TIME ZONE 'Pacific/Auckland')::date"
FILTERS = [
    ([("country", "DE")], "country = 'DE'"),
    ([("country", "")], "country = ''"),
    ([("country", "ÑU, 1"), ("country", "DE")], "country IN ('ÑU, 1', 'DE')"),
    ([("country.null", "true")], "country IS NULL"),
    ([("country.null", "true"), ("country", "DE")], "(country IS NULL OR country = 'DE')"),
    ([("country.null", "false")], "TRUE"),
    ([("country", "'; DROP TABLE shop.purchase; --")], "FALSE"),
    ([("country", '{"DE"}')], "FALSE"),
    ([("state", 'lost, or "late"')], "state = 'lost, or \"late\"'"),
    ([("gift", "true")], "gift"),
    ([("product", "-2"), ("product", "1")], "product IN (-2, 1)"),
    ([("basket", "cfcd2084-95d5-65ef-66e7-dff9f98764da")], "basket = md5('0')::uuid"),
    ([("due", "2026-01-01"), ("due", "0001-01-01")], "due = '2026-01-01'"),
    ([("rate", "0.250"), ("rate", "99999999999999999999.5")], "rate = 0.25"),
    ([("product", "1"), ("gift", "false")], "product = 1 AND NOT gift"),
]


def test_an_answer_is_the_data_and_how_it_came_to_be(site: Site) -> None:
    response = site.get("purchases")
    [(today, first)] = site.rows(f"SELECT {TODAY}::text, ({TODAY} - 29)::text")

    assert response.status_code == 200
    data, meta = response.json["data"], response.json["meta"]
    assert (data["from"], data["to"], data["granularity"], len(data["rows"])) == (first, today, "day", 30)
    assert list(data["totals"]) == ["purchases", "revenue", "mean", "middle", "latest_state"]
    assert meta["user"] == {"id": "ann", "name": "Ann Ångström", "zone": "Pacific/Auckland", "today": today}
    assert meta["live"] == ["middle"]
    assert meta["source"] in ("cache", "materialized_view")
    assert meta["parameters"] == {
        "from": first, "to": today, "granularity": "day", "group_by": [], "measures": list(data["totals"]),
    }  # fmt: skip


def test_a_user_without_a_name_has_none(site: Site) -> None:
    assert site.get("purchases", user="Bob'; --").json["meta"]["user"]["name"] is None


def test_a_rename_of_the_user_shows_in_exact_reads_at_once_and_in_hits_after_the_drain(site: Site) -> None:
    site.get("week")
    before = site.get("week")
    site.rows("UPDATE shop.customer SET last_name = repeat('é', 300) WHERE id = 'ann' RETURNING id")
    exact = site.get("week", **{"Cache-Control": "no-cache"})
    site.drain_and_follow()
    after = site.get("week")
    hit = site.get("week", **{"If-None-Match": before.headers["ETag"]})
    site.rows("UPDATE shop.customer SET notes = 'x' WHERE id = 'ann' RETURNING id")
    site.drain_and_follow()
    unnoticed = site.get("week")
    site.rows("UPDATE shop.customer SET last_name = 'Ångström' WHERE id = 'ann' RETURNING id")
    site.drain_and_follow()

    assert before.json["meta"]["user"]["name"] == "Ann Ångström"
    assert exact.json["meta"]["user"]["name"] == after.json["meta"]["user"]["name"] == "Ann " + 196 * "é"
    assert exact.json["data"] == before.json["data"]
    assert hit.status_code == 200
    assert unnoticed.json["meta"]["source"] == "cache"
    assert site.get("week").json["meta"]["user"]["name"] == "Ann Ångström"


def test_a_row_whose_user_key_is_too_long_has_no_user_and_fails_no_writer(site: Site) -> None:
    """No index has room for 9,600 random characters, so logging them would fail the INSERT."""
    with site.c.transaction(force_rollback=True):
        site.c.execute("ALTER TABLE shop.purchase DROP CONSTRAINT purchase_customer_fkey")
        site.c.execute("DROP INDEX shop.purchase_customer_at_idx, shop.purchase_customer_at_id_idx")
        site.c.execute("DELETE FROM frontview.change_log")
        for characters in (255, 256, 9600):
            site.rows(
                """INSERT INTO shop.purchase (customer, at, state, gift, product, basket, due, rate)
                SELECT (SELECT left(string_agg(sha256(n::text::bytea)::text, ''), %s) FROM generate_series(1, 200) n),
                now(), 'paid', TRUE, 1, gen_random_uuid(), now(), 1 RETURNING id""",
                characters,
            )
        logged = site.rows("SELECT DISTINCT length(user_id) FROM frontview.change_log")
        site.rows("UPDATE shop.purchase SET product = 2 WHERE length(customer) > 255 RETURNING id")
        site.rows("DELETE FROM shop.purchase WHERE length(customer) > 255 AND id % 2 = 0 RETURNING id")
        assert logged == site.rows("SELECT DISTINCT length(user_id) FROM frontview.change_log") == [(255,)]
        for view in ("purchases", "lifetime"):
            assert site.rows(f"SELECT max(length(user_key)) FROM frontview.{view}_1_row") == [(255,)]


@pytest.mark.parametrize(("pairs", "condition"), FILTERS)
def test_filters_of_each_type_are_those_of_sql(site: Site, pairs: PAIRS, condition: str) -> None:
    response = site.get("purchases", ALL_DAYS, *pairs, ("measures", "purchases"))

    wanted = site.rows(f"SELECT count(*) FROM shop.purchase WHERE customer = 'ann' AND {condition}")
    assert response.json["data"]["totals"] == {"purchases": wanted[0][0]}


def test_groups_periods_order_limit_and_the_rest_are_those_of_sql(site: Site) -> None:
    question = [ALL_DAYS, ("group_by", "state,product"), ("granularity", "total"), ("measures", "revenue")]
    response = site.get("purchases", *question, ("order", "-revenue"), ("limit", "3"), ("other", "true"))

    groups = site.rows(
        "SELECT state::text, product, sum(total) FROM shop.purchase WHERE customer = 'ann' GROUP BY 1, 2 "
        "ORDER BY 3 DESC, min(state), 2"
    )
    wanted = [{"state": state, "product": product, "revenue": float(sum_)} for state, product, sum_ in groups[:3]]
    rest = float(sum(sum_ for _, _, sum_ in groups[3:]))
    assert response.json["data"]["rows"] == [*wanted, {"other": True, "revenue": rest}]
    assert response.json["data"]["truncated"] is True


def test_a_comparison_and_a_view_without_time(site: Site) -> None:
    compared = site.get("purchases", ("compare", "previous_period"), ("measures", "revenue")).json["data"]["totals"]
    earlier = site.rows(
        f"SELECT sum(total)::float8 FROM shop.purchase WHERE customer = 'ann' AND "
        f"(at AT TIME ZONE 'Pacific/Auckland')::date BETWEEN {TODAY} - 59 AND {TODAY} - 30"
    )
    assert compared["previous"]["revenue"] == earlier[0][0]

    data = site.get("lifetime", ("group_by", "product"), ("order", "-revenue"), ("limit", "1")).json["data"]

    assert list(data) == ["rows", "totals", "truncated"]
    assert data["totals"]["purchases"] == 201
    assert len(data["rows"]) == 1


def test_the_default_range_is_no_longer_than_what_may_be_asked(site: Site) -> None:
    assert len(site.get("week").json["data"]["rows"]) == 7


SAME: list[tuple[PAIRS, PAIRS]] = [
    ((), (("granularity", "day"), ("order", "period"), ("limit", "100"), ("other", "false"))),
    ((), (("measures", "latest_state,middle,mean,revenue,purchases"),)),
    ((("product", "1"), ("product", "0")), (("product", "0"), ("product", "1"), ("product", "0"))),
    ((("rate", "0.5"),), (("rate", "0.500"),)),
    ((("country.null", "true"),), (("country.null", "true"), ("limit", "7"))),
    ((("group_by", "state,gift"),), (("limit", "100"), ("group_by", "gift,state"))),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_spellings_that_mean_the_same_are_one_entry(site: Site, first: PAIRS, second: PAIRS) -> None:
    one, other = site.get("purchases", *first), site.get("purchases", *second)

    assert other.headers["Cache-Status"].startswith(HIT)
    assert (one.json["data"], one.headers["ETag"]) == (other.json["data"], other.headers["ETag"])


REFUSED: list[tuple[str, PAIRS]] = [
    ("colour", (("colour", "red"),)),
    ("cost", (("cost", "1"),)),
    ("gift.null", (("gift.null", "true"),)),
    ("state", (("state", "stolen"),)),
    ("product", (("product", "1"), ("product", "01"))),
    ("product", (("product", "32768"),)),
    ("gift", (("gift", "yes"),)),
    ("basket", (("basket", "CFCD2084-95D4-65EF-66E7-DFF9F98764DA"),)),
    ("due", (("due", "2026-02-30"),)),
    ("rate", (("rate", "1e3"),)),
    ("country", (("country", "a\0b"),)),
    ("from", (("from", "2026-02-01"), ("to", "2026-01-01"))),
    ("from", (("from", "2024-01-01"), ("to", "2026-01-01"))),
    ("from", (("from", "2024-01-01"),)),
    ("from", (("to", "0001-01-03"),)),
    ("granularity", (("granularity", "hour"),)),
    ("granularity", (("granularity", "day"), ("granularity", "day"))),
    ("group_by", (("group_by", "state,state"),)),
    ("group_by", (("group_by", ""),)),
    ("group_by", (("group_by", "purchases"),)),
    ("measures", (("measures", "purchases,cost"),)),
    ("order", (("order", "-state"),)),
    ("order", (("order", "-revenue"), ("measures", "purchases"))),
    ("order", (("order", "latest_state"),)),
    ("limit", (("limit", "1001"),)),
    ("limit", (("limit", "0"),)),
    ("other", (("other", "1"),)),
    ("compare", (("compare", "yesterday"),)),
    ("user_id", (("user_id", ""),)),
    (
        "group_by",
        (*A_YEAR, ("group_by", "product,rate,state,country"), ("limit", "1000")),
    ),
]


@pytest.mark.parametrize(("field", "pairs"), REFUSED)
def test_what_cannot_be_answered_is_refused_by_name(site: Site, field: str, pairs: PAIRS) -> None:
    response = site.get("purchases", *pairs)

    assert (response.status_code, response.content_type) == (422, "application/problem+json")
    assert [fault["field"] for fault in response.json["errors"]] == [field]


@pytest.mark.parametrize("compare", ["previous_period", "previous_year"])
@pytest.mark.parametrize(("first", "last"), [("0001-01-01", "0001-01-02"), ("9999-12-30", "9999-12-31")])
def test_the_ends_of_the_calendar_are_days_like_others(site: Site, first: str, last: str, compare: str) -> None:
    for granularity in ("day", "week", "quarter", "total"):
        question = [("from", first), ("to", last), ("compare", compare), ("granularity", granularity)]
        data = site.get("purchases", *question).json["data"]
        assert (data["from"], data["to"], data["totals"]["purchases"]) == (first, last, 0)


def test_all_faults_come_at_once(site: Site) -> None:
    response = site.get("purchases", ("product", "x"), ("granularity", "hour"), ("colour", "1"), ("order", "-gift"))

    assert {fault["field"] for fault in response.json["errors"]} == {"product", "granularity", "colour", "order"}


def test_a_view_without_time_has_no_parameters_about_days(site: Site) -> None:
    for name in ("from", "to", "granularity", "compare"):
        assert site.get("lifetime", (name, "2026-01-01")).json["errors"][0]["detail"] == "unknown parameter"


def test_a_query_that_is_no_utf8_is_refused(site: Site) -> None:
    assert site.client.get("/api/v1/view/purchases?country=%FF", headers=bearer("ann")).status_code == 422


def test_who_may_read_is_decided_first(site: Site) -> None:
    assert site.client.get("/api/v1/view/nothing").status_code == 401
    assert site.get("nothing").status_code == 404
    for whose in ("Bob'; --", "nobody"):
        assert site.get("purchases", ("user_id", whose)).status_code == 403
    assert site.get("purchases", user="nobody").status_code == 404
    admin = bearer("root", admin=True)
    given = site.client.get("/api/v1/view/lifetime?user_id=Bob%27%3B%20--", headers=admin).json
    assert (given["meta"]["user"]["id"], given["data"]["totals"]["purchases"]) == ("Bob'; --", 201)


def test_a_client_that_has_the_data_gets_none_and_an_exact_read_is_no_hit(site: Site) -> None:
    first = site.get("lifetime")

    assert site.get("lifetime", **{"If-None-Match": first.headers["ETag"]}).status_code == 304
    assert site.get("lifetime").headers["Cache-Status"].startswith(HIT)
    assert not site.get("lifetime", **{"Cache-Control": "no-cache"}).headers["Cache-Status"].startswith(HIT)


def test_a_change_takes_away_the_answers_of_its_user_and_days_only(site: Site) -> None:
    day = NOW - timedelta(days=10)
    touched = (("from", str(day - timedelta(days=1))), ("to", str(day + timedelta(days=1))))
    others = (("from", str(day - timedelta(days=30))), ("to", str(day - timedelta(days=20))))
    questions = [("ann", touched), ("ann", others), ("Bob'; --", touched)]
    before = [site.get("purchases", *pairs, user=user).json["data"] for user, pairs in questions]
    site.rows(
        "INSERT INTO shop.purchase (customer, at, state, gift, product, basket, due, rate, total) "
        "SELECT 'ann', %s::date, 'paid', TRUE, 0, md5('')::uuid, '2026-01-01', 0, 1000 RETURNING id",
        day,
    )
    site.drain_and_follow()

    after = [site.get("purchases", *pairs, user=user) for user, pairs in questions]

    assert [response.headers["Cache-Status"].startswith(HIT) for response in after] == [False, True, True]
    assert [response.json["data"] != data for response, data in zip(after, before, strict=True)] == [True, False, False]
    assert after[0].json["meta"]["patched_days"] == 1


def test_a_question_without_parameters_is_what_warming_fills(site: Site) -> None:
    plan = WarmPlan(site.worker.engine, site.catalog)
    planned = plan.planned("none", "view.purchases", "asked", datetime.now(UTC))

    assert site.worker.read_path.warm([WantedFill(planned.key, "asked")]) == ["stored"]
    assert site.get("purchases", user="none").headers["Cache-Status"].startswith(HIT)
