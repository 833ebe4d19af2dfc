"""The exact read of dashboards: one statement and its retries.

Invariant: the caller gets an :class:`Answer` or one of Frontview's own errors; parameters are bound, never spliced; the
times of an answer were taken before its statement was sent.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models.calendar_day import python_day
from models.database_errors import CONTENTION, INVALID_PARAMETER, sqlstate_of, translated
from models.errors import DatabaseUnavailable, FrontviewError, StatementFailed
from models.event_counter import EventCounter
from models.user_key import UserKey
from refresher.front_cache.trust import NEVER
from views_sql.declaration.maintained_view import Dashboard

# Base tables do not help against a lost connection, a lack of time or resources, and a refused parameter.
_NOT_OF_THE_VIEW = ("08", "53", "57", "55P03", INVALID_PARAMETER)
# A rewrite is rare; five in a row under five reads mean that something rewrites tables in a loop.
MAX_ATTEMPTS = 5

# Doubled braces are filled in for each question.
_STATEMENT = f"""
SELECT
    {{place}} AS place, a.body, a.epoch, a.drain_id, a.source,
    COALESCE(a.patched_days, 0) AS patched_days, COALESCE(a.undrained, TRUE) AS undrained,
    {python_day("a.first_day")} AS first_day, {python_day("a.last_day")} AS last_day,
    EXTRACT(EPOCH FROM a.valid_until - clock_timestamp())::float8 AS valid_seconds, {{shown}}
FROM {{function}}({{parameters}}) a{{of_user}}
"""  # noqa: S608  constant names of columns # nosec B608
_SHOWS_NOTHING = "NULL::date AS today, NULL AS zone, NULL AS user_name"
_SHOWN = "u.today, u.zone, u.name AS user_name"
_SHOWN_OF_ZONE = "(now() AT TIME ZONE %s)::date AS today, %s AS zone, u.name AS user_name"


class ReadQuestion(NamedTuple):
    """A question to the database: a dashboard, its user and its arguments."""

    dashboard: Dashboard
    user: UserKey
    arguments: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one statement returned.

    :param body: JSON of the data; None: there is no such user, or nothing for the user that the arguments name.
    :param valid_seconds: until the user's day ends by the database's clock; None: the answer does not depend on today.
    :param today: the day in ``zone``, which is the one that the answer shows with ``user_name``, the user's name;
        all None where the answer shows nothing of its user.
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
    today: date | None = None
    zone: str | None = None
    user_name: str | None = None


class ExactReads:
    """Reads dashboards from the database.

    :param engine: pooled; its connections carry the statement timeout.
    :param counter: where retries are counted.
    :param seconds: after which a read is not tried again.
    :param database_answers: whether the database answers others, so that it is worth waiting for a connection.
    """

    def __init__(
        self,
        engine: Engine,
        counter: EventCounter,
        *,
        seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        database_answers: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database_answers = database_answers
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._monotonic, self._wall = monotonic, wall
        self._counter = counter
        self._seconds = seconds

    def ask(self, dashboard: Dashboard, user: UserKey, arguments: Sequence[Any], *, begin_by: float = NEVER) -> Answer:
        """Return the answer as of now; from the base tables if the views cannot be read.

        :param begin_by: until when to wait for a connection, as monotonic time; the pool's own timeout is the least.
        :raises DatabaseUnavailable: no connection, no time, or nothing but refusals.
        :raises InvalidParameters: the function refuses the parameters.
        :raises NotMigrated: the function or its tables are not there, because the schema is older.
        :raises StatementFailed: the function has a defect, or this role lacks a right.
        """
        base, reconnected = False, False
        began: float | None = None
        question = ReadQuestion(dashboard, user, arguments)
        for _ in range(MAX_ATTEMPTS):
            try:
                with self._connection(begin_by) as connection:
                    began = began or self._monotonic()
                    (answer,) = self._ask_on(connection, [question], base)
                    return answer
            except DBAPIError as error:
                if began is not None and self._monotonic() - began >= self._seconds:
                    raise self._failure(error) from error
                if error.connection_invalidated and not reconnected:
                    reconnected = True  # A pooled connection died while it was idle.
                    self._note("reconnected", error)
                elif sqlstate_of(error) in CONTENTION:
                    self._note("read_again", error)
                elif not base and _base_may_help(error):
                    base = True
                    self._note("view_failed", error)
                else:
                    raise self._failure(error) from error
        raise DatabaseUnavailable("Tables kept being rewritten under this read.")

    def ask_together(self, questions: Sequence[ReadQuestion]) -> list[Answer | FrontviewError]:
        """Return the answers to several questions, or why there is none, in their order.

        One statement and one snapshot answer all of them; if it fails, each is asked as :meth:`ask` does.
        """
        if len(questions) > 1:
            try:
                with self._connection(NEVER) as connection:
                    return list(self._ask_on(connection, questions, base=False))
            except DatabaseUnavailable as error:  # There is no connection, so there is none for each of them.
                return [error] * len(questions)
            except DBAPIError as error:
                self._note("asked_singly", error)
        return [self._answer_or_error(question) for question in questions]

    def _answer_or_error(self, question: ReadQuestion) -> Answer | FrontviewError:
        try:
            return self.ask(*question)
        except FrontviewError as error:
            return error

    def _ask_on(self, connection: Connection, questions: Sequence[ReadQuestion], base: bool) -> list[Answer]:
        statement, values = statement_of(questions, base)
        calculated_at, sent = self._wall(), self._monotonic()
        rows = connection.exec_driver_sql(statement, values).mappings().all()
        milliseconds = (self._monotonic() - sent) * 1000
        return [_answer(row, sent, calculated_at, milliseconds) for row in sorted(rows, key=itemgetter("place"))]

    def _connection(self, begin_by: float) -> Connection:
        """Return a connection of the pool.

        :raises DatabaseUnavailable: none became free in time, or the database answers nobody.
        """
        while True:
            try:
                return self._engine.connect()
            except PoolTimeout as error:
                if self._monotonic() >= begin_by or not self._database_answers():
                    raise DatabaseUnavailable("Every database connection of this process is in use.") from error

    def _failure(self, error: DBAPIError) -> FrontviewError:
        failure = translated(error, self._engine)
        if isinstance(failure, StatementFailed):
            self._counter.add("statement_failed")
        return failure

    def _note(self, event: str, error: Exception) -> None:
        if self._counter.add(event):
            times = self._counter[event]
            structlog.get_logger(__name__).warning(event, sqlstate=sqlstate_of(error), times=times)


def _base_may_help(error: DBAPIError) -> bool:
    """Return whether the base tables may answer what a view could not."""
    sqlstate = sqlstate_of(error)
    if sqlstate is None or error.connection_invalidated:
        return False
    return not sqlstate.startswith(_NOT_OF_THE_VIEW)


def statement_of(questions: Sequence[ReadQuestion], base: bool) -> tuple[str, tuple[Any, ...]]:
    """Return one statement that asks all questions, and its values; each row begins with the place of its question."""
    parts, values = [], list[Any]()
    for place, (dashboard, user, arguments) in enumerate(questions):
        given = (user, *(list(it) if isinstance(it, tuple) else it for it in arguments), base)
        parameters = ", ".join(["%s"] * len(given))
        shown, zones = _shown(dashboard)
        of_user = "" if dashboard.shown is None else f", {dashboard.shown}(%s) u"
        names = {"function": dashboard.function, "parameters": parameters, "shown": shown, "of_user": of_user}
        parts.append(_STATEMENT.format(place=place, **names))
        values += [*zones, *given, *([user] if of_user else [])]
    return "UNION ALL".join(parts), tuple(values)


def _shown(dashboard: Dashboard) -> tuple[str, tuple[str, ...]]:
    """Return the columns of what an answer shows of its user, and the values of their parameters."""
    if dashboard.shown is None:
        return _SHOWS_NOTHING, ()
    return (_SHOWN, ()) if dashboard.zone is None else (_SHOWN_OF_ZONE, (dashboard.zone, dashboard.zone))


def _answer(row: Mapping[Any, Any], sent: float, calculated_at: float, milliseconds: float) -> Answer:
    facts = {name: value for name, value in row.items() if name != "place"}
    facts["body"] = None if row["body"] is None else row["body"].encode()
    return Answer(**facts, sent=sent, calculated_at=calculated_at, database_ms=milliseconds)
