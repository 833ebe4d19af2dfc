"""Settings of roles and databases at random, as far as the server accepts them, and a database that has them.

Invariant: a combination follows from its seed and the server's version alone. Names, types and limits are the server's
own; only texts have values that are listed here, since most texts would be refused.
"""

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from models.connection import Connection
from tests.fix_postgres import Server

GROUP = "session_settings_group"
Values = tuple[str, ...]
TEXTS: dict[str, tuple[Values, ...]] = {
    "search_path": (
        ("app", "public"),
        ("$user", "public"),
        ("pg_temp", "app"),
        ("nowhere",),
        ("",),
        ("app", "pg_catalog"),
    ),
    "DateStyle": (("ISO", "DMY"), ("SQL", "DMY"), ("German",), ("Postgres", "MDY"), ("ISO", "YMD")),
    "TimeZone": (("America/New_York",), ("Asia/Kathmandu",), ("Pacific/Apia",), ("<+14>-14",), ("Etc/GMT+12",)),
    "timezone_abbreviations": (("India",), ("Australia",)),
    "client_encoding": (("LATIN1",), ("SQL_ASCII",), ("WIN1251",), ("EUC_JP",)),
    "lc_messages": (("C",), ("POSIX",), ("C.UTF-8",)),
    "lc_numeric": (("C",), ("C.UTF-8",)),
    "lc_monetary": (("C",), ("C.UTF-8",)),
    "lc_time": (("C",), ("C.UTF-8",)),
    "default_tablespace": (("nowhere",), ("pg_default",)),
    "temp_tablespaces": (("nowhere",), ("pg_default",)),
    "default_table_access_method": (("heap",), ("nowhere",)),
    "default_text_search_config": (("pg_catalog.english",),),
    "createrole_self_grant": (("set", "inherit"),),
    "restrict_nonsystem_relation_kind": (("view",), ("foreign-table",), ("view", "foreign-table")),
    "role": ((GROUP,), ("none",)),
    "application_name": (("somebody else",),),
    "backtrace_functions": (("errstart",),),
    "plpgsql.extra_errors": (("all",), ("too_many_rows", "strict_multi_assignment"), ("shadowed_variables",)),
    "plpgsql.extra_warnings": (("all",),),
}
_MAKE_LOGIN: tuple[LiteralString, ...] = (
    "CREATE ROLE {group}",
    "CREATE ROLE {login} LOGIN",
    "GRANT {group} TO {login}",
    "ALTER DATABASE {database} OWNER TO {login}",
    "GRANT CREATE ON DATABASE {database} TO {group}",
)
_MAKE_SUPERUSER: tuple[LiteralString, ...] = ("ALTER ROLE {login} SUPERUSER",)
_MAKE_SCHEMA: tuple[LiteralString, ...] = (
    "CREATE SCHEMA app",
    "GRANT CREATE, USAGE ON SCHEMA app TO {login}, {group}",
    "GRANT CREATE ON SCHEMA public TO {group}",
)
_DROP_LOGIN: tuple[LiteralString, ...] = ("DROP ROLE {login}", "DROP ROLE {group}")
_ESCAPED, _BACKSLASH = re.compile(r"([\\ ])"), r"\\\1"
NUMBERS = ("0", "1", "100", "5000")
LARGEST = "1e10"  # With a cost of 1.8e308, the largest that it accepts, PostgreSQL's planner cannot plan every query.
SETTABLE = """
SELECT name, vartype, min_val, max_val, enumvals, boot_val, setting FROM pg_settings
WHERE context IN ('user', 'superuser') ORDER BY name COLLATE "C"
"""
# Without these, the host's own session could not write: that its write fails is none of our faults.
WRITES = {
    "default_transaction_read_only": "off",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "lock_timeout": "0",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}


@dataclass(frozen=True)
class Setting:
    """One setting with its value, and where it is set: for the role, the database, or the role in the database."""

    place: str
    name: str
    values: Values

    def statement(self, login: str, database: str) -> sql.Composed:
        where = {
            "role": sql.SQL("ROLE {login}"),
            "database": sql.SQL("DATABASE {database}"),
            "role in database": sql.SQL("ROLE {login} IN DATABASE {database}"),
        }[self.place].format(login=sql.Identifier(login), database=sql.Identifier(database))
        name, values = sql.Identifier(*self.name.split(".")), sql.SQL(", ").join(map(sql.Literal, self.values))
        return sql.SQL("ALTER {} SET {} TO {}").format(where, name, values)


@dataclass(frozen=True)
class Combination:
    """A login and the settings that it meets."""

    login: str
    superuser: bool
    settings: tuple[Setting, ...]


class Drawing:
    """Draws combinations for one server."""

    def __init__(self, server: Server) -> None:
        with psycopg.connect(server.url) as connection:
            connection.execute("LOAD 'plpgsql'")
            rows = connection.execute(SETTABLE).fetchall()
        self.usual = {name: setting for name, *_, setting in rows}
        self._values = {name: values for name, *facts in rows if (values := _values_of(name, *facts[:-1]))}

    def draw(self, seed: int) -> Combination:
        chance = random.Random(seed)
        names = chance.sample(sorted(self._values), chance.choice((1, 2, 4, 8, 16)))
        if chance.random() < 0.5:  # Else each of them would be rare among hundreds that change nothing.
            names.append(chance.choice([name for name in TEXTS if name in self._values and name not in names]))
        places = ("role", "database", "role in database")
        return Combination(
            login="frontview" if chance.random() < 0.1 else f"somebody_{seed}",
            superuser=chance.random() < 0.3,
            settings=tuple(Setting(chance.choice(places), name, chance.choice(self._values[name])) for name in names),
        )


def _values_of(
    name: str, kind: str, least: str | None, most: str | None, words: list[str] | None, usual: str
) -> tuple[Values, ...]:
    if kind == "bool":
        return (("off" if usual == "on" else "on",),)
    if kind == "enum":
        return tuple((word,) for word in words or ())
    if kind == "string":
        return TEXTS.get(name, ())
    assert least is not None
    assert most is not None
    inner = [number for number in NUMBERS if float(least) < float(number) < float(most)]
    if name == "transaction_timeout":  # One of 1 ms may end the session before its first statement has lifted it.
        inner.remove("1")
    return tuple((number,) for number in (least, *inner, min(most, LARGEST, key=float)))


@dataclass(frozen=True)
class Hostile:
    """A database with settings, and who connects to it.

    :param url: of the login, which meets all of them.
    :param accepted: those that the server accepted.
    """

    url: str
    admin_url: str
    accepted: tuple[Setting, ...]
    usual: Mapping[str, str]

    def names(self, message: str) -> bool:
        """Return whether a message names one of the settings."""
        return any(setting.name.lower() in message.lower() for setting in self.accepted)

    def neutral(self) -> Connection:
        """Open a session of a superuser that none of the settings changes."""
        return self._open(self.admin_url, {setting.name: self.usual[setting.name] for setting in self.accepted})

    def writer(self) -> Connection:
        """Open a session of the login, without those settings with which it could not write."""
        return self._open(self.url, {})

    def _open(self, url: str, values: Mapping[str, str]) -> Connection:
        values = {name: value for name, value in (WRITES | values).items() if name in self.usual}
        options = " ".join(f"-c {name}={_ESCAPED.sub(_BACKSLASH, value)}" for name, value in values.items())
        return psycopg.connect(url, autocommit=True, client_encoding="UTF8", options=options)


@contextmanager
def hostile_database(server: Server, combination: Combination, usual: Mapping[str, str]) -> Iterator[Hostile]:
    """Make an empty database that the combination's login owns, with its settings."""
    url, login = server.create(None), combination.login
    database = str(make_url(url).database)
    names = {"login": sql.Identifier(login), "group": sql.Identifier(GROUP), "database": sql.Identifier(database)}
    with psycopg.connect(server.url, autocommit=True) as admin:
        for statement in (*_MAKE_LOGIN, *(_MAKE_SUPERUSER if combination.superuser else ())):
            admin.execute(sql.SQL(statement).format(**names))
        with psycopg.connect(url, autocommit=True) as inside:
            for statement in _MAKE_SCHEMA:
                inside.execute(sql.SQL(statement).format(**names))
        accepted = tuple(setting for setting in combination.settings if _accepts(admin, setting, login, database))
        try:
            yield Hostile(make_url(url).set(username=login).render_as_string(), url, accepted, usual)
        finally:
            server.drop(url)
            for statement in _DROP_LOGIN:
                admin.execute(sql.SQL(statement).format(**names))


def _accepts(admin: Connection, setting: Setting, login: str, database: str) -> bool:
    try:
        admin.execute(setting.statement(login, database))
    except psycopg.Error:
        return False
    return True
