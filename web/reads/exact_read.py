"""The exact read of dashboards: one statement, its retries, and where driver errors become ours.

Invariant: what leaves this module is an :class:`Answer` or one of our errors; parameters are bound, never
spliced; the times of an answer were taken before its statement was sent.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from typing import Any, NamedTuple

import psycopg
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models.errors import DatabaseUnavailable, FrontviewError, InvalidParameters, NotMigrated
from models.event_counter import EventCounter
from models.user_key import UserKey
from views_sql.declaration.maintained_view import Dashboard

# A rewrite commits once in a while; five in a row under five reads means that something rewrites in a loop.
MAX_ATTEMPTS = 5

_READ_AGAIN = {"40001", "40P01"}
_BAD_PARAMETERS = {"22023"}
_NOT_MIGRATED = {"42P01", "42883", "42704", "3F000"}
# Classes: connection, resources, operator (statement_timeout, shutdown); and lock_timeout.
_UNAVAILABLE = ("08", "53", "57", "55P03")

# The days of 'all time' are infinite, which Python's date cannot hold.
_STATEMENT = """
SELECT
    {place} AS place, a.body, a.epoch, a.drain_id, a.source,
    COALESCE(a.patched_days, 0) AS patched_days, COALESCE(a.undrained, TRUE) AS undrained,
    NULLIF(a.first_day, '-infinity') AS first_day, NULLIF(a.last_day, 'infinity') AS last_day,
    EXTRACT(EPOCH FROM a.valid_until - clock_timestamp())::float8 AS valid_seconds
FROM {function}({parameters}) a
"""


class Asked(NamedTuple):
    """What is asked: a dashboard, of whom, with which arguments."""

    dashboard: Dashboard
    user: UserKey
    arguments: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one statement returned.

    :param body: JSON of the data; None: nothing there to answer about.
    :param valid_seconds: until the user's midnight by the database's clock; None: today does not matter.
    :param sent: monotonic time, and ``calculated_at`` Unix time, just before the statement was sent.
    """

    body: bytes | None
    epoch: int
    drain_id: int
    source: str
    patched_days: int
    undrained: bool
    first_day: date | None
    last_day: date | None
    valid_seconds: float | None
    sent: float
    calculated_at: float
    database_ms: float


class ExactReads:
    """Reads dashboards from the database.

    :param engine: pooled; its connections carry the statement timeout.
    :param counter: where retries are counted.
    :param seconds: after which a read is not tried again.
    """

    def __init__(
        self,
        engine: Engine,
        counter: EventCounter,
        *,
        seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._monotonic, self._wall = monotonic, wall
        self._counter = counter
        self._seconds = seconds

    def ask(self, dashboard: Dashboard, user: UserKey, arguments: Sequence[Any]) -> Answer:
        """Return the answer as of now; from base tables when the view path fails.

        :raises DatabaseUnavailable: no connection, no time, or nothing but refusals.
        :raises InvalidParameters: the function refuses the parameters.
        :raises NotMigrated: the function or its tables are not there.
        """
        base, reconnected = False, False
        began = self._monotonic()
        question = Asked(dashboard, user, arguments)
        for _ in range(MAX_ATTEMPTS):
            try:
                (answer,) = self._ask_once([question], base)
                return answer
            except PoolTimeout as error:
                raise DatabaseUnavailable("Every database connection of this process is in use.") from error
            except DBAPIError as error:
                if self._monotonic() - began >= self._seconds:
                    raise _translated(error) from error
                if error.connection_invalidated and not reconnected:
                    reconnected = True  # a pooled connection died while it was idle
                    self._note("reconnected", error)
                elif (sqlstate := _sqlstate(error)) in _READ_AGAIN:
                    self._note("read_again", error)
                elif not base and _base_may_help(error, sqlstate):
                    base = True
                    self._note("view_failed", error)
                else:
                    raise _translated(error) from error
        raise DatabaseUnavailable("Tables kept being rewritten under this read.")

    def ask_together(self, questions: Sequence[Asked]) -> list[Answer | FrontviewError]:
        """Return the answers to several questions, or why there is none, in their order.

        One statement and one snapshot answer all of them; if it fails, each is asked as :meth:`ask` does.
        """
        if len(questions) > 1:
            try:
                return list(self._ask_once(questions, base=False))
            except (PoolTimeout, DBAPIError) as error:
                self._note("asked_singly", error)
        return [self._answer_or_error(question) for question in questions]

    def _answer_or_error(self, question: Asked) -> Answer | FrontviewError:
        try:
            return self.ask(*question)
        except FrontviewError as error:
            return error

    def _ask_once(self, questions: Sequence[Asked], base: bool) -> list[Answer]:
        statement, values = statement_of(questions, base)
        with self._engine.connect() as connection:
            calculated_at, sent = self._wall(), self._monotonic()
            rows = connection.exec_driver_sql(statement, values).mappings().all()
        milliseconds = (self._monotonic() - sent) * 1000
        return [_answer(row, sent, calculated_at, milliseconds) for row in sorted(rows, key=itemgetter("place"))]

    def _note(self, event: str, error: Exception) -> None:
        if self._counter.add(event):
            times = self._counter[event]
            structlog.get_logger(__name__).warning(event, sqlstate=_sqlstate(error), times=times)


def statement_of(questions: Sequence[Asked], base: bool) -> tuple[str, tuple[Any, ...]]:
    """Return one statement that asks everything, and its values; its rows begin with the place of their question."""
    parts, values = [], list[Any]()
    for place, (dashboard, user, arguments) in enumerate(questions):
        given = (user, *arguments, base)
        parameters = ", ".join(["%s"] * len(given))
        parts.append(_STATEMENT.format(place=place, function=dashboard.function, parameters=parameters))
        values += given
    return "UNION ALL".join(parts), tuple(values)


def _answer(row: Mapping[Any, Any], sent: float, calculated_at: float, milliseconds: float) -> Answer:
    facts = {name: value for name, value in row.items() if name != "place"}
    facts["body"] = None if row["body"] is None else row["body"].encode()
    return Answer(**facts, sent=sent, calculated_at=calculated_at, database_ms=milliseconds)


def _sqlstate(error: Exception) -> str | None:
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def _base_may_help(error: DBAPIError, sqlstate: str | None) -> bool:
    """Return whether the fault may lie in a view: not in the parameters, the connection or the server."""
    return (
        sqlstate is not None
        and not error.connection_invalidated
        and sqlstate not in _BAD_PARAMETERS
        and not sqlstate.startswith(_UNAVAILABLE)
    )


def _translated(error: DBAPIError) -> FrontviewError:
    """Return our error for the driver's; its text holds no parameter and no connection data."""
    sqlstate = _sqlstate(error)
    if sqlstate in _BAD_PARAMETERS:
        return InvalidParameters(_message(error))
    if sqlstate is None and isinstance(error.orig, psycopg.DataError):  # the driver refuses, e.g. NUL in a text
        return InvalidParameters("A parameter has a value that the database cannot hold.")
    if sqlstate in _NOT_MIGRATED:
        return NotMigrated(f"{_message(error)}.")
    if sqlstate == "57014":
        return DatabaseUnavailable("The database did not answer in time.")
    return DatabaseUnavailable(f"The database cannot be read{f' (SQLSTATE {sqlstate})' if sqlstate else ''}.")


def _message(error: DBAPIError) -> str:
    diagnostics = getattr(error.orig, "diag", None)
    return str(getattr(diagnostics, "message_primary", None) or "refused")
