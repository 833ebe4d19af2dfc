"""Everything that one web process owns: engine, front cache, feed follower and read path.

Invariant: no connection and no thread exists before :meth:`Worker.ensure_started`. A forked child starts its own and
never uses those that it inherited.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg
from sqlalchemy import Engine
from sqlalchemy.pool import QueuePool

from models.connection import Connection
from models.deadlines import Deadlines
from models.embedded import database_url, direct_url, reads_through_pooler
from models.engine import limit_use, make_engine, open_connections
from models.errors import DatabaseUnavailable, FrontviewError
from models.event_counter import EventCounter
from models.settings import Settings
from models.user_key import UserKind
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.follower import FeedFollower
from refresher.front_cache.limits import check_limits, limits_of_installed, region_limits
from views_sql.declaration.maintained_view import Catalog
from views_sql.declaration.served import ServedApplication
from views_sql.operations.catalog import CatalogLoader
from views_sql.operations.database import active_stamp
from web.background import Background, has_free_connection
from web.operators.operator_connection import operator_connection
from web.process.event_hub import EventHub
from web.process.installed_application import InstalledApplication, Serving
from web.process.installed_kind import InstalledKind
from web.reads.background_fills import WantedFill
from web.reads.read_path import ReadPath
from web.telemetry.history import History, counters_of
from web.telemetry.latency import Latency
from web.telemetry.metrics_folder import ServerNumbers
from web.telemetry.process_numbers import process_statistics
from web.telemetry.shared_numbers import SharedNumbers
from web.telemetry.worker_reports import WorkerReports
from web.telemetry.worker_statistics import KeyStatistics, PoolStatistics, WorkerReport, WorkerStatistics
from web.warming.accesses import AccessCounter, AccessReporter
from web.warming.warm_plan import Planned, WarmPlan
from web.warming.warmer import TICK_SECONDS, Warmer, WarmingPolicy

ASK_SECONDS = 1.0  # How often a worker without a feed asks which declaration is active.
BEYOND_TIMEOUT_SECONDS = 2
OPENING_SECONDS = 2.0
SPARE_THREADS = 4
WAIT_SECONDS = 10.0  # How long a request waits while another one starts the worker.


def threads_for(pool_size: int, event_streams: int) -> int:
    """Return how many threads a web server should have.

    Some threads stay free while others wait for the database, or for a place among those; each open stream of events
    occupies one.
    """
    return 2 * admitted(pool_size) + SPARE_THREADS + event_streams


def admitted(pool_size: int) -> int:
    """Return how many requests may wait at once, for a connection of the pool or for another request's computation.

    As many others may wait until one of these has its answer.
    """
    return 2 * pool_size


def warming_policy(settings: Settings) -> WarmingPolicy:
    """Return what the settings let the warmer do."""
    return WarmingPolicy(
        enabled=settings.warming_enabled,
        on_invalidation=settings.warm_on_invalidation,
        renew_at=settings.refresh_threshold if settings.background_refresh else None,
        duty=settings.warming_duty,
    )


def _engine_of(settings: Settings) -> Engine:
    return make_engine(
        database_url(settings),
        "frontview-web",
        pool_size=settings.pool_size,
        session={
            "statement_timeout": f"{settings.statement_timeout_seconds * 1000:.0f}",
            "idle_in_transaction_session_timeout": "60s",
        },
        through_pooler=reads_through_pooler(settings),
    )


def _read(engine: Engine, load: CatalogLoader) -> tuple[Catalog, str | None]:
    """Return the installed application and the stamp of its declaration.

    :raises FrontviewError: it cannot be read.
    """
    with operator_connection(engine) as connection:
        stamp = active_stamp(connection)  # First, so that no later change is missed.
        return load(connection), stamp


class _Running:
    """The parts of a started worker."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        catalog: Catalog | CatalogLoader,
        report: Callable[[], WorkerReport],
    ) -> None:
        """Make the parts, and read the application.

        :raises FrontviewError: it cannot be read.
        """
        load = None if isinstance(catalog, Catalog) else catalog
        first, stamp = (catalog, None) if isinstance(catalog, Catalog) else _read(engine, catalog)
        self.engine, self._regions = engine, settings.regions
        self.deadlines = Deadlines()
        # PostgreSQL's own timeout comes first if its answer reaches this process.
        limit_use(self.engine, self.deadlines, settings.statement_timeout_seconds + BEYOND_TIMEOUT_SECONDS)
        limits = limits_of_installed(first.regions, settings.regions)
        self.cache = FrontCache(limits, trust_seconds=settings.trust_seconds, declaration=first.declaration)
        self.event_hub = EventHub(settings.event_streams, settings.event_streams_per_user)
        self.follower = FeedFollower(
            direct_url(settings),
            self.cache,
            poll_seconds=settings.poll_seconds,
            on_declaration=self._follow,
            on_applied=self.event_hub.applied,
            deadlines=self.deadlines,
        )
        self.installed_kind = InstalledKind(self.engine)
        self.accesses = AccessCounter()
        self.history = History()
        self.read_path = ReadPath(
            self.engine,
            self.cache,
            first,
            statement_timeout_seconds=settings.statement_timeout_seconds,
            stale_if_error_seconds=settings.stale_if_error_seconds,
            admission=admitted(settings.pool_size),
            compress_from_bytes=settings.compress_from_bytes,
            database_answers=self.follower.database_answers,
            on_answered=self.accesses.note,
        )
        self.reporter = AccessReporter(self.engine, self.accesses, self.deadlines)
        self.application = InstalledApplication(
            Serving(first, self.read_path, WarmPlan(engine, first)),
            stamp,
            load,
            serve=self._serve,
            withdraw=lambda: self.cache.renew(None, ()),
        )
        self.warmer = Warmer(
            self.cache,
            self._warm,
            self._read_plan,
            warming_policy(settings),
            stopping=lambda: self._warming.stopping,
        )
        self._warming = Background(
            "warming",
            TICK_SECONDS,
            self.warmer.tick,
            engine=self.engine,
            deadlines=self.deadlines,
            counter=EventCounter(),
        )
        self._stopping = threading.Event()
        # Opened at the start, so that other clients that use up the server's connections cannot take these.
        self._opening = threading.Thread(
            target=open_connections, args=(self.engine, settings.pool_size, self._stopping), name="frontview-pool"
        )
        self.started_at = time.time()
        self.asked_at = time.monotonic()  # When it last asked, without a feed, which declaration is active.
        self.reports = WorkerReports(self.engine, report, self.started_at, deadlines=self.deadlines)

    def start(self) -> None:
        """Start the threads."""
        self.deadlines.start()
        self.follower.start()
        self._opening.start()
        self.reports.thread.start()
        self.reporter.thread.start()
        self._warming.start()

    def _serve(self, catalog: Catalog) -> Serving:
        """Make the front cache that of another catalog, and return what requests under it work with."""
        self.cache.renew(catalog.declaration, limits_of_installed(catalog.regions, self._regions))
        return Serving(catalog, self.read_path.of(catalog), WarmPlan(self.engine, catalog))

    def _follow(self, connection: Connection, stamp: str | None) -> None:
        self.application.follow(connection, stamp)

    def _warm(self, wanted: Sequence[WantedFill]) -> list[str]:
        return self.application.serving.read_path.warm(wanted)

    def reread(self) -> Serving:
        """Return what serves the declaration that is active now.

        :raises FrontviewError: it cannot be read, or not be served.
        """
        with operator_connection(self.engine) as connection:
            self.application.reread(connection)
        return self.application.serving

    def _read_plan(self) -> list[Planned] | None:
        return self.application.serving.plan.read() if has_free_connection(self.engine) else None

    def stop(self) -> None:
        """Stop the threads and close the idle connections."""
        self._stopping.set()
        self.event_hub.stop()
        threads = (self.reports.thread, self._warming, self.reporter.thread)
        for thread in threads:
            thread.ask_to_stop()
        for thread in threads:
            thread.stop()
        self.follower.stop()
        self._opening.join(OPENING_SECONDS)
        self.deadlines.stop()
        self.engine.dispose()

    def connections_in_use(self) -> int:
        """Return how many connections of the pool are in use now."""
        pool = self.engine.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 0


class Worker:
    """The parts of Frontview that run in one web process.

    :param catalog: what the application declares, or what reads it from the database when the worker starts and when
        another declaration is active.
    :param on_engine: called with the engine of each process before it connects.
    :param key_statistics: returns what the verification of tokens counts about its keys.
    :raises ConfigurationError: the regions of ``settings`` do not fit a catalog that is given, or no catalog at all.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog | CatalogLoader,
        *,
        on_engine: Callable[[Engine], None] | None = None,
        key_statistics: Callable[[], KeyStatistics] = KeyStatistics,
    ) -> None:
        self._on_engine, self._key_statistics = on_engine, key_statistics
        check_limits(settings.regions)
        if isinstance(catalog, Catalog):
            region_limits(catalog.regions, settings.regions)  # Raises before anything starts.
        self._settings, self._catalog = settings, catalog
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._made_at = time.time()
        self._numbers: SharedNumbers | None = None
        self._numbers_lock = threading.Lock()
        self.latency = Latency()
        self._inherited: list[_Running] = []
        forget = weakref.WeakMethod(self._forget_inherited)
        os.register_at_fork(after_in_child=lambda: (method := forget()) and method())

    def ensure_started(self) -> None:
        """Start what this process needs; further calls do nothing.

        :raises ConfigurationError: no database is configured and none can be embedded.
        :raises FrontviewError: the application has to be read from the database, and cannot be.
        """
        self._started().application.serving  # noqa: B018  raises where it cannot be served any more

    def stop(self) -> None:
        """Stop the threads and close the idle connections.

        Requests that still run are answered: without a feed the cache is soon untrusted, and reads are exact.
        """
        if self._numbers is not None:
            self._numbers.stop()
        running = self._running
        if running is not None:
            running.stop()

    def end_event_streams(self) -> None:
        """End the open streams of events; for a process that is asked to end and waits for its requests."""
        running = self._running
        if running is not None:
            running.event_hub.stop()

    def user_kind(self) -> UserKind:
        """Return the kind of the user keys, which the database tells once.

        :raises FrontviewError: it has not been reached yet, or has none.
        """
        return self._started().installed_kind.read()

    @property
    def engine(self) -> Engine:
        """The pooled connections for reads."""
        return self._started().engine

    @property
    def cache(self) -> FrontCache:
        """The front cache of this process."""
        return self._started().cache

    @property
    def follower(self) -> FeedFollower:
        """The thread that applies the feed to the cache."""
        return self._started().follower

    @property
    def event_hub(self) -> EventHub:
        """The open streams of events."""
        return self._started().event_hub

    @property
    def serving(self) -> Serving:
        """What a request works with, all of one declaration.

        Without a feed, which names the active declaration, the database is asked for it, at most once a second.

        :raises FrontviewError: the application was not read yet, or the active declaration cannot be served.
        """
        running = self._started()
        now = time.monotonic()
        if not running.cache.may_answer(now) and now >= running.asked_at + ASK_SECONDS:
            running.asked_at = now
            with suppress(FrontviewError, psycopg.Error):
                running.reread()
        return running.application.serving

    def reread(self) -> Serving:
        """Return what serves the declaration that is active now, which it asks the database.

        :raises FrontviewError: it cannot be read, or not be served.
        """
        return self._started().reread()

    @property
    def read_path(self) -> ReadPath:
        """The path that answers reads."""
        return self.serving.read_path

    @property
    def served(self) -> ServedApplication:
        """What the installed declaration serves."""
        return self.serving.served

    @property
    def regions(self) -> tuple[str, ...]:
        """The names of the regions of the front cache."""
        return self.serving.regions

    def statistics(self) -> WorkerStatistics:
        """Return everything that this process counts; each call also records it in the history."""
        parts = self._running
        if parts is None:  # It has not reached the database yet.
            return WorkerStatistics(
                pid=os.getpid(),
                started_at=self._made_at,
                latency=self.latency.statistics(),
                process=process_statistics(),
                keys=self._key_statistics(),
            )
        statistics = WorkerStatistics(
            pid=os.getpid(),
            started_at=parts.started_at,
            cache=parts.cache.statistics(),
            reads=parts.read_path.statistics(),
            feed=parts.follower.status(),
            latency=self.latency.statistics(),
            admission=parts.read_path.admission.statistics(),
            pool=PoolStatistics(self._settings.pool_size, parts.connections_in_use()),
            process=process_statistics(),
            warming=parts.warmer.statistics(),
            event_streams=parts.event_hub.statistics(),
            accesses=parts.reporter.statistics(),
            keys=self._key_statistics(),
            declaration=parts.application.number,
        )
        parts.history.record(counters_of(statistics))
        return statistics

    def report(self) -> WorkerReport:
        """Return what this process reports to the database."""
        parts = self._started()  # First: what is reported is counted by a worker that has started.
        return WorkerReport(self.statistics(), parts.history.statistics())

    def server_numbers(self) -> ServerNumbers:
        """Return the metrics of all processes of this server, also before this one has reached the database."""
        return self._own_numbers().of_server()

    def _own_numbers(self) -> SharedNumbers:
        with self._numbers_lock:
            if self._numbers is None:
                self._numbers = SharedNumbers(self.statistics, self._settings.metrics_dir)
                self._numbers.open()
                self._numbers.start()
            return self._numbers

    def _started(self) -> _Running:
        running = self._running
        if running is not None:
            return running
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            raise DatabaseUnavailable("The application has not been read from the database yet.")
        try:
            if self._running is None:
                engine = _engine_of(self._settings)
                if self._on_engine is not None:
                    self._on_engine(engine)
                self._running = self._made(engine)
                if self._settings.metrics_enabled:
                    self._own_numbers()  # Before any request can ask for them.
            return self._running
        finally:
            self._lock.release()

    def _made(self, engine: Engine) -> _Running:
        """Return the parts, started.

        :raises FrontviewError: the application cannot be read.
        """
        try:
            running = _Running(self._settings, engine, self._catalog, self.report)
        except FrontviewError:
            engine.dispose()
            raise
        running.start()
        return running

    def claim(self) -> str:
        """Return the claim of a token that holds the user's key.

        :raises FrontviewError: as :meth:`ensure_started`.
        """
        return self.served.claim

    def _forget_inherited(self) -> None:
        """Start again in a forked child: the inherited lock may be held, and the connections belong to the parent.

        The inherited parts are kept unused, because their garbage collection would write to the parent's connections.
        """
        self._lock, self._numbers_lock, self._numbers = threading.Lock(), threading.Lock(), None
        self.latency.forget()
        if self._running is not None:
            self._inherited.append(self._running)
            self._running = None
