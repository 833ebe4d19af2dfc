"""Tables that differ only in what a write starts: nothing, log rows, a notification, or a view's update.

Invariant: columns, identity, checks, indexes, foreign keys, the BEFORE trigger that sets the day and the existing rows
are the same. None captures TRUNCATE: tables are emptied between rounds, and an every-key mark would make the refresher
refresh every view of calls at once, during the rounds. pg_ivm's statements were tried once, on a WebAssembly build of
1.13 that serves one connection; it was never measured, since no available server has it.
"""

from psycopg import sql

from bench.peers.extensions import install
from models.connection import Connection
from views_sql.declaration.proven import ProvenSource, ProvenTable, Watched
from views_sql.generation.declared_capture import capture_declared

ROWS_BEFORE = 100_000
PLAIN, LOG, DECLARED, NOTIFY, IVM = "plain", "log", "declared", "notify", "ivm"
LABELS = {
    PLAIN: "no capture",
    LOG: "change log",
    DECLARED: "change log of a declared view",
    NOTIFY: "pg_notify in a row trigger",
    IVM: "pg_ivm, one view by user and day",
}
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
NOTIFYING = """
CREATE FUNCTION bench.notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM pg_notify('bench', OLD.user_id || ' ' || OLD.local_day);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM pg_notify('bench', NEW.user_id || ' ' || NEW.local_day);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER notify AFTER INSERT OR UPDATE OR DELETE ON bench.notify
    FOR EACH ROW EXECUTE FUNCTION bench.notify();
"""
SOURCE = ProvenSource(
    name="bench_1",
    table=ProvenTable("bench", DECLARED, "plain"),
    user_column="user_id",
    time_column="started_at",
    time_kind="timestamptz",
    zone="Europe/Berlin",
    stored_zone="UTC",
    watched=(Watched("duration_seconds"), Watched("cost_cents")),
)
REFERENCING = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
}
MAKES_VIEWS = "SELECT pronamespace::regnamespace::text FROM pg_proc WHERE proname = 'create_immv'"
MAINTAINED = (
    "SELECT user_id, local_day, count(*) AS calls, sum(duration_seconds) AS duration_seconds, "
    "sum(cost_cents) AS cost_cents FROM bench.ivm GROUP BY user_id, local_day"
)


def make_tables(connection: Connection, rows: int = ROWS_BEFORE) -> tuple[str, ...]:
    """Create the tables in a schema ``bench`` and return the names of those that this server supports."""
    connection.execute("CREATE SCHEMA bench")
    names = (PLAIN, LOG, DECLARED, NOTIFY, *((IVM,) if install(connection, "pg_ivm") else ()))
    for name in names:
        connection.execute(TABLE.format(name=name, rows=rows))
    for event, transition_tables in REFERENCING.items():
        trigger = f"capture_{event.lower()}"
        connection.execute(
            f"CREATE TRIGGER {trigger} AFTER {event} ON bench.log {transition_tables} "
            "FOR EACH STATEMENT EXECUTE FUNCTION frontview.capture_calls()"
        )
        connection.execute(f"ALTER TABLE bench.log ENABLE ALWAYS TRIGGER {trigger}")
    for statement in capture_declared(SOURCE):
        connection.execute(statement.encode())
    connection.execute("DROP TRIGGER frontview_capture_bench_1_truncate ON bench.declared")
    connection.execute(NOTIFYING)
    if IVM in names:
        _maintain(connection)
    connection.execute("VACUUM (ANALYZE)")
    return names


def _maintain(connection: Connection) -> None:
    """Make pg_ivm maintain calls, seconds and cents by user and day; its function's schema differs between versions."""
    row = connection.execute(MAKES_VIEWS).fetchone()
    if row is None:
        raise RuntimeError("pg_ivm has no create_immv")
    create = sql.SQL("SELECT {}.create_immv('bench.ivm_daily', {})")
    connection.execute(create.format(sql.Identifier(row[0]), sql.Literal(MAINTAINED)))
