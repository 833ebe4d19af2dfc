"""The dashboards of 0.1, whose SQL was written by hand: the peer of those that are generated from a declaration.

Invariant: views, tiers and reads are those of 0.1, on tables with a stored day, through the same protocol as what they
are compared with. The SQL is that of 0.1 under names of its own.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.peers.by_hand.capture import capture_changes
from bench.peers.by_hand.stored_days import stored_days
from bench.system.seeded import RECENT_DAYS, refresh_all
from models.connection import Connection
from refresher.leader.leadership import Term
from views_sql.declaration.maintained_view import MaintainedView, Source
from views_sql.generation.tiers import create_maintained_view

SOURCES = (
    Source("by_hand_users", "users", user_column="id"),
    Source("by_hand_agents", "agents"),
    Source("by_hand_calls", "calls", day_column="local_day"),
    Source("by_hand_leads", "lead_analytics", day_column="local_day"),
    Source("by_hand_quality", "agent_analytics", day_column="day"),
)
DAILY_KEY = ("user_id", "day", "agent_id")
OUTCOMES = ("completed", "failed", "no_answer", "busy", "in_progress")
VIEWS = (
    MaintainedView(
        "by_hand_call_daily",
        1,
        ("by_hand_calls",),
        DAILY_KEY,
        ("calls", *OUTCOMES, "duration_seconds", "cost_cents"),
    ),
    MaintainedView(
        "by_hand_lead_daily", 1, ("by_hand_leads",), DAILY_KEY, ("leads", "qualified", "converted", "score_points")
    ),
    MaintainedView(
        "by_hand_agent_quality_daily",
        1,
        ("by_hand_quality",),
        DAILY_KEY,
        ("csat_points", "csat_answers", "talk_seconds", "transfers"),
    ),
    MaintainedView("by_hand_account_summary", 1, ("by_hand_users", "by_hand_agents"), ("user_id",), day_column=None),
)
# Each after those that it calls.
FUNCTIONS = (
    *("change_ratio", "date_range", "agent_series", "agent_measures", "performance_measures", "recent_calls"),
    "calls_by_period",
    *("dashboard_overview", "dashboard_analytics", "dashboard_agents", "dashboard_performance"),
)
_FOLDER = Path(__file__).resolve().parent
_COMMENT = re.compile(r"^\s*--.*\n?", re.MULTILINE)


def install(connection: Connection) -> None:
    """Make days, capture, views and functions, without contents.

    :param connection: a superuser's or the owner's, in autocommit.
    """
    keep_days(connection)
    for source in SOURCES:
        _run(connection, capture_changes(source))
    for view in VIEWS:
        select = _COMMENT.sub("", _text(view.name.removeprefix("by_hand_"))).strip()
        _run(connection, create_maintained_view(stored_days(view, select)))
    _run(connection, [_text(name) for name in FUNCTIONS])


def populate(connection: Connection, leader: tuple[Connection, Term]) -> None:
    """Make everything with its contents, beside the installed application's."""
    install(connection)
    refresh_all(connection, leader, VIEWS, datetime.now(UTC).date() - timedelta(days=RECENT_DAYS))
    connection.execute("VACUUM ANALYZE")


def keep_days(connection: Connection) -> None:
    """Make what kept each row's day in its user's zone."""
    connection.execute(b"CREATE SCHEMA by_hand")
    connection.execute(_text("days").encode())


def _run(connection: Connection, statements: list[str]) -> None:
    for statement in statements:
        connection.execute(statement.encode())


def _text(name: str) -> str:
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
