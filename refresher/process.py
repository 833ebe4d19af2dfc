"""The refresher process: the drain thread, the scheduler, and a clean stop.

Invariant: SIGTERM and SIGINT end it within 5 s with the leader's lock released; nothing runs before :func:`run`.
"""

import signal
import threading
from datetime import UTC, datetime
from functools import partial

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from models.connection import Connection
from models.deadlines import Deadlines
from models.embedded import direct_url
from models.preconditions import require_usable_database
from models.settings import Settings
from refresher.leader.connections import connect_drain, connect_inspection, connect_maintenance, still_works
from refresher.leader.drain import Drain
from refresher.operator_tasks import OperatorTasks
from refresher.refreshing.maintenance import Maintenance
from refresher.wall_clock import WallClock
from refresher.warming.asked import plan_asked
from refresher.warming.plan import WarmingPlan, room_of
from refresher.watch.inspection import Inspection
from refresher.watch.metrics import Metrics
from views_sql.maintained_view import Catalog

log = structlog.get_logger(__name__)

REFRESH_CHECK_SECONDS = 1
CHORES_SECONDS = 5
INSPECTION_SECONDS = 1
OPERATOR_TASKS_SECONDS = 1
WARMING_SECONDS = 15  # within the idle time of its connection


class RefresherProcess:
    """Everything one refresher owns; :meth:`start` and :meth:`stop` once each."""

    def __init__(self, settings: Settings, catalog: Catalog, url: str) -> None:
        def backend_works(connection: Connection) -> bool:
            return still_works(url, connection.info.backend_pid)

        room = room_of(catalog, settings.regions, settings.warming_users)
        self.deadlines = Deadlines()
        self._metrics = metrics = Metrics()
        self.drain = Drain(
            lambda: connect_drain(url),
            pause_seconds=settings.drain_seconds,
            keep_feed_seconds=settings.feed_retention_seconds,
            deadlines=self.deadlines,
            still_works=backend_works,
            on_drain=metrics.drained,
        )
        self.maintenance = Maintenance(
            lambda: connect_maintenance(url),
            self.drain,
            catalog,
            duty=settings.refresh_duty,
            min_seconds=settings.refresh_min_seconds,
            recent_days=settings.recent_days,
            refresh_timeout_seconds=settings.refresh_timeout_seconds,
            deadlines=self.deadlines,
            still_works=backend_works,
            on_refresh=lambda done: metrics.refreshed(done.view, done.tiers, done.word, done.duration_seconds),
        )
        self.operator_tasks = OperatorTasks(self.maintenance, doers={"warm": partial(plan_asked, room=room)})
        self._metrics_address = (settings.refresher_metrics_host, settings.refresher_metrics_port)
        self.inspection = Inspection(
            lambda: connect_inspection(url),
            self.drain,
            catalog,
            self._metrics,
            coverage_seconds=settings.coverage_seconds,
            audit_duty=settings.audit_duty,
            deadlines=self.deadlines,
            still_works=backend_works,
        )
        self.warming = WarmingPlan(
            lambda: connect_inspection(url),
            self.drain,
            room,
            deadlines=self.deadlines,
            still_works=backend_works,
        )
        self._wall_clock = WallClock()
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        self._scheduler.add_job(self.maintenance.refresh_due, "interval", seconds=REFRESH_CHECK_SECONDS, id="refresh")
        self._scheduler.add_job(self.maintenance.run_chores, "interval", seconds=CHORES_SECONDS, id="chores")
        self._scheduler.add_job(self.inspection.tick, "interval", seconds=INSPECTION_SECONDS, id="inspection")
        self._scheduler.add_job(
            self.operator_tasks.run_waiting, "interval", seconds=OPERATOR_TASKS_SECONDS, id="operator_tasks"
        )
        if settings.warming_enabled:
            self._scheduler.add_job(self.warming.tick, "interval", seconds=WARMING_SECONDS, id="warming")

    def start(self) -> None:
        """Begin to contend for leadership and to schedule.

        :raises ConfigurationError: the metrics' address cannot be used.
        """
        self._metrics.serve(*self._metrics_address)
        self.deadlines.start()
        self.drain.start()
        self._scheduler.start()

    def stop(self) -> None:
        """Stop everything and release the lock; takes at most about 4 s."""
        self._scheduler.pause()
        self.maintenance.stop()
        self.inspection.stop()
        self.warming.stop()
        self._scheduler.shutdown(wait=False)
        self.drain.stop()
        self.deadlines.stop()
        self._metrics.stop()

    def mind_the_clock(self) -> None:
        """Run every job now if the wall clock was set: the scheduler would wait until it catches up."""
        if self._wall_clock.was_set():
            log.warning("wall_clock_set")
            for job in self._scheduler.get_jobs():
                job.modify(next_run_time=datetime.now(UTC))


def run(settings: Settings, catalog: Catalog) -> int:
    """Run until SIGTERM or SIGINT; return the exit code.

    :raises sqlalchemy.exc.DBAPIError, psycopg.Error: no database can be reached with these settings.
    :raises ConfigurationError: a transaction pooler is in between.
    :raises ServerTooOld: the server cannot run the protocol.
    :raises NotMigrated: there is no schema to work on.
    """
    stop_asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop_asked.set())
    url = direct_url(settings)
    require_usable_database(url, url, "frontview-refresher-check")
    process = RefresherProcess(settings, catalog, url)
    process.start()
    log.info("refresher_started")
    while not stop_asked.wait(1.0):
        process.mind_the_clock()
    process.stop()
    log.info("refresher_stopped")
    return 0
