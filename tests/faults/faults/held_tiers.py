"""A lock that makes refreshes wait, so that something can happen to a process inside one.

Invariant: the lock conflicts with refreshes only: readers and writers of base tables never meet it.
"""

from typing import Any

import psycopg

from tests.faults.faults.scene import Scene
from tests.faults.load.late_changes import LATE_LOCK
from tests.faults.record.encoding import OLD_DAYS

_WAITING = """
SELECT a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND l.locktype = 'relation' AND a.application_name LIKE 'frontview-refresher%'
"""
_TIERS = "SELECT relation FROM frontview.view_state WHERE view = ANY (%s) ORDER BY view, tier"
_ARCHIVES = (
    "SELECT relation FROM frontview.view_state WHERE view = ANY (%s) AND tier IN ('archive', 'total') ORDER BY relation"
)

_BEHIND = "SELECT count(*) FROM frontview.view_state WHERE tier = 'recent' AND isfinite(first_day) AND first_day < %s"


class HeldTiers:
    """Holds SHARE UPDATE EXCLUSIVE on the tiers of ``views``, which REFRESH … CONCURRENTLY has to wait for.

    ANALYZE takes that lock and keeps it to the end of its transaction; LOCK refuses materialized views.
    """

    def __init__(self, scene: Scene, *views: str) -> None:
        self._scene, self._views = scene, views or ("calls_1",)
        self._holder: psycopg.Connection[Any] | None = None

    def hold(self) -> None:
        """Take the lock; waits for a refresh that runs."""
        self.release()
        self._holder = self._scene.open_transaction()
        keep_late_changes_away(self._scene, self._holder)
        for (relation,) in self._scene.sql.execute(_TIERS, (list(self._views),)).fetchall():
            self._holder.execute(f"ANALYZE {relation}".encode())

    def hold_archives(self, *, but: str) -> None:
        """Keep compactions of all other views out, too, after :meth:`hold`; reads go on."""
        assert self._holder is not None
        views = [view for view in self._views if view != but]
        for (relation,) in self._scene.sql.execute(_ARCHIVES, (views,)).fetchall():
            self._holder.execute(f"LOCK TABLE {relation} IN SHARE MODE".encode())

    def refresh_waiting(self, process: str) -> int:
        """Return the pid of that process's backend once a refresh of its waits inside its transaction."""

        def waiting() -> int | None:
            pids = {pid for (pid,) in self._scene.sql.execute(_WAITING.encode())}
            return next(iter(pids.intersection(self._scene.ours(process=process))), None)

        pid = self._scene.until(waiting, f"refresh by {process} that waits", seconds=20)
        assert isinstance(pid, int)
        return pid

    def release(self) -> None:
        """Let refreshes go on; may be called twice."""
        if self._holder is not None:
            self._holder.close()
            self._holder = None


def keep_late_changes_away(scene: Scene, holder: psycopg.Connection[Any]) -> None:
    """Keep late changes away until the holder's transaction ends; return when every horizon is where it belongs."""
    holder.execute("SELECT pg_advisory_xact_lock(%s)", (LATE_LOCK,))
    scene.until(lambda: not scene.value(_BEHIND, scene.deployment.window[OLD_DAYS]), "horizon that has moved")


def running_refreshes(scene: Scene) -> int:
    """Return how many tiers are announced as being refreshed."""
    return int(scene.value("SELECT count(*) FROM frontview.refresh_attempt WHERE attempts % 2 = 1"))
