"""Labels of enums: a renamed one is shown at once by what is computed, so what is kept must go."""

from collections.abc import Iterator

import pytest

from tests.fix_postgres import Server
from tests.refresher.watch.test_adoption import alarms, look
from tests.views_sql.declared_stage import MAKE, ORDERS, SCHEMA, Stage, T, captured

STATE = f'"{SCHEMA}"."State %"'
MAKE_VIEW = f"""
CREATE TYPE {STATE} AS ENUM ('paid', 'sent');
CREATE VIEW frontview.orders_1_row AS SELECT t.id, 'paid'::{STATE} AS d_state FROM {T} t
"""


@pytest.fixture(scope="module")
def url(any_server: Server) -> Iterator[str]:
    made = any_server.create(any_server.template)
    yield made
    any_server.drop(made)


@pytest.fixture
def stage(any_server: Server, url: str) -> Iterator[Stage]:
    with captured(any_server, url, MAKE["plain"], [ORDERS]) as opened:
        opened.run(MAKE_VIEW)
        yield opened
        opened.run("DROP VIEW frontview.orders_1_row")


def test_a_renamed_label_is_marked_once_and_is_no_alarm(stage: Stage) -> None:
    assert look(stage) == 0
    stage.run(f"ALTER TYPE {STATE} RENAME VALUE 'sent' TO 'on its way'")

    assert [look(stage), look(stage)] == [1, 0]
    assert alarms(stage) == []


def test_a_new_label_changes_no_answer(stage: Stage) -> None:
    assert look(stage) == 0
    stage.run(f"ALTER TYPE {STATE} ADD VALUE 'returned' BEFORE 'paid'")

    assert look(stage) == 0
    stage.run(f"ALTER TYPE {STATE} RENAME VALUE 'returned' TO 'back'")
    assert look(stage) == 1
