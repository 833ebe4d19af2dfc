"""What the benchmarks of reads measure is what the read path asks, and says which way it came; peers say the same."""

from typing import Any

import psycopg
import pytest

from bench.peers.bare import bare_name, install_bare_dashboards
from bench.peers.plain_overview import PLAIN_OVERVIEW
from bench.system.application import CALLS, CALLS_KEY, CALLS_MEASURES
from bench.system.dashboards import QUESTIONS, Question, add_call, is_today_patched, question_of
from bench.system.seeded import leading, refresh_everything
from refresher.leader.drain import drain_once
from tests.voice_stage import fill
from views_sql.operations.catalog import load_application


@pytest.fixture
def refreshed(connection: psycopg.Connection[Any], database_url: str) -> psycopg.Connection[Any]:
    """A filled database whose views are up to date."""
    fill(connection)
    with leading(database_url) as (drain, term), psycopg.connect(database_url, autocommit=True) as refresher:
        refresh_everything(drain, term, refresher)
    return connection


@pytest.mark.parametrize("asked", QUESTIONS)
def test_a_question_is_read_from_views_and_from_base_tables(
    asked: str, refreshed: psycopg.Connection[Any], database_url: str
) -> None:
    question = question_of(asked, 1, refreshed)
    view, base = (question.reader(refreshed, base=base)() for base in (False, True))
    body, epoch, _, source, patched_days, undrained, *_ = view
    assert (epoch, source, patched_days, undrained) == (1, "materialized_view", 0, False)
    assert (base[0], base[3]) == (body, "database")
    add_call(refreshed, 1)
    with leading(database_url) as leader:
        drain_once(*leader)
    assert not is_today_patched(view)
    assert is_today_patched(question.reader(refreshed)())


@pytest.mark.parametrize("asked", QUESTIONS)
def test_a_bare_read_answers_the_same(asked: str, refreshed: psycopg.Connection[Any]) -> None:
    install_bare_dashboards(refreshed)
    question = question_of(asked, 1, refreshed)
    dashboard = load_application(refreshed).dashboard(question.dashboard)
    values = (1, *question.values(dashboard), False)
    statement = f"SELECT {bare_name(dashboard.function)}({', '.join(['%s'] * len(values))})"
    exact = question.reader(refreshed)
    assert refreshed.execute(statement.encode(), values).fetchone() == (exact()[0],)
    refreshed.execute("UPDATE calls SET duration_seconds = duration_seconds + 60")  # It does not read the change log.
    assert refreshed.execute(statement.encode(), values).fetchone() != (exact()[0],)


@pytest.mark.parametrize("user", [1, 2, 3])
def test_the_overview_without_frontview_is_the_same(user: int, refreshed: psycopg.Connection[Any]) -> None:
    statement = str(PLAIN_OVERVIEW).replace(":user", "%(user)s")
    plain = refreshed.execute(statement.encode(), {"user": user}).fetchone()
    body = Question("overview", user).reader(refreshed)()[0]
    assert plain == (body if isinstance(body, str) else body.decode(),)


def test_the_columns_of_the_view_of_calls_are_those_that_questions_name(refreshed: psycopg.Connection[Any]) -> None:
    view = load_application(refreshed).view(CALLS)
    assert ", ".join(view.unique_key) == CALLS_KEY
    assert view.measures == CALLS_MEASURES
