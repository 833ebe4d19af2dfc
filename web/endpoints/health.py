"""``/healthz``: the process answers. ``/readyz``: it can answer reads.

Invariant: a cache that is not trusted is no failure, because reads are exact then. Nor is an alarm, because another
worker would answer no better. However many requests come, the database is checked at most once a second.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import sqlalchemy as sa
from apiflask import APIBlueprint
from flask import Response, jsonify
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models.bookkeeping import declaration
from models.database_errors import LACKS_A_RIGHT, is_outage, sqlstate_of, translated
from models.errors import DatabaseUnavailable, DeclarationNewer
from models.operation import alarm
from models.schema_version import SchemaState, schema_state
from views_sql.operations.installed import FORMAT
from web.background import has_free_connection
from web.context import context
from web.http.openapi import HEALTH_RESPONSES, READINESS_RESPONSES
from web.http.problems import RETRY_DATABASE_SECONDS, unavailable

KEPT_SECONDS = 1.0  # How long the result of a check is used.
SLOW_SECONDS = 15.0  # How long a good one is used while reads take every connection.
WAIT_SECONDS = 0.5  # How long a request waits for the check that another one runs.


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """The result of one check of the database.

    :param schema: None: the database could not be reached.
    :param alarms: as ``/readyz`` lists them; None: this role may not read them.
    """

    schema: SchemaState | None
    alarms: tuple[dict[str, str], ...] | None = None


@dataclass(frozen=True, slots=True)
class Readiness:
    """The result of a check, and when it was made (monotonic)."""

    database: DatabaseState
    checked_at: float


class ReadinessCheck:
    """Checks the database, one caller at a time, and keeps the result for a second."""

    def __init__(
        self,
        check: Callable[[Engine], DatabaseState] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._check, self._clock = check or check_database, clock
        self._lock = threading.Lock()
        self._latest: Readiness | None = None

    def readiness(self, engine: Engine, *, database_answers: bool = False) -> Readiness:
        """Return the state of the database now, or within the last second.

        While reads use every connection of the pool, a database that answers the feed is slow and not gone: then the
        last result counts for some seconds if it was good.

        :param database_answers: whether it answers the feed.
        """
        if database_answers and (good := self._good_lately()) is not None and not has_free_connection(engine):
            return good
        if not self._lock.acquire(timeout=WAIT_SECONDS):  # The running check waits for a database that does not answer.
            return Readiness(DatabaseState(None), self._clock())
        try:
            latest = self._latest
            if latest is None or self._clock() - latest.checked_at >= KEPT_SECONDS:
                latest = self._latest = Readiness(self._check(engine), self._clock())
            return latest
        finally:
            self._lock.release()

    def _good_lately(self) -> Readiness | None:
        latest = self._latest
        if latest is None or latest.database.schema is None or not latest.database.schema.migrated:
            return None
        return latest if self._clock() - latest.checked_at < SLOW_SECONDS else None


def check_database(engine: Engine) -> DatabaseState:
    """Return the state of the schema and the alarms, as far as they can be read.

    :raises DeclarationNewer: the active declaration was written by a newer version.
    :raises StatementFailed: the database answers, and refuses the question: a right is missing, or a defect.
    """
    try:
        with engine.connect() as connection:
            schema = schema_state(connection)
            if schema.migrated:
                require_readable_declaration(connection)
            return DatabaseState(schema, _alarms(connection) if schema.migrated else None)
    except PoolTimeout:
        return DatabaseState(None)
    except DBAPIError as error:
        if is_outage(error):
            return DatabaseState(None)
        raise translated(error, engine) from error


def require_readable_declaration(connection: Connection) -> None:
    """Raise if this code cannot read the active declaration.

    :raises DeclarationNewer: with its format.
    """
    active = sa.select(declaration.c.number, declaration.c.format).where(declaration.c.active)
    try:
        row = connection.execute(active).one_or_none()
    except ProgrammingError as error:
        if sqlstate_of(error) != LACKS_A_RIGHT:
            raise
        connection.rollback()
        return
    if row is not None and row.format > FORMAT:
        raise DeclarationNewer(row.number, row.format, FORMAT)


def _alarms(connection: Connection) -> tuple[dict[str, str], ...] | None:
    query = sa.select(alarm.c.kind, alarm.c.subject, alarm.c.raised_at).order_by(alarm.c.raised_at, alarm.c.kind)
    try:
        rows = connection.execute(query).all()
    except ProgrammingError as error:
        if sqlstate_of(error) != LACKS_A_RIGHT:
            raise
        return None  # A role that may read views and nothing else.
    return tuple(
        {"kind": kind, "subject": subject, "since": raised_at.astimezone(UTC).isoformat(timespec="seconds")}
        for kind, subject, raised_at in rows
    )


def health_blueprint(check: ReadinessCheck | None = None) -> APIBlueprint:
    """Return the endpoints for load balancers and monitoring."""
    blueprint = APIBlueprint("health", __name__, tag="health")
    check = check or ReadinessCheck()

    @blueprint.get("/healthz")
    @blueprint.doc(summary="Whether the process is alive", responses=HEALTH_RESPONSES)
    def alive() -> Response:
        """Answer without asking any other component."""
        return _uncached(jsonify(status="alive"))

    @blueprint.get("/readyz")
    @blueprint.doc(summary="Whether reads can be answered", responses=READINESS_RESPONSES)
    def ready() -> Response:
        """Report database, migrations, trust in the front cache, and alarms."""
        worker = context().worker
        try:
            worker.ensure_started()
        except DatabaseUnavailable:
            return _uncached(jsonify(readiness_body(DatabaseState(None), trust=False)))
        follower = worker.follower
        readiness = check.readiness(worker.engine, database_answers=follower.database_answers())
        return _uncached(jsonify(readiness_body(readiness.database, follower.status().trusted)))

    return blueprint


def readiness_body(database: DatabaseState, trust: bool) -> dict[str, Any]:
    """Return the body of ``/readyz`` if reads can be answered.

    :raises Problem: 503, they cannot.
    """
    schema = database.schema
    found: dict[str, Any] = {
        "database": schema is not None,
        "migrations": schema is not None and schema.migrated,
        "trust": trust,
    }
    if schema is None:
        detail = "No connection to the database can be had."
        raise unavailable("database-unavailable", detail, RETRY_DATABASE_SECONDS, **found)
    if not schema.migrated:
        detail = f"The database is not migrated: {schema.detail}"
        raise unavailable("not-migrated", detail, RETRY_DATABASE_SECONDS, **found)
    more: dict[str, Any] = {"note": schema.detail} if schema.detail else {}
    if database.alarms is not None:
        more["alarms"] = list(database.alarms)
    return {"status": "ready" if trust else "degraded"} | found | more


def _uncached(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
