"""Writes a seed by COPY, some days at a time.

Transactions: users, agents and the first quarter of a million calls are one, every further quarter of a
million another; each holds whole days with their leads and quality rows. So a small seed is all or nothing, a
large one leaves whole days if it is interrupted, and no drain has to process all of it.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from psycopg import sql

from models.connection import Connection
from models.errors import FrontviewError
from web.voice.seed.day import DayMaker, FirstIds
from web.voice.seed.population import ZONES, agent_lines, make_population, user_lines
from web.voice.seed.rhythm import Calendar, apportion, day_weights

COPY_CALLS = 50_000  # Calls of one COPY: a statement's capture trigger logs each key once.
TRANSACTION_CALLS = 250_000
_PIECE_LINES = 2_000
_CALLS = ("id", "user_id", "agent_id", "started_at", "status", "duration_seconds", "cost_cents")
_LEADS = ("call_id", "user_id", "agent_id", "analyzed_at", "score", "stage")
_QUALITY = ("agent_id", "user_id", "day", "csat_points", "csat_answers", "talk_seconds", "transfers")
_USERS = ("id", "email", "name", "timezone", "credits_cents", "created_at")
_AGENTS = ("id", "user_id", "name", "is_active", "created_at")
_COLUMNS = {
    "users": _USERS,
    "agents": _AGENTS,
    "calls": _CALLS,
    "lead_analytics": _LEADS,
    "agent_analytics": _QUALITY,
}
TABLES = tuple(_COLUMNS)
_MISSING = """
    SELECT DISTINCT t.name FROM unnest(%s::text[], %s::text[]) AS t (name, known) WHERE NOT EXISTS
        (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.' || t.name) AND attname = t.known)
    ORDER BY 1
"""


class SeedError(FrontviewError):
    """The database does not allow this seed; the message says why."""


@dataclass(frozen=True, slots=True)
class SeedPlan:
    """How much data to make. The same plan at the same time makes the same rows except for ids.

    :param days: local days filled, today being the last.
    :param seed: the seed of the random numbers.
    """

    users: int
    calls: int
    days: int = 365
    seed: int = 1


@dataclass(slots=True)
class SeedResult:
    """The result of a seed.

    :param rows: the number of rows written, by table.
    :param seconds: how long writing took; ``tidy_seconds`` is VACUUM (ANALYZE) afterwards.
    """

    first_user_id: int
    last_user_id: int
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))
    seconds: float = 0.0
    tidy_seconds: float = 0.0


def write_seed(connection: Connection, plan: SeedPlan, advance: Callable[[int], None] = lambda _: None) -> SeedResult:
    """Write the plan's rows and return what was made.

    :param connection: in autocommit; transactions are opened here.
    :param advance: called after each batch of calls, with their number.
    :raises SeedError: there are no such tables, or no successive ids are available.
    """
    began = time.monotonic()
    _require_tables(connection)
    writer = _Writer(connection, plan)
    writer.write(advance)
    result = writer.result
    result.seconds = time.monotonic() - began
    # The visibility map keeps live patches index-only; autovacuum would bring it a minute or more later.
    tables = sql.SQL(", ").join(sql.Identifier("public", table) for table in TABLES)
    connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(tables))
    result.tidy_seconds = time.monotonic() - began - result.seconds
    return result


def _require_tables(connection: Connection) -> None:
    wanted = [(table, column) for table, columns in _COLUMNS.items() for column in columns]
    tables, columns = zip(*wanted, strict=True)
    if missing := [name for (name,) in connection.execute(_MISSING, (list(tables), list(columns)))]:
        raise SeedError(
            "A seed fills the tables of the bundled application, and this database lacks some of them, or has "
            f"others of these names: {', '.join(missing)}. `frontview demo` makes them in an empty database."
        )


def reserve_ids(connection: Connection, table: str, count: int) -> int:
    """Return the first of ``count`` successive ids that no other writer will get.

    The server takes them one by one; unlike ``setval``, that is safe while others write.

    :raises SeedError: other writers took some of the ids, three times in a row.
    """
    query = (
        "SELECT min(id), max(id) - min(id) + 1 FROM (SELECT nextval(pg_get_serial_sequence(%s, 'id')) AS id "
        "FROM generate_series(1, %s)) AS reserved"
    )
    for _ in range(3 if count else 0):
        row = connection.execute(query, (f"public.{table}", count)).fetchone()
        if row is not None and row[1] == count:
            return int(row[0])
    if not count:
        return 0
    raise SeedError(f"The ids of {table} cannot be reserved: others insert there. Try again when it is quieter.")


def _calendar(connection: Connection, days: int) -> Calendar:
    """Return every zone's midnights from the server, which decides the day of a call when it is read."""
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


class _Writer:
    """Writes one seed; ``result`` grows as rows are written."""

    def __init__(self, connection: Connection, plan: SeedPlan) -> None:
        self._connection, self._random = connection, Random(plan.seed)  # noqa: S311  not for secrets
        self._calendar = _calendar(connection, plan.days)
        self._population = make_population(plan.users, self._random)
        self._ids = FirstIds(
            reserve_ids(connection, "users", plan.users),
            reserve_ids(connection, "agents", len(self._population.kind_of)),
            reserve_ids(connection, "calls", plan.calls),
        )
        self._maker = DayMaker(self._population, self._calendar, self._ids, self._random)
        self._batches = list(self._plan_batches(plan.calls))
        self.result = SeedResult(self._ids.user, self._ids.user + plan.users - 1)

    def write(self, advance: Callable[[int], None]) -> None:
        """Write all rows, one transaction after another."""
        while self._batches or not self.result.rows["users"]:
            with self._connection.transaction():
                if not self.result.rows["users"]:
                    self._write_people()
                written = 0
                while self._batches and written < TRANSACTION_CALLS:
                    count = self._write_days(self._batches.pop(0))
                    advance(count)
                    written += count

    def _plan_batches(self, calls: int) -> Iterator[list[tuple[int, int, int]]]:
        """Yield successive days in batches of one COPY each, as (day, calls, earlier calls)."""
        batch: list[tuple[int, int, int]] = []
        before = 0
        weights = day_weights(self._calendar, self._population.zone_weights(), self._random)
        for day, count in enumerate(apportion(calls, weights)):
            if count:
                batch.append((day, count, before))
            before += count
            if sum(size for _, size, _ in batch) >= COPY_CALLS:
                yield batch
                batch = []
        if batch:
            yield batch

    def _write_people(self) -> None:
        began = min(zone[0] for zone in self._calendar.midnights)
        population, ids, random = self._population, self._ids, self._random
        self._copy("users", _USERS, list(user_lines(population, ids.user, began, random)))
        self._copy("agents", _AGENTS, list(agent_lines(population, ids.agent, ids.user, began, random)))

    def _write_days(self, batch: list[tuple[int, int, int]]) -> int:
        """Write some days; return their number of calls."""
        days = [self._maker.make(*day) for day in batch]
        self._copy("calls", _CALLS, [line for day in days for line in day.calls])
        self._copy("lead_analytics", _LEADS, [line for day in days for line in day.leads])
        self._copy("agent_analytics", _QUALITY, [line for day in days for line in day.quality])
        return sum(len(day.calls) for day in days)

    def _copy(self, table: str, columns: Iterable[str], lines: Sequence[str]) -> None:
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier("public", table), names)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for start in range(0, len(lines), _PIECE_LINES):
                copy.write("".join(lines[start : start + _PIECE_LINES]))
        self.result.rows[table] += len(lines)
