"""Random writes of a host to its table: by every statement that changes rows, key moves, renames, users, TRUNCATE."""

from collections.abc import Callable
from random import Random
from typing import Any

import psycopg

from tests.exactness.description import Column, Description
from tests.exactness.partitions import Partitions
from tests.exactness.pools import TABLE, USERS_TABLE

Session = psycopg.Connection[Any]
Kinds = dict[Callable[[], None], float]


class Writer:
    """Writes by the host's sessions, one after another; ``next_id`` is of the table.

    :param sessions: which of them writes is left to chance.
    :param adopt: looks for new partitions, as the leader does.
    """

    def __init__(self, sessions: list[Session], of: Description, chance: Random, adopt: Callable[[], None]) -> None:
        self.sessions, self.of, self.chance, self.next_id = sessions, of, chance, 0
        self.c = sessions[0]
        self.partitions = Partitions(self, adopt)

    def fill(self, rows: int) -> None:
        keys = self.of.keys if self.of.on_delete else self.of.keys[: self.chance.randint(2, 3)]
        for key in keys:
            self._user(key)
        self.insert(self.c, rows)

    def one(self) -> None:
        """Write once."""
        self.one_of(self.kinds() | (self.partitions.kinds if self.of.partitioned else {}))

    def one_of(self, kinds: Kinds) -> None:
        """Write once in one of these ways, by one of the sessions."""
        self.c = self.chance.choice(self.sessions)
        self._choose(kinds)

    def kinds(self) -> Kinds:
        """Return the ways to write to any table, with how often each is chosen."""
        return self._rows() | {
            self._users: 2,
            self._truncate: 0.3,
            self._rename: 1.5,
            self._roll_back: 1,
            self._savepoints: 1,
            self._replica: 1.5,
        }

    def within(self, session: Session) -> None:
        """Write rows within a transaction of another session, which stays open."""
        self.c = session
        for _ in range(self.chance.randint(1, 3)):
            self._choose(self._rows())

    def _rows(self) -> Kinds:
        return {
            self._insert: 6,
            self._copy: 2,
            self._update: 8,
            self._update_nothing: 0.5,
            self._move: 5,
            self._delete: 2,
            self._upsert: 3,
            self._merge: 2,
            self._all_at_once: 2,
        }

    def _choose(self, kinds: Kinds) -> None:
        self.chance.choices(tuple(kinds), tuple(kinds.values()))[0]()

    def row(self, part: int | None = None) -> list[object]:
        """Return the values of a new row."""
        self.next_id += 1
        values = [self.of.value(column, self.chance) for column in self.of.all_columns]
        return [self.next_id, self.chance.choice((0, 1, 2, 3)) if part is None else part, *values]

    def insert(self, session: Session, rows: int, table: str = TABLE, part: int | None = None) -> None:
        """Insert rows by one statement."""
        given = [self.row(part) for _ in range(rows)]
        values = ", ".join(f"({self._values()})" for _ in given)
        text = f"INSERT INTO {table} ({self._names()}) VALUES {values}"
        session.execute(text.encode(), [value for row in given for value in row])

    def _names(self) -> str:
        return ", ".join(["id", "part", *(it.escaped for it in self.of.all_columns)])

    def _values(self) -> str:
        return f"%s::bigint, %s::integer, {', '.join(f'%s::text::{it.cast}' for it in self.of.all_columns)}"

    def _insert(self) -> None:
        self.insert(self.c, self.chance.choice((1, 1, 2, 12)))

    def _copy(self) -> None:
        names = self._names().replace("%%", "%")
        with self.c.cursor().copy(f"COPY {TABLE} ({names}) FROM STDIN".encode()) as copy:
            for _ in range(self.chance.choice((1, 5))):
                copy.write_row(self.row())

    def some(self) -> str:
        """Return the condition of some rows."""
        if self.chance.random() < 0.5:
            return f"id = {self.chance.randint(1, max(self.next_id, 1))}"
        return f"id %% {self.chance.choice((3, 7, 19))} = {self.chance.randint(0, 2)}"

    def set(self, columns: list[Column], table: str = TABLE, where: str = "") -> None:
        """Give columns of some rows new values."""
        assigned = ", ".join(f"{it.escaped} = %s::text::{it.cast}" for it in columns)
        text = f"UPDATE {table} SET {assigned} WHERE {where or self.some()}"
        self.c.execute(text.encode(), [self.of.value(it, self.chance) for it in columns])

    def _update(self) -> None:
        self.set(self.chance.sample(self.of.columns, self.chance.randint(1, 3)))

    def _update_nothing(self) -> None:
        column = self.chance.choice(self.of.all_columns).escaped
        self.c.execute(f"UPDATE {TABLE} SET {column} = {column} WHERE {self.some()}".encode(), ())

    def _move(self) -> None:
        keys = [self.of.user, *([self.of.time] if self.of.time else [])]
        self.set(self.chance.sample(keys, self.chance.randint(1, len(keys))))

    def _delete(self) -> None:
        self.c.execute(f"DELETE FROM {TABLE} WHERE {self.some()}".encode(), ())

    def _other_id(self) -> list[object]:
        """Return a new row whose key another row may have."""
        values = self.row(0)
        values[0] = self.chance.randint(1, self.next_id)
        return values

    def _upsert(self) -> None:
        key = "id, part" if self.of.partitioned else "id"
        changed = ", ".join(
            f"{it.escaped} = excluded.{it.escaped}" for it in self.chance.sample(self.of.all_columns, 3)
        )
        text = f"INSERT INTO {TABLE} ({self._names()}) VALUES ({self._values()}) ON CONFLICT ({key}) DO UPDATE SET "
        self.c.execute((text + changed).encode(), self._other_id())

    def _merge(self) -> None:
        columns, names = self.chance.sample(self.of.all_columns, 3), self._names()
        same = "t.id = v.id AND t.part = v.part" if self.of.partitioned else "t.id = v.id"
        changed = ", ".join(f"{it.escaped} = v.{it.escaped}" for it in columns)
        text = f"""MERGE INTO {TABLE} t USING (SELECT {self._values()}) v ({names}) ON {same}
            WHEN MATCHED AND v.id %% 3 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET {changed}
            WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({", ".join(f"v.{it}" for it in names.split(", "))})"""
        self.c.execute(text.encode(), self._other_id())

    def _all_at_once(self) -> None:
        """Delete, update and insert by one statement."""
        column = self.chance.choice(self.of.all_columns)
        text = f"""WITH gone AS (DELETE FROM {TABLE} WHERE id %% 14 = 3 RETURNING id),
            changed AS (UPDATE {TABLE} SET {column.escaped} = %s::text::{column.cast} WHERE id %% 14 = 2 RETURNING id)
            INSERT INTO {TABLE} ({self._names()}) VALUES ({self._values()})"""
        self.c.execute(text.encode(), [self.of.value(column, self.chance), *self.row()])

    def _user(self, key: str) -> None:
        text = f"INSERT INTO {USERS_TABLE} VALUES (%s::text::{self.of.key_type}) ON CONFLICT DO NOTHING"
        self.c.execute(text.encode(), (key,))

    def _users(self) -> None:
        """Delete or insert a user; where a foreign key needs the key, rows of another may take it, and it is back."""
        key, other = self.chance.sample(self.of.keys, 2)
        kind = self.of.key_type
        gone = f"DELETE FROM {USERS_TABLE} WHERE id = %s::text::{kind}".encode()
        if self.of.on_delete:
            self.c.execute(gone, (key,))
            if self.chance.random() < 0.5:
                moved = f"UPDATE {USERS_TABLE} SET id = %s::text::{kind} WHERE id = %s::text::{kind}"
                self.c.execute(moved.encode(), (key, other))
            self._user(key)
            self._user(other)
        elif self.chance.random() < 0.6:
            self._user(key)
        else:
            self.c.execute(gone, (key,))

    def _truncate(self) -> None:
        self.c.execute(f"TRUNCATE {TABLE}".encode())
        self.insert(self.c, 20)

    def _rename(self) -> None:
        column = self.chance.choice(self.of.all_columns)
        new = column.name.removesuffix(" 2") if column.name.endswith(" 2") else f"{column.name} 2"
        self.c.execute(f"ALTER TABLE {TABLE} RENAME COLUMN {column.sql} TO {Column(new, '', ()).sql}".encode())
        column.name = new

    def _roll_back(self) -> None:
        with self.c.transaction(force_rollback=True):
            self._insert()
            self._delete()

    def _savepoints(self) -> None:
        with self.c.transaction():
            self._choose(self._rows())
            with self.c.transaction(force_rollback=True):
                self._choose(self._rows())
            self._choose(self._rows())

    def _replica(self) -> None:
        """Write as a bulk load does that switches the host's triggers off."""
        self.c.execute("SET session_replication_role = replica")
        self._choose(self._rows())
        self.c.execute("RESET session_replication_role")
