"""The application that the database has, as one web process serves it: read when the process starts, and again when
another declaration is active.

Invariant: importing the web server opens no connection. What requests work with belongs to one declaration and never
changes; another one takes its place as a whole. One thread reads at a time and each reads what is active then, so an
older declaration never replaces a newer one.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from models.connection import Connection
from models.errors import CatalogError, DatabaseUnavailable, DeclarationNewer, FrontviewError, NotInstalled
from models.logs import logger
from views_sql.declaration.maintained_view import Catalog
from views_sql.declaration.served import ServedApplication
from views_sql.operations.catalog import CatalogLoader
from views_sql.operations.database import active_stamp
from web.reads.read_path import ReadPath
from web.warming.warm_plan import WarmPlan

WAIT_SECONDS = 5.0  # How long one thread waits for another one that reads the declaration.


@dataclass(frozen=True, slots=True)
class Serving:
    """What requests work with; each takes it once, so that all of its parts are of the same declaration."""

    catalog: Catalog
    read_path: ReadPath
    plan: WarmPlan

    @property
    def served(self) -> ServedApplication:
        """What the installed declaration serves."""
        return self.catalog.served

    @property
    def claim(self) -> str:
        """The claim of a token that holds the user's key."""
        return self.served.claim

    @property
    def regions(self) -> tuple[str, ...]:
        """The names of the regions of the front cache."""
        return tuple(region.name for region in self.catalog.regions)


class InstalledApplication:
    """Serves the active declaration; any number of threads may use it.

    :param catalog: the first one, and ``stamp``: of its declaration.
    :param load: reads another one; None: there is no other.
    :param serve: returns what requests work with under another catalog, after it made the front cache its own.
    :param withdraw: empties the front cache where the active declaration cannot be served.
    """

    def __init__(
        self,
        serving: Serving,
        stamp: str | None,
        load: CatalogLoader | None,
        *,
        serve: Callable[[Catalog], Serving],
        withdraw: Callable[[], None],
    ) -> None:
        self._serving, self._stamp, self._load = serving, stamp, load
        self._serve, self._withdraw = serve, withdraw
        self._failure: FrontviewError | None = None
        self._lock = threading.Lock()

    @property
    def serving(self) -> Serving:
        """What a request works with.

        :raises NotInstalled: the database has no application any more.
        :raises DeclarationNewer: a newer version wrote the active declaration.
        :raises CatalogError: the active declaration is not what any version writes.
        """
        if (failure := self._failure) is not None:
            raise failure.with_traceback(None)
        return self._serving

    @property
    def number(self) -> int:
        """The number of the declaration that was served last, also if it cannot be any more."""
        return self._serving.served.number

    def follow(self, connection: Connection, stamp: str | None) -> None:
        """Read the active declaration if its stamp is another one than that of the declaration that was read last.

        :raises FrontviewError, psycopg.Error: it cannot be read now; the last one stays.
        """
        if self._load is not None and stamp != self._stamp:
            self.reread(connection)

    def reread(self, connection: Connection) -> None:
        """Serve the active declaration if it is another one.

        :raises FrontviewError, psycopg.Error: as :meth:`follow`.
        """
        if self._load is None:
            return
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            raise DatabaseUnavailable("The declaration is being read from the database.")
        try:
            stamp = active_stamp(connection)
            if stamp != self._stamp:
                self._take(self._load, connection)
                self._stamp = stamp
        finally:
            self._lock.release()

    def _take(self, load: CatalogLoader, connection: Connection) -> None:
        try:
            catalog = load(connection)
        except (NotInstalled, DeclarationNewer, CatalogError) as error:
            self._failure = error
            self._withdraw()
            logger().error("declaration_not_served", reason=str(error))
            return
        self._serving = self._serve(catalog)
        self._failure = None
        logger().info("declaration_served", declaration=catalog.declaration)
