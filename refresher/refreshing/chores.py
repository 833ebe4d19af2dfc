"""The application's chores: SQL functions that the leader calls every few seconds.

Invariant: they have a session of their own, since a refresh may hold that of the refreshes for minutes; none begins
once this process no longer leads in the term in which the round began.
"""

from collections.abc import Sequence

from psycopg import sql

from models.connection import Connection
from refresher.leader.leader_session import LeaderSession
from refresher.leader.leadership import Term


class Chores:
    """The scheduler's job.

    :param functions: without arguments, qualified by their schema.
    """

    def __init__(self, session: LeaderSession, functions: Sequence[str]) -> None:
        self._session, self._functions = session, functions

    def use(self, functions: Sequence[str]) -> None:
        """From the next round on, call other functions."""
        self._functions = functions

    def run(self) -> None:
        """Call each function in a transaction of its own; do nothing unless this process leads."""
        self._session.run(self._call_all)

    def _call_all(self, connection: Connection, term: Term) -> None:
        for function in self._functions:
            if not self._session.goes_on(term):
                return
            connection.execute(sql.SQL("SELECT {}()").format(sql.Identifier(*function.split("."))))
