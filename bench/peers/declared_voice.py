"""The bundled application as it is declared, in a database that has its tables: indexes, objects, contents.

Invariant: what is made is what a migration of the declaration makes, statement by statement.
"""

from datetime import date
from pathlib import Path

from models.connection import Connection
from models.schema_version import newest_of_core
from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from views_sql.declaration.maintained_view import Catalog, MaintainedView
from views_sql.declaration.project import read_project
from views_sql.operations.catalog import catalog_of
from views_sql.operations.plan import plan
from views_sql.operations.steps import steps
from views_sql.proof.judge import judge

FOLDER = Path(__file__).resolve().parents[2] / "views_sql" / "voice"
BRIN = "WITH (pages_per_range = 32, autosummarize = on)"
# A user's newest rows and those of a few days, and a table's newest rows.
INDEXES = f"""
CREATE INDEX IF NOT EXISTS ix_calls_user_id_started_at ON public.calls (user_id, started_at, id);
CREATE INDEX IF NOT EXISTS ix_lead_analytics_user_id_analyzed_at ON public.lead_analytics (user_id, analyzed_at);
CREATE INDEX IF NOT EXISTS ix_calls_started_at_brin ON public.calls USING brin (started_at) {BRIN};
CREATE INDEX IF NOT EXISTS ix_lead_analytics_analyzed_at_brin ON public.lead_analytics USING brin (analyzed_at) {BRIN};
"""


def install(connection: Connection) -> Catalog:
    """Make everything that is declared, without contents, and return its catalog.

    :param connection: a superuser's or the owner's, in autocommit.
    """
    connection.execute(INDEXES.encode())
    declared = read_project(FOLDER)
    verdict = judge(connection, declared, priced=False)
    if verdict.proven is None:
        raise RuntimeError(f"the declaration was refused: {[str(fault) for fault in verdict.faults]}")
    planned = plan(declared, verdict.proven, None, newest_of_core())
    for step in steps(planned):
        with connection.transaction():
            for statement in step.upgrade:
                connection.execute(statement.encode())
    return catalog_of(planned.new)


def refresh_all(
    connection: Connection, leader: tuple[Connection, Term], views: tuple[MaintainedView, ...], horizon: date
) -> None:
    """Refresh all tiers of views after a drain.

    :raises RuntimeError: one of them was not refreshed.
    """
    drain_once(*leader)
    for view in views:
        days = horizon if view.day_column else None
        outcome = refresh(connection, view, view.tiers, leader[1].epoch, horizon=days).outcome
        if outcome not in {"populated", "refreshed", "moved"}:
            raise RuntimeError(f"{view.name} was not refreshed: {outcome}")
