"""Session settings behind a transaction pooler: a cursor sends them with every transaction.

A transaction pooler runs each transaction in whichever session is free, drops or refuses settings sent at connection
start, and does not undo what other clients have SET. Invariant: no statement of Frontview runs there without its
settings, and no setting outlives its transaction; sending them costs no additional round trip.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import psycopg
from psycopg.abc import Params
from psycopg.pq import TransactionStatus

_ONE = "pg_catalog.set_config(%s, %s, true)"


class SettledCursor(psycopg.Cursor[Any]):
    """A cursor that sends the settings of its class before the first statement of each transaction."""

    settle: bytes
    values: Sequence[str]

    def execute(
        self, query: Any, params: Params | None = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> Self:
        """Execute ``query`` with the settings; arguments and errors are those of psycopg.

        In autocommit, settings and query are sent as one pipeline, which the server runs as one transaction.
        """
        connection = self.connection
        if connection.info.transaction_status != TransactionStatus.IDLE:
            return super().execute(query, params, prepare=prepare, binary=binary)
        with connection.pipeline():
            psycopg.Cursor(connection).execute(self.settle, self.values, prepare=False)
            return super().execute(query, params, prepare=prepare, binary=binary)


def cursor_with(settings: Mapping[str, str]) -> type[SettledCursor]:
    """Return a class of cursors that send ``settings`` (at least one), named as in postgresql.conf."""
    settle = f"SELECT {', '.join([_ONE] * len(settings))}".encode()
    values = [word for setting in settings.items() for word in setting]
    return type("SettledCursor", (SettledCursor,), {"settle": settle, "values": values})
