"""``python -m tests.faults.load.writers TASK``: transactions straight to the database, each one's outcome recorded.

Invariant: a write is recorded as committed only when the server said so, as rolled back only when COMMIT was never
sent or the server refused it, and as unknown in every other case. A lost connection never ends a writer.
"""

import random
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from models.backoff import Backoff
from tests.faults.load.books import Book, Row
from tests.faults.load.late_changes import LateChanges
from tests.faults.load.recording import Pace, Recorder, read_task, serve
from tests.faults.record.encoding import PLAIN_BITS
from tests.faults.record.history import Attempt, Write

OPTIONS = "-c lock_timeout=30s -c statement_timeout=30s -c timezone=UTC"
WEIGHTS = {
    "insert_one": 40,
    "insert_several": 12,
    "roll_back": 7,
    "savepoint": 7,
    "delete": 10,
    "move": 18,
    "write_account": 3,
    "write_lead": 3,
}
Effect = tuple[Row, bool]  # a row as this transaction leaves it, and whether it exists then


class Transaction:
    """What one transaction did, and what its writer is to remember once the outcome is known."""

    def __init__(self, cursor: psycopg.Cursor[Any], book: Book) -> None:
        self.cursor, self.book = cursor, book
        self.effects: list[Effect] = []
        self.undone: list[Row] = []
        self.wanted = True  # to be committed
        self.when_committed: list[Callable[[], None]] = []
        self.when_unknown: list[Callable[[], None]] = []


class Writer:
    """One connection and the transactions on it, one after another, all on one table or on what belongs to it.

    :param index: of this one among ``count`` writers of the same table.
    :param window: the days of the run, oldest first.
    :param captured: whether it writes to the captured tables; else to the twin that nothing captures.
    :param weights: of some kinds, in place of :data:`WEIGHTS`.
    """

    def __init__(
        self,
        url: str,
        index: int,
        count: int,
        users: list[int],
        window: list[date],
        recorder: Recorder,
        *,
        captured: bool,
        weights: Mapping[str, int],
        seed: int,
    ) -> None:
        self._url, self._window, self._recorder = url, window, recorder
        self._chance = random.Random(f"{seed} {index} {captured}")
        table = "calls" if captured else "control.control_calls"
        self._book = Book(table, captured, index, count, users, self._chance)
        self._users = users
        self._agents: dict[int, list[int]] = {}
        self._connection: psycopg.Connection[Any] | None = None
        self._backoff = Backoff(0.05, 0.5)
        kinds = {**WEIGHTS, **weights}
        if not captured:  # those tables have no twin
            kinds["insert_one"] += kinds.pop("write_account") + kinds.pop("write_lead")
        self._kinds = [getattr(self, f"_{kind}") for kind in kinds]
        self._weights = list(kinds.values())

    def run(self, pace: Pace, a_second: float) -> None:
        """Write until told to stop."""
        for _ in pace.turns(a_second, self._chance):
            if not self._transact(self._chance.choices(self._kinds, self._weights)[0]):
                pace.stopping.wait(self._backoff.delay())
        self._hang_up()

    def _transact(self, kind: Callable[[Transaction], None]) -> bool:
        """Run one transaction; return whether the connection outlived it."""
        began, transaction = time.monotonic(), None
        try:
            connection = self._connected()
            with connection.cursor() as cursor:
                transaction = Transaction(cursor, self._book)
                kind(transaction)
            if not transaction.wanted:
                connection.rollback()
        except psycopg.Error as error:
            self._note_rolled_back(transaction)
            return self._end(began, error)
        if not transaction.wanted:
            self._note_rolled_back(transaction)
            return self._end(began, None)
        return self._commit(connection, transaction, began)

    def _commit(self, connection: psycopg.Connection[Any], transaction: Transaction, began: float) -> bool:
        commit_sent = time.monotonic()
        try:
            connection.commit()
        except psycopg.Error as error:
            if connection.broken or error.sqlstate is None:
                self._note(transaction, commit_sent, None)
                self._then(transaction.when_unknown)
            else:
                self._note_rolled_back(transaction)
            return self._end(began, error)
        self._note(transaction, commit_sent, time.monotonic())
        self._then(transaction.when_committed)
        self._backoff.reset()
        return self._end(began, None)

    def _end(self, began: float, error: psycopg.Error | None) -> bool:
        sqlstate = None if error is None else error.sqlstate or ""
        self._recorder.add(Attempt(self._book.captured, began, time.monotonic(), sqlstate))
        if error is None:
            return True
        connection = self._connection
        if connection is not None and not connection.closed:
            try:
                connection.rollback()
            except psycopg.Error:
                self._hang_up()
                return False
            return True
        self._hang_up()
        return False

    def _note(self, transaction: Transaction, commit_sent: float, committed: float | None) -> None:
        if not transaction.book.captured:
            return
        for row, exists in transaction.effects:
            user, day = (row.user, row.day) if exists else (None, None)
            self._recorder.add(Write(row.name, row.bit, user, day, commit_sent, committed))
        self._note_undone(transaction.undone)

    def _note_rolled_back(self, transaction: Transaction | None) -> None:
        if transaction is not None and transaction.book.captured:
            self._note_undone([row for row, exists in transaction.effects if exists] + transaction.undone)

    def _note_undone(self, rows: list[Row]) -> None:
        """Record rows that must never be seen; one that moves may well be seen there, from another transaction."""
        now, plain = time.monotonic(), [row for row in rows if row.bit < PLAIN_BITS]
        self._recorder.add(*(Write(it.name, it.bit, it.user, it.day, now, None, rolled_back=True) for it in plain))

    def _then(self, steps: list[Callable[[], None]]) -> None:
        for step in steps:
            step()

    # Connection

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url, application_name="load-writer", connect_timeout=5, options=OPTIONS
            )
        if not self._agents:
            found = self._connection.execute(
                "SELECT user_id, array_agg(id ORDER BY id) FROM agents WHERE user_id = ANY (%s) GROUP BY user_id",
                (self._users,),
            ).fetchall()
            self._connection.rollback()
            self._agents = dict(found)
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # Kinds of transactions

    def _insert(self, transaction: Transaction, rows: list[Row]) -> None:
        """Insert rows by one statement."""
        values = [value for row in rows for value in (row.user, *self._place(row.user, row.day), 1 << row.bit)]
        places = ", ".join(["(%s, %s, %s, 'completed', 60, %s)"] * len(rows))
        transaction.cursor.execute(
            f"INSERT INTO {transaction.book.table} (user_id, agent_id, started_at, status, duration_seconds, "
            f"cost_cents) VALUES {places} RETURNING id",
            values,
        )
        for row, (identity,) in zip(rows, transaction.cursor.fetchall(), strict=True):
            row.identity = identity

    def _place(self, user: int, day: int) -> tuple[int, datetime]:
        """Return an agent of the user and a moment of the day."""
        midnight = datetime.combine(self._window[day], datetime.min.time(), UTC)
        return self._chance.choice(self._agents[user]), midnight + timedelta(seconds=self._chance.randrange(86_400))

    def _insert_one(self, transaction: Transaction, most: int = 1) -> None:
        rows = transaction.book.new_rows(most)
        if not rows:
            self._move(transaction)
            return
        transaction.effects += [(row, True) for row in rows]
        self._insert(transaction, rows)
        transaction.when_committed += [lambda row=row: transaction.book.note(row) for row in rows]

    def _insert_several(self, transaction: Transaction) -> None:
        self._insert_one(transaction, self._chance.randint(2, 4))

    def _roll_back(self, transaction: Transaction) -> None:
        self._insert_one(transaction, self._chance.randint(1, 2))
        transaction.wanted = False

    def _savepoint(self, transaction: Transaction) -> None:
        self._insert_one(transaction)
        rows = transaction.book.new_rows()
        if rows:
            transaction.undone += rows
            transaction.cursor.execute("SAVEPOINT here")
            self._insert(transaction, rows)
            transaction.cursor.execute("ROLLBACK TO SAVEPOINT here")

    def _delete(self, transaction: Transaction) -> None:
        book, row = transaction.book, transaction.book.a_known_row()
        if row is None:
            self._insert_one(transaction)
            return
        book.forget(row)  # if this fails, it is left alone for good
        if transaction.cursor.execute(f"DELETE FROM {book.table} WHERE id = %s", (row.identity,)).rowcount:
            transaction.effects.append((row, False))

    def _move(self, transaction: Transaction) -> None:
        book, slot = transaction.book, transaction.book.a_moving_slot()
        if slot is None:  # nothing is left to be written
            return
        row, placed = book.moving_row(slot)
        if placed:
            user, day = book.destination(slot)
            row = replace(row, user=user, day=day)
        transaction.effects.append((row, True))
        transaction.when_committed.append(lambda: book.keep_moving(slot, row))
        if not placed:
            self._insert(transaction, [row])
            transaction.when_unknown.append(lambda: book.abandon_moving(slot))
            return
        moved = transaction.cursor.execute(
            f"UPDATE {book.table} SET user_id = %s, agent_id = %s, started_at = %s WHERE id = %s",
            (row.user, *self._place(row.user, row.day), row.identity),
        ).rowcount
        if not moved:  # somebody truncated the table
            transaction.effects.clear()
            transaction.when_committed[:] = [lambda: book.abandon_moving(slot)]

    def _write_account(self, transaction: Transaction) -> None:
        transaction.cursor.execute(
            "UPDATE users SET credits_cents = credits_cents + 1 WHERE id = %s", (self._chance.choice(self._users),)
        )

    def _write_lead(self, transaction: Transaction) -> None:
        row = self._book.a_known_row()
        transaction.cursor.execute(
            "INSERT INTO lead_analytics (call_id, user_id, agent_id, analyzed_at, score, stage) "
            "SELECT id, user_id, agent_id, started_at, 50, 'qualified' FROM calls WHERE id = %s "
            "ON CONFLICT (call_id) DO NOTHING",
            (row.identity if row else None,),
        )


def main() -> int:
    """Write as the task says, with several connections."""
    task = read_task()
    recorder, pace = Recorder(Path(task["events"])), Pace()
    window = [date.fromisoformat(day) for day in task["window"]]
    places = [(table, index) for table in task["tables"] for index in table["indexes"]]
    writers = [
        Writer(
            task["database_url"],
            index,
            table["count"],
            task["users"],
            window,
            recorder,
            captured=table["captured"],
            weights=task["weights"],
            seed=task["seed"],
        )
        for table, index in places
    ]
    rates = [table["a_second"] for table, _ in places]
    threads = [lambda it=it, rate=rate: it.run(pace, rate) for it, rate in zip(writers, rates, strict=True)]
    if task["crowd"]:
        late = LateChanges(task["database_url"], task["crowd"], task["seed"])
        threads.append(lambda: late.run(pace))
    return serve(threads, recorder, pace)


if __name__ == "__main__":
    sys.exit(main())
