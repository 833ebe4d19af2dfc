"""The kind of the user keys, as one process has read it from the database.

Invariant: it is read once, before the first request that needs it is answered; one thread reads at a time, and others
do not wait for it longer than a moment, so that the process goes on answering health checks without a database.
"""

import threading

from sqlalchemy import Engine

from models.errors import DatabaseUnavailable
from models.user_key import UserKind, read_user_kind
from web.operators.operator_connection import operator_connection

WAIT_SECONDS = 1.0  # How long a request waits while another one reads it.


class InstalledKind:
    """Reads the kind over the pool of ``engine``."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._lock = engine, threading.Lock()
        self._kind: UserKind | None = None

    def read(self) -> UserKind:
        """Return the kind.

        :raises DatabaseUnavailable: the database was never reached.
        :raises NotMigrated: it has no user keys of a known kind.
        """
        if self._kind is None:
            if not self._lock.acquire(timeout=WAIT_SECONDS):
                raise DatabaseUnavailable("The kind of user keys has not been read from the database yet.")
            try:
                self._kind = self._kind or self._ask()
            finally:
                self._lock.release()
        return self._kind

    def _ask(self) -> UserKind:
        with operator_connection(self._engine) as connection:
            return read_user_kind(connection)
