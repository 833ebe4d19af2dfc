"""Tables that differ only in what a write starts: nothing, log rows, a notification, or a view's update.

Invariant: columns, identity, checks, indexes, foreign keys and existing rows are the same, but for what 0.1 kept in the
table for its own sake: the day, set by a trigger. The change log is that of the installed declaration, whose view and
list show calls. None captures TRUNCATE: tables are emptied between rounds, and an every-key mark would make the
refresher refresh every view of calls at once, during the rounds. pg_ivm's statements were tried once, on a WebAssembly
build of 1.13 that serves one connection; it was never measured, since no available server has it.
"""

from dataclasses import replace

from psycopg import sql

from bench.peers import by_hand
from bench.peers.by_hand.capture import capture_changes
from bench.peers.extensions import install
from models.connection import Connection
from views_sql.declaration.maintained_view import Source
from views_sql.declaration.proven import ProvenTable
from views_sql.generation.declared_capture import capture_declared
from views_sql.operations.database import active_declaration

ROWS_BEFORE = 100_000
PLAIN, LOG, BY_HAND, NOTIFY, IVM = "plain", "log", "by_hand", "notify", "ivm"
LABELS = {
    PLAIN: "no capture",
    LOG: "change log",
    BY_HAND: "change log of 0.1, with a stored day",
    NOTIFY: "pg_notify in a row trigger",
    IVM: "pg_ivm, one view by user and day",
}
TABLE = """
CREATE TABLE bench.{name} (LIKE public.calls INCLUDING ALL);
ALTER TABLE bench.{name} ADD FOREIGN KEY (user_id) REFERENCES public.users ON DELETE CASCADE,
    ADD FOREIGN KEY (agent_id) REFERENCES public.agents ON DELETE CASCADE;
INSERT INTO bench.{name} (user_id, agent_id, started_at, status, duration_seconds, cost_cents)
SELECT user_id, agent_id, started_at, status, duration_seconds, cost_cents
FROM public.calls ORDER BY id DESC LIMIT {rows};
"""
NOTIFYING = """
CREATE FUNCTION bench.notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM pg_notify('bench', OLD.user_id || ' ' || (OLD.started_at AT TIME ZONE 'UTC')::date);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM pg_notify('bench', NEW.user_id || ' ' || (NEW.started_at AT TIME ZONE 'UTC')::date);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER notify AFTER INSERT OR UPDATE OR DELETE ON bench.notify
    FOR EACH ROW EXECUTE FUNCTION bench.notify();
"""
SET_DAY = """
ALTER TABLE bench.by_hand ADD COLUMN local_day date;
UPDATE bench.by_hand SET local_day = by_hand.day_of(user_id, started_at);
CREATE TRIGGER set_day BEFORE INSERT OR UPDATE ON bench.by_hand
    FOR EACH ROW EXECUTE FUNCTION by_hand.set_call_day();
"""
UNTOUCHED_BY_TRUNCATE = ("INSERT", "UPDATE", "DELETE")
MAKES_VIEWS = "SELECT pronamespace::regnamespace::text FROM pg_proc WHERE proname = 'create_immv'"
MAINTAINED = (
    "SELECT user_id, (started_at AT TIME ZONE 'UTC')::date AS day, count(*) AS calls, "
    "sum(duration_seconds) AS duration_seconds, sum(cost_cents) AS cost_cents FROM bench.ivm GROUP BY 1, 2"
)


def make_tables(connection: Connection, rows: int = ROWS_BEFORE) -> tuple[str, ...]:
    """Create the tables in a schema ``bench`` and return the names of those that this server supports."""
    connection.execute("CREATE SCHEMA bench")
    names = (PLAIN, LOG, BY_HAND, NOTIFY, *((IVM,) if install(connection, "pg_ivm") else ()))
    for name in names:
        connection.execute(TABLE.format(name=name, rows=rows))
    _capture_as_installed(connection)
    _capture_by_hand(connection)
    connection.execute(NOTIFYING)
    if IVM in names:
        _maintain(connection)
    connection.execute("VACUUM (ANALYZE)")
    return names


def _capture_as_installed(connection: Connection) -> None:
    """Capture as the installed declaration captures calls: for its view, and for its list."""
    installed = active_declaration(connection)
    assert installed is not None
    views, lists = installed.proven.views, installed.proven.lists
    for source in [*(it.source for it in views), *(it.source for it in lists)]:
        if source.table.name != "calls":
            continue
        name = f"bench_{source.name}"
        table = ProvenTable("bench", LOG, "plain")
        for statement in capture_declared(replace(source, name=name, table=table)):
            connection.execute(statement.encode())
        connection.execute(f"DROP TRIGGER frontview_capture_{name}_truncate ON bench.{LOG}".encode())


def _capture_by_hand(connection: Connection) -> None:
    by_hand.keep_days(connection)
    connection.execute(SET_DAY)
    source = Source("bench_by_hand", BY_HAND, day_column="local_day")
    for statement in capture_changes(source, "bench", UNTOUCHED_BY_TRUNCATE):
        connection.execute(statement.encode())


def _maintain(connection: Connection) -> None:
    """Make pg_ivm maintain calls, seconds and cents by user and day; its function's schema differs between versions."""
    row = connection.execute(MAKES_VIEWS).fetchone()
    if row is None:
        raise RuntimeError("pg_ivm has no create_immv")
    create = sql.SQL("SELECT {}.create_immv('bench.ivm_daily', {})")
    connection.execute(create.format(sql.Identifier(row[0]), sql.Literal(MAINTAINED)))
