"""Checks of the running processes: leader, alarms, and the cluster that they write to."""

from models.connection import Connection
from refresher.leader.alarms import EXACTNESS, ROWS_HIDDEN, UNCAPTURED
from refresher.leader.leadership import LEADER_LOCK, LOCK_CLASS
from web.doctor.finding import Finding, failed, listed, passed, warned
from web.operators.system_state import LEADER

LEADER_AGE_SECONDS = 2.0  # With an older newest drain, there is no leader or it does not drain.
_START = "Start the refresher: `frontview refresher` (several may run; one leads)."


def leader(connection: Connection) -> Finding:
    """Check that a refresher leads and drains now."""
    row = connection.execute(
        "SELECT epoch, extract(epoch FROM clock_timestamp() - drained_at)::float8 "
        "FROM frontview.drain ORDER BY drain_id DESC LIMIT 1"
    ).fetchone()
    holder = connection.execute(LEADER, (LOCK_CLASS, LEADER_LOCK)).fetchone()
    if row is None:
        return failed("leader", "nothing was ever drained", _START)
    detail = f"epoch {row[0]}, newest drain {row[1]:.2f} s old"
    if row[1] >= LEADER_AGE_SECONDS and holder is None:
        return failed("leader", f"none ({detail})", _START)
    if row[1] >= LEADER_AGE_SECONDS:
        remedy = f"Backend {holder[0] if holder else '?'} holds the lock but does not drain: see why it waits."
        return failed("leader", detail, remedy)
    return passed("leader", detail)


def same_cluster(connection: Connection) -> Finding:
    """Check that this cluster wrote the bookkeeping, and that it was not restored from another one."""
    row = connection.execute(
        "SELECT d.system_identifier, c.system_identifier FROM pg_control_system() c, frontview.drain d "
        "ORDER BY d.drain_id DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return passed("cluster", "no state of another cluster")
    if row[0] != row[1]:
        remedy = f"{_START} The next leader resets it; until then every read uses the base tables."
        return failed("cluster", "the bookkeeping was restored from another cluster", remedy)
    return passed("cluster", f"the bookkeeping belongs to it ({row[1]})")


def alarms(connection: Connection) -> Finding:
    """Check that there is no alarm, including those about events of the last hour."""
    found = connection.execute("SELECT kind, subject FROM frontview.alarm ORDER BY raised_at").fetchall()
    if not found:
        return passed("alarms", "none")
    detail = listed([f"{kind} ({subject})" for kind, subject in found])
    wrong = {EXACTNESS, ROWS_HIDDEN, UNCAPTURED} & {kind for kind, _ in found}
    remedy = "`frontview status` has the details; docs/reference.md says what each kind asks for."
    return (failed if wrong else warned)("alarms", detail, remedy)
