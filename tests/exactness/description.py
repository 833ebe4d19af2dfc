"""A random application as plain values: a host's table, what is declared on it, and how SQL of one's own says the same.

Invariant: nothing here comes from the product. An expression has two spellings, the file's and the oracle's.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

from tests.exactness.pools import (
    GROUPED,
    KINDS,
    NAMES,
    NO_NUMBERS,
    ODD_TIMES,
    POOLS,
    RANKED,
    SCHEMA,
    STATE,
    STORED_ZONES,
    SUMMED,
    TABLE,
    TEXT,
    USER_KEYS,
    USERS_TABLE,
    ZONES,
)  # fmt: skip


@dataclass
class Column:
    """A column of the table; ``pool`` are texts of its values, None for NULL. Its name changes when it is renamed."""

    name: str
    type: str
    pool: tuple[str | None, ...]

    @property
    def sql(self) -> str:
        return quoted(self.name)

    @property
    def escaped(self) -> str:
        """Its name in a statement with parameters."""
        return self.sql.replace("%", "%%")

    @property
    def cast(self) -> str:
        return cast_type(self.type)


@dataclass(frozen=True)
class Expression:
    """SQL over one row, twice: as the file has it, and as the oracle has it; ``$c`` is the column.

    :param pool: values that it may have, and some that it never has.
    """

    column: Column
    type: str
    declared: str
    own: str
    pool: tuple[str | None, ...]

    def shown(self, most: int) -> str:
        """Return the oracle's, as an answer shows it in a group: beyond ``most`` bytes, its beginning and its hash."""
        if not self.type.startswith("text"):
            return self.sql
        start = (most - 67) // 4
        hashed = f"substr({self.sql}, 1, {start}) || '...' || encode(sha256(convert_to({self.sql}, 'UTF8')), 'hex')"
        return f"CASE WHEN length(convert_to({self.sql}, 'UTF8')) > {most} THEN {hashed} ELSE {self.sql} END"

    @property
    def text(self) -> str:
        """What stands in the file."""
        return self.column.name if self.declared == "$c" else self.declared.replace("$c", self.column.sql)

    @property
    def sql(self) -> str:
        """The oracle's, over rows ``b``."""
        return self.own.replace("$c", f"b.{self.column.escaped}")


@dataclass(frozen=True)
class Measure:
    """A measure of the view."""

    name: str
    verb: str
    argument: Expression | None = None
    where: Expression | None = None
    at: float = 0.5
    decimals: int = 2
    live: bool = False

    @property
    def is_number(self) -> bool:
        return self.verb not in ("min", "max", "percentile") or self.argument is None or self.argument.type in SUMMED

    def toml(self) -> str:
        parts = ["count = true" if self.argument is None else f"{self.verb} = {json.dumps(self.argument.text)}"]
        if self.where:
            parts.append(f"where = {json.dumps(self.where.text)}")
        if self.verb == "percentile":
            parts.append(f"at = {self.at}")
        if self.verb == "avg":
            parts.append(f"decimals = {self.decimals}")
        if self.live:
            parts.append("live = true")
        return f"{self.name} = {{ {', '.join(parts)} }}"


class HasColumns(Protocol):
    """A table of whose columns dimensions, measures and conditions are made."""

    columns: list[Column]
    time: Column | None


@dataclass
class Description:
    """An application: one table, one view on it.

    :param time_type: None: the view has no days.
    :param users: whether there is a table of users.
    :param on_delete: what the host's foreign key to its users does with rows of a deleted one; None: there is none.
    :param own_zone: whether the zone is the view's alone, beside another of the users.
    :ivar instants: around which rows are written and questions asked: the clocks of one of its zones jump there.
    """

    seed: int
    key_type: str
    time_type: str | None
    zone: str
    stored_zone: str
    users: bool
    partitioned: bool
    on_delete: str | None
    own_zone: bool
    columns: list[Column]
    where: Expression | None = None
    dimensions: dict[str, Expression] = field(default_factory=dict)
    measures: dict[str, Measure] = field(default_factory=dict)
    table: str = TABLE
    users_table: str = USERS_TABLE
    user: Column = field(init=False)
    time: Column | None = field(init=False)
    instants: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.user = Column("customerId", self.key_type, (*USER_KEYS[self.key_type], None))
        self.time = Column("createdAt", self.time_type, ()) if self.time_type else None
        stored = ZONES.get(self.stored_zone, ()) if self.time_type == "timestamp" else ()
        self.instants = (*ZONES.get(self.zone, ()), *stored)

    @property
    def keys(self) -> tuple[str, ...]:
        return USER_KEYS[self.key_type]

    @property
    def all_columns(self) -> list[Column]:
        return [self.user, *([self.time] if self.time else []), *self.columns]

    def moment(self, chance: Random) -> str | None:
        """Return a time, often near one at which the zone's clocks jump."""
        offset = "+00" if self.time_type == "timestamptz" else ""
        if chance.random() < 0.06:
            odd = chance.choice(ODD_TIMES)
            return odd and odd.replace(":00", f":00{offset}")
        at = datetime.fromisoformat(chance.choice(self.instants))
        if chance.random() < 0.4:
            at += timedelta(minutes=chance.randint(-200, 200), milliseconds=chance.choice((0, 0, -1, 999)))
        else:
            at += timedelta(days=chance.randint(-50, 30), seconds=chance.randint(0, 86399))
        if chance.random() < 0.1:
            at -= timedelta(days=365)
        return f"{at.isoformat(' ')}{offset}"

    def value(self, column: Column, chance: Random) -> str | None:
        return self.moment(chance) if column is self.time else chance.choice(column.pool)

    def tables(self) -> str:
        """Return the DDL of the host."""
        columns = ", ".join(
            f"{it.sql} {it.type}{'' if None in it.pool or it is self.time else ' NOT NULL'}" for it in self.all_columns
        )
        key, parts = ("id, part", "PARTITION BY LIST (part)") if self.partitioned else ("id", "")
        return f"""
            CREATE SCHEMA {SCHEMA};
            CREATE TYPE {STATE} AS ENUM ('paid', 'sent', 'draft');
            CREATE TABLE {USERS_TABLE} (id {self.key_type} PRIMARY KEY);
            CREATE TABLE {TABLE} (id bigint, part integer NOT NULL, {columns}, PRIMARY KEY ({key})) {parts};
            {self._partitions() if self.partitioned else ""}
            {self._foreign_key()}
            CREATE INDEX ON {TABLE} ({", ".join([self.user.sql, *([self.time.sql] if self.time else [])])});
            {f"CREATE INDEX ON {TABLE} ({self.time.sql});" if self.time else ""}"""

    def _partitions(self) -> str:
        return f"""CREATE TABLE {SCHEMA}.low PARTITION OF {TABLE} FOR VALUES IN (0, 1);
            CREATE TABLE {SCHEMA}.rest PARTITION OF {TABLE} FOR VALUES IN (2, 3);"""

    def _foreign_key(self) -> str:
        if self.on_delete is None:
            return ""
        key = f"FOREIGN KEY ({self.user.sql}) REFERENCES {USERS_TABLE} ON UPDATE CASCADE ON DELETE {self.on_delete}"
        return f"ALTER TABLE {TABLE} ADD {key};"

    def toml(self) -> str:
        """Return the file that declares it."""
        own_zone = self.own_zone and self.time is not None
        lines = ["[user]", f'zone = "{"Asia/Tokyo" if own_zone else self.zone}"']
        lines += ['table = "Host 1.User"'] if self.users else []
        lines += ["[view.things]", 'table = "Host 1.Order"', f'user = "{self.user.name}"']
        lines += [f'time = "{self.time.name}"'] if self.time else []
        lines += [f'zone = "{self.zone}"'] if own_zone else []
        lines += [f'stored_zone = "{self.stored_zone}"'] if self.time_type == "timestamp" else []
        lines += [f"where = {json.dumps(self.where.text)}"] if self.where else []
        lines += ["[view.things.dimensions]", *(f"{n} = {json.dumps(it.text)}" for n, it in self.dimensions.items())]
        return "\n".join([*lines, "[view.things.measures]", *(it.toml() for it in self.measures.values())]) + "\n"


def cast_type(kind: str) -> str:
    """Return a type as a cast has it."""
    return kind.removesuffix(' COLLATE "C"')


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def describe(seed: int) -> Description:
    """Return the application of a seed."""
    chance = Random(f"application {seed}")
    names = chance.sample(NAMES, len(NAMES))
    columns = []
    for kind, name in zip(POOLS, names, strict=False):
        pool = tuple(it for it in POOLS[kind] if it not in NO_NUMBERS or seed % 4 == 0)
        columns.append(Column(name, kind, (*pool, None) if chance.random() < 0.7 else pool))
    made = Description(
        seed,
        chance.choice(tuple(KINDS)),
        chance.choices(("date", "timestamp", "timestamptz", None), (2, 3, 5, 1))[0],
        chance.choice(tuple(ZONES)),
        chance.choice(STORED_ZONES),
        chance.random() < 0.5,
        chance.random() < 0.3,
        chance.choice((None, "CASCADE", "SET NULL")),
        chance.random() < 0.3,
        columns,
    )
    made.where = random_condition(made, chance) if chance.random() < 0.5 else None
    for number in range(chance.randint(0, 3)):
        made.dimensions[f"dim{number}"] = random_dimension(made, chance)
    verbs = [it for it in _ARGUMENTS if made.time or it != "percentile"]  # It is live, which needs days.
    for number, verb in enumerate(("count", *chance.choices(verbs, k=chance.randint(3, 6)))):
        name = f"{verb}{number}"
        made.measures[name] = random_measure(made, name, verb, chance)
    return made


def _column(of: HasColumns, kinds: tuple[str, ...], chance: Random) -> Column:
    return chance.choice([it for it in of.columns if it.type in kinds])


def _plain(column: Column) -> Expression:
    return Expression(column, column.type, "$c", "$c", column.pool)


def random_condition(of: HasColumns, chance: Random) -> Expression:
    kinds = {
        "integer": ("$c > 0", "NOT $c <= 0"),
        "boolean": ("$c", "$c IS TRUE"),
        "varchar(20)": ("$c <> 'x'", "($c < 'x' OR $c > 'x')"),
        "date": ("$c IS NOT NULL", "NOT ($c IS NULL)"),
        "numeric(12, 2)": ("$c BETWEEN 0 AND 50", "($c >= 0 AND NOT $c > 50)"),
    }
    column = _column(of, tuple(kinds), chance)
    return Expression(column, "boolean", *kinds[column.type], ("true", "false"))


def random_dimension(of: HasColumns, chance: Random) -> Expression:
    column = _column(of, (*GROUPED, "jsonb"), chance)
    if column.type == "jsonb":
        own = """(jsonb_extract_path_text($c, 'a') COLLATE "C")"""
        return Expression(column, TEXT, """($c ->> 'a') COLLATE "C\"""", own, ("x", "y", None))
    if chance.random() < 0.6:
        return _plain(column)
    if column.type == TEXT:
        own = "CASE WHEN $c IS NULL THEN '??' ELSE $c END"
        return Expression(column, column.type, "coalesce($c, '??')", own, tuple(it for it in column.pool if it))
    if column.type in {"integer", "smallint"}:
        return Expression(column, "integer", "($c % 2)::integer", "mod($c, 2)::integer", ("0", "1", "-1", None))
    return Expression(column, "boolean", "$c IS NULL", "(NOT $c IS NOT NULL)", ("true", "false"))


_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "count": (),
    "sum": SUMMED,
    "avg": SUMMED,
    "min": RANKED,
    "max": RANKED,
    "distinct": GROUPED,
    "percentile": ("integer", "bigint", "numeric(12, 2)"),
}


def random_measure(of: HasColumns, name: str, verb: str, chance: Random) -> Measure:
    argument = _plain(_column(of, _ARGUMENTS[verb], chance)) if _ARGUMENTS[verb] else None
    if argument and argument.type == "integer" and chance.random() < 0.4:
        argument = Expression(argument.column, "integer", "$c * 2 - 1", "($c + $c - 1)", ())
    where = random_condition(of, chance) if chance.random() < 0.4 else None
    live = verb == "percentile" or (of.time is not None and verb != "count" and chance.random() < 0.1)
    return Measure(name, verb, argument, where, chance.choice((0.1, 0.5, 0.95)), chance.choice((0, 2, 5)), live)
