"""A project from its folder to a database that answers, and back to a database as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fix_postgres import Server
from tests.migrations.project_stage import DECLARED, Project, project


@pytest.fixture
def shop(embedded_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    with project(embedded_server, tmp_path, monkeypatch) as made:
        yield made


def test_a_file_becomes_a_database_that_needs_no_more_changes(shop: Project) -> None:
    said = shop.run("plan", "--write")
    assert "orders: create" in said
    assert shop.files == [
        "0001_capture_shop_order.py", "0002_capture_shop_visit.py", "0003_views.py", "0004_declaration.py",
    ]  # fmt: skip

    shop.run("migrate")

    assert "there is nothing to do" in shop.run("plan", "--write")
    assert len(shop.files) == 4


def test_going_back_leaves_the_hosts_database_as_it_was(shop: Project) -> None:
    host = shop.snapshot()
    shop.run("plan", "--write")
    shop.run("migrate")
    first = shop.snapshot()
    shop.declare(
        DECLARED.replace("[region.shop]", 'zone = "UTC"\n[region.shop]')
        .replace('"day"\n', '"day"\nwhere = "pages > 1"\n')
        .replace('zone = "UTC"\n', "")
    )
    assert "visits: replace" in shop.run("plan", "--write")
    shop.run("migrate")
    assert shop.rows("SELECT number, active FROM frontview.declaration ORDER BY 1") == [(1, False), (2, True)]

    shop.run("migrate", "--back")
    assert shop.snapshot() == first

    shop.run("migrate", "--back")
    left = [line for line in shop.snapshot() if "Shop" in line]
    assert left == [line for line in host if "Shop" in line]
