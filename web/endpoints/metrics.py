"""``/metrics``: the numbers of all processes of this server, for Prometheus.

Invariant: every process reports the same sums, and no counter ever falls. No token is needed, as for ``/healthz``,
because the numbers name no user, and no database: they are there while it is gone. ``FRONTVIEW_METRICS_ENABLED=false``
turns it off.
"""

from apiflask import APIBlueprint
from flask import Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from web.context import context
from web.http.openapi import METRICS_RESPONSES
from web.http.problems import Problem
from web.telemetry.metric_families import SampleCollector, Series
from web.telemetry.metrics_folder import ServerNumbers


def metrics_blueprint() -> APIBlueprint:
    """Return the endpoint for Prometheus."""
    blueprint = APIBlueprint("metrics", __name__, tag="metrics")

    @blueprint.get("/metrics")
    @blueprint.doc(summary="Everything countable, for Prometheus", responses=METRICS_RESPONSES)
    def metrics() -> Response:
        """Return the numbers of all processes of this server."""
        if not context().settings.metrics_enabled:
            raise Problem(404, detail="There is nothing at this address.")
        numbers = exposition(context().worker.server_numbers())
        response = Response(numbers, content_type=CONTENT_TYPE_PLAIN_0_0_4)
        response.headers["Cache-Control"] = "no-store"
        return response

    return blueprint


def exposition(server: ServerNumbers) -> bytes:
    """Return the numbers in Prometheus's text format."""
    about_server: dict[Series, float] = {
        ("frontview_workers", ()): server.living,
        ("frontview_workers_ended_total", ()): server.ended,
        ("frontview_worker_snapshot_age_seconds", ()): server.oldest_seconds,
        ("frontview_metrics_shared", ()): float(server.shared),
    }
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SampleCollector(server.numbers.counters | server.numbers.gauges | about_server))
    return generate_latest(registry)
