"""Traces of requests and of their statements, if the extra `otel` is installed and switched on.

Invariant: only the listed attributes leave the process: no requested address or query, no parameter of a statement, no
client's address, no text of an error. If it is switched off, OpenTelemetry is not even imported.
"""

import os
import time
from typing import TYPE_CHECKING, Any

from flask import g, request
from sqlalchemy import Engine, event

from models.errors import ConfigurationError

if TYPE_CHECKING:
    from flask import Flask
    from opentelemetry.sdk.trace.export import SpanExporter

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SERVICE = "frontview-web"


class Tracing:
    """The traces of one application; may be made before a fork: each process starts its thread with its first span.

    :param exporter: receives the spans.
    """

    def __init__(self, exporter: "SpanExporter") -> None:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  installed only with the extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

        from web.telemetry.trace_export import FilteringExporter, PerProcessBatches  # noqa: PLC0415

        service = os.environ.get("OTEL_SERVICE_NAME", SERVICE)
        self._provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
        self._processor = PerProcessBatches(FilteringExporter(exporter))
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer(__name__)

    def trace_requests(self, app: "Flask") -> None:
        """Make a span for every request that reaches Flask."""
        from opentelemetry.instrumentation.flask import FlaskInstrumentor  # noqa: PLC0415

        FlaskInstrumentor.instrument_app(  # type: ignore[no-untyped-call]
            app, tracer_provider=self._provider, enable_commenter=False, response_hook=_name_by_rule
        )

    def trace_statements(self, engine: Engine) -> None:
        """Make a span of every statement on connections that ``engine`` opens from now on."""
        from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor  # noqa: PLC0415

        @event.listens_for(engine, "connect")
        def trace(connection: Any, _: Any) -> None:
            PsycopgInstrumentor.instrument_connection(connection, tracer_provider=self._provider)

    def hit(self, environ: dict[str, Any], rule: str, status: int, seconds: float) -> None:
        """Make a span of a request that was answered before it reached Flask."""
        from opentelemetry.instrumentation.wsgi import wsgi_getter  # noqa: PLC0415
        from opentelemetry.propagate import extract  # noqa: PLC0415
        from opentelemetry.trace import SpanKind  # noqa: PLC0415

        now = time.time_ns()
        span = self._tracer.start_span(
            f"GET {rule}",
            context=extract(environ, getter=wsgi_getter),
            kind=SpanKind.SERVER,
            attributes={"http.method": "GET", "http.route": rule, "http.status_code": status},
            start_time=now - int(seconds * 1e9),
        )
        span.end(now)

    def shutdown(self) -> None:
        """Send the remaining spans and end the thread."""
        self._processor.shutdown()

    def flush(self) -> None:
        """Send the remaining spans."""
        self._processor.force_flush()


def _name_by_rule(span: Any, *_response: Any) -> None:
    """Call a request's span as logs and latencies call the request, where that is not Flask's own rule."""
    if rule := g.get("rule"):
        span.update_name(f"{request.method} {rule}")
        span.set_attribute("http.route", rule)


def make_tracing() -> Tracing:
    """Return the traces that the environment configures.

    :raises ConfigurationError: the extra is not installed, or no receiver of traces is named.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.instrumentation.flask import FlaskInstrumentor  # noqa: F401, PLC0415
        from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        missing = f"FRONTVIEW_OTEL_ENABLED: {error.name} is not installed; pip install 'frontview[otel]'"
        raise ConfigurationError([missing]) from None
    if not any(map(os.environ.get, ENDPOINTS)):
        raise ConfigurationError([f"FRONTVIEW_OTEL_ENABLED: {ENDPOINTS[0]} says nowhere to send traces to"])
    return Tracing(OTLPSpanExporter())
