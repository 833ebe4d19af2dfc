"""What a judged declaration serves: panels with what they heed, show and depend on; nothing hidden, nothing else."""

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from tests.fix_postgres import Server
from tests.web.declared.conftest import DECLARED, TABLES
from views_sql.declaration.application import Application
from views_sql.declaration.project import read_project
from views_sql.declaration.proven import ProvenApplication
from views_sql.declaration.served import ServedApplication, ServedPanel
from views_sql.declaration.serving import served
from views_sql.proof.judge import judge

Judged = tuple[Application, ProvenApplication]


@pytest.fixture(scope="module")
def judged(embedded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    folder: Path = tmp_path_factory.mktemp("declared")
    (folder / "frontview.toml").write_text(DECLARED)
    declared = read_project(folder)
    url = embedded_server.create(None)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES.encode())
        verdict = judge(connection, declared, priced=False)
    embedded_server.drop(url)
    assert verdict.proven is not None, verdict.faults
    return declared, verdict.proven


@pytest.fixture(scope="module")
def application(judged: Judged) -> ServedApplication:
    return served(*judged, 4, "hash")


@pytest.fixture(scope="module")
def panels(application: ServedApplication) -> dict[str, ServedPanel]:
    return {it.name: it for it in application.dashboards[0].panels}


def test_dashboards_have_what_is_declared_of_them(application: ServedApplication) -> None:
    home, analytics = application.dashboards

    assert (home.name, home.label, home.region, home.longest_days) == ("home", "At home", "shop", 500)
    assert (home.function, home.user_shown, home.zone) == (
        "frontview.home_4_dashboard", "frontview.user_4_shown", "Pacific/Auckland",
    )  # fmt: skip
    assert [(it.name, it.type, it.nullable) for it in home.filters] == [("product", "smallint", True)]
    assert (analytics.name, analytics.region, analytics.default_days) == ("analytics", "default", 30)


def test_users_have_one_zone_or_each_has_its_own(judged: Judged) -> None:
    declared, proven = judged
    zones = [served(declared, replace(proven, zone_column=it), 4, "hash").zone for it in (None, "zone")]
    assert zones == ["Pacific/Auckland", None]


def test_a_panel_heeds_what_changes_it(panels: dict[str, ServedPanel]) -> None:
    days = ("from", "to")
    assert {name: it.heeds for name, it in panels.items()} == {
        "account": (),
        "glance": (*days, "product"),
        "sums": ("product",),
        "daily": (*days, "granularity", "product"),
        "products": (*days, "order", "limit", "product"),
        "countries": (*days, "order", "limit", "product"),
        "latest": ("product",),
    }


def test_measures_and_metrics_have_their_words(panels: dict[str, ServedPanel]) -> None:
    count, each = panels["glance"].measures

    assert (count.name, count.verb) == ("purchases", "count")
    assert (each.name, each.verb, each.unit, each.decimals, each.live) == ("each", "metric", "currency:EUR", 3, False)
    assert [(it.name, it.live) for it in panels["countries"].measures] == [("purchases", False), ("middle", True)]
    sparkline = panels["products"].sparkline
    assert sparkline is not None
    assert (sparkline.name, panels["products"].own_order, panels["countries"].limit) == ("purchases", "-revenue", 3)


def test_columns_are_those_of_answers(application: ServedApplication, panels: dict[str, ServedPanel]) -> None:
    columns = {name: [(it.name, it.type) for it in panel.columns] for name, panel in panels.items() if panel.columns}
    listed = [
        ("purchase", "bigint"),
        ("at", "timestamp with time zone"),
        ("total", "numeric(12,2)"),
        ("state", "shop.state"),
        ("product", "text"),
    ]
    assert columns == {
        "account": [("plan", "text"), ("letters", "integer")],
        "products": [("product_full_name", "text"), ("product_active", "boolean")],
        "countries": [("country_name", "text")],
        "latest": listed,
    }
    assert all(it.nullable for it in panels["products"].columns)
    (latest,) = application.lists
    assert [(it.name, it.type) for it in latest.columns] == listed
    assert [it.name for it in latest.filters] == ["product", "gift"]
    assert (latest.limit, latest.zone, panels["latest"].limit) == (5, "Pacific/Auckland", 5)


def test_a_dashboard_depends_on_what_it_shows_and_on_nothing_else(application: ServedApplication) -> None:
    home, analytics = application.dashboards

    assert set(home.sources) == {"purchases", "latest", "facts", "product", "country"}
    assert analytics.sources == ("week",)
    assert set(application.lists[0].sources) == {"latest", "product"}
