"""Faults of refreshes and compactions that fail again and again: 26, 27.

Invariant: late changes of the load are kept away meanwhile, so that every refresh that fails is one of a leader.
"""

from datetime import UTC, datetime, time
from typing import Any

from refresher.leader.alarms import REFRESH_FAILING
from tests.faults.faults.fault import Fault, Stage, bit
from tests.faults.faults.held_compactions import HeldCompaction, progress
from tests.faults.faults.held_tiers import HeldTiers, keep_late_changes_away
from tests.faults.faults.scene import Scene
from tests.faults.load.late_changes import CHANGE
from tests.faults.record.encoding import OLD_DAYS
from tests.faults.record.history import History


class RefreshesTimeOut(Fault):
    """Neither refreshes nor compactions succeed, whose first chunks do: reads get slower and stay right."""

    number, name, must_hold = "26", "every refresh and every compaction times out", "I1 I2 I7"
    seconds, subset_seconds = 60.0, None
    stage = Stage({"FRONTVIEW_REFRESH_TIMEOUT_SECONDS": "4", "FRONTVIEW_REFRESH_DUTY": "1"})
    touches = frozenset({"refreshes", "archives"})
    outcomes = """
    SELECT count(*) FILTER (WHERE outcome LIKE 'failed%%' AND tier = 'recent'),
        count(*) FILTER (WHERE outcome LIKE 'failed%%' AND tier = 'archive' AND view = 'calls_1'),
        count(*) FILTER (WHERE outcome = 'refreshed' AND (tier, view) <> ('archive', 'calls_1'))
    FROM frontview.refresh_log WHERE started_at > %s
    """

    def strike(self, scene: Scene) -> None:
        self.tiers = HeldTiers(scene, "calls_1", "leads_1", "quality_1", "agents_1")
        self.tiers.hold()
        self.tiers.hold_archives(but="calls_1")
        self.since = scene.value("SELECT clock_timestamp()")  # An earlier refresh is logged after it releases its lock.
        self.places = [HeldCompaction(scene, beside=True), HeldCompaction(scene, last=True, beside=True)]
        self.facts: list[str] = []

    def step(self, scene: Scene) -> None:
        """Hold a compaction at one place after the other, until it has failed there."""
        if not self.places:
            return
        place, before = self.places.pop(0), self._outcomes(scene)[1]
        try:
            fact = place.hold_inside("")
            scene.until(lambda: self._outcomes(scene)[1] > before, "compaction that failed", seconds=20)
        finally:
            place.release()
        self.facts.append(fact)

    def _outcomes(self, scene: Scene) -> tuple[int, int, int]:
        return scene.query(self.outcomes, self.since)[0]

    def over(self, scene: Scene) -> bool:
        return not self.places and self._outcomes(scene)[0] >= 4

    def proof(self, scene: Scene) -> str:
        recent, archive, good = self._outcomes(scene)
        fact = f"{recent} refreshes failed and {archive} compactions, inside {'; '.join(self.facts)}; {good} succeeded"
        return bit(fact, recent and archive and not self.places and not good)

    def heal(self, scene: Scene) -> None:
        self.tiers.release()


class DuplicateKey(Fault):
    """Refreshes and last chunks of compactions fail, again and again; reads patch, and alarms tell somebody to look."""

    number, name, must_hold = "27", "a duplicate key appears in a recent tier and in an archive", "I1 I2, alarm"
    seconds, subset_seconds = 60.0, None
    touches = frozenset({"refreshes", "archives"})
    failures = "SELECT count(*) FROM frontview.refresh_log WHERE outcome = 'failed: 23505' AND refresh_id > %s"
    wanted = frozenset({"calls_1/recent", "calls_1/archive"})

    def prepare(self, scene: Scene) -> None:
        self.user = scene.deployment.add_users(1)[0]

    def strike(self, scene: Scene) -> None:
        self.before = {subject for _, subject, _ in self._alarms_of_it(scene)}
        self.alarms: list[Any] = []
        self.last = scene.value("SELECT COALESCE(max(refresh_id), 0) FROM frontview.refresh_log")
        self.late = scene.open_transaction()
        keep_late_changes_away(scene, self.late)  # A rebuild would have no such index.
        # One row a user and day is what these indexes allow: the second agent's first call of a day is a duplicate.
        for tier in ("recent", "archive"):
            scene.sql.execute(
                f"CREATE UNIQUE INDEX IF NOT EXISTS fault_one_row_a_day_{tier} "
                f"ON frontview.calls_1_{tier} (user_key, day) WHERE user_key = {self.user}".encode()
            )
        with scene.sql.transaction():
            scene.sql.execute(CHANGE, (list(scene.crowd),))
            for day in (scene.deployment.window[OLD_DAYS - 1], scene.deployment.window[-1]):
                scene.sql.execute(
                    "INSERT INTO calls (user_id, agent_id, started_at, status, cost_cents) "
                    "SELECT user_id, max(id), %s, 'completed', 1 FROM agents WHERE user_id = %s GROUP BY user_id",
                    (datetime.combine(day, time(12), UTC), self.user),
                )

    def step(self, scene: Scene) -> None:
        self.alarms = [it for it in self._alarms_of_it(scene) if it[1] not in self.before] or self.alarms

    @staticmethod
    def _alarms_of_it(scene: Scene) -> list[tuple[Any, ...]]:
        return [it for it in alarms(scene) if it[0] == REFRESH_FAILING and it[1].startswith("calls_1/")]

    def over(self, scene: Scene) -> bool:
        return self.wanted <= {subject for _, subject, _ in self.alarms}

    def proof(self, scene: Scene) -> str:
        failures = scene.value(self.failures, self.last)
        done, everything = progress(scene.sql, scene)
        fact = f"{failures} refreshes of a tier failed with 23505, compactions with {done} of {everything} keys done"
        return bit(fact, failures and 0 < done < everything)

    def heal(self, scene: Scene) -> None:
        for tier in ("recent", "archive"):
            scene.sql.execute(f"DROP INDEX IF EXISTS frontview.fault_one_row_a_day_{tier}".encode())
        self.late.close()

    def judge(self, scene: Scene, history: History) -> list[str]:
        self.note = f"alarms: {self.alarms}"
        lacking = self.wanted - {subject for _, subject, _ in self.alarms}
        return [f"no alarm {REFRESH_FAILING} about {subject} was raised" for subject in sorted(lacking)]


def alarms(scene: Scene) -> list[tuple[Any, ...]]:
    """Return kind, subject and times of every alarm there is."""
    return scene.query("SELECT kind, subject, times FROM frontview.alarm ORDER BY kind, subject")


FAULTS = (RefreshesTimeOut, DuplicateKey)
