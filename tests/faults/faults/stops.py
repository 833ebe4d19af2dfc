"""Faults that operators cause on purpose: 32, reloads and stops under load.

Invariant: a request is lost when it got no answer; only where nobody is meant to listen for a while are connections
that were refused no more than counted. That the requests a worker has begun are answered, whatever connection they
came by, is shown by :mod:`tests.faults.test_deployment`, which holds one of them open for as long as it takes.
"""

import signal
from time import monotonic
from typing import ClassVar

from tests.faults.faults.fault import Fault, Stage, bit
from tests.faults.faults.scene import Scene
from tests.faults.record.history import History
from tests.waiting import until

PRELOADED = Stage(server="gunicorn-preload")


class _Stop(Fault):
    """What these have in common: no request may stay without its answer, and somebody listens all the while.

    ``refusals_allowed``: nobody listens for a while.
    """

    must_hold = "I2 I8, no request lost"
    refusals_allowed: ClassVar[bool] = False

    def strike(self, scene: Scene) -> None:
        self.worker = scene.some_worker
        self.breaks = {self.worker}  # judged here, where a refused connection is told from a lost request
        self.before = set(scene.process(self.worker).pids())
        self.at = monotonic()
        self.do(scene)

    def do(self, scene: Scene) -> None:
        """Do it to the worker."""

    def judge(self, scene: Scene, history: History) -> list[str]:
        mine = [read for read in history.reads if read.worker == self.worker]
        lost = [it for it in mine if it.status == 0 and not (self.refusals_allowed and it.error == "refused")]
        refused = sum(read.error == "refused" for read in mine)
        again = sum(read.sent_again for read in mine)
        self.note = f"{len(lost)} of {len(mine)} requests lost, {refused} refused, {again} sent again"
        return [f"I8: {self.note}; the first: {lost[0].error} at {lost[0].sent - self.at:+.2f} s"] if lost else []


class Reloaded(_Stop):
    """SIGHUP: new processes take over from the old ones."""

    number, name = "32", "rolling reload (SIGHUP) under load"
    seconds, subset_seconds = 8.0, None
    touches = frozenset({"worker"})

    def do(self, scene: Scene) -> None:
        scene.process(self.worker).signal(signal.SIGHUP)

    def proof(self, scene: Scene) -> str:
        after = set(scene.process(self.worker).pids())
        fact = f"{len(self.before - after)} of {len(self.before)} processes replaced"
        return bit(fact, self.before - after and scene.process(self.worker).alive)


class Terminated(_Stop):
    """SIGTERM: what was asked is answered, then it ends."""

    number, name = "32b", "SIGTERM of a worker under load, then a new start"
    seconds, subset_seconds = 3.0, 2.0
    refusals_allowed = True
    touches = frozenset({"worker"})

    def do(self, scene: Scene) -> None:
        self.code = scene.process(self.worker).terminate()
        self.took = monotonic() - self.at
        scene.wait(0.5)
        scene.process(self.worker).start()

    def proof(self, scene: Scene) -> str:
        after = set(scene.process(self.worker).pids())
        return bit(
            f"ended with {self.code} after {self.took:.1f} s; {len(after)} new processes", not self.before & after
        )

    def judge(self, scene: Scene, history: History) -> list[str]:
        ended = [] if self.code == 0 else [f"I8: an orderly end has exit code {self.code}"]
        return ended + super().judge(scene, history)


class Preloaded(_Stop):
    """The application is loaded before the fork; each child must have connections and a thread of its own."""

    number, name, stage = "32c", "gunicorn --preload, reloaded (SIGHUP) under load", PRELOADED
    seconds, subset_seconds = 8.0, None

    def do(self, scene: Scene) -> None:
        scene.process(self.worker).signal(signal.SIGHUP)
        parent = scene.process(self.worker).pid
        until(
            lambda: self.before - {parent} and not (self.before - {parent}) & set(scene.process(self.worker).pids()),
            "new children",
            seconds=40,
        )

    def proof(self, scene: Scene) -> str:
        after = set(scene.process(self.worker).pids())
        feeds = len(scene.ours(process=self.worker, application="frontview-feed"))
        fact = f"children of {sorted(self.before)} became those of {sorted(after)}, with {feeds} feed of their own"
        return bit(fact, after != self.before and feeds and "--preload" in scene.process(self.worker).command)


FAULTS = (Reloaded, Terminated, Preloaded)
