"""One statement with a time limit of this process's own, for a connection that no deadline watches.

Invariant: waiting ends in time, whatever server, proxy and link do. Afterwards the connection is idle; its owner closes
it if no result came.
"""

import select
import time
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.pq.abc import PGresult


def answer_within(
    connection: psycopg.Connection[Any], statement: bytes, parameters: Sequence[bytes], seconds: float
) -> PGresult | None:
    """Return the result of a statement with parameters ``$1`` and so on; None if it did not come within ``seconds``.

    :raises psycopg.Error: the connection is lost, or the server refuses the statement.
    """
    pgconn = connection.pgconn
    pgconn.send_query_params(statement, parameters)
    answers = select.poll()
    answers.register(connection.fileno(), select.POLLIN)
    due = time.monotonic() + seconds
    result: PGresult | None = None
    while True:
        while not pgconn.is_busy():
            if (arrived := pgconn.get_result()) is None:
                return result
            if arrived.error_message:
                raise psycopg.errors.error_from_result(arrived)
            result = arrived
        if not answers.poll(max(0.0, due - time.monotonic()) * 1000):
            return None
        pgconn.consume_input()
