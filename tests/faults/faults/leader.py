"""Faults of the refresher that leads: 3, 4, 9, 10.

Invariant: how long it took until another one drained is measured from the strike, by somebody who only looks.
"""

import signal
from time import monotonic

from tests.faults.deployment.process import state_of
from tests.faults.faults.fault import Fault, bit
from tests.faults.faults.held_tiers import HeldTiers, running_refreshes
from tests.faults.faults.scene import Scene
from tests.faults.record.history import History

SILENT_SECONDS = 10.0
KILLED_SECONDS = 3.0
_IN_DRAIN = """
SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state = 'active' AND query LIKE '%%drain_changes%%'
"""


class _Leader(Fault):
    """What these have in common: a leader that is hit, and another one that must take over."""

    touches = frozenset({"leader"})
    must_hold = "I1 I2 I7 I10"

    def strike(self, scene: Scene) -> None:
        self.leader = scene.leader()
        self.arrange(scene)
        self.epoch, self.struck_at = scene.observer.epoch, monotonic()
        self.hit(scene)

    def arrange(self, scene: Scene) -> None:
        """Bring the leader into the state in which the fault must strike."""

    def hit(self, scene: Scene) -> None:
        """Hit it."""

    def over(self, scene: Scene) -> bool:
        self.failover = scene.observer.seconds_to_another_term(self.struck_at, self.epoch)
        return self.failover is not None

    def judge(self, scene: Scene, history: History) -> list[str]:
        self.failover = scene.observer.seconds_to_another_term(self.struck_at, self.epoch)
        goal = self.failover_seconds
        if goal is None or (self.failover is not None and self.failover <= goal):
            return []
        took = "never" if self.failover is None else f"after {self.failover:.1f} s"
        return [f"failover: another leader drained {took}, not within {goal:.0f} s"]


class LeaderLinkSilentIdle(_Leader):
    """The leader has nothing to drain when it is hit, and everybody writes before another one leads."""

    number, name, must_hold = "3", "the leader's link silent, drain idle", "I7 I10"
    seconds, failover_seconds = 20.0, SILENT_SECONDS

    def arrange(self, scene: Scene) -> None:
        scene.load.pause_writers()
        scene.until(lambda: not scene.value("SELECT count(*) FROM frontview.stale_key"), "idle leader")

    def hit(self, scene: Scene) -> None:
        self.held_before = scene.link(self.leader).held_bytes
        self.writing = False
        scene.link(self.leader).silence()

    def step(self, scene: Scene) -> None:
        if not self.writing and self._held(scene):
            scene.load.resume_writers()
            self.writing = True

    def _held(self, scene: Scene) -> int:
        return scene.link(self.leader).held_bytes - self.held_before

    def proof(self, scene: Scene) -> str:
        return bit(f"{self._held(scene)} bytes of {self.leader} held back, then writes", self.writing)

    def heal(self, scene: Scene) -> None:
        scene.link(self.leader).heal()
        scene.load.resume_writers()


class LeaderLinkSilentInRefresh(_Leader):
    """Its refresh ends on the server, inside a transaction that nobody will commit."""

    number, name, must_hold = "4", "the leader's link silent inside a refresh", "I7 I10"
    touches = frozenset({"leader", "archives"})
    seconds, subset_seconds, failover_seconds = 20.0, 12.0, SILENT_SECONDS

    def arrange(self, scene: Scene) -> None:
        self.tiers = HeldTiers(scene)
        self.tiers.hold()
        self.waiting = self.tiers.refresh_waiting(self.leader)
        self.held_before = scene.link(self.leader).held_bytes

    def hit(self, scene: Scene) -> None:
        scene.link(self.leader).silence()
        self.announced = running_refreshes(scene)
        self.tiers.release()

    def proof(self, scene: Scene) -> str:
        held = scene.link(self.leader).held_bytes - self.held_before
        return bit(f"{held} bytes held back, {self.announced} tiers in refresh", held and self.announced)

    def heal(self, scene: Scene) -> None:
        self.tiers.release()
        scene.link(self.leader).heal()


class LeaderStopped(_Leader):
    """Stopped, then continued: it must not go on as if it still led, unless it does."""

    number, name, must_hold = "9", "SIGSTOP of the leader for 8 s, then SIGCONT", "I2 I10"
    seconds, subset_seconds = 8.0, 4.0

    def hit(self, scene: Scene) -> None:
        scene.process(self.leader).pause()

    def over(self, scene: Scene) -> bool:
        return False

    def proof(self, scene: Scene) -> str:
        age = scene.observer.sights[-1].age
        state = state_of(scene.process(self.leader).pid)
        return bit(f"{self.leader} in state {state}, newest drain {age:.1f} s old at its end", state == "T")

    def heal(self, scene: Scene) -> None:
        scene.process(self.leader).resume()


class LeaderKilledOften(_Leader):
    """Killed in turn before its drain's commit and after it, before the answer arrives; started again each time."""

    number, name, must_hold = (
        "10",
        "SIGKILL of the leader around the commit of a drain, again and again",
        "I1 I2 I7 I10",
    )
    seconds, subset_seconds, failover_seconds = 40.0, None, KILLED_SECONDS
    least, most = 6, 16  # times; more than the least until both ways have come about

    def hit(self, scene: Scene) -> None:
        self.killed: list[tuple[float, int]] = []
        self.before_commit = self.after_commit = 0

    def step(self, scene: Scene) -> None:
        if self.killed and scene.observer.seconds_to_another_term(*self.killed[-1]) is None:
            return
        if self._enough or not scene.all_stand_by():
            return
        scene.wait(scene.chance.uniform(0.3, 1.0))
        leader = scene.leader()
        (drain,) = scene.ours(process=leader, application="frontview-refresher-drain")
        if len(self.killed) % 2:
            self._kill_after_commit(scene, leader)
        else:
            self._kill_before_commit(scene, leader, drain)
        scene.process(leader).start()

    @property
    def _enough(self) -> bool:
        both = self.before_commit and self.after_commit
        return len(self.killed) >= (self.least if both else self.most)

    def _kill_before_commit(self, scene: Scene, leader: str, drain: int) -> None:
        """Stop the backend inside a drain; it commits when nobody waits for that any more."""
        stopped = scene.until(lambda: self._stopped_in_drain(scene, drain), "drain at work", seconds=20)
        self._kill(scene, leader)
        scene.deployment.cluster.signal_backend(drain, signal.SIGCONT)
        self.before_commit += stopped

    def _kill_after_commit(self, scene: Scene, leader: str) -> None:
        """Hold back the answer to a drain that the server has committed, where it was a drain that we met."""
        newest = "SELECT max(drain_id) FROM frontview.drain"
        link = scene.link(leader)
        before, held = scene.value(newest), link.held_bytes
        link.stall()
        scene.until(lambda: link.held_bytes > held, "answer held back")
        self.after_commit += scene.value(newest) > before
        self._kill(scene, leader)
        link.heal()

    def _stopped_in_drain(self, scene: Scene, drain: int) -> bool:
        if not scene.value(_IN_DRAIN, drain):
            return False
        scene.deployment.cluster.signal_backend(drain, signal.SIGSTOP)
        if scene.value(_IN_DRAIN, drain):
            return True
        scene.deployment.cluster.signal_backend(drain, signal.SIGCONT)
        return False

    def _kill(self, scene: Scene, leader: str) -> None:
        epoch = scene.observer.epoch
        self.killed.append((monotonic(), epoch))
        scene.process(leader).kill()

    def over(self, scene: Scene) -> bool:
        return self._enough and scene.observer.seconds_to_another_term(*self.killed[-1]) is not None

    def proof(self, scene: Scene) -> str:
        fact = f"killed {self.before_commit} times inside a drain, {self.after_commit} times before its answer arrived"
        return bit(fact, self.before_commit and self.after_commit)

    def judge(self, scene: Scene, history: History) -> list[str]:
        took = [scene.observer.seconds_to_another_term(*killed) for killed in self.killed]
        self.failover = max((seconds for seconds in took if seconds is not None), default=None)
        slow = [seconds for seconds in took if seconds is None or seconds > KILLED_SECONDS]
        return [f"failover: {len(slow)} of {len(took)} took longer than {KILLED_SECONDS:.0f} s"] if slow else []


FAULTS = (
    LeaderLinkSilentIdle,
    LeaderLinkSilentInRefresh,
    LeaderStopped,
    LeaderKilledOften,
)
