"""Random writes of a host to all of its tables: rows that are counted, labels, owners, users, zones and facts."""

from collections.abc import Callable
from random import Random

from tests.exactness.dashboards.host import Host, HostTable
from tests.exactness.description import Column
from tests.exactness.upkeep import Session

Kinds = dict[Callable[[], None], float]


class Writer:
    """Writes by the host's sessions, one after another; ids are of all tables that are counted."""

    def __init__(self, sessions: list[Session], host: Host, chance: Random) -> None:
        self.sessions, self.host, self.chance, self.next_id = sessions, host, chance, 0
        self.c = sessions[0]
        self.products = host.products
        self.tables = list(host.counted.values())

    def fill(self, rows: int) -> None:
        for key in self.host.keys[: self.chance.choice((2, 3, 3))]:
            self._put(self.host.users, key)
        for key in self._product_keys():
            if self.chance.random() < 0.8:
                self._put(self.products, key)
        for table in self.tables:
            self._insert(table, rows // 2)

    def one(self) -> None:
        """Write once, by one of the sessions."""
        self.c = self.chance.choice(self.sessions)
        self._choose(self.kinds())

    def kinds(self) -> Kinds:
        """Return the ways to write, with how often each is chosen."""
        return self._rows() | {self._truncate: 0.3, self._roll_back: 1, self._savepoints: 1}

    def within(self, session: Session) -> None:
        """Write rows within a transaction of another session, which stays open."""
        self.c = session
        for _ in range(self.chance.randint(1, 3)):
            self._choose(self._rows())

    def _rows(self) -> Kinds:
        return {
            self._insert_some: 5,
            self._update: 6,
            self._move: 5,
            self._delete: 2,
            self._label: 4,
            self._product: 2,
            self._owner: 2,
            self._zone: 3,
            self._fact: 2,
            self._user: 1.5,
        }

    def _choose(self, kinds: Kinds) -> None:
        self.chance.choices(tuple(kinds), tuple(kinds.values()))[0]()

    def _product_keys(self) -> tuple[str, ...]:
        column = next(it.product for it in self.tables if it.product is not None)
        return tuple(it for it in column.pool if it is not None)

    def _value(self, table: HostTable, column: Column) -> str | None:
        return self.host.value(table, column, self.chance)

    def _put(self, table: HostTable, key: object) -> None:
        """Insert a row, or give the one of that key new values."""
        names = ", ".join(["id", *(it.escaped for it in table.written)])
        values = ", ".join([f"%s::text::{table.key_type}", *(f"%s::text::{it.cast}" for it in table.written)])
        changed = ", ".join(f"{it.escaped} = excluded.{it.escaped}" for it in table.written)
        text = f"INSERT INTO {table.sql} ({names}) VALUES ({values}) ON CONFLICT (id) DO UPDATE SET {changed}"
        self.c.execute(text.encode(), [str(key), *(self._value(table, it) for it in table.written)])

    def _insert(self, table: HostTable, rows: int) -> None:
        names = ", ".join(["id", *(it.escaped for it in table.written)])
        values = ", ".join(["%s::bigint", *(f"%s::text::{it.cast}" for it in table.written)])
        given: list[object] = []
        for _ in range(rows):
            self.next_id += 1
            given += [self.next_id, *(self._value(table, it) for it in table.written)]
        text = f"INSERT INTO {table.sql} ({names}) VALUES {', '.join([f'({values})'] * rows)}"
        self.c.execute(text.encode(), given)

    def _set(self, table: HostTable, columns: list[Column], where: str, *keys: object) -> None:
        assigned = ", ".join(f"{it.escaped} = %s::text::{it.cast}" for it in columns)
        text = f"UPDATE {table.sql} SET {assigned} WHERE {where}"
        self.c.execute(text.encode(), [*(self._value(table, it) for it in columns), *keys])

    def _some(self) -> str:
        if self.chance.random() < 0.5:
            return f"id = {self.chance.randint(1, max(self.next_id, 1))}"
        return f"id %% {self.chance.choice((3, 7, 19))} = {self.chance.randint(0, 2)}"

    def _insert_some(self) -> None:
        self._insert(self.chance.choice(self.tables), self.chance.choice((1, 1, 2, 9)))

    def _update(self) -> None:
        """Change what is counted, shown, or decides whether a row is in a list and where."""
        table = self.chance.choice(self.tables)
        self._set(table, self.chance.sample(table.columns, self.chance.randint(1, 3)), self._some())

    def _move(self) -> None:
        """Move rows to another user, day or group."""
        table = self.chance.choice(self.tables)
        keys = [it for it in (table.user, table.time, table.product, table.country) if it is not None]
        self._set(table, self.chance.sample(keys, self.chance.randint(1, len(keys))), self._some())

    def _delete(self) -> None:
        self.c.execute(f"DELETE FROM {self.chance.choice(self.tables).sql} WHERE {self._some()}".encode(), ())

    def _key(self, table: HostTable) -> str:
        return f"id = %s::text::{table.key_type}"

    def _label(self) -> None:
        """Rename a product."""
        it = self.products
        self._set(it, self.chance.sample(it.columns, 1), self._key(it), self.chance.choice(self._product_keys()))

    def _owner(self) -> None:
        """Give a product to another user, or to nobody."""
        it = self.products
        assert it.user is not None
        self._set(it, [it.user], self._key(it), self.chance.choice(self._product_keys()))

    def _product(self) -> None:
        """Insert, delete or re-key a product."""
        key, other = self.chance.sample(self._product_keys(), 2)
        it, what = self.products, self.chance.random()
        if what < 0.5:
            self._put(it, key)
            return
        self.c.execute(f"DELETE FROM {it.sql} WHERE {self._key(it)}".encode(), (key,))
        if what < 0.7:
            text = f"UPDATE {it.sql} SET id = %s::text::{it.key_type} WHERE {self._key(it)}"
            self.c.execute(text.encode(), (key, other))

    def _zone(self) -> None:
        users = self.host.users
        zone = next(it for it in users.columns if it.name == "Time zone")
        self._set(users, [zone], self._key(users), self.chance.choice(self.host.keys))

    def _fact(self) -> None:
        users = self.host.users
        facts = [it for it in users.columns if it.name not in ("name", "Time zone")]
        self._set(users, self.chance.sample(facts, 2), self._key(users), self.chance.choice(self.host.keys))

    def _user(self) -> None:
        users, key = self.host.users, self.chance.choice(self.host.keys)
        if self.chance.random() < 0.7:
            self._put(users, key)
        else:
            self.c.execute(f"DELETE FROM {users.sql} WHERE {self._key(users)}".encode(), (key,))

    def _truncate(self) -> None:
        table = self.chance.choice((*self.tables, self.products))
        self.c.execute(f"TRUNCATE {table.sql}".encode())
        if table is self.products:
            self._put(table, self.chance.choice(self._product_keys()))
        else:
            self._insert(table, 15)

    def _roll_back(self) -> None:
        with self.c.transaction(force_rollback=True):
            self._insert_some()
            self._zone()

    def _savepoints(self) -> None:
        with self.c.transaction():
            self._choose(self._rows())
            with self.c.transaction(force_rollback=True):
                self._choose(self._rows())
            self._choose(self._rows())
