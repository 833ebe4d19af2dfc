"""Faults of a leader inside its longer work, a refresh and a compaction: 11, 12.

Invariant: one strike for each place in that work, each proved, and each followed by another leader's drain.
"""

from abc import abstractmethod
from time import monotonic

from tests.faults.faults.fault import Fault, bit
from tests.faults.faults.held_compactions import work_to_hold
from tests.faults.faults.leader import KILLED_SECONDS
from tests.faults.faults.scene import Scene
from tests.faults.record.history import History


class _LeaderAtWork(Fault):
    """What both have in common: the leader is hit while its work waits for a lock, which then goes on or ends."""

    touches = frozenset({"leader", "archives"})
    seconds, failover_seconds = 40.0, KILLED_SECONDS
    done = ""

    def strike(self, scene: Scene) -> None:
        self.places = work_to_hold(scene)
        self.facts: list[str] = []
        self.took: list[float] = []

    def step(self, scene: Scene) -> None:
        place = self.places.pop(0)
        scene.until(scene.all_stand_by, "refresher that stands by", seconds=60)
        leader = scene.leader()
        try:
            fact = place.hold_inside(leader)
            epoch, at = scene.observer.epoch, monotonic()
            self.hit(scene, leader)
            self.took.append(
                scene.until(lambda: scene.observer.seconds_to_another_term(at, epoch), "another term", seconds=20)
            )
        finally:
            place.release()
        self.facts.append(fact)
        self.mend(scene, leader)

    @abstractmethod
    def hit(self, scene: Scene, leader: str) -> None:
        """Hit the leader."""

    def mend(self, scene: Scene, leader: str) -> None:
        """Bring it back."""

    def over(self, scene: Scene) -> bool:
        return not self.places

    def proof(self, scene: Scene) -> str:
        return bit(f"{self.done} inside {'; '.join(self.facts)}", not self.places)

    def judge(self, scene: Scene, history: History) -> list[str]:
        self.failover = max(self.took)
        if self.failover <= KILLED_SECONDS:
            return []
        return [f"failover: another leader drained after {self.failover:.1f} s, not within {KILLED_SECONDS:.0f} s"]


class LeaderKilledAtWork(_LeaderAtWork):
    """The server must end its transaction and free its gates before anybody works on that tier again."""

    number, name, must_hold = "11", "SIGKILL of the leader inside a refresh and a compaction", "I1 I2 I7 I10"
    subset_seconds, done = 90.0, "killed"

    def hit(self, scene: Scene, leader: str) -> None:
        scene.process(leader).kill()

    def mend(self, scene: Scene, leader: str) -> None:
        scene.process(leader).start()


class LeadersLockSessionKilled(_LeaderAtWork):
    """The lock goes to the standby while the old leader's work still runs: it must be fenced."""

    number, must_hold, done = "12", "I10 I4", "lock lost"
    name = "the leader's lock session killed while it refreshes or compacts; two refreshers"

    def hit(self, scene: Scene, leader: str) -> None:
        drain = scene.ours(process=leader, application="frontview-refresher-drain")
        bit("its lock session ended", scene.terminate(drain) == 1)


FAULTS = (LeaderKilledAtWork, LeadersLockSessionKilled)
