"""Checks of archives and their sums: that they stay small, and what is sealed.

Autovacuum is on for them, and nothing keeps dead rows in them.
"""

from typing import LiteralString

from models.connection import Connection
from views_sql.declaration.maintained_view import ARCHIVE_TIERS
from views_sql.generation.archive import STORAGE_OPTIONS
from web.doctor.finding import Finding, listed, passed, warned

SUBJECT = "archive"
# Autovacuum begins at 50 dead rows and a fiftieth of the table: five times that share means that it does not keep up.
DEAD_ROWS, DEAD_SHARE = 1000, 0.1
HELD_SECONDS = 60.0  # A younger transaction holds vacuum back too briefly to matter.
OFF: LiteralString = """
SELECT s.name FROM unnest(ARRAY['autovacuum', 'track_counts']) AS s (name) WHERE current_setting(s.name) = 'off'
"""
SEALED_DAYS = "sealed days"
SEALED: LiteralString = """
SELECT v.view, NULLIF(v.first_day, '-infinity')::text, s.sealing_before::text, s.sealing_before <= v.before_day
FROM frontview.view_state v LEFT JOIN frontview.seal s ON s.view = v.view WHERE v.tier = 'archive' ORDER BY v.view
"""
TABLES: LiteralString = """
SELECT v.relation, COALESCE(c.reloptions, '{}'), pg_stat_get_dead_tuples(c.oid), GREATEST(c.reltuples, 0)::float8
FROM frontview.view_state v JOIN pg_class c ON c.oid = to_regclass(v.relation)
WHERE v.tier = ANY (%s) ORDER BY v.relation
"""
# What keeps vacuum from removing the rows that died since it began; with the way to end it.
HOLDERS: LiteralString = """
SELECT h.name, h.remedy FROM (
    SELECT format('session %%s (%%s)', pid, COALESCE(NULLIF(application_name, ''), 'unnamed')) AS name,
        format('End its transaction, or SELECT pg_terminate_backend(%%s).', pid) AS remedy,
        GREATEST(age(backend_xmin), age(backend_xid)) AS age
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type <> 'autovacuum worker'
    AND clock_timestamp() - xact_start > make_interval(secs => %(seconds)s)
    UNION ALL
    SELECT format('the standby %%s', application_name), 'End the long queries on it.', age(backend_xmin)
    FROM pg_stat_replication
    UNION ALL
    SELECT format('prepared transaction %%s', gid), format('COMMIT PREPARED %%L, or ROLLBACK PREPARED %%1$L.', gid),
        age(transaction)
    FROM pg_prepared_xacts
    WHERE database = current_database() AND clock_timestamp() - prepared > make_interval(secs => %(seconds)s)
    UNION ALL
    SELECT format('replication slot %%s', slot_name),
        format('Let its consumer go on, or SELECT pg_drop_replication_slot(%%L).', slot_name), age(xmin)
    FROM pg_replication_slots
) h WHERE h.age IS NOT NULL ORDER BY h.age DESC LIMIT 1
"""


def vacuumed(connection: Connection) -> Finding:
    """Check that autovacuum is on, that archives have their storage options, and that few of their rows are dead."""
    if off := [name for (name,) in connection.execute(OFF)]:
        return warned(SUBJECT, f"off: {listed(off)}", "Turn it on: without autovacuum, archives grow with each change.")
    tables = connection.execute(TABLES, (list(ARCHIVE_TIERS),)).fetchall()
    if changes := {table: change for table, options, _, _ in tables if (change := _to_restore(options))}:
        remedies = "; ".join(f"ALTER TABLE {table} {change}" for table, change in changes.items())
        return warned(SUBJECT, f"storage options were changed: {listed(list(changes))}", f"{remedies}.")
    dead = [f"{table} ({rows} dead)" for table, _, rows, of in tables if rows > DEAD_ROWS + DEAD_SHARE * of]
    return _held(connection, dead) if dead else passed(SUBJECT, f"{len(tables)} tables, vacuumed in time")


def sealed(connection: Connection) -> Finding:
    """Tell which days are sealed, and whether a request to seal days waits for the horizon."""
    rows = connection.execute(SEALED).fetchall()
    if waiting := [f"{view} before {asked}" for view, _, asked, reached in rows if asked and not reached]:
        remedy = "Seal an earlier day, or lower FRONTVIEW_RECENT_DAYS."
        return warned(SEALED_DAYS, f"requested, and after the horizon: {listed(waiting)}", remedy)
    found = [f"{view} before {before}" for view, before, _, _ in rows if before]
    return passed(SEALED_DAYS, listed(found) or "none")


def _to_restore(reloptions: list[str]) -> str:
    """Return the actions of the ALTER TABLE that restores a table's options; empty where none is needed."""
    found = dict(option.split("=", 1) for option in reloptions)
    wrong = [f"{name} = {value}" for name, value in STORAGE_OPTIONS.items() if float(found.get(name, -1)) != value]
    setting = [f"SET ({', '.join(wrong)})"] if wrong else []
    disabled = found.get("autovacuum_enabled", "true").lower().startswith(("f", "n", "of", "0"))
    return ", ".join([*setting, "RESET (autovacuum_enabled)"] if disabled else setting)


def _held(connection: Connection, dead: list[str]) -> Finding:
    """Return the finding about tables with too many dead rows, and what keeps vacuum from removing them."""
    detail = f"vacuum is late: {listed(dead)}"
    if (holder := connection.execute(HOLDERS, {"seconds": HELD_SECONDS}).fetchone()) is None:
        remedy = "VACUUM them; if it recurs, raise autovacuum_vacuum_cost_limit or autovacuum_max_workers."
        return warned(SUBJECT, detail, remedy)
    name, remedy = holder
    return warned(SUBJECT, f"{detail}; held back by {name}", remedy)
