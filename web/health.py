"""``/healthz``: the process answers. ``/readyz``: it can answer reads.

Invariant: lapsed trust in the cache is no failure, since reads are exact then. The database is asked at most
once a second, however many ask here.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apiflask import APIBlueprint
from flask import Response, jsonify
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from models.errors import DatabaseUnavailable
from models.schema_version import SchemaState, schema_state
from web.context import context
from web.openapi import HEALTH_RESPONSES, READINESS_RESPONSES
from web.problems import RETRY_DATABASE_SECONDS, unavailable

ANSWER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """What one look at the database found; ``schema`` is None when it could not be reached."""

    schema: SchemaState | None
    looked_at: float


class ReadinessCheck:
    """Looks at the database, one caller at a time, and keeps what it found for a second."""

    def __init__(
        self,
        look: Callable[[Engine], SchemaState | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look, self._clock = look or look_at_schema, clock
        self._lock = threading.Lock()
        self._latest: Readiness | None = None

    def readiness(self, engine: Engine) -> Readiness:
        """Return what the database looks like now, or did within the last second."""
        with self._lock:
            latest = self._latest
            if latest is None or self._clock() - latest.looked_at >= ANSWER_SECONDS:
                latest = self._latest = Readiness(self._look(engine), self._clock())
            return latest


def look_at_schema(engine: Engine) -> SchemaState | None:
    """Return the state of the schema, or None when no connection can be had."""
    try:
        with engine.connect() as connection:
            return schema_state(connection)
    except SQLAlchemyError:
        return None


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
        """Report database, migrations, and trust in the front cache."""
        worker = context().worker
        try:
            worker.ensure_started()
        except DatabaseUnavailable:
            return _uncached(jsonify(readiness_body(Readiness(None, 0.0), trust=False)))
        trust = bool(worker.follower.status().get("trusted"))
        return _uncached(jsonify(readiness_body(check.readiness(worker.engine), trust)))

    return blueprint


def readiness_body(readiness: Readiness, trust: bool) -> dict[str, Any]:
    """Return what ``/readyz`` says when reads can be answered.

    :raises Problem: 503, they cannot be.
    """
    schema = readiness.schema
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
    note = {"note": schema.detail} if schema.detail else {}
    return {"status": "ready" if trust else "degraded"} | found | note


def _uncached(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
