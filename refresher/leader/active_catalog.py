"""The catalog that the leader works by: read again when another declaration is active.

Invariant: without a declaration that can be read, the last catalog stays, and the log says why.
"""

from collections.abc import Callable

import structlog

from models.connection import Connection
from models.errors import FrontviewError
from refresher.leader.leader_session import LeaderSession
from refresher.leader.leadership import Term
from views_sql.declaration.maintained_view import Catalog
from views_sql.operations.catalog import CatalogLoader
from views_sql.operations.database import active_stamp

log = structlog.get_logger(__name__)


class ActiveCatalog:
    """One job of the scheduler.

    :param session: is held for a moment only, if its other work is short.
    :param stamp: of the declaration whose catalog the process has.
    :param use: called with each other catalog.
    """

    def __init__(
        self, session: LeaderSession, load: CatalogLoader, stamp: str | None, use: Callable[[Catalog], None]
    ) -> None:
        self._session, self._load, self._stamp, self._use = session, load, stamp, use

    def tick(self) -> None:
        """Read the catalog if another declaration is active than that which was read last, and this process leads."""
        self._session.run(self._look)

    def _look(self, connection: Connection, _term: Term) -> None:
        stamp = active_stamp(connection)
        if stamp == self._stamp:
            return
        try:
            catalog = self._load(connection)
        except FrontviewError as error:
            log.error("declaration_not_used", reason=str(error))
        else:
            self._use(catalog)
            log.info("declaration_used", declaration=catalog.declaration)
        self._stamp = stamp
