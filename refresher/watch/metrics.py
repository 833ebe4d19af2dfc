"""Metrics of the refresher process for Prometheus, on a port of its own where one is set.

Invariant: a registry of its own; no label names a user. What there is once in a system (alarms, rows, tiers) only the
leader tells: a standby looks at nothing.
"""

from collections.abc import Mapping
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)

from models.errors import ConfigurationError
from refresher.watch.leader_gauges import LeaderGauges
from refresher.watch.sample import Sample

DRAIN_BOUNDS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
REFRESH_BOUNDS_SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)


class Metrics:
    """What one refresher tells; counters begin at 0 with the process, totals of all are in ``frontview.audit``."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._checks = Counter(
            "frontview_exactness_checks", "Reads of tiers compared by the audit.", ["view"], registry=registry
        )
        self._violations = Counter(
            "frontview_exactness_violations", "Compared reads that were wrong.", ["view"], registry=registry
        )
        self._leader = Gauge("frontview_leader", "1 where this process is the leader.", registry=registry)
        self._epoch = Gauge("frontview_leader_epoch", "Epoch of this process's term; 0: none.", registry=registry)
        self._drains = Histogram(
            "frontview_drain_seconds",
            "Duration of the leader's looks at the change log.",
            buckets=DRAIN_BOUNDS_SECONDS,
            registry=registry,
        )
        self._appended = Counter(
            "frontview_drains", "Drains that found changes, or had to be numbered.", registry=registry
        )
        self._keys = Counter("frontview_drained_keys", "Changed keys that drains found.", registry=registry)
        self._refreshes = Counter(
            "frontview_refreshes",
            "Refreshes of tiers, by how they ended.",
            ["view", "tier", "outcome"],
            registry=registry,
        )
        self._refresh_seconds = Histogram(
            "frontview_refresh_seconds",
            "Duration of refreshes, all tiers of one together.",
            ["view"],
            buckets=REFRESH_BOUNDS_SECONDS,
            registry=registry,
        )
        self._of_leader = LeaderGauges()
        registry.register(self._of_leader)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._server: tuple[WSGIServer, Thread] | None = None

    def checked(self, view: str, violated: bool) -> None:
        """Count one comparison."""
        self._checks.labels(view).inc()
        self._violations.labels(view).inc(int(violated))

    def drained(self, seconds: float, keys: int, appended: bool) -> None:
        """Count one look at the change log."""
        self._drains.observe(seconds)
        self._keys.inc(keys)
        self._appended.inc(int(appended))

    def refreshed(self, view: str, tiers: tuple[str, ...], word: str, seconds: float) -> None:
        """Count one refresh.

        :param word: of :class:`refresher.refreshing.refresh.Outcome`; what follows a colon is in the log.
        """
        outcome = word.partition(":")[0]
        for tier in tiers:
            self._refreshes.labels(view, tier, outcome).inc()
        if outcome not in ("busy", "fenced"):
            self._refresh_seconds.labels(view).observe(seconds)

    def leading(self, alarms: Mapping[str, int] | None, epoch: int = 0) -> None:
        """Tell the alarms by kind; None: this process does not lead, and tells nothing of the whole."""
        self._leader.set(alarms is not None)
        self._epoch.set(epoch if alarms is not None else 0)
        self._of_leader.alarms = alarms
        if alarms is None:
            self._of_leader.sample = None

    def sampled(self, sample: Sample) -> None:
        """Tell what the leader has found there is."""
        self._of_leader.sample = sample

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
