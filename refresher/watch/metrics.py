"""Metrics of the refresher process for Prometheus, on a port of its own where one is set.

Invariant: no label names a user. Only the leader reports what exists once in a system (alarms, rows, tiers): a standby
reads none of it.
"""

import errno
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
from refresher.leader.drain import DrainResult
from refresher.refreshing.refresh_log import RefreshResult
from refresher.watch.leader_gauges import LeaderGauges
from refresher.watch.sample import Sample

DRAIN_BOUNDS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
REFRESH_BOUNDS_SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)


class Metrics:
    """The metrics of one refresher process, in a registry of its own; counters begin at 0 with the process."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._checks = Counter(
            "frontview_exactness_checks", "Reads of tiers compared by the audit.", ["view"], registry=registry
        )
        self._violations = Counter(
            "frontview_exactness_violations", "Compared reads that were wrong.", ["view"], registry=registry
        )
        self._leader = Gauge("frontview_leader", "1 if this process is the leader.", registry=registry)
        self._epoch = Gauge("frontview_leader_epoch", "Epoch of this process's term; 0: none.", registry=registry)
        self._drains = Histogram(
            "frontview_drain_seconds",
            "Duration of the leader's drains, those that found nothing included.",
            buckets=DRAIN_BOUNDS_SECONDS,
            registry=registry,
        )
        self._appended = Counter("frontview_drains", "Drains that found changes or began a term.", registry=registry)
        self._keys = Counter("frontview_drained_keys", "Changed keys that drains found.", registry=registry)
        self._refreshes = Counter(
            "frontview_refreshes",
            "Refreshes of tiers, by outcome.",
            ["view", "tier", "outcome"],
            registry=registry,
        )
        self._refresh_seconds = Histogram(
            "frontview_refresh_seconds",
            "Duration of refreshes, all tiers together.",
            ["view"],
            buckets=REFRESH_BOUNDS_SECONDS,
            registry=registry,
        )
        self._leader_gauges = LeaderGauges()
        registry.register(self._leader_gauges)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._server: tuple[WSGIServer, Thread] | None = None

    def checked(self, view: str, violated: bool) -> None:
        """Count one comparison of the audit."""
        self._checks.labels(view).inc()
        self._violations.labels(view).inc(int(violated))

    def drained(self, seconds: float, result: DrainResult) -> None:
        """Count one drain."""
        self._drains.observe(seconds)
        self._keys.inc(result.changed_keys)
        self._appended.inc(int(result.appended))

    def refreshed(self, result: RefreshResult) -> None:
        """Count one refresh; the metrics say ``failed`` without the SQLSTATE, which is in the log."""
        outcome = result.outcome.partition(":")[0]
        for tier in result.tiers:
            self._refreshes.labels(result.view, tier, outcome).inc()
        if outcome not in ("busy", "fenced"):
            self._refresh_seconds.labels(result.view).observe(result.duration_seconds)

    def leading(self, alarms: Mapping[str, int] | None, epoch: int = 0) -> None:
        """Set the number of alarms of each kind; None: this process does not lead and reports nothing of the system."""
        self._leader.set(alarms is not None)
        self._epoch.set(epoch if alarms is not None else 0)
        self._leader_gauges.alarms = alarms
        if alarms is None:
            self._leader_gauges.sample = None

    def sampled(self, sample: Sample) -> None:
        """Set the newest sample."""
        self._leader_gauges.sample = sample

    def serve(self, host: str, port: int) -> None:
        """Serve the metrics on ``host:port``; port 0: do nothing.

        :raises ConfigurationError: the address cannot be used.
        """
        if not port:
            return
        try:
            self._server = start_http_server(port, host, self.registry)
        except (OSError, UnicodeError) as error:
            of_port = isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EACCES)
            reason = (isinstance(error, OSError) and error.strerror) or "not a host"
            variable = f"FRONTVIEW_REFRESHER_METRICS_{'PORT' if of_port else 'HOST'}"
            raise ConfigurationError([f"{variable}: cannot listen on {host}:{port}: {reason}"]) from None

    def stop(self) -> None:
        """Stop serving."""
        if self._server is not None:
            server, thread = self._server
            server.shutdown()
            server.server_close()
            thread.join(1.0)
