"""An engine with prepared answers and no database."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from psycopg import errors
from sqlalchemy.exc import DBAPIError

ANSWER: dict[str, Any] = {
    "body": '{"loans":1}',
    "epoch": 1,
    "drain_id": 10,
    "source": "materialized_view",
    "patched_days": 2,
    "undrained": False,
    "first_day": None,
    "last_day": None,
    "valid_seconds": None,
}
Outcome = dict[str, Any] | Exception


def failure(error: type[Exception], *, disconnected: bool = False) -> DBAPIError:
    """Return what SQLAlchemy makes of a psycopg error."""
    return DBAPIError("SELECT", {}, error("told so"), Exception, connection_invalidated=disconnected)


class Refusal(errors.DataError):
    """What a dashboard's function raises about a parameter."""

    sqlstate = "FV002"


GONE = failure(errors.OperationalError)
DEFECT = failure(errors.DivisionByZero)


class FakeEngine:
    """Answers each statement with the next outcome of ``outcomes``, the last one again and again.

    :param before: called within each statement, for tests that hold it there.
    """

    def __init__(self, *outcomes: Outcome, before: Callable[[], None] = lambda: None) -> None:
        self.outcomes = list(outcomes) or [ANSWER]
        self.before = before
        self.statements: list[tuple[str, tuple[Any, ...]]] = []
        self.at_checkout: Exception | None = None
        self.migrated = True

    def execution_options(self, **options: str) -> "FakeEngine":
        assert options == {"isolation_level": "AUTOCOMMIT"}
        return self

    def connect(self) -> AbstractContextManager["FakeEngine"]:
        if self.at_checkout:
            raise self.at_checkout
        return nullcontext(self)

    def execute(self, *_: object) -> "FakeEngine":
        """Answer the question of :func:`schema_state`: whether the schema is there, and its versions readable."""
        return self

    def one(self) -> tuple[bool, bool]:
        return self.migrated, False

    def exec_driver_sql(self, statement: str, values: tuple[Any, ...]) -> "Rows":
        self.statements.append((statement, values))
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        self.before()
        if isinstance(outcome, Exception):
            raise outcome
        return Rows([outcome] * statement.count(" AS place"))


class Rows:
    """The rows of a statement, one a question, in no order."""

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self.rows = [{"place": place} | row for place, row in enumerate(rows)]

    def mappings(self) -> "Rows":
        return self

    def all(self) -> list[dict[str, Any]]:
        return self.rows[::-1]
