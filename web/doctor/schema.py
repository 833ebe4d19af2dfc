"""Checks of the objects that migrations installed."""

from typing import LiteralString

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from models.connection import Connection
from models.schema_version import schema_state
from views_sql.declaration.maintained_view import Catalog
from web.doctor.finding import Finding, failed, listed, passed, warned

# A source's table with everything below it: partitions of every level, and inheritance children.
CAPTURED: LiteralString = """
WITH RECURSIVE captured (source, events, relation) AS (
    SELECT s.source, s.events, s.relation::oid FROM frontview.source s
    UNION
    SELECT c.source, c.events, i.inhrelid FROM captured c JOIN pg_inherits i ON i.inhparent = c.relation
)
"""
TRIGGERS: LiteralString = (
    CAPTURED
    + """
SELECT c.source || ': ' || lower(e.event) || ' on ' || c.relation::regclass, t.tgenabled
FROM captured c CROSS JOIN unnest(c.events) AS e (event)
LEFT JOIN pg_trigger t ON t.tgrelid = c.relation
    AND t.tgname IN (
        'frontview_capture_' || c.source || '_' || lower(e.event),
        'frontview_capture_' || md5(c.source) || '_' || lower(e.event)
    )
ORDER BY 1
"""  # nosec B608  # two constants
)
SUBSCRIBED: LiteralString = (
    CAPTURED
    + """
SELECT DISTINCT p.subname || ' into ' || c.relation::regclass
FROM captured c JOIN pg_subscription_rel r ON r.srrelid = c.relation JOIN pg_subscription p ON p.oid = r.srsubid
"""  # nosec B608  # two constants
)
VIEWS: LiteralString = """
SELECT v.relation, c.oid IS NOT NULL, v.through IS NOT NULL AND COALESCE(c.relispopulated, FALSE), EXISTS (
    SELECT FROM pg_index i
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
), c.relkind = 'm'
FROM frontview.view_state v LEFT JOIN pg_class c ON c.oid = to_regclass(v.relation) ORDER BY v.relation
"""

REGISTERS = (
    "SELECT s FROM frontview.declaration d, unnest(d.ddl) s WHERE d.active AND starts_with(s, 'INSERT INTO "
    "frontview.source ') AND strpos(s, '''{}''') > 0"
)


def migrations(connection: Connection) -> Finding:
    """Check that the database is at the newest migrations of this code."""
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as wrapped:
        state = schema_state(wrapped)
    applied = listed(sorted(state.applied or ()))
    if not state.migrated:
        return failed("migrations", state.detail, "Run `frontview migrate`.")
    if state.detail:
        return warned("migrations", state.detail, "Run the code and the migrations of one version.")
    return passed("migrations", f"at the newest ({applied})")


def sources(connection: Connection, catalog: Catalog) -> Finding:
    """Check that the catalog and the database name the same sources."""
    found = {row[0] for row in connection.execute("SELECT source FROM frontview.source")}
    declared = {source.name for source in catalog.sources}
    if found == declared:
        return passed("sources", f"{len(found)} captured: {', '.join(sorted(found))}")
    detail = "; ".join(
        f"{words} {listed(sorted(names))}"
        for words, names in (("not captured:", declared - found), ("not declared:", found - declared))
        if names
    )
    remedy = "Run `frontview migrate`."
    if lost := sorted(declared - found):
        remedy = f"As the owner run again what registers it, `{REGISTERS.format(lost[0])}`, then {_installs(lost[0])}."
    return failed("sources", detail, remedy)


def triggers(connection: Connection) -> Finding:
    """Check that every captured table and each of its partitions has every trigger, as ENABLE ALWAYS."""
    rows = connection.execute(TRIGGERS).fetchall()
    missing = [name for name, enabled in rows if enabled is None]
    weak = [name for name, enabled in rows if enabled not in (None, "A", b"A")]
    if missing:
        remedy = f"{_installs(missing[0].partition(':')[0])}; changes made without them were not captured."
        return failed("capture triggers", f"missing: {listed(missing)}", remedy)
    if weak:
        remedy = "ALTER TABLE … ENABLE ALWAYS TRIGGER …; earlier changes may not have been captured."
        return failed("capture triggers", f"not ENABLE ALWAYS: {listed(weak)}", remedy)
    return passed("capture triggers", f"{len(rows)} present, all ENABLE ALWAYS")


def _installs(source: str) -> str:
    return f"SELECT frontview.install_triggers('{source}')"


def subscriptions(connection: Connection) -> Finding:
    """Check that no logical replication writes to captured tables, because it fires no statement triggers."""
    if rows := connection.execute(SUBSCRIBED).fetchall():
        return failed(
            "logical replication",
            f"subscription {listed([row[0] for row in rows])}: what it writes is never captured",
            "Run Frontview on the publisher, or drop the subscription: answers from views would be wrong.",
        )
    return passed("logical replication", "writes no captured table")


def unique_indexes(connection: Connection) -> Finding:
    """Check that every materialized view can be refreshed concurrently, and that archives have their keys."""
    rows = connection.execute(VIEWS).fetchall()
    if gone := [row[0] for row in rows if not row[1]]:
        remedy = (
            "Downgrade and upgrade its migration; of a declared view, `frontview restore TABLE`. If a column went with "
            "CASCADE that it read: declare the view without it, `frontview plan --write`, `frontview migrate`."
        )
        return failed("materialized views", f"missing: {listed(gone)}", remedy)
    if bare := [row[0] for row in rows if not row[3]]:
        remedy = "CREATE UNIQUE INDEX on its key columns; without it, it cannot be refreshed concurrently."
        return failed("materialized views", f"no usable unique index: {listed(bare)}", remedy)
    views = sum(row[4] for row in rows)
    return passed("materialized views", f"{views}, and {len(rows) - views} tables of archives, all with a unique index")


def populated(connection: Connection) -> Finding:
    """Check that all views are populated; until then reads use the base tables: exact, but slow."""
    rows = connection.execute(VIEWS).fetchall()
    if empty := [row[0] for row in rows if not row[2]]:
        remedy = "Start the refresher (`frontview refresher`) and wait a moment."
        return failed("views populated", f"not yet: {listed(empty)}", remedy)
    return passed("views populated", "all")
