"""The refresher process: the drain thread, the scheduler, and a clean stop.

Invariant: SIGTERM and SIGINT end the process within 5 s with the leader's lock released; nothing runs before
:func:`run` is called.
"""

import signal
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from models.connection import Connection
from models.deadlines import Deadlines
from models.embedded import direct_url
from models.engine import connect
from models.preconditions import require_usable_database
from models.session_limits import session_limits
from models.settings import Settings
from refresher.leader.active_catalog import ActiveCatalog, with_others
from refresher.leader.connections import (
    connect_declaration,
    connect_drain,
    connect_inspection,
    connect_maintenance,
    still_works,
)
from refresher.leader.drain import Drain
from refresher.leader.leader_session import LeaderSession
from refresher.operator_tasks import OperatorTasks, TaskRunner
from refresher.refreshing.maintenance import Maintenance
from refresher.refreshing.refresh_log import RefreshResult
from refresher.wall_clock import WallClock
from refresher.warming.asked import plan_asked
from refresher.warming.plan import WarmingPlan, capacity_of
from refresher.watch.inspection import Inspection
from refresher.watch.metrics import Metrics
from refresher.watch.zones import ZoneCheck
from views_sql.declaration.maintained_view import Catalog
from views_sql.operations.catalog import CatalogLoader, load_application
from views_sql.operations.database import standing

log = structlog.get_logger(__name__)

REFRESH_CHECK_SECONDS = 1
DECLARATION_SECONDS = 1
INSPECTION_SECONDS = 1
ZONES_TICK_SECONDS = 5
OPERATOR_TASKS_SECONDS = 1
WARMING_SECONDS = 15  # Less than the idle time after which the server ends the session of the warm plan.


class RefresherProcess:
    """All parts of one refresher; :meth:`start` and :meth:`stop` are called once each."""

    def __init__(self, settings: Settings, catalog: Catalog, url: str) -> None:
        def backend_works(connection: Connection) -> bool:
            return still_works(url, connection.info.backend_pid)

        self.deadlines = Deadlines()
        self._metrics = Metrics()
        self._metrics_address = (settings.refresher_metrics_host, settings.refresher_metrics_port)
        self.drain = Drain(
            lambda: connect_drain(url),
            pause_seconds=settings.drain_seconds,
            keep_feed_seconds=settings.feed_retention_seconds,
            deadlines=self.deadlines,
            still_works=backend_works,
            on_drain=self._metrics.drained,
        )
        self._maintenance_session = LeaderSession("maintenance", lambda: connect_maintenance(url), self.drain)
        self._declaration_session = LeaderSession("declaration", lambda: connect_declaration(url), self.drain)
        self._inspection_session = LeaderSession("inspection", lambda: connect_inspection(url), self.drain)
        self._warming_session = LeaderSession("warming_plan", lambda: connect_inspection(url), self.drain)
        self._wall_clock = WallClock()
        self._scheduler = BackgroundScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None})
        self._settings = settings
        self._add_jobs(settings, catalog)

    def _add_jobs(self, settings: Settings, catalog: Catalog) -> None:
        self._capacity = capacity_of(catalog, settings.regions, settings.warming_users)
        self._maintenance = maintenance = Maintenance(
            self._maintenance_session,
            catalog,
            duty=settings.refresh_duty,
            min_seconds=settings.refresh_min_seconds,
            recent_days=settings.recent_days,
            refresh_timeout_seconds=settings.refresh_timeout_seconds,
            on_refresh=self._refreshed,
        )
        runners: dict[str, TaskRunner] = {
            "refresh": maintenance.refresh_by_hand,
            "warm": lambda connection, _term, argument: plan_asked(connection, argument, self._capacity),
        }
        tasks = OperatorTasks(self._maintenance_session, runners)
        self._inspection = inspection = Inspection(
            self._inspection_session,
            catalog,
            self._metrics,
            coverage_seconds=settings.coverage_seconds,
            audit_duty=settings.audit_duty,
        )
        self._add_job(maintenance.refresh_due, REFRESH_CHECK_SECONDS, "refresh")
        self._add_job(inspection.tick, INSPECTION_SECONDS, "inspection")
        self._add_job(ZoneCheck(self._maintenance_session).tick, ZONES_TICK_SECONDS, "zones")
        self._add_job(tasks.run_waiting, OPERATOR_TASKS_SECONDS, "operator_tasks")
        self._warming = WarmingPlan(self._warming_session, self._capacity, predictive=settings.warming_predictive)
        if settings.warming_enabled:
            self._add_job(self._warming.tick, WARMING_SECONDS, "warming")

    def follow_declaration(self, load: CatalogLoader, stamp: str | None) -> None:
        """While this process leads, switch declarations where that is due, read the catalog again, and go on by it.

        :param stamp: of the declarations whose catalog it has.
        """
        following = ActiveCatalog(self._declaration_session, load, stamp, self._use)
        self._add_job(following.tick, DECLARATION_SECONDS, "declaration")

    def _use(self, catalog: Catalog) -> None:
        """Go on with another catalog: new views are populated, and those that are gone forgotten."""
        self._capacity = capacity_of(catalog, self._settings.regions, self._settings.warming_users)
        self._maintenance.use(catalog)
        self._inspection.use(catalog)
        self._warming.use(self._capacity)

    def _add_job(self, job: Callable[[], None], seconds: int, name: str) -> None:
        """Run ``job`` after ``seconds``, and again as long after its end: so it is never due while it runs."""

        def run() -> None:
            try:
                job()
            finally:
                self._add_job(job, seconds, name)

        # Two instances, since a run has not ended for APScheduler when it adds the next one. If the process stood still
        # in between, that one would be skipped, and none would follow.
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        self._scheduler.add_job(run, run_date=at, id=name, max_instances=2)

    def _refreshed(self, result: RefreshResult) -> None:
        self._metrics.refreshed(result)
        self.drain.want_collection()

    def start(self) -> None:
        """Begin to contend for leadership, and start the scheduler.

        :raises ConfigurationError: the metrics' address cannot be used.
        """
        self._metrics.serve(*self._metrics_address)
        self.deadlines.start()
        self.drain.start()
        self._scheduler.start()

    def stop(self) -> None:
        """Stop all parts and release the lock; takes about 4 s at most."""
        self._begin_no_more_jobs()
        for session in (
            self._maintenance_session,
            self._declaration_session,
            self._inspection_session,
            self._warming_session,
        ):
            session.stop()
        self._scheduler.shutdown(wait=False)
        self.drain.stop()
        self.deadlines.stop()
        self._metrics.stop()

    def _begin_no_more_jobs(self) -> None:
        """Return when no job begins any more: a scheduler that is stopped while it begins some fails."""
        self._scheduler.pause()
        self._scheduler.get_jobs()  # Waits until it has begun those that were due.

    def handle_clock_step(self) -> None:
        """Run every job now if the wall clock was set: the scheduler would wait until the clock catches up."""
        if self._wall_clock.was_set():
            log.warning("wall_clock_set")
            for job in self._scheduler.get_jobs():
                with suppress(JobLookupError):  # It has begun to run.
                    job.modify(next_run_time=datetime.now(UTC))


def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; return the exit code.

    :raises sqlalchemy.exc.DBAPIError, psycopg.Error: no database can be reached with these settings.
    :raises ConfigurationError: the connection goes through a transaction pooler.
    :raises ServerTooOld: the server cannot run the protocol.
    :raises NotMigrated: the schema is missing or older than this code.
    :raises NotInstalled: the database has no application.
    :raises DeclarationNewer: a newer version wrote its declaration.
    """
    stop_asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop_asked.set())
    url = direct_url(settings)
    require_usable_database(url, url, "frontview-refresher-check")
    with closing(connect(url, "frontview-refresher-check")) as connection:
        for limit in session_limits(connection):
            log.warning("session_limited", limit=limit)
        stamp = standing(connection).stamp  # First, so that no later change is missed.
        load = with_others(load_application)
        catalog = load(connection)
    process = RefresherProcess(settings, catalog, url)
    process.follow_declaration(load, stamp)
    process.start()
    log.info("refresher_started")
    while not stop_asked.wait(1.0):
        process.handle_clock_step()
    process.stop()
    log.info("refresher_stopped")
    return 0
