"""A psycopg connection that remembers how long each statement took, for code that opens its own.

Invariant: only a clock is added; statements run as on any connection.
"""

import time
from typing import Any, NamedTuple, Self

import psycopg

from models.engine import connection_arguments


class Took(NamedTuple):
    """One statement; times in monotonic seconds."""

    statement: str
    began: float
    seconds: float


class TimedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that logs its statements."""

    diary: list[Took]

    @classmethod
    def open(cls, url: str, application_name: str, diary: list[Took]) -> Self:
        """Return a connection in autocommit that appends its statements to ``diary``."""
        opened = cls.connect(url, autocommit=True, **connection_arguments(url, application_name))
        opened.diary = diary
        return opened

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Execute a statement and note how long that took."""
        began = time.monotonic()
        cursor = super().execute(query, params, **options)
        if hasattr(self, "diary"):
            self.diary.append(Took(str(query), began, time.monotonic() - began))
        return cursor
