"""The calls as an application would declare them, and the function that one writes by hand for the same question.

Invariant: both read tiers of the same contents through the same protocol, so only the generated SQL differs.
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
from views_sql.declaration.proven import (
    ProvenApplication,
    ProvenMeasure,
    ProvenSource,
    ProvenTable,
    ProvenView,
    RowColumn,
)
from views_sql.generation.declared_view import create_declared_view, create_users
from views_sql.generation.stored_columns import distinct_measures, maintained, maintained_values
from views_sql.voice.catalog import CATALOG

NUMBER = 1
STATUSES = ("completed", "failed", "no_answer", "busy", "in_progress")
SUMS = ("duration_seconds", "cost_cents")
MEASURES = CATALOG.view("call_daily").measures
_SELECT = (
    "SELECT c.user_id AS user_key, c.local_day AS at, CASE WHEN c.local_day >= '0001-01-02'::date AND "
    "c.local_day <= '9999-12-30'::date THEN c.local_day END AS day, c.agent_id AS d_agent, "
    + ", ".join(f"(c.status = '{status}'::text) AS w_{status}" for status in STATUSES)
    + ", "
    + ", ".join(f"c.{name} AS m_{name}" for name in SUMS)
    + " FROM public.calls c"
)
VIEW = ProvenView(
    "declared_calls",
    ProvenSource(
        "calls", ProvenTable("public", "calls", "plain"), "user_id", "local_day", "date", None, "UTC", watched=()
    ),
    _SELECT,
    {"agent": RowColumn("d_agent", "bigint", nullable=False)},
    (
        RowColumn("d_agent", "bigint", nullable=False),
        *(RowColumn(f"w_{status}", "boolean", nullable=False) for status in STATUSES),
        RowColumn("m_duration_seconds", "integer", nullable=False),
        RowColumn("m_cost_cents", "bigint", nullable=False),
    ),
    (
        ProvenMeasure("calls", "count", None, None, "bigint"),
        *(ProvenMeasure(status, "count", None, f"w_{status}", "bigint") for status in STATUSES),
        *(ProvenMeasure(name, "sum", f"m_{name}", None, "numeric") for name in SUMS),
    ),
    longest_days=400,
    region="default",
    ttl_seconds=600,
)
APPLICATION = ProvenApplication("integer", "sub", ProvenTable("public", "users", "plain"), "id", "UTC", views=(VIEW,))
# How many different lengths calls have: a value that a user has on many days.
LENGTHS = replace(
    APPLICATION,
    views=(
        replace(
            VIEW,
            name="call_lengths",
            dimensions={},
            columns=tuple(column for column in VIEW.columns if column.name == "m_duration_seconds"),
            measures=(ProvenMeasure("lengths", "distinct", "m_duration_seconds", None, "bigint"),),
        ),
    ),
)
_LISTED = ", ".join(f"c.{name}" for name in MEASURES)
_SUMMED = ", ".join(f"sum(m.{name}) AS {name}" for name in MEASURES)
_TOTALS = ", ".join(f"sum(p.{name}) AS {name}" for name in MEASURES)
# The function of 0.1 for analytics, without the view of leads.
BY_HAND = f"""
CREATE FUNCTION frontview.calls_by_hand(
    p_user frontview.user_key, p_from date, p_to date, p_granularity text, p_agent_id bigint, p_base boolean
) RETURNS frontview.answer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    days record;
    state frontview.read_state;
    body text;
BEGIN
    SELECT * INTO days FROM frontview.date_range(p_user, p_from, p_to);
    state := frontview.begin_read(p_user, '{{call_daily}}', days.first_day, days.last_day, p_base);
    WITH measured AS (
        SELECT c.day, {_LISTED}
        FROM frontview.call_daily_merged(p_user, days.first_day, days.last_day, state.views[1]) c
        WHERE p_agent_id IS NULL OR c.agent_id = p_agent_id
        UNION ALL
        SELECT days.first_day + n, {", ".join("0" for _ in MEASURES)}
        FROM generate_series(0, days.last_day - days.first_day) n
    ), period AS MATERIALIZED (
        SELECT
            GREATEST(date_trunc(p_granularity, m.day::timestamp)::date, days.first_day) AS period, {_SUMMED}
        FROM measured m GROUP BY 1
    )
    SELECT row_to_json(analytics)::text INTO body FROM (
        SELECT
            days.first_day AS "from", days.last_day AS "to", p_granularity AS granularity,
            ARRAY(SELECT p FROM period p ORDER BY p.period) AS rows,
            (SELECT row_to_json(t) FROM (SELECT {_TOTALS} FROM period p) t) AS totals, FALSE AS truncated
    ) analytics;
    RETURN frontview.end_read(state, body, days.first_day, days.last_day, days.valid_until);
END
$$
"""  # nosec B608  # our own names


def declare(leader: tuple[Connection, Term], connection: Connection, application: ProvenApplication) -> None:
    """Make and populate what is declared, hidden views too."""
    for statement in create_users(application, NUMBER):
        connection.execute(statement.encode())
    for view in application.views:
        for statement in create_declared_view(application, view, NUMBER):
            connection.execute(statement.encode())
    drain_once(*leader)
    horizon = datetime.now(UTC).date() - timedelta(days=RECENT_DAYS)
    for kept in maintained_views(application):
        result = refresh(connection, kept, kept.tiers, leader[1].epoch, horizon=horizon)
        if result.outcome != "populated":
            raise RuntimeError(f"{kept.name} was not populated: {result.outcome}")
    connection.execute("VACUUM ANALYZE")


def maintained_views(application: ProvenApplication) -> Iterator[MaintainedView]:
    """Yield the views of a declaration, each before the hidden views of its distinct measures."""
    for view in application.views:
        yield maintained(view, NUMBER)
        for measure in distinct_measures(view):
            yield maintained_values(view, measure, NUMBER)
