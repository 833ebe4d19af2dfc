"""A migration that would drop sealed days is refused before another declaration is active."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from refresher.leader.active_catalog import ActiveCatalog
from tests.fix_postgres import Server
from tests.migrations.project_stage import DECLARED, Project, project
from views_sql.operations.catalog import load_application

ONE_MORE_ORDER = DECLARED.replace('orders = "count"', 'orders = "count"\nlargest = { max = "total" }')
NO_VISITS = DECLARED.partition("[view.visits]")[0] + "[region.shop]\n"
SEAL = """
UPDATE frontview.view_state SET first_day = %(day)s, before_day = GREATEST(before_day, %(day)s)
WHERE view = %(view)s AND tier IN ('archive', 'total')
"""
REFUSED = "has sealed days, which perhaps nothing else has: run frontview unseal first"


@pytest.fixture(scope="module")
def applied(any_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(any_server, tmp_path_factory.mktemp("applied")) as made:
        made.run("plan", "--write")
        made.run("migrate")
        made.c.close()
        yield made


@pytest.fixture
def shop(any_server: Server, tmp_path: Path, applied: Project) -> Iterator[Project]:
    with project(any_server, tmp_path, like=applied) as made:
        yield made


def seal(shop: Project, view: str, before: str = "2026-01-01") -> None:
    """Leave in the database what a sealed view is known by."""
    shop.c.execute(SEAL, {"day": before, "view": view})


def declarations(shop: Project) -> list[tuple[int, bool]]:
    return shop.rows("SELECT number, active FROM frontview.declaration ORDER BY 1")


@pytest.mark.parametrize(
    ("declared", "sealed"),
    [(ONE_MORE_ORDER, "orders_1"), (ONE_MORE_ORDER, "orders_1_buyers_values"), (NO_VISITS, "visits_1")],
)
def test_a_view_with_sealed_days_is_neither_replaced_nor_dropped(shop: Project, declared: str, sealed: str) -> None:
    shop.declare(declared)
    files = shop.files
    seal(shop, sealed)
    view = sealed.removesuffix("_buyers_values")  # With which its hidden view is unsealed.
    assert f"Days of {view} are sealed" in shop.run("plan")
    assert f"run `frontview unseal {view}` while" in shop.run("plan", "--write", ends=1)
    assert shop.files == files

    seal(shop, sealed, "-infinity")
    shop.run("plan", "--write")
    seal(shop, sealed)
    before = shop.snapshot()
    said = shop.run("migrate", ends=1)

    assert f"{sealed} {REFUSED}" in said
    assert ": applied" not in said
    assert declarations(shop) == [(1, True)]
    assert shop.snapshot() == before

    seal(shop, sealed, "-infinity")
    shop.run("migrate")
    assert declarations(shop)[-1][0] == 2


def test_days_that_are_sealed_while_a_migration_runs_keep_their_declaration(shop: Project) -> None:
    shop.declare(ONE_MORE_ORDER)
    shop.run("plan", "--write")
    *_, switch = sorted((shop.folder / "revisions").glob("*_declaration.py"))
    text = switch.read_text()
    switch.write_text(text.replace("UPGRADE = (", 'UPGRADE = (\n    "SELECT 1 / 0",', 1))
    assert "division by zero" in shop.run("migrate", ends=1)
    switch.write_text(text)
    seal(shop, "orders_1")

    said = shop.run("migrate", ends=1)

    assert f"{switch.name} failed: orders_1 {REFUSED}" in said
    assert declarations(shop) == [(1, True)]


def test_the_way_back_keeps_sealed_days_of_the_newest_declaration_too(shop: Project) -> None:
    shop.declare(ONE_MORE_ORDER)
    shop.run("plan", "--write")
    shop.run("migrate")
    seal(shop, "orders_2")
    before = shop.snapshot()

    said = shop.run("migrate", "--back", ends=1)

    assert f"orders_2 {REFUSED}" in said
    assert declarations(shop) == [(1, True), (2, False)]
    assert shop.snapshot() == before
    shop.c.execute("SELECT frontview.switch_declaration(2)")
    assert f"orders_2 {REFUSED}" in shop.run("migrate", "--back", ends=1)
    assert declarations(shop) == [(1, False), (2, True)]
    seal(shop, "orders_2", "-infinity")
    shop.run("migrate", "--back")
    assert declarations(shop) == [(1, True), (2, False)]


def test_views_that_stay_keep_their_sealed_days(shop: Project) -> None:
    seal(shop, "visits_1")
    shop.declare(ONE_MORE_ORDER)
    assert "sealed" not in shop.run("plan", "--write")
    shop.run("migrate")
    assert declarations(shop)[-1] == (2, False)


class Leading:
    """A leader's session that always leads."""

    def __init__(self, shop: Project) -> None:
        self._shop = shop

    def run(self, work: Callable[..., None]) -> None:
        work(self._shop.c, None)


def test_a_retired_view_with_sealed_days_stays_and_is_an_alarm_until_they_are_unsealed(shop: Project) -> None:
    shop.declare(ONE_MORE_ORDER)
    shop.run("plan", "--write")
    shop.run("migrate")
    shop.populate()
    seal(shop, "orders_1")
    shop.c.execute("UPDATE frontview.declaration SET retired_at = retired_at - interval '2 days'")
    following = ActiveCatalog(Leading(shop), load_application, None, lambda _: None)  # type: ignore[arg-type]

    following.tick()
    following.tick()  # Too early to try again.

    alarms = "SELECT kind, subject, times, detail FROM frontview.alarm"
    assert shop.rows(alarms) == [("drop_refused", "orders_1", 1, f"Its declaration is retired. orders_1 {REFUSED}.")]
    assert "drop_refused" in shop.run("status")
    seal(shop, "orders_1", "-infinity")
    following._drop_at = 0.0
    following.tick()
    assert shop.rows(alarms) == []
    assert shop.rows("SELECT to_regclass('frontview.orders_1_live')") == [(None,)]
