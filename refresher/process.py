"""The refresher process: the drain thread, the scheduler, and a clean stop.

Invariant: SIGTERM and SIGINT end it within 5 s with the leader's lock released; nothing runs before :func:`run`.
"""

import signal
import threading
from datetime import UTC

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from models.embedded import direct_url
from models.engine import connect, make_engine, require_supported_server
from models.schema_version import require_migrated
from models.settings import Settings
from refresher.drain import Drain
from refresher.leadership import Connection
from refresher.maintenance import Maintenance
from views_sql.maintained_view import Catalog

log = structlog.get_logger(__name__)

REFRESH_CHECK_SECONDS = 1
CHORES_SECONDS = 5


class RefresherProcess:
    """Everything one refresher owns; :meth:`start` and :meth:`stop` once each."""

    def __init__(self, settings: Settings, catalog: Catalog, url: str) -> None:
        def connect_as(role: str) -> Connection:
            return connect(url, f"frontview-refresher-{role}")

        self.drain = Drain(
            lambda: connect_as("drain"),
            pause_seconds=settings.drain_seconds,
            keep_feed_seconds=settings.feed_retention_seconds,
        )
        self.maintenance = Maintenance(
            lambda: connect_as("maintenance"),
            self.drain,
            catalog,
            duty=settings.refresh_duty,
            min_seconds=settings.refresh_min_seconds,
            recent_days=settings.recent_days,
        )
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        self._scheduler.add_job(self.maintenance.refresh_due, "interval", seconds=REFRESH_CHECK_SECONDS, id="refresh")
        self._scheduler.add_job(self.maintenance.run_chores, "interval", seconds=CHORES_SECONDS, id="chores")

    def start(self) -> None:
        """Begin to contend for leadership and to schedule."""
        self.drain.start()
        self._scheduler.start()

    def stop(self) -> None:
        """Stop everything and release the lock; takes at most about 4 s."""
        self._scheduler.pause()
        self.maintenance.stop()
        self._scheduler.shutdown(wait=False)
        self.drain.stop()


def check_database(url: str) -> None:
    """Raise, in words an operator can act on, unless the database at ``url`` can be worked on."""
    with connect(url, "frontview-refresher-check") as connection:
        version = connection.info.parameter_status("server_version") or "?"
        require_supported_server(connection.info.server_version, version)
    engine = make_engine(url, "frontview-refresher-check", pool_size=1)
    with engine.connect() as schema_reader:
        require_migrated(schema_reader)
    engine.dispose()


def run(settings: Settings, catalog: Catalog) -> int:
    """Run until SIGTERM or SIGINT; return the exit code.

    :raises psycopg.OperationalError: no database can be reached with these settings.
    :raises ServerTooOld: the server cannot run the protocol.
    :raises NotMigrated: there is no schema to work on.
    """
    stop_asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop_asked.set())
    url = direct_url(settings)
    check_database(url)
    process = RefresherProcess(settings, catalog, url)
    process.start()
    log.info("refresher_started")
    while not stop_asked.wait(1.0):
        pass
    process.stop()
    log.info("refresher_stopped")
    return 0
