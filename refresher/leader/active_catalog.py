"""The catalog that the leader works by: of all declarations that have objects, read again when they change.

Invariant: the views of a declaration that waits, and of one that is retired, are captured, refreshed and audited like
those of the active one. Without an active declaration that can be read, the last catalog stays, and the log says why.
"""

import time
from collections.abc import Callable

import psycopg
import structlog

from models.connection import Connection
from models.errors import CatalogError, DeclarationNewer, FrontviewError
from refresher.leader.alarms import DROP_REFUSED, clear_all_but, raise_alarm
from refresher.leader.leader_session import LeaderSession
from refresher.leader.leadership import Term
from views_sql.declaration.maintained_view import Catalog
from views_sql.operations.catalog import CatalogLoader, catalog_of
from views_sql.operations.database import other_declarations, standing
from views_sql.operations.installed import installed_of

DROP_SECONDS = 60.0  # How often a retired declaration is tried to be dropped.

log = structlog.get_logger(__name__)


def with_others(load: CatalogLoader) -> CatalogLoader:
    """Return what reads the active declaration's catalog with the views of the others that stand.

    One that cannot be read here, because a newer version wrote it, is left out: its leader is another one.
    """

    def load_all(connection: Connection) -> Catalog:
        catalog = load(connection)
        for waits, row in other_declarations(connection):
            try:
                catalog = catalog.beside(catalog_of(installed_of(*row)), waits)
            except (DeclarationNewer, CatalogError) as error:
                log.error("declaration_left_out", reason=str(error))
        return catalog

    return load_all


class ActiveCatalog:
    """One job of the scheduler.

    :param session: is held for a moment only, if its other work is short.
    :param load: reads the catalog of all declarations that stand.
    :param stamp: of the declarations whose catalog the process has.
    :param use: called with each other catalog.
    """

    def __init__(
        self, session: LeaderSession, load: CatalogLoader, stamp: str | None, use: Callable[[Catalog], None]
    ) -> None:
        self._session, self._load, self._stamp, self._use = session, load, stamp, use
        self._refused: dict[str, str] = {}
        self._drop_at = 0.0

    def tick(self) -> None:
        """Switch and drop declarations where that is due, and read the catalog again if they have changed."""
        self._session.run(self._look)

    def _look(self, connection: Connection, _term: Term) -> None:
        there = standing(connection)
        if there.waits:
            self._run(connection, "activate_declaration", "declaration_activated")
        if there.retires and time.monotonic() >= self._drop_at:
            while self._run(connection, "drop_retired", "declaration_dropped"):
                pass
            self._drop_at = time.monotonic() + DROP_SECONDS
        stamp = standing(connection).stamp
        if stamp != self._stamp:
            self._read(connection)
            self._stamp = stamp

    def _read(self, connection: Connection) -> None:
        try:
            catalog = self._load(connection)
        except FrontviewError as error:
            log.error("declaration_not_used", reason=str(error))
        else:
            self._use(catalog)
            log.info("declaration_used", declaration=catalog.declaration, building=sorted(catalog.building))

    def _run(self, connection: Connection, function: str, done: str) -> bool:
        """Call a function in a transaction of its own; return whether it did something. A refusal is logged once."""
        try:
            row = connection.execute(f"SELECT frontview.{function}()").fetchone()  # nosec B608  # one of two
        except psycopg.Error as error:
            if connection.broken:
                raise
            reason = f"{error.sqlstate}: {error.diag.message_primary}"
            if self._refused.get(function) != reason:
                log.error(f"{function}_failed", reason=reason)
            self._refused[function] = reason
            if function == "drop_retired" and isinstance(error, psycopg.errors.ObjectNotInPrerequisiteState):
                said = str(error.diag.message_primary)
                raise_alarm(connection, DROP_REFUSED, said.partition(" ")[0], f"Its declaration is retired. {said}.")
            return False
        if self._refused.pop(function, None) and function == "drop_retired":
            clear_all_but(connection, DROP_REFUSED, ())
        if row is None or row[0] is None:
            return False
        log.info(done, what=row[0])
        return True
