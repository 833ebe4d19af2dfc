"""Declarations over a host's tables, changed at random into others that an author might write, and the host's writes.

Invariant: everything comes from the dice that are passed in; the writes are the host's and may never fail.
"""

import random
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.views_sql.declaration.mutations import toml

TABLES = """
CREATE SCHEMA "Shop";
CREATE TYPE "Shop"."State" AS ENUM ('paid', 'sent', 'draft');
CREATE TABLE "Shop"."User" (id text PRIMARY KEY, "displayName" text, plan text, code integer UNIQUE NOT NULL);
CREATE TABLE "Shop"."Order" (
    id bigint PRIMARY KEY, "customerId" text REFERENCES "Shop"."User" (id) ON DELETE SET NULL, "createdAt" timestamp(3),
    "paidAt" timestamptz, due date, state "Shop"."State", country text, "select" varchar(20), gift boolean, basket uuid,
    total numeric(12, 2), cents integer, big bigint, rate numeric, weight float8, raw jsonb, place point, took interval,
    small smallint NOT NULL DEFAULT 0, "at" time, doubled bigint GENERATED ALWAYS AS (cents * 2) STORED
);
CREATE INDEX ON "Shop"."Order" ("customerId", "createdAt");
CREATE TABLE "Shop".event (account text NOT NULL, occurred timestamptz, kind text, amount bigint, day date)
    PARTITION BY LIST (kind);
CREATE TABLE "Shop".event_a PARTITION OF "Shop".event FOR VALUES IN ('a', NULL);
CREATE TABLE "Shop".event_rest PARTITION OF "Shop".event DEFAULT;
INSERT INTO "Shop"."User" VALUES ('ann', 'Ann', 'free', 1), ('Bob''; --', NULL, NULL, 2), ('', 'nobody', 'x', 3);
"""
COLUMNS = {
    "Shop.Order": (
        *("id", "customerId", "createdAt", "paidAt", "due", "state", "country", "select", "gift", "basket", "total"),
        *("cents", "big", "rate", "weight", "raw", "place", "took", "small", "at", "doubled"),
    ),
    "Shop.event": ("account", "occurred", "kind", "amount", "day"),
    "Shop.User": ("id", "displayName", "plan", "code"),
}
EXPRESSIONS = {
    "Shop.Order": (
        *("coalesce(country, '??')", "cents * 2", "(cents % 2)::integer", "total::numeric(10, 1)", "gift IS TRUE"),
        *("state = 'paid'", "total > 10", "country IS NOT NULL", "weight::numeric", "(raw ->> 'a')", "lower(country)"),
        *('"createdAt"::date', "now()", "sum(cents)", "raw::text", "length(country)", '"select" COLLATE "C"'),
        *("CASE WHEN gift THEN cents ELSE 0 END", "extract(epoch FROM took)", "total / nullif(cents, 0)", "TRUE"),
        *("country NOT IN ('DE', 'FR')", "state::text", "(SELECT 1)", "nope", "'x'", "NULL::integer", "-total", "2"),
    ),
    "Shop.event": (
        *("coalesce(kind, '')", "amount / 100", "kind = 'a'", "abs(amount)", "occurred IS NULL", "amount % 3 = 0"),
        *("(amount / 100)::integer", "day - 1", "occurred", "upper(kind)", "kind || 'x'", "greatest(amount, 0)"),
    ),
    "Shop.User": ("coalesce(plan, 'none')", "code > 1", "code + 1"),
}
VERBS = ("sum", "avg", "min", "max", "distinct", "percentile", "count")
OF_USERS = {
    "table": ("Shop.User", "Shop.Order"),
    "key": ("id", "code", "plan"),
    "name": ("plan", *EXPRESSIONS["Shop.User"]),
    "zone": ("Asia/Tokyo", "America/Havana", "EST"),
    "claim": ("account.id", "sub"),
}
ZONES = ("UTC", "America/Havana", "Pacific/Apia", "Europe/Dublin", "Australia/Lord_Howe", "CET", "Mars")
GOOD: dict[str, Any] = {
    "user": {"table": "Shop.User", "name": "displayName", "zone": "Europe/Berlin"},
    "view": {
        "orders": {
            "table": "Shop.Order",
            "user": "customerId",
            "time": "createdAt",
            "where": "state <> 'draft'",
            "dimensions": {"country": "country", "state": "state"},
            "measures": {"orders": "count", "revenue": {"sum": "total"}, "buyers": {"distinct": "basket"}},
        },
        "logins": {
            "table": "Shop.event",
            "user": "account",
            "time": "occurred",
            "dimensions": {"kind": "kind"},
            "measures": {"logins": "count", "mean": {"avg": "amount", "decimals": 3}, "last": {"max": "day"}},
        },
    },
}


METRIC = {"formula": "orders.orders / logins.logins", "decimals": 2}
LABEL = {"label": ["Shop.User.displayName"]}
PERIODS = ("today", "last_7_days", "this_month", "all_time")


def mutant(dice: random.Random) -> str:
    """Return the text of a declaration after a few changes."""
    tree: dict[str, Any] = {"user": dict(GOOD["user"]), "view": {}}
    for name, view in GOOD["view"].items():
        if dice.random() < 0.7 or not tree["view"]:
            tree["view"][name] = {key: dict(it) if isinstance(it, dict) else it for key, it in view.items()}
    for _ in range(dice.randint(1, 3)):
        _change(tree, dice)
    _show(tree, dice)
    return "".join(f"{key} = {toml(value)}\n" for key, value in tree.items())


def _change(tree: dict[str, Any], dice: random.Random) -> None:
    if dice.random() < 0.15:
        field, values = dice.choice(list(OF_USERS.items()))
        _put(tree["user"], field, dice.choice((None, *values)))
    elif tree["view"]:
        _change_view(dice.choice(list(tree["view"].values())), dice)


def _show(tree: dict[str, Any], dice: random.Random) -> None:
    """Declare what is shown of the views, most of it over views that are left."""
    if dice.random() < 0.4:
        tree["user"]["facts"] = {"fact": dice.choice((*COLUMNS["Shop.User"], *EXPRESSIONS["Shop.User"]))}
    if dice.random() < 0.4 and "orders" in tree["view"]:
        tree["dimension"] = {"country": LABEL | dice.choice(({}, {"user": "id", "all": True}, {"shared": True}))}
    if len(tree["view"]) == len(GOOD["view"]) and dice.random() < 0.5:
        tree["metric"] = {"ratio": METRIC}
    if dice.random() < 0.6:
        tree["list"] = {"latest": _list(dice)}
    if dice.random() < 0.6:
        tree["dashboard"] = {"board": {"panels": _panels(tree, dice)}}
        if dice.random() < 0.5:
            tree["dashboard"]["board"]["filters"] = [dice.choice(("country", "state", "kind"))]


def _list(dice: random.Random) -> dict[str, Any]:
    table = dice.choice(("Shop.Order", "Shop.Order", "Shop.User"))
    shown = (*COLUMNS[table], *EXPRESSIONS[table], "country.displayName")
    order = [f"{dice.choice(COLUMNS[table])} {dice.choice(('asc', 'desc'))}" for _ in range(dice.randint(1, 2))]
    columns = {name: dice.choice(shown) for name in ("one", "two", "three")}
    listed = {"table": table, "columns": columns, "order": ", ".join(order), "limit": dice.randint(1, 5)}
    return listed | ({"where": dice.choice(EXPRESSIONS[table])} if dice.random() < 0.3 else {})


def _panels(tree: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """Return a few panels of all kinds, over measures and dimensions of the views that are left."""
    measures = [f"{view}.{name}" for view, it in tree["view"].items() for name in it["measures"]]
    dimensions = [name for it in tree["view"].values() for name in it["dimensions"]] or ["country"]
    some = [*dice.sample(measures, dice.randint(1, min(3, len(measures)))), *tree.get("metric", ())]
    panels = {
        "facts": {"kind": "facts", "of": "user"},
        "glance": {"kind": "compare", "measures": some, "with": dice.choice(("previous_period", "previous_year"))},
        "sums": {"kind": "periods", "measures": some, "periods": dice.sample(PERIODS, 2)},
        "daily": {"kind": "series", "measures": some, "totals": True},
        "best": {"kind": "groups", "by": [dice.choice(dimensions)], "measures": [dice.choice(measures)]},
        "latest": {"kind": "list", "list": "latest"},
    }
    return {name: panels[name] for name in dice.sample([*panels], dice.randint(1, 4))}


def _change_view(view: dict[str, Any], dice: random.Random) -> None:
    table = view.get("table", "Shop.Order")
    columns = COLUMNS.get(table, COLUMNS["Shop.User"])
    expression = dice.choice((*columns, *EXPRESSIONS.get(table, ())))
    name = dice.choice(("one", "two", "kind", "a_b", "x" * 40, "day", "user_key", "at", "value", "select"))
    match dice.randint(0, 7):
        case 0:
            _put(view, dice.choice(("time", "user", "where")), dice.choice((None, *columns)))
        case 1:
            _put(view, dice.choice(("zone", "stored_zone")), dice.choice((None, *ZONES)))
        case 2:
            _put(view, "where", expression)
        case 3 | 4:
            view["dimensions"][name] = expression
        case 5:
            _put(view, "longest_days", dice.choice((None, 1, 400, 4001)))
        case _:
            verb = dice.choice(VERBS)
            measure = {verb: True if verb == "count" else expression}
            measure |= {"at": 0.5, "live": True} if verb == "percentile" else {}
            measure |= {"where": dice.choice(EXPRESSIONS.get(table, ("TRUE",)))} if dice.random() < 0.3 else {}
            view["measures"][name] = measure


def _put(table: dict[str, Any], field: str, value: object) -> None:
    table.pop(field, None)
    if value is not None:
        table[field] = value


MOMENTS = ("infinity", "-infinity", "4713-11-24 01:00+00 BC", "20000-01-01", "294276-12-31 23:00+00", None)
ORDER = '"Shop"."Order"'
EVENT = '"Shop".event'
POOLS: dict[str, dict[str, tuple[str, tuple[str | None, ...]]]] = {
    ORDER: {
        "customerId": ("text", ("ann", "Bob'; --", "", None)),
        "createdAt": ("timestamp", ()),
        "paidAt": ("timestamptz", ()),
        "due": ("date", ()),
        "state": ('"Shop"."State"', ("paid", "sent", "draft", None)),
        "country": ("text", ("DE", "", "ü", None)),
        "select": ("text", ("x", None)),
        "gift": ("boolean", ("t", "f", None)),
        "basket": ("uuid", ("0" * 32, None)),
        "total": ("numeric", ("1.50", "-3", "NaN", None)),
        "cents": ("integer", ("1", "0", None)),
        "big": ("bigint", ("9", None)),
        "rate": ("numeric", ("Infinity", "1.0", "1.00", None)),
        "weight": ("float8", ("NaN", "1e300", None)),
        "raw": ("jsonb", ('{"a": "1"}', "[]", "null", None)),
        "place": ("point", ("(1,2)", None)),
        "took": ("interval", ("1 day", "-1 mon", None)),
        "at": ("time", ("12:00", "24:00", None)),
    },
    EVENT: {
        "account": ("text", ("ann", "nobody")),
        "occurred": ("timestamptz", ()),
        "kind": ("text", ("a", "b", None)),
        "amount": ("bigint", ("5", "-7", None)),
        "day": ("date", ()),
    },
}


@dataclass
class Host:
    """A session of the host, which writes to every table in every way."""

    c: psycopg.Connection[Any]
    dice: random.Random

    def write(self) -> None:
        """Insert, copy, update each column, delete and truncate, with NULLs and times beyond the calendar."""
        self.fill()
        for table, columns in POOLS.items():
            for column, (kind, _) in columns.items():
                text = f'UPDATE {table} SET "{column}" = %s::text::{kind} WHERE random() < 0.2'
                self.c.execute(text.encode(), (self._value(table, column),))
        with self.c.cursor().copy(f"COPY {EVENT} (account, occurred, kind) FROM STDIN".encode()) as copy:
            copy.write_row([self._value(EVENT, column) for column in ("account", "occurred", "kind")])
        for statement in (
            f"INSERT INTO {ORDER} (id, cents) VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET cents = 7",
            """DELETE FROM "Shop"."User" WHERE id = ''""",
            """INSERT INTO "Shop"."User" VALUES ('', NULL, 'y', 3)""",
            f"DELETE FROM {ORDER} WHERE id % 5 = 0",
            f"DELETE FROM {EVENT} WHERE kind = 'b'",
            f"TRUNCATE {self.dice.choice((ORDER, EVENT, f'{EVENT}_a'))}",
        ):
            self.c.execute(statement.encode())
        self.fill()

    def fill(self) -> None:
        """Insert rows of each table."""
        for table, columns in POOLS.items():
            self.c.execute(f"DELETE FROM {table}".encode())
            for number in range(20):
                parts = {f'"{name}"': f"%s::text::{kind}" for name, (kind, _) in columns.items()}
                parts |= {"id": str(number)} if table == ORDER else {}
                text = f"INSERT INTO {table} ({', '.join(parts)}) VALUES ({', '.join(parts.values())})"
                self.c.execute(text.encode(), [self._value(table, it) for it in columns])

    def _value(self, table: str, column: str) -> str | None:
        pool = POOLS[table][column][1]
        if pool:
            return self.dice.choice(pool)
        return self.dice.choice(MOMENTS) if self.dice.random() < 0.3 else f"2026-03-{self.dice.randint(10, 31)} 01:30"
