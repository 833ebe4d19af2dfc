"""Writes a seed by COPY, some days a time.

Transactions: users, agents and the first quarter of a million calls are one, every further quarter of a million
another; each holds whole days with their leads and quality rows. So a small seed is all or nothing, a large
one leaves whole days behind when it is broken off, and one drain never has to swallow all of it.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

import psycopg
from psycopg import sql

from models.errors import FrontviewError
from web.seed.day import DayLines, DayMaker, FirstIds
from web.seed.population import ZONES, Population, agent_lines, make_population, user_lines
from web.seed.rhythm import Calendar, apportion, day_weights

COPY_CALLS = 50_000  # calls of one COPY: a statement's capture trigger logs each key once
TRANSACTION_CALLS = 250_000
_PIECE_LINES = 2_000
_CALLS = ("id", "user_id", "agent_id", "started_at", "status", "duration_seconds", "cost_cents")
_LEADS = ("call_id", "user_id", "agent_id", "analyzed_at", "score", "stage")
_QUALITY = ("agent_id", "user_id", "day", "csat_points", "csat_answers", "talk_seconds", "transfers")
_USERS = ("id", "email", "name", "timezone", "credits_cents", "created_at")
_AGENTS = ("id", "user_id", "name", "is_active", "created_at")
TABLES = ("users", "agents", "calls", "lead_analytics", "agent_analytics")

Connection = psycopg.Connection[tuple[Any, ...]]


class SeedFailed(FrontviewError):
    """The database does not allow this seed; says why."""


@dataclass(frozen=True, slots=True)
class SeedPlan:
    """How much to make. The same plan on the same clock makes the same rows, ids aside.

    :param days: local days filled, today being the last.
    :param seed: number that decides every chance.
    """

    users: int
    calls: int
    days: int = 365
    seed: int = 1


@dataclass(slots=True)
class SeedResult:
    """What was made.

    :param rows: rows written, a table.
    :param seconds: how long writing took; ``tidy_seconds`` is VACUUM (ANALYZE) afterwards.
    """

    first_user_id: int
    last_user_id: int
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))
    seconds: float = 0.0
    tidy_seconds: float = 0.0


def write_seed(
    connection: Connection, plan: SeedPlan, advance: Callable[[int], None] = lambda _: None
) -> SeedResult:
    """Write the plan's rows and return what was made.

    :param connection: in autocommit; transactions are opened here.
    :param advance: called with the number of calls written, as they are.
    :raises SeedFailed: no contiguous ids can be had.
    """
    began, random = time.monotonic(), Random(plan.seed)  # noqa: S311  not for secrets
    calendar, population = _calendar(connection, plan.days), make_population(plan.users, random)
    ids = FirstIds(
        reserve_ids(connection, "users", plan.users),
        reserve_ids(connection, "agents", len(population.kind_of)),
        reserve_ids(connection, "calls", plan.calls),
    )
    result = SeedResult(ids.user, ids.user + plan.users - 1)
    batches = list(_batches(calendar, population, plan.calls, random))
    maker = DayMaker(population, calendar, ids, random)
    while batches or not result.rows["users"]:
        with connection.transaction():
            if not result.rows["users"]:
                _write_people(connection, population, ids, calendar, random, result)
            _write_days(connection, maker, batches, result, advance)
    result.seconds = time.monotonic() - began
    # The visibility map lets a live patch stay index-only; waiting for autovacuum would take a minute or more.
    connection.execute(f"VACUUM (ANALYZE) {', '.join(TABLES)}".encode())
    result.tidy_seconds = time.monotonic() - began - result.seconds
    return result


def reserve_ids(connection: Connection, table: str, count: int) -> int:
    """Return the first of ``count`` successive ids that nobody else will get.

    Taken one by one on the server: unlike ``setval`` that is safe beside other writers.

    :raises SeedFailed: others took ids in between, three times in a row.
    """
    query = (
        "SELECT min(id), max(id) - min(id) + 1 FROM (SELECT nextval(pg_get_serial_sequence(%s, 'id')) AS id "
        "FROM generate_series(1, %s)) AS reserved"
    )
    for _ in range(3 if count else 0):
        row = connection.execute(query, (table, count)).fetchone()
        if row is not None and row[1] == count:
            return int(row[0])
    if not count:
        return 0
    raise SeedFailed(f"The ids of {table} cannot be reserved: others insert there. Try again when it is quieter.")


def _calendar(connection: Connection, days: int) -> Calendar:
    """Return every zone's midnights as the server, whose trigger decides the day of a call, knows them."""
    zones = [zone for zone, _ in ZONES]
    row = connection.execute(
        "SELECT floor(extract(epoch FROM now()))::bigint, min((now() AT TIME ZONE z)::date), "
        "max((now() AT TIME ZONE z)::date) FROM unnest(%s::text[]) AS z",
        (zones,),
    ).fetchone()
    assert row is not None  # noqa: S101  an aggregate always returns a row
    now, first_today, last_today = row
    first: date = first_today - timedelta(days - 1)
    rows = connection.execute(
        "SELECT array_agg(extract(epoch FROM d AT TIME ZONE z)::bigint ORDER BY d) "
        "FROM unnest(%s::text[]) WITH ORDINALITY AS zone (z, place), "
        "generate_series(%s::timestamp, %s::timestamp, '1 day') AS d GROUP BY place ORDER BY place",
        (zones, first, last_today + timedelta(1)),
    )
    return Calendar(first, [zone for (zone,) in rows], now, days)


def _batches(
    calendar: Calendar, population: Population, calls: int, random: Random
) -> Iterator[list[tuple[int, int, int]]]:
    """Yield successive days in batches of one COPY each, as (day, calls, calls before)."""
    batch: list[tuple[int, int, int]] = []
    before = 0
    counts = apportion(calls, day_weights(calendar, population.zone_weights(), random))
    for day, count in enumerate(counts):
        if count:
            batch.append((day, count, before))
        before += count
        if sum(size for _, size, _ in batch) >= COPY_CALLS:
            yield batch
            batch = []
    if batch:
        yield batch


def _write_people(
    connection: Connection,
    population: Population,
    ids: FirstIds,
    calendar: Calendar,
    random: Random,
    result: SeedResult,
) -> None:
    began = min(zone[0] for zone in calendar.midnights)
    users = list(user_lines(population, ids.user, began, random))
    agents = list(agent_lines(population, ids.agent, ids.user, began, random))
    _copy(connection, "users", _USERS, users, result)
    _copy(connection, "agents", _AGENTS, agents, result)


def _write_days(
    connection: Connection,
    maker: DayMaker,
    batches: list[list[tuple[int, int, int]]],
    result: SeedResult,
    advance: Callable[[int], None],
) -> None:
    """Write as many batches as belong in one transaction, taking them off the list."""
    written = 0
    while batches and written < TRANSACTION_CALLS:
        days: list[DayLines] = []
        for day, count, before in batches.pop(0):
            days.append(maker.make(day, count, before))
        _copy(connection, "calls", _CALLS, [line for day in days for line in day.calls], result)
        _copy(connection, "lead_analytics", _LEADS, [line for day in days for line in day.leads], result)
        _copy(connection, "agent_analytics", _QUALITY, [line for day in days for line in day.quality], result)
        count = sum(len(day.calls) for day in days)
        written += count
        advance(count)


def _copy(
    connection: Connection, table: str, columns: Iterable[str], lines: Sequence[str], result: SeedResult
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for start in range(0, len(lines), _PIECE_LINES):
            copy.write("".join(lines[start : start + _PIECE_LINES]))
    result.rows[table] += len(lines)
