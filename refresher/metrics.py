"""Metrics of the refresher process for Prometheus, on a port of its own where one is set.

Invariant: a registry of its own; no label names a user. Only the leader tells alarms: a standby looks at nothing.
"""

from collections.abc import Mapping
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from models.errors import ConfigurationError


class Metrics:
    """What one refresher tells; counters begin at 0 with the process, totals of all are in ``frontview.audit``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._checks = Counter(
            "frontview_exactness_checks", "Reads of tiers compared by the audit.", ["view"], registry=self.registry
        )
        self._violations = Counter(
            "frontview_exactness_violations", "Compared reads that were wrong.", ["view"], registry=self.registry
        )
        self._alarms = Gauge("frontview_alarms", "Alarms raised now.", ["kind"], registry=self.registry)
        self._leader = Gauge("frontview_leader", "1 where this process is the leader.", registry=self.registry)
        self._server: tuple[WSGIServer, Thread] | None = None

    def checked(self, view: str, violated: bool) -> None:
        """Count one comparison."""
        self._checks.labels(view).inc()
        self._violations.labels(view).inc(int(violated))

    def leading(self, alarms: Mapping[str, int] | None) -> None:
        """Tell the alarms by kind; None: this process does not lead."""
        self._leader.set(alarms is not None)
        if alarms is None:
            self._alarms.clear()
        for kind, number in (alarms or {}).items():
            self._alarms.labels(kind).set(number)

    def serve(self, host: str, port: int) -> None:
        """Answer GET on ``host:port``; port 0: do not.

        :raises ConfigurationError: the address cannot be used.
        """
        if not port:
            return
        try:
            self._server = start_http_server(port, host, self.registry)
        except OSError as error:
            fault = f"FRONTVIEW_REFRESHER_METRICS_PORT: {host}:{port}: {error.strerror}"
            raise ConfigurationError([fault]) from None

    def stop(self) -> None:
        """Stop answering."""
        if self._server is not None:
            server, thread = self._server
            server.shutdown()
            server.server_close()
            thread.join(1.0)
