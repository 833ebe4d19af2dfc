"""How many different lengths calls have, declared beside the installed application: a view with one distinct measure.

Invariant: rows, capture and users' zones are those of the installed view of calls.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bench.system.seeded import RECENT_DAYS
from models.connection import Connection
from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from views_sql.declaration.maintained_view import MaintainedView
from views_sql.declaration.proven import ProvenMeasure, ProvenView
from views_sql.generation.declared_view import create_declared_view
from views_sql.generation.stored_columns import distinct_measures, maintained, maintained_values
from views_sql.operations.database import active_declaration

NUMBER = 1  # Of the installed declaration, whose users and source it reads.
NAME = "call_lengths"
ARGUMENT = "m_duration_seconds"


def declare(leader: tuple[Connection, Term], connection: Connection) -> tuple[MaintainedView, ...]:
    """Make and populate the view, and return its maintained views: its own is the last."""
    installed = active_declaration(connection)
    assert installed is not None
    calls = next(view for view in installed.proven.views if view.name == "calls")
    view = replace(
        calls,
        name=NAME,
        dimensions={},
        columns=tuple(column for column in calls.columns if column.name == ARGUMENT),
        measures=(ProvenMeasure("lengths", "distinct", ARGUMENT, None, "bigint"),),
    )
    for statement in create_declared_view(installed.proven, view, NUMBER):
        connection.execute(statement.encode())
    drain_once(*leader)
    horizon = datetime.now(UTC).date() - timedelta(days=RECENT_DAYS)
    made = tuple(_maintained(view))
    for kept in made:
        result = refresh(connection, kept, kept.tiers, leader[1].epoch, horizon=horizon)
        if result.outcome != "populated":
            raise RuntimeError(f"{kept.name} was not populated: {result.outcome}")
    connection.execute("VACUUM ANALYZE")
    return made


def _maintained(view: ProvenView) -> Iterator[MaintainedView]:
    for measure in distinct_measures(view):
        yield maintained_values(view, measure, NUMBER)
    yield maintained(view, NUMBER)
