"""A host of several tables: users with zones and facts, products that are labels, and three tables that are counted.

Invariant: nothing here comes from the product. Every table that is counted has a column of each type of the pools.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from tests.exactness.description import Column, quoted
from tests.exactness.pools import ODD_TIMES, POOLS, SCHEMA, STATE, TEXT, USER_KEYS, ZONES

USER_ZONES: tuple[str | None, ...] = (
    *("America/Havana", "Atlantic/Azores", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kolkata"),
    *("America/St_Johns", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Chatham", "UTC", None),
    *("", "Nowhere/At_all", "Eastern Time (US & Canada)"),
)  # fmt: skip
OF_RAILS = {"Eastern Time (US & Canada)": "America/New_York"}
UNKNOWN = frozenset({None, "", "Nowhere/At_all"})
JUMPS = (*(at for of in ZONES.values() for at in of), "2026-04-23 22:00", "2026-10-29 21:00")
PRODUCT_KEYS: dict[str, tuple[str, ...]] = {
    "integer": ("1", "2", "3", "-4"),
    "bigint": ("0", "2", "9007199254740993", "-4"),
    "uuid": tuple(f"00000000-0000-0000-0000-{n:012x}" for n in (0, 1, 2, 3)),
    TEXT: ("", "a'\"", "ü", "z"),
}
LATEST = datetime(2040, 1, 1, tzinfo=UTC)


@dataclass
class HostTable:
    """A table; its key is ``id``.

    :param columns: what dimensions and measures are made of, next to ``user``, ``time`` and ``product``.
    """

    plain: str
    key_type: str
    user: Column | None
    time: Column | None
    columns: list[Column]
    product: Column | None = None
    country: Column | None = None

    @property
    def sql(self) -> str:
        return f"{SCHEMA}.{quoted(self.plain)}"

    @property
    def declared(self) -> str:
        """Its name in the file."""
        return f"Host 1.{self.plain}"

    @property
    def written(self) -> list[Column]:
        """Every column but the key."""
        own = [it for it in (self.user, self.time, self.product, self.country) if it is not None]
        return [*own, *self.columns]

    def ddl(self) -> str:
        columns = ", ".join(
            f"{it.sql} {it.type}{'' if None in it.pool or not it.pool else ' NOT NULL'}" for it in self.written
        )
        keys = [it.sql for it in (self.user, self.time) if it is not None]
        index = f"CREATE INDEX ON {self.sql} ({', '.join(keys)});" if keys else ""
        return f"CREATE TABLE {self.sql} (id {self.key_type} PRIMARY KEY, {columns}); {index}"


@dataclass
class Host:
    """All tables of a seed."""

    key_type: str
    product_type: str
    users: HostTable
    products: HostTable
    counted: dict[str, HostTable]
    jumps: tuple[str, ...]
    keys: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.keys = USER_KEYS[self.key_type]

    @property
    def tables(self) -> Iterable[HostTable]:
        return (self.users, self.products, *self.counted.values())

    def ddl(self) -> str:
        made = " ".join(it.ddl() for it in self.tables)
        return f"CREATE SCHEMA {SCHEMA}; CREATE TYPE {STATE} AS ENUM ('paid', 'sent', 'draft'); {made}"

    def instants(self) -> tuple[str, ...]:
        """Return around which times rows are written and questions are asked: now above all."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:00")
        midnight = datetime.now(UTC).strftime("%Y-%m-%d 00:00")
        return (now, midnight, midnight, *self.jumps)

    def moment(self, kind: str, chance: Random) -> str | None:
        """Return a time as a column of a kind holds it."""
        offset = "+00" if kind == "timestamptz" else ""
        if chance.random() < 0.05:
            odd = chance.choice(ODD_TIMES)
            return odd and odd.replace(":00", f":00{offset}")
        at = datetime.fromisoformat(chance.choice(self.instants()))
        if chance.random() < 0.4:
            at += timedelta(minutes=chance.randint(-900, 900), milliseconds=chance.choice((0, 0, -1, 999)))
        else:
            at += timedelta(days=chance.randint(-40, 3), seconds=chance.randint(0, 86399))
        if chance.random() < 0.1:
            at -= timedelta(days=chance.choice((364, 365, 366)))
        return f"{at.isoformat(' ')}{offset}"

    def value(self, table: HostTable, column: Column, chance: Random) -> str | None:
        if column is table.time:
            return self.moment(column.type, chance)
        return chance.choice(column.pool)


def make_host(seed: int, chance: Random) -> Host:
    key_type, product_type = chance.choice(tuple(USER_KEYS)), chance.choice(tuple(PRODUCT_KEYS))
    keys = USER_KEYS[key_type]
    users = HostTable(
        "User", key_type, None, None,
        [
            Column("name", "text", ("Ann", "", "o'x \"y\"", None)),
            Column("Time zone", "text", USER_ZONES),
            Column("plan", "text", ("free", "pro", None)),
            Column("cents", "bigint", ("0", "-5", "9007199254740993", None)),
            Column("ratio", "numeric", ("0.10", "NaN", "Infinity", "12", None)),
            Column("seenAt", "timestamptz", ("2026-01-01 00:00+05:30", "infinity", "0044-03-15 12:00+00 BC", None)),
            Column("noise", "integer", ("1", "2")),
        ],
    )  # fmt: skip
    products = HostTable(
        "Product", product_type, Column("ownerId", key_type, (*keys, None)), None,
        [
            Column("name", "text", ("Çay \"1\"", "p2", "", None)),
            Column("active", "boolean", ("true", "false", None)),
            Column("listPrice", "numeric(12, 2)", ("1.50", "0.00", "NaN", None)),
            Column("noise", "integer", ("1", "2")),
        ],
    )  # fmt: skip
    counted = {name: _counted(seed, name, key_type, product_type, chance) for name in ("Order", "Visit", "Balance")}
    return Host(key_type, product_type, users, products, counted, tuple(chance.sample(JUMPS, 2)))


def _counted(seed: int, name: str, key_type: str, product_type: str, chance: Random) -> HostTable:
    columns = []
    for kind in POOLS:
        pool = tuple(it for it in POOLS[kind] if it not in {"NaN", "Infinity", "-Infinity"} or seed % 3 == 0)
        pool += ("infinity", "0044-03-15 BC") if kind == "date" else ()
        called = f"{kind.split('.')[-1].strip(chr(34)).replace(' COLLATE', '').replace(',', '')} {name[:1]}'"
        columns.append(Column(called, kind, (*pool, None) if chance.random() < 0.7 else pool))
    kind = None if name == "Balance" else chance.choices(("date", "timestamp", "timestamptz"), (1, 1, 4))[0]
    made = HostTable(
        name, "bigint", Column("customerId", key_type, (*USER_KEYS[key_type], None)),
        Column("at %", kind, ()) if kind else None, columns,
    )  # fmt: skip
    keys = PRODUCT_KEYS[product_type]
    if name != "Balance" or chance.random() < 0.5:
        made.product = Column("productId", product_type, (*keys, None) if chance.random() < 0.6 else keys)
        made.country = Column("Land", TEXT, (*POOLS[TEXT], None) if chance.random() < 0.6 else POOLS[TEXT])
    return made
