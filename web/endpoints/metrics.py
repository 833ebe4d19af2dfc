"""``/metrics``: every process of this server together, for Prometheus.

Invariant: whoever of the processes is asked tells the same sums, and no counter ever falls. No token is asked for, as
on ``/healthz``: the numbers name no user. ``FRONTVIEW_METRICS_ENABLED=false`` closes it.
"""

from apiflask import APIBlueprint
from flask import Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from models.errors import FrontviewError
from web.context import context
from web.http.openapi import METRICS_RESPONSES
from web.http.problems import Problem
from web.telemetry.metric_families import Series, Told
from web.telemetry.metrics_folder import Together


def metrics_blueprint() -> APIBlueprint:
    """Return the endpoint for Prometheus."""
    blueprint = APIBlueprint("metrics", __name__, tag="metrics")

    @blueprint.get("/metrics")
    @blueprint.doc(summary="Everything countable, for Prometheus", responses=METRICS_RESPONSES)
    def metrics() -> Response:
        """Tell the numbers of all processes of this server."""
        if not context().settings.metrics_enabled:
            raise Problem(404, detail="There is nothing at this address.")
        try:
            together, shared = context().worker.together()
        except FrontviewError as error:  # not even configured; nothing was counted
            raise Problem(503, detail="This process has not started.", headers={"Retry-After": "2"}) from error
        response = Response(exposition(together, shared), content_type=CONTENT_TYPE_PLAIN_0_0_4)
        response.headers["Cache-Control"] = "no-store"
        return response

    return blueprint


def exposition(together: Together, shared: bool) -> bytes:
    """Return the numbers in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Told(together.numbers.counters | together.numbers.gauges | _of_all(together, shared)))
    return generate_latest(registry)


def _of_all(together: Together, shared: bool) -> dict[Series, float]:
    return {
        ("frontview_workers", ()): together.living,
        ("frontview_workers_ended_total", ()): together.ended,
        ("frontview_worker_snapshot_age_seconds", ()): together.oldest_seconds,
        ("frontview_metrics_shared", ()): float(shared),
    }
