"""What the leader's plan wants this worker to hold now, as keys of the front cache.

Invariant: one cheap statement; dashboards that this worker's catalog does not know, or that need arguments, are left
out.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from models.user_key import plain_key
from refresher.front_cache.entry import EntryKey
from views_sql.declaration.maintained_view import Catalog

MOST_PLANNED = 10_000

_WANTED_NOW = f"""
SELECT w.user_id, w.dashboard, w.reason, w.wanted_from FROM frontview.warm_plan w
WHERE w.wanted_from <= now() AND w.wanted_until > now()
ORDER BY w.priority DESC, w.user_id, w.dashboard LIMIT {MOST_PLANNED}
"""  # noqa: S608  # nosec B608  a constant number


@dataclass(frozen=True, slots=True)
class Planned:
    """One answer that the worker should hold, and since when."""

    key: EntryKey
    reason: str
    since: datetime


class WarmPlan:
    """Reads the plan over the pool."""

    def __init__(self, engine: Engine, catalog: Catalog) -> None:
        self._engine = engine
        self._plain = {dashboard.name: dashboard for dashboard in catalog.dashboards}

    def read(self) -> list[Planned]:
        """Return what is wanted now, the most urgent first.

        :raises sqlalchemy.exc.SQLAlchemyError: the database cannot be read.
        """
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            rows = connection.exec_driver_sql(_WANTED_NOW).fetchall()
        return [self.planned(*row) for row in rows if row[1] in self._plain]

    def planned(self, user: Any, dashboard: str, reason: str, since: datetime) -> Planned:
        """Return a row of the plan with its key, which equals that of a request without arguments."""
        declared = self._plain[dashboard]
        arguments = declared.plain_arguments
        key = EntryKey(declared.region, plain_key(user), declared.name, arguments, declared.declaration)
        return Planned(key, reason, since)
