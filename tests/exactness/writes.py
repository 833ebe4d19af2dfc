"""Random writes of a host to its table: rows, key moves, upserts, TRUNCATE, partitions, renames, users."""

from collections.abc import Callable
from random import Random
from typing import Any

import psycopg

from tests.exactness.description import SCHEMA, TABLE, USERS_TABLE, Column, Description


class Writer:
    """Writes with one connection; ``next_id`` and ``attached`` are of the table.

    :param adopt: looks for new partitions, as the leader does.
    """

    def __init__(
        self, connection: psycopg.Connection[Any], of: Description, chance: Random, adopt: Callable[[], None]
    ) -> None:
        self.c, self.of, self.chance, self.adopt = connection, of, chance, adopt
        self.next_id = 0
        self.attached: list[int] = []

    def fill(self, rows: int) -> None:
        for key in self.of.keys[: self.chance.randint(2, 3)]:
            self._user(key)
        self.insert(self.c, rows)

    def one(self) -> None:
        """Write once."""
        kinds: dict[Callable[[], None], float] = {
            self._insert: 8,
            self._update: 9,
            self._move: 5,
            self._delete: 3,
            self._upsert: 4,
            self._users: 2,
            self._truncate: 0.3,
            self._rename: 0.5,
            self._roll_back: 1,
        }
        if self.of.partitioned:
            kinds |= {self._attach: 1.5, self._detach: 1, self._part: 2}
        self.chance.choices(tuple(kinds), tuple(kinds.values()))[0]()

    def insert(
        self, connection: psycopg.Connection[Any], rows: int, table: str = TABLE, part: int | None = None
    ) -> None:
        """Insert rows by one statement."""
        columns = self.of.all_columns
        values, given = [], list[object]()
        for _ in range(rows):
            self.next_id += 1
            given += [self.next_id, self.chance.choice((0, 1, 2, 3)) if part is None else part]
            given += [self.of.value(column, self.chance) for column in columns]
            values.append(f"(%s, %s, {', '.join(f'%s::text::{it.cast}' for it in columns)})")
        names = ", ".join(["id", "part", *(it.escaped for it in columns)])
        connection.execute(f"INSERT INTO {table} ({names}) VALUES {', '.join(values)}".encode(), given)

    def _insert(self) -> None:
        self.insert(self.c, self.chance.choice((1, 1, 2, 12)))

    def _some(self) -> str:
        if self.chance.random() < 0.5:
            return f"id = {self.chance.randint(1, max(self.next_id, 1))}"
        return f"id %% {self.chance.choice((3, 7, 19))} = {self.chance.randint(0, 2)}"

    def _set(self, columns: list[Column]) -> None:
        given = [self.of.value(it, self.chance) for it in columns]
        assigned = ", ".join(f"{it.escaped} = %s::text::{it.cast}" for it in columns)
        self.c.execute(f"UPDATE {TABLE} SET {assigned} WHERE {self._some()}".encode(), given)

    def _update(self) -> None:
        self._set(self.chance.sample(self.of.columns, self.chance.randint(1, 3)))

    def _move(self) -> None:
        keys = [self.of.user, *([self.of.time] if self.of.time else [])]
        self._set(self.chance.sample(keys, self.chance.randint(1, len(keys))))

    def _delete(self) -> None:
        self.c.execute(f"DELETE FROM {TABLE} WHERE {self._some()}".encode(), ())

    def _upsert(self) -> None:
        columns = self.of.all_columns
        given = [self.chance.randint(1, self.next_id + 2), 0, *(self.of.value(it, self.chance) for it in columns)]
        self.next_id = max(self.next_id, int(str(given[0])))
        names = ", ".join(["id", "part", *(it.escaped for it in columns)])
        values = ", ".join(f"%s::text::{it.cast}" for it in columns)
        key = "id, part" if self.of.partitioned else "id"
        changed = ", ".join(f"{it.escaped} = excluded.{it.escaped}" for it in self.chance.sample(columns, 3))
        text = f"INSERT INTO {TABLE} ({names}) VALUES (%s, %s, {values}) ON CONFLICT ({key}) DO UPDATE SET {changed}"
        self.c.execute(text.encode(), given)

    def _user(self, key: str) -> None:
        text = f"INSERT INTO {USERS_TABLE} VALUES (%s::text::{self.of.key_type}) ON CONFLICT DO NOTHING"
        self.c.execute(text.encode(), (key,))

    def _users(self) -> None:
        key = self.chance.choice(self.of.keys)
        if self.chance.random() < 0.6:
            self._user(key)
        else:
            self.c.execute(f"DELETE FROM {USERS_TABLE} WHERE id = %s::text::{self.of.key_type}".encode(), (key,))

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

    def _part(self) -> None:
        self.c.execute(f"UPDATE {TABLE} SET part = {self.chance.randint(0, 3)} WHERE {self._some()}".encode(), ())

    def _attach(self) -> None:
        self.next_id += 1
        part = 1000 + self.next_id
        name = f"{SCHEMA}.part_{part}"
        if self.chance.random() < 0.5:
            self.c.execute(f"CREATE TABLE {name} PARTITION OF {TABLE} FOR VALUES IN ({part})".encode())
            self.insert(self.c, 3, TABLE, part)
        else:
            self.c.execute(f"CREATE TABLE {name} (LIKE {TABLE} INCLUDING ALL)".encode())
            self.insert(self.c, 5, name, part)
            self.c.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {name} FOR VALUES IN ({part})".encode())
        self.attached.append(part)
        self.adopt()

    def _detach(self) -> None:
        if not self.attached:
            return
        part = self.attached.pop()
        self.c.execute(f"ALTER TABLE {TABLE} DETACH PARTITION {SCHEMA}.part_{part}".encode())
        self.adopt()
