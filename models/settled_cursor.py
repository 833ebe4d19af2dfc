"""Session settings behind a transaction pooler: a cursor sends them with every transaction.

A transaction pooler runs each transaction in whichever session is free, drops or refuses settings sent at connection
start, and does not undo what other clients have SET. Invariant: no statement of Frontview runs there without its
settings, and no setting outlives its transaction; sending them costs no additional round trip.
"""

from typing import Any, Self

import psycopg
from psycopg.abc import Params
from psycopg.pq import TransactionStatus

from models.session_settings import SETTLE_TRANSACTION

# The defaults of these belong to the session, and the transaction has begun with them. SET without LOCAL ends with the
# transaction here, too; both come before its first snapshot.
# A standby refuses the second one, with the SQLSTATE that also stands for a plan that no longer fits its table.
_BEGUN_WITH = (b"SET transaction_isolation TO 'read committed'", b"SET transaction_read_only TO off")
_CHECKS_A_SETTING = "call_bool_check_hook"


class SettledCursor(psycopg.Cursor[Any]):
    """A cursor that sends the settings of its class before the first statement of each transaction."""

    settings: str

    def execute(
        self, query: Any, params: Params | None = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> Self:
        """Execute ``query`` with the settings; arguments and errors are those of psycopg.

        In autocommit, settings and query are sent as one pipeline, which the server runs as one transaction.
        """
        connection = self.connection
        if connection.info.transaction_status != TransactionStatus.IDLE:
            return super().execute(query, params, prepare=prepare, binary=binary)
        try:
            with connection.pipeline():
                own = psycopg.Cursor(connection)
                for statement in _BEGUN_WITH:
                    own.execute(statement, prepare=False)
                own.execute(SETTLE_TRANSACTION.encode(), [self.settings], prepare=False)
                return super().execute(query, params, prepare=prepare, binary=binary)
        except psycopg.errors.FeatureNotSupported as error:
            if error.diag.source_function != _CHECKS_A_SETTING:
                raise
            raise psycopg.errors.ReadOnlySqlTransaction("the server is a standby") from None


def cursor_with(settings: str) -> type[SettledCursor]:
    """Return a class of cursors that send ``settings``, from :func:`models.session_settings.of_transaction`."""
    return type("SettledCursor", (SettledCursor,), {"settings": settings})
