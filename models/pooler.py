"""Whether a transaction pooler stands between us and the server, which breaks session locks and LISTEN.

Invariant: found by what happens, not by names: two connections that are handed one session give it away.
"""

import secrets
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg

from models.errors import ConfigurationError

Connection = psycopg.Connection[tuple[Any, ...]]
ROUNDS = 3


def require_own_session(open_connection: Callable[[], Connection]) -> None:
    """Raise unless connections keep their sessions.

    :raises ConfigurationError: a transaction pooler is in between.
    """
    if shares_sessions(open_connection):
        raise ConfigurationError(
            [
                "FRONTVIEW_DATABASE_URL: there is a transaction pooler in between, where session locks and LISTEN "
                "are lost; set FRONTVIEW_DIRECT_URL to the server itself (or to a pool in session mode)"
            ]
        )


def shares_sessions(open_connection: Callable[[], Connection]) -> bool:
    """Return whether two connections were given one session in turn."""
    with closing(open_connection()) as ours, closing(open_connection()) as other:
        for _ in range(ROUNDS):
            mark = secrets.token_hex(8)
            before = _session(ours, mark)
            with other.transaction():  # whoever hands sessions around gives it the one that was just free
                taken = _session(other)
                if taken[0] == before[0] or taken[1] == mark:
                    return True
                if _session(ours) != (before[0], mark):
                    return True
    return False


def _session(connection: Connection, mark: str | None = None) -> tuple[int, str]:
    """Return backend and mark of the session; sets the mark when one is given."""
    if mark is not None:
        connection.execute("SELECT set_config('frontview.session', %s, false)", (mark,))
    row = connection.execute("SELECT pg_backend_pid(), current_setting('frontview.session', true)").fetchone()
    assert row is not None  # noqa: S101  a SELECT without FROM returns one row
    return row[0], row[1]
