"""Keeps the bookkeeping's time zones those of the server: what a zone's name means changes with its tzdata.

Invariant: keys whose days a change moves are marked in the transaction that notes the change. A session of PostgreSQL
reads the rules of a zone once. So the comparison begins a new session, and that one makes the refreshes from then on:
tiers are never written by older rules than those that were noted.
"""

import time

import structlog

from models.connection import Connection
from refresher.leader.leader_session import LeaderSession
from refresher.leader.leadership import Term

ZONES_SECONDS = 3600.0  # How often the server's zones are compared with the noted ones.
LOAD = "SELECT frontview.load_zones()"

log = structlog.get_logger(__name__)


class ZoneCheck:
    """One job of the scheduler; it is due at the beginning of a term, and then each hour.

    :param session: the one that refreshes.
    """

    def __init__(self, session: LeaderSession) -> None:
        self._session = session
        self._epoch, self._due_at = 0, 0.0

    def tick(self) -> None:
        """Compare the zones, if that is due and this process leads."""
        term = self._session.term
        if term is not None and (term.epoch != self._epoch or time.monotonic() >= self._due_at):
            self._session.run(self._compare, afresh=True)

    def _compare(self, connection: Connection, term: Term) -> None:
        row = connection.execute(LOAD).fetchone()
        self._epoch, self._due_at = term.epoch, time.monotonic() + ZONES_SECONDS
        if row is not None and row[0]:
            log.warning("time_zones_changed", names=len(row[0]))
