"""Detects a pooler before the server that breaks session locks, LISTEN or our time limits.

Invariant: it is detected by its behaviour, not by names: two connections share a session, or a setting is lost.
"""

import secrets
from collections.abc import Callable
from contextlib import closing

from models.connection import Connection
from models.errors import ConfigurationError

ROUNDS = 3  # How often two connections are compared.
PROBE_SETTING = {"frontview.asked": "on"}  # A setting that only arrives if no pooler drops settings.
_REFUSED = "unsupported startup parameter"
_REMEDY = "set FRONTVIEW_DIRECT_URL to the server itself"


def require_own_session(open_connection: Callable[[], Connection], variable: str = "FRONTVIEW_DATABASE_URL") -> None:
    """Raise unless each connection keeps its session and the settings it began with.

    :param open_connection: opens a connection with the settings :data:`PROBE_SETTING`.
    :param variable: the setting with the address of the database.
    :raises ConfigurationError: there is a transaction pooler, or one that drops settings.
    """
    if shares_sessions(open_connection):
        fault = "there is a transaction pooler in between, where session locks and LISTEN are lost"
        raise ConfigurationError([f"{variable}: {fault}; {_REMEDY} (or to a pool in session mode)"])
    with closing(open_connection()) as connection:
        if not _settings_arrive(connection):
            fault = "a pooler in between drops the settings that a session begins with, its time limits among them"
            raise ConfigurationError([f"{variable}: {fault}; {_REMEDY}"])


def refusal(reason: str, variable: str = "FRONTVIEW_DATABASE_URL") -> ConfigurationError | None:
    """Return the error for a connection refused for ``reason``, None unless a pooler refused our settings."""
    if _REFUSED not in reason:
        return None
    fault = "there is a pooler in between that refuses the settings of our sessions"
    return ConfigurationError([f"{variable}: {fault}; {_REMEDY}"])


def refused_options(reason: str) -> ConfigurationError | None:
    """Return the error for a connection to a transaction pooler refused for its options, None if it was not."""
    if _REFUSED not in reason:
        return None
    fault = "the pooler refuses the options in this URL, or those of PGOPTIONS; leave them out"
    return ConfigurationError([f"FRONTVIEW_DATABASE_URL: {fault}, or set them for the role: ALTER ROLE … SET …"])


def shares_sessions(open_connection: Callable[[], Connection]) -> bool:
    """Return whether two connections that are used in turns reach the same session of the server."""
    with closing(open_connection()) as ours, closing(open_connection()) as other:
        for _ in range(ROUNDS):
            mark = secrets.token_hex(8)
            before = _session(ours, mark)
            with other.transaction():  # a pooler gives it the session that was free last
                taken = _session(other)
                if taken[0] == before[0] or taken[1] == mark:
                    return True
                if _session(ours) != (before[0], mark):
                    return True
    return False


def _settings_arrive(connection: Connection) -> bool:
    (name, value), *_ = PROBE_SETTING.items()
    row = connection.execute("SELECT current_setting(%s, true)", (name,)).fetchone()
    return row == (value,)


def _session(connection: Connection, mark: str | None = None) -> tuple[int, str]:
    """Return backend and mark of the session, after setting the mark if one is given."""
    if mark is not None:
        connection.execute("SELECT set_config('frontview.session', %s, false)", (mark,))
    row = connection.execute("SELECT pg_backend_pid(), current_setting('frontview.session', true)").fetchone()
    assert row is not None  # noqa: S101  a SELECT without FROM returns one row
    return row[0], row[1]
