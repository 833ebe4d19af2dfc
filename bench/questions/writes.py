"""What does capture cost a writer?

Sixteen connections insert single calls, synchronous_commit on, into three tables that are alike in everything
(columns, identity, checks, indexes, foreign keys, the BEFORE trigger that sets the day, rows already in them)
but one thing: no capture; Frontview's statement triggers that log keys; a row trigger that calls pg_notify. The
real refresher drains meanwhile (views are not refreshed, for that is not a writer's cost). Rounds take turns. A
second case, synchronous_commit off, takes the disk out of it and shows the CPU alone.

Limits: with the disk in it, writers wait for flushes and commit in groups, so the ratio depends on the disk; the
drain shares the cores with the writers; nobody listens to the notifications, which spares that peer some more.
"""

from collections.abc import Callable, Iterator
from functools import partial

from bench.finding import Finding, Goal, ratios, spread
from bench.pgbench import insert_call, inserts_a_second
from bench.processes import refresher
from bench.rounds import interleave
from bench.stand import Stand
from models.engine import connect
from refresher.leadership import Connection
from views_sql.maintained_view import EVENTS

GOAL = Goal(">=", 0.8)
CLIENTS = 16
ROWS_BEFORE = 100_000
NAMES = {"plain": "no capture", "log": "change log", "notify": "pg_notify in a row trigger"}
CASES = {"synchronous_commit on": "", "synchronous_commit off": "-c synchronous_commit=off"}
TABLE = """
CREATE TABLE bench.{name} (LIKE public.calls INCLUDING ALL);
ALTER TABLE bench.{name} ADD FOREIGN KEY (user_id) REFERENCES public.users ON DELETE CASCADE,
    ADD FOREIGN KEY (agent_id) REFERENCES public.agents ON DELETE CASCADE;
CREATE TRIGGER set_day BEFORE INSERT OR UPDATE ON bench.{name}
    FOR EACH ROW EXECUTE FUNCTION frontview.set_call_day();
INSERT INTO bench.{name} (user_id, agent_id, started_at, status, duration_seconds, cost_cents)
SELECT user_id, agent_id, started_at, status, duration_seconds, cost_cents
FROM public.calls ORDER BY id DESC LIMIT {rows};
"""
NOTIFY = """
CREATE FUNCTION bench.notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('bench', NEW.user_id || ' ' || NEW.local_day);
    RETURN NULL;
END $$;
CREATE TRIGGER notify AFTER INSERT OR UPDATE OR DELETE ON bench.notify
    FOR EACH ROW EXECUTE FUNCTION bench.notify();
"""
REFERENCING = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
    "TRUNCATE": "",
}


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield inserts a second into the three tables, with and without waiting for the disk."""
    rounds = max(3, stand.scale.rounds // 2)
    stand.expect(len(CASES) * (rounds + 1))
    with stand.database() as url, connect(url, "frontview-bench-writes") as connection:
        _make_tables(connection)
        agents = _count(connection, "agents")
        with refresher(url):
            for case, options in CASES.items():
                sides = {name: _side(stand, url, name, agents, options) for name in NAMES}
                figures = interleave(sides, rounds, stand.step)
                for name, label in NAMES.items():
                    kept = ratios(figures[name], figures["plain"]) if name != "plain" else None
                    goal = GOAL if name == "log" and not options else None
                    yield Finding(case, label, spread(figures[name]), "/s", kept, "of plain" if kept else "", goal)


def _side(stand: Stand, url: str, name: str, agents: int, options: str) -> Callable[[], float]:
    script = insert_call(f"bench.{name}", stand.scale.users, agents)
    seconds = stand.scale.round_seconds
    return partial(inserts_a_second, stand.server, url, script, clients=CLIENTS, seconds=seconds, options=options)


def _make_tables(connection: Connection) -> None:
    connection.execute("CREATE SCHEMA bench")
    for name in NAMES:
        connection.execute(TABLE.format(name=name, rows=ROWS_BEFORE))
    for event in EVENTS:
        trigger = f"capture_{event.lower()}"
        connection.execute(
            f"CREATE TRIGGER {trigger} AFTER {event} ON bench.log {REFERENCING[event]} "
            "FOR EACH STATEMENT EXECUTE FUNCTION frontview.capture_calls()"
        )
        connection.execute(f"ALTER TABLE bench.log ENABLE ALWAYS TRIGGER {trigger}")
    connection.execute(NOTIFY)
    connection.execute("VACUUM (ANALYZE)")


def _count(connection: Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM public.{table}").fetchone()
    assert row is not None
    return int(row[0])
