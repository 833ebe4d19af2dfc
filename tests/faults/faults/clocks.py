"""Faults of wall clocks: 28. Monotonic time stays as it is; nothing else may depend on what a clock shows.

Invariant: every clock is right again when the fault has healed.
"""

from abc import abstractmethod
from datetime import UTC, datetime

from tests.faults.deployment.clock import clock_faults_unavailable
from tests.faults.faults.fault import Fault, Stage, bit
from tests.faults.faults.scene import Scene

HOUR = 3600.0
SHIFTED = Stage(fake_clocks=True)


class _Clock(Fault):
    """An hour ahead, then an hour behind, then right."""

    must_hold, stage = "I2", SHIFTED
    seconds, subset_seconds = 10.0, None

    def unavailable(self) -> str | None:
        return clock_faults_unavailable()

    def strike(self, scene: Scene) -> None:
        self.seen: list[float] = []
        self._shift_and_look(scene, HOUR)
        self.turned = False

    def step(self, scene: Scene) -> None:
        if not self.turned and scene.seconds_since_strike() > self.length(short=scene.short) / 2:
            self._shift_and_look(scene, -HOUR)
            self.turned = True

    def _shift_and_look(self, scene: Scene, seconds: float) -> None:
        self.shift(scene, seconds)
        self.seen.append(self.difference(scene))

    def shift(self, scene: Scene, seconds: float) -> None:
        """Set the clock so far from the machine's."""

    @abstractmethod
    def difference(self, scene: Scene) -> float:
        """Return how far the clock is from ours, as the process itself shows it."""

    def proof(self, scene: Scene) -> str:
        fact = f"clock {' s, then '.join(f'{seconds:+.0f}' for seconds in self.seen)} s off"
        return bit(fact, len(self.seen) == 2 and all(abs(abs(it) - HOUR) < 60 for it in self.seen))

    def heal(self, scene: Scene) -> None:
        self.shift(scene, 0)


class WorkerClock(_Clock):
    """Ages and trust are not measured with it; tokens and midnights are."""

    number, name = "28", "a worker's wall clock one hour off, both ways"

    def shift(self, scene: Scene, seconds: float) -> None:
        scene.process(scene.some_worker).shift_clock(seconds)

    def difference(self, scene: Scene) -> float:
        with scene.client(scene.some_worker, scene.users[0]) as client:
            answer = client.get(scene.question(), headers={"Cache-Control": "no-cache"})
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:200]}"
        shown = datetime.fromisoformat(answer.json()["meta"]["calculated_at"])
        return (shown - datetime.now(UTC)).total_seconds()


class LeaderClock(_Clock):
    """The leader says nothing of time: drains carry the database's."""

    number, name = "28b", "the leader's wall clock one hour off, both ways"

    def shift(self, scene: Scene, seconds: float) -> None:
        self.leader = getattr(self, "leader", None) or scene.leader()
        self.last = scene.value("SELECT COALESCE(max(refresh_id), 0) FROM frontview.refresh_log")
        scene.process(self.leader).shift_clock(seconds)

    def difference(self, scene: Scene) -> float:
        query = (
            "SELECT EXTRACT(EPOCH FROM started_at - clock_timestamp())::float8 FROM frontview.refresh_log "
            "WHERE refresh_id > %s + 4 ORDER BY refresh_id DESC LIMIT 1"
        )
        return float(scene.until(lambda: scene.value(query, self.last), "refresh under that clock", seconds=15))


class ServerClock(_Clock):
    """The ages of drains are differences of its clock, which has just jumped."""

    number, name = "28c", "the database's wall clock one hour off, both ways"

    def shift(self, scene: Scene, seconds: float) -> None:
        scene.deployment.cluster.shift_clock(seconds)

    def difference(self, scene: Scene) -> float:
        shown = scene.value("SELECT clock_timestamp()")
        return float((shown - datetime.now(UTC)).total_seconds())


FAULTS = (WorkerClock, LeaderClock, ServerClock)
