"""Faults of the network between one worker and the database: 2, 5, 6, 7.

Invariant: a link is healed whatever happened to the strike.
"""

from tests.faults.faults.fault import Fault, bit
from tests.faults.faults.scene import Scene

# A request for something that is not cached waits; enough readers must remain to ask once trust has ended.
MANY_PLAIN_READERS = {"clients": 24, "questions": 1, "exact_share": 0.05}


class _WorkerLink(Fault):
    """What all of these have in common: the link of one worker."""

    touches = frozenset({"worker's link"})
    must_hold = "I2"
    load = MANY_PLAIN_READERS

    def strike(self, scene: Scene) -> None:
        self.struck_worker = scene.some_worker
        self.link = scene.link(scene.some_worker)
        self.held_before, self.dropped_before = self.link.held_bytes, self.link.dropped_notifications
        self.damage()

    def damage(self) -> None:
        """Do it to the link."""

    def proof(self, scene: Scene) -> str:
        held = self.link.held_bytes - self.held_before
        return bit(f"{held} bytes of {scene.some_worker} held back", held)

    def heal(self, scene: Scene) -> None:
        scene.link(scene.some_worker).heal()


class WorkerLinkSilent(_WorkerLink):
    """No byte passes, in either direction, and no keepalive notices."""

    number, name, must_hold = "2", "a worker's link to the database silent for 5 s", "I2 I8"
    seconds, subset_seconds = 5.0, 3.0
    computing_seconds = Fault.answer_seconds  # a statement may be on its way for as long as that

    def damage(self) -> None:
        self.link.silence()


class WorkerLinkSilentLong(WorkerLinkSilent):
    """Long enough for every timeout of both sides."""

    number, name = "2b", "a worker's link to the database silent for 60 s"
    seconds, subset_seconds = 60.0, None


class WorkerLinkDelayed(_WorkerLink):
    """Everything arrives, three times H late."""

    number, name = "5", "everything from the database reaches a worker 3 s late"
    seconds, subset_seconds = 8.0, None

    def damage(self) -> None:
        self.link.delay(3.0)


class WorkerLinkBursts(_WorkerLink):
    """The stream stalls, then everything comes at once."""

    number, name = "6", "a worker's stream stalls for 3 s, then bursts"
    seconds, subset_seconds = 3.0, None

    def damage(self) -> None:
        self.link.stall()


class NotificationsLost(_WorkerLink):
    """A notification only wakes; without any, polls must do."""

    number, name = "7", "every notification to a worker is lost"
    seconds, subset_seconds = 5.0, 2.0

    def damage(self) -> None:
        self.link.drop_notifications()

    def proof(self, scene: Scene) -> str:
        dropped = self.link.dropped_notifications - self.dropped_before
        return bit(f"{dropped} notifications dropped", dropped)


class WorkerLinkCut(_WorkerLink):
    """Connections are reset, and so are new ones."""

    number, name, must_hold = "2c", "a worker's connections are reset, and all new ones, for 5 s", "I2 I8"
    seconds, subset_seconds = 5.0, None

    def damage(self) -> None:
        self.refused_before = self.link.refused
        self.link.cut()

    def proof(self, scene: Scene) -> str:
        refused = self.link.refused - self.refused_before
        return bit(f"{refused} connections refused", refused)


FAULTS = (WorkerLinkSilent, WorkerLinkSilentLong, WorkerLinkCut, WorkerLinkDelayed, WorkerLinkBursts, NotificationsLost)
