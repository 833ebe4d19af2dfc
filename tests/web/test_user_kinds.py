"""A shop's customers, keyed by uuid or by text, use everything over HTTP that names a user."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from models.settings import load_settings
from models.user_key import KINDS
from refresher.warming.asked import plan_asked
from refresher.warming.plan import capacity_of
from tests.views_sql.shop_stage import Shop
from tests.waiting import until
from tests.web.web_fakes import SECRET, bearer
from views_sql.operations.catalog import load_application
from web.app import create_app
from web.cli import main
from web.process.worker import Worker

VIEW = "/api/v1/view/orders"
PATH = f"{VIEW}?from=2025-06-01&to=2026-03-31"


class Site:
    """The shop's web server in this process; every question is asked by the customer who is meant."""

    def __init__(self, shop: Shop) -> None:
        shop.drain()
        self.shop = shop
        self.users = [str(customer) for customer in shop.customers]
        settings = load_settings(database_url=shop.url, jwt_secret=SECRET, access_log=False, trust_seconds=30)
        self.worker = Worker(settings, shop.catalog)
        self.client: FlaskClient = create_app(self.worker, settings).test_client()

    def read(self, user: str, path: str = PATH) -> Any:
        return self.client.get(path, headers=bearer(user))

    def held(self, user: str, path: str = PATH) -> bool:
        return "; hit" in self.read(user, path).headers["Cache-Status"]

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.client.post(f"/api/v1/admin/cache/{path}", json=body, headers=bearer(self.users[0], admin=True))


@pytest.fixture
def site(shop: Shop) -> Iterator[Site]:
    made = Site(shop)
    made.worker.ensure_started()
    until(lambda: made.worker.follower.status().trusted, "trust")
    yield made
    made.worker.stop()


def test_each_customer_reads_what_is_theirs_and_hears_of_it(site: Site) -> None:
    for user in site.users:
        answer = site.read(user)
        assert (answer.status_code, answer.json["meta"]["user"]["id"]) == (200, user)
        assert site.held(user)
    mine, other = site.users[2], site.users[1]
    stream = site.client.get("/api/v1/dashboard/events", headers=bearer(mine), buffered=False)
    assert stream.status_code == 200
    stream.close()
    assert site.client.get(f"{PATH}&user_id={quote(other, safe='')}", headers=bearer(mine)).status_code == 403
    asked = site.client.get(f"{PATH}&user_id={quote(mine, safe='')}", headers=bearer(other, admin=True))
    assert asked.json["meta"]["user"]["id"] == mine
    count = asked.json["data"]["totals"]["orders"]
    site.shop.execute(
        "DELETE FROM shop.orders WHERE customer = %s AND order_day = (SELECT min(order_day) FROM shop.orders)",
        site.shop.customers[2],
    )
    site.shop.drain()
    until(lambda: site.read(mine).json["data"]["totals"]["orders"] == count - 3, "the change")
    assert site.held(other)


@pytest.mark.proof  # Each invalidation waits a second for a refresher that is not there.
def test_an_invalidation_of_one_customer_drops_no_others_answer(site: Site) -> None:
    for body_of in (
        lambda user: {"user_id": user},
        lambda user: {"pattern": site.post("invalidate", {"user_id": user}).json["pattern"]},
    ):
        for user in site.users:
            for one in site.users:
                site.read(one)
            before = {one: site.read(one).json["meta"]["calculated_at"] for one in site.users}
            assert site.post("invalidate", body_of(user)).status_code == 202
            site.shop.drain()
            until(lambda u=user, b=before: site.read(u).json["meta"]["calculated_at"] != b[u], "the drop")
            others = [one for one in site.users if one != user]
            assert {one: site.read(one).json["meta"]["calculated_at"] for one in others} == {
                one: before[one] for one in others
            }


def test_customers_are_warmed_by_their_keys(site: Site) -> None:
    answer = site.post("warm", {"user_ids": site.users})
    assert answer.status_code == 202
    assert sorted(answer.json["queued"]["user_ids"]) == sorted(site.users)
    ((argument,),) = site.shop.execute("SELECT argument FROM frontview.operator_task").fetchall()
    assert plan_asked(site.shop.connection, argument, capacity_of(site.shop.catalog, {}, 10)) == "planned 3 users"
    plain = len(site.shop.catalog.dashboards) * len(site.users)
    until(lambda: sum(site.worker.statistics().warming.warmed.values()) >= plain, "the warming")
    assert all(site.held(user, VIEW) for user in site.users)


def test_a_link_signs_a_customer_in(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", site.shop.url)
    monkeypatch.setenv("FRONTVIEW_JWT_SECRET", SECRET)
    for user in site.users:
        made = CliRunner().invoke(main, ["token", "--user", user, "--link"])
        code = made.stdout.strip().partition("#code=")[2]
        answer = site.client.post("/api/v1/sign-in", json={"code": code})
        assert (answer.status_code, answer.json["user_id"]) == (200, user), made.output
        token = {"Authorization": f"Bearer {answer.json['token']}"}
        assert site.client.get(PATH, headers=token).json["meta"]["user"]["id"] == user
        assert CliRunner().invoke(main, ["warm", "--user", user]).exit_code == 0


def test_a_key_of_another_kind_is_refused_everywhere(site: Site) -> None:
    kind = KINDS[site.shop.type]
    bad = "a\nb" if kind.name == "text" else site.users[0].upper() + "A"
    assert site.read(bad).status_code == 401
    for path, body in (("warm", {"user_ids": [bad]}), ("warm", {"user_ids": [7]}), ("invalidate", {"user_id": bad})):
        assert site.post(path, body).status_code == 422
    for text in (quote(bad), "%FF", ""):
        answer = site.client.get(f"{PATH}&user_id={text}", headers=bearer(site.users[0], admin=True))
        assert answer.status_code == 422, text
    document = site.client.get("/openapi.json", headers=bearer(site.users[0])).json
    (parameter,) = [
        it for it in document["paths"]["/api/v1/view/orders"]["get"]["parameters"] if it["name"] == "user_id"
    ]
    assert parameter["schema"] == kind.schema
    assert "frontview-user-key" not in str(document)


def test_until_the_database_has_told_the_kind_nothing_is_answered() -> None:
    settings = load_settings(database_url="postgresql://nobody@127.0.0.1:1/none", jwt_secret=SECRET, access_log=False)
    worker = Worker(settings, load_application)
    client = create_app(worker, settings).test_client()
    try:
        answer = client.get(PATH, headers=bearer("7"))
        assert (answer.status_code, answer.json["type"]) == (503, "urn:frontview:problem:database-unavailable")
        assert client.get("/healthz").status_code == 200
    finally:
        worker.stop()
