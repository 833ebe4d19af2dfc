"""A row lock that makes a compaction wait in the middle, so that something can happen to a process there.

Invariant: the lock is on rows of the archive, whose only writers are compactions: readers and writers never meet it.
"""

from contextlib import suppress
from typing import Any

import psycopg

from tests.faults.faults.fault import DidNotBite
from tests.faults.faults.held_tiers import HeldTiers, keep_late_changes_away, running_refreshes
from tests.faults.faults.scene import Scene
from tests.faults.load.late_changes import CHANGE
from tests.faults.record.encoding import OLD_DAYS

ATTEMPTS = 6  # On a busy machine most of them meet another compaction, or a rebuild takes their place.
_LOCK = "SELECT count(*) FROM (SELECT FROM frontview.calls_1_archive WHERE user_key = %s AND day = %s FOR UPDATE) a"
_WAITING = """
SELECT pid FROM pg_stat_activity
WHERE application_name LIKE 'frontview-refresher%%' AND query LIKE '%%calls_1_compact%%'
AND %s = ANY (pg_blocking_pids(pid))
"""
# Each of the crowd has one call a day: a row of the archive shows whether its change was compacted.
_PROGRESS = """
SELECT count(*) FILTER (WHERE a.m_duration_seconds = c.duration_seconds), count(*)
FROM public.calls c JOIN frontview.calls_1_archive a ON (a.user_key, a.d_agent, a.day) =
    (c.user_id, c.agent_id, (c.started_at AT TIME ZONE 'UTC')::date)
WHERE c.user_id = ANY (%s)
"""
# A compaction that was held seems to cost so much a key that a rebuild would take the place of the next one.
_FORGET_COST = "UPDATE frontview.view_state SET key_us = NULL WHERE view = 'calls_1' AND tier = 'archive'"


class HeldCompaction:
    """Holds the compaction of ``calls_1`` between its first and its second chunk, or inside its last transaction.

    A chunk has a thousand keys in the order of days and users, and the crowd more than two thousand old ones.

    :param last: inside the last transaction.
    :param beside: whether somebody else keeps late changes away already.
    """

    def __init__(self, scene: Scene, *, last: bool = False, beside: bool = False) -> None:
        self._scene, self.last, self._beside = scene, last, beside
        self._day = scene.deployment.window[OLD_DAYS - 1 if last else OLD_DAYS * 3 // 5]
        self._holder: psycopg.Connection[Any] | None = None

    def hold(self) -> None:
        """Lock the row, and change all old days of the crowd."""
        self.release()
        scene = self._scene
        self._holder = holder = scene.open_transaction()
        if not self._beside:
            keep_late_changes_away(scene, holder)
        scene.sql.execute(_FORGET_COST)
        scene.until(self._locked, "row of the archive")
        scene.sql.execute(CHANGE, (list(scene.crowd),))

    def _locked(self) -> bool:
        """Return whether the row is there, and locked: it is in the archive once the horizon has moved forward.

        Without the row no lock is kept on the table: the move may wait for a rebuild that would wait for it.
        """
        assert self._holder is not None
        self._holder.execute("SAVEPOINT unlocked")
        if self._holder.execute(_LOCK, (self._scene.crowd[-1], self._day)).fetchone() == (1,):
            return True
        self._holder.execute("ROLLBACK TO SAVEPOINT unlocked")
        return False

    def hold_inside(self, process: str) -> str:
        """Hold a compaction of that process in the middle; return the fact that shows it."""
        for _ in range(ATTEMPTS):
            self.hold()
            with suppress(AssertionError):  # Another one was under way, or a rebuild took its place.
                self.waiting(process)
                fact = self.fact()
                if 0 < self.done < self.all:
                    return fact
            self.release()
        raise DidNotBite("no compaction was held in the middle")

    def waiting(self, process: str = "") -> int:
        """Return the pid of that process's backend ("": of any process) once its compaction waits for the row."""
        assert self._holder is not None
        holder = self._holder.info.backend_pid

        def found() -> int | None:
            pids = {pid for (pid,) in self._scene.query(_WAITING, holder)}
            return next(iter(pids.intersection(self._scene.ours(process=process))), None)

        return int(self._scene.until(found, "compaction that waits", seconds=20) or 0)

    def fact(self) -> str:
        """Return how many of the crowd's keys are compacted, for everybody to see."""
        self.done, self.all = progress(self._scene.sql, self._scene)
        where = "the last transaction" if self.last else "the second chunk"
        return f"{where} of a compaction ({self.done} of {self.all} keys done)"

    def release(self) -> None:
        """Let compactions go on; may be called twice."""
        if self._holder is not None:
            self._holder.close()
            self._holder = None


class HeldRefresh(HeldTiers):
    """The same for a refresh of the recent tier."""

    def hold_inside(self, process: str) -> str:
        """Hold a refresh of that process inside its transaction; return the fact that shows it."""
        self.hold()
        self.refresh_waiting(process)
        return f"a refresh ({running_refreshes(self._scene)} tiers announced)"


def progress(connection: psycopg.Connection[Any], scene: Scene) -> tuple[int, int]:
    """Return how many old keys of the crowd are compacted, and how many there are."""
    row = connection.execute(_PROGRESS, (list(scene.crowd),)).fetchone()
    assert row is not None
    return row[0], row[1]


def work_to_hold(scene: Scene) -> list[HeldRefresh | HeldCompaction]:
    """Return the places in the leader's work in which something can happen to it."""
    return [HeldRefresh(scene), HeldCompaction(scene), HeldCompaction(scene, last=True)]
