"""The export of spans: each is filtered first, and sent from a thread that each process starts for itself.

Invariant: an attribute that is not in :data:`ALLOWED` never leaves the process, whatever a library sets in the future.
"""

import os
import threading
from collections.abc import Sequence
from multiprocessing.util import Finalize
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import Status
from opentelemetry.util.types import Attributes

ALLOWED = frozenset(
    {
        "http.method",
        "http.request.method",
        "http.route",
        "http.status_code",
        "http.response.status_code",
        "http.scheme",
        "http.flavor",
        "url.scheme",
        "network.protocol.version",
        "error.type",
        "exception.type",
        "db.system",
        "db.system.name",
        "db.name",
        "db.namespace",
        "db.operation",
        "db.operation.name",
        "db.statement",  # It has %s in place of every value.
        "db.query.text",
    }
)


class FilteringExporter(SpanExporter):
    """Passes spans on with their allowed attributes."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans."""
        return self._exporter.export([_filtered(span) for span in spans])

    def shutdown(self) -> None:
        """Stop sending."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send the spans that wait."""
        return self._exporter.force_flush(timeout_millis)


class PerProcessBatches(SpanProcessor):
    """A batch processor that each process creates with its first span, so that no thread runs before a fork."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._lock = threading.Lock()
        self._batches: BatchSpanProcessor | None = None
        os.register_at_fork(after_in_child=self._forget)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing before the span ends."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span, unless it belongs to one of the many statements that no request caused."""
        if span.parent is not None or span.kind is not SpanKind.CLIENT:
            self._of_this_process().on_end(span)

    def shutdown(self) -> None:
        """Send the queued spans and end the thread."""
        if self._batches is not None:
            self._batches.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send the queued spans."""
        return self._batches is None or self._batches.force_flush(timeout_millis)

    def _of_this_process(self) -> BatchSpanProcessor:
        with self._lock:
            if self._batches is None:
                self._batches = BatchSpanProcessor(self._exporter)
                Finalize(None, self.shutdown, exitpriority=5)
            return self._batches

    def _forget(self) -> None:
        self._lock, self._batches = threading.Lock(), None


def _filtered(span: ReadableSpan) -> ReadableSpan:
    attributes = _allowed(span.attributes)
    name = span.name
    if span.kind is SpanKind.SERVER and "http.route" not in attributes:
        name = name.partition(" ")[0]  # The library puts the requested address into the name.
    return ReadableSpan(
        name=name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=[Event(event.name, _allowed(event.attributes), event.timestamp) for event in span.events],
        kind=span.kind,
        status=Status(span.status.status_code),  # Without the description, which is the text of an error.
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _allowed(attributes: Attributes) -> dict[str, Any]:
    return {name: value for name, value in (attributes or {}).items() if name in ALLOWED}
