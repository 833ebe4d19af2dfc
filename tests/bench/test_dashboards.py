"""What the benchmarks of reads measure is what the read path asks, and says which way it came."""

from typing import Any

import psycopg
import pytest

from bench.system.dashboards import NO_ARGUMENTS, Question, an_agent_of
from bench.system.seeded import leading, refresh_everything
from tests.voice_stage import fill


@pytest.mark.parametrize("dashboard", NO_ARGUMENTS)
def test_a_question_is_read_from_views_and_from_base_tables(
    dashboard: str, connection: psycopg.Connection[Any], database_url: str
) -> None:
    fill(connection)
    with leading(database_url) as (drain, term), psycopg.connect(database_url, autocommit=True) as refresher:
        refresh_everything(drain, term, refresher)
    asked = Question(dashboard, 1, an_agent_of(connection, 1))
    view, base = (asked.reader(connection, base=base)() for base in (False, True))
    body, epoch, _, source, patched_days, undrained, *_ = view
    assert (epoch, source, patched_days, undrained) == (1, "materialized_view", 0, False)
    assert (base[0], base[3]) == (body, "database")
