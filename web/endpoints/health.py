"""``/healthz``: the process answers. ``/readyz``: it can answer reads.

Invariant: lapsed trust in the cache is no failure, since reads are exact then; nor is an alarm, since a worker taken
out of service would answer no better elsewhere. The database is asked at most once a second, however many ask here.
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
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from models.errors import DatabaseUnavailable
from models.operation import alarm
from models.schema_version import SchemaState, schema_state
from web.context import context
from web.http.openapi import HEALTH_RESPONSES, READINESS_RESPONSES
from web.http.problems import RETRY_DATABASE_SECONDS, unavailable

ANSWER_SECONDS = 1.0
LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Found:
    """What one look at the database found.

    :param schema: None when the database could not be reached.
    :param alarms: as ``/readyz`` lists them; None when they may not be read.
    """

    schema: SchemaState | None
    alarms: tuple[dict[str, str], ...] | None = None


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was found, and when (monotonic)."""

    found: Found
    looked_at: float


class ReadinessCheck:
    """Looks at the database, one caller at a time, and keeps what it found for a second."""

    def __init__(
        self,
        look: Callable[[Engine], Found] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look, self._clock = look or look_at_database, clock
        self._lock = threading.Lock()
        self._latest: Readiness | None = None

    def readiness(self, engine: Engine) -> Readiness:
        """Return what the database looks like now, or did within the last second."""
        if not self._lock.acquire(timeout=LOOK_SECONDS):  # whoever looks waits for a database that does not answer
            return Readiness(Found(None), self._clock())
        try:
            latest = self._latest
            if latest is None or self._clock() - latest.looked_at >= ANSWER_SECONDS:
                latest = self._latest = Readiness(self._look(engine), self._clock())
            return latest
        finally:
            self._lock.release()


def look_at_database(engine: Engine) -> Found:
    """Return the state of the schema and the alarms, as far as they can be had."""
    try:
        with engine.connect() as connection:
            schema = schema_state(connection)
            return Found(schema, _alarms(connection) if schema.migrated else None)
    except SQLAlchemyError:
        return Found(None)


def _alarms(connection: Connection) -> tuple[dict[str, str], ...] | None:
    query = sa.select(alarm.c.kind, alarm.c.subject, alarm.c.raised_at).order_by(alarm.c.raised_at, alarm.c.kind)
    try:
        rows = connection.execute(query).all()
    except ProgrammingError:  # a role that reads views and nothing else
        return None
    return tuple(
        {"kind": kind, "subject": subject, "since": raised_at.astimezone(UTC).isoformat(timespec="seconds")}
        for kind, subject, raised_at in rows
    )


def health_blueprint(check: ReadinessCheck | None = None) -> APIBlueprint:
    """Return the endpoints for whoever watches the process."""
    blueprint = APIBlueprint("health", __name__, tag="health")
    check = check or ReadinessCheck()

    @blueprint.get("/healthz")
    @blueprint.doc(summary="Whether the process is alive", responses=HEALTH_RESPONSES)
    def alive() -> Response:
        """Answer without asking anything else."""
        return _uncached(jsonify(status="alive"))

    @blueprint.get("/readyz")
    @blueprint.doc(summary="Whether reads can be answered", responses=READINESS_RESPONSES)
    def ready() -> Response:
        """Report database, migrations, trust in the front cache, and alarms."""
        worker = context().worker
        try:
            worker.ensure_started()
        except DatabaseUnavailable:
            return _uncached(jsonify(readiness_body(Found(None), trust=False)))
        trust = worker.follower.status().trusted
        return _uncached(jsonify(readiness_body(check.readiness(worker.engine).found, trust)))

    return blueprint


def readiness_body(look: Found, trust: bool) -> dict[str, Any]:
    """Return what ``/readyz`` says when reads can be answered.

    :raises Problem: 503, they cannot be.
    """
    schema = look.schema
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
    if look.alarms is not None:
        more["alarms"] = list(look.alarms)
    return {"status": "ready" if trust else "degraded"} | found | more


def _uncached(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
