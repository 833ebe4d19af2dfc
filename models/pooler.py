"""Whether a pooler stands between us and the server that breaks session locks, LISTEN or our time limits.

Invariant: found by what happens, not by names: two connections that are handed one session give it away, and so does
a setting that does not arrive.
"""

import secrets
from collections.abc import Callable
from contextlib import closing

from models.connection import Connection
from models.errors import ConfigurationError

ROUNDS = 3
ASKED = {"frontview.asked": "on"}  # a setting that only arrives where nobody in between drops settings
_REMEDY = "set FRONTVIEW_DIRECT_URL to the server itself"


def require_own_session(open_connection: Callable[[], Connection], variable: str = "FRONTVIEW_DATABASE_URL") -> None:
    """Raise unless connections keep their sessions, with the settings they began with.

    :param open_connection: asks for the settings :data:`ASKED`.
    :param variable: where the way to the database is said.
    :raises ConfigurationError: a transaction pooler is in between, or a pool that drops settings.
    """
    if shares_sessions(open_connection):
        fault = "there is a transaction pooler in between, where session locks and LISTEN are lost"
        raise ConfigurationError([f"{variable}: {fault}; {_REMEDY} (or to a pool in session mode)"])
    with closing(open_connection()) as connection:
        if not _settings_arrive(connection):
            fault = "a pooler in between drops the settings that a session begins with, its time limits among them"
            raise ConfigurationError([f"{variable}: {fault}; {_REMEDY}"])


def refusal(reason: str, variable: str = "FRONTVIEW_DATABASE_URL") -> ConfigurationError | None:
    """Return what to say of a connection refused for ``reason``; None unless a pooler did it for our settings."""
    if "unsupported startup parameter" not in reason:
        return None
    fault = "there is a pooler in between that refuses the settings of our sessions"
    return ConfigurationError([f"{variable}: {fault}; {_REMEDY}"])


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


def _settings_arrive(connection: Connection) -> bool:
    (name, value), *_ = ASKED.items()
    row = connection.execute("SELECT current_setting(%s, true)", (name,)).fetchone()
    return row == (value,)


def _session(connection: Connection, mark: str | None = None) -> tuple[int, str]:
    """Return backend and mark of the session; sets the mark when one is given."""
    if mark is not None:
        connection.execute("SELECT set_config('frontview.session', %s, false)", (mark,))
    row = connection.execute("SELECT pg_backend_pid(), current_setting('frontview.session', true)").fetchone()
    assert row is not None  # noqa: S101  a SELECT without FROM returns one row
    return row[0], row[1]
