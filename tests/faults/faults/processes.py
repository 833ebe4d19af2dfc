"""Faults of a process: 8, 29.

Invariant: what was stopped goes on afterwards, and what was started to be in the way is gone.
"""

import multiprocessing
import os
import time
from contextlib import suppress

from tests.faults.deployment.process import proc_words, state_of
from tests.faults.faults.fault import COMPUTING_SECONDS, Fault, bit
from tests.faults.faults.links import MANY_PLAIN_READERS
from tests.faults.faults.scene import Scene

BUSY_NICENESS = -10  # where we may; as much as everybody else where we may not
PULSE_SECONDS = 0.3
FRESH = 20  # requests on connections of their own, for what a stopped worker has cached
ON_THE_WAY_SECONDS = 0.3  # until they wait in its sockets
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class WorkerStopped(Fault):
    """Entries it trusted when it stopped must not be used when it goes on, not even for who asked meanwhile."""

    number, name, must_hold = "8", "SIGSTOP of a worker for 5 s, then SIGCONT", "I2 I9"
    seconds, subset_seconds, answer_seconds = 5.0, 3.0, 25.0
    touches = frozenset({"worker"})
    load = MANY_PLAIN_READERS
    computing_seconds = COMPUTING_SECONDS + seconds  # it may stop before its statement is sent

    def strike(self, scene: Scene) -> None:
        self.struck_worker = scene.some_worker
        self.cached = self._cached(scene)
        scene.process(scene.some_worker).pause()

    def _cached(self, scene: Scene) -> list[int]:
        """Return the users for whom the worker has an answer; few or none where another fault has struck it."""
        for _ in range(2):
            scene.asking.send(scene.some_worker, scene.users[:FRESH])
            reads = scene.asking.receive()
        return [read.user for read in reads if read.source == "cache"]

    def proof(self, scene: Scene) -> str:
        states = [state_of(pid) for pid in scene.process(scene.some_worker).pids()]
        fact = f"{len(states)} processes of {scene.some_worker} in state {''.join(set(states))}"
        return bit(f"{fact} with {len(set(self.cached))} answers cached", set(states) == {"T"})

    def heal(self, scene: Scene) -> None:
        users = ((self.cached or list(scene.users)) * FRESH)[:FRESH]
        scene.asking.send(scene.some_worker, users)
        scene.wait(ON_THE_WAY_SECONDS)
        scene.process(scene.some_worker).resume()
        fresh = scene.asking.receive()
        self.note = (
            f"of {len(fresh)} requests sent meanwhile {sum(it.source == 'cache' for it in fresh)} got a cached answer"
        )


class CpuStarved(Fault):
    """Busy processes take the processors, and each of Frontview's processes stands still for moments, in turn."""

    number, name, must_hold = "29", "CPU starvation: busy neighbours, and processes that stand still for moments", "I2"
    seconds, subset_seconds, answer_seconds = 10.0, None, 25.0

    def strike(self, scene: Scene) -> None:
        self.pulses = 0
        self.began = time.monotonic()
        self.busy = [
            multiprocessing.get_context("spawn").Process(target=_be_busy) for _ in range(2 * (os.cpu_count() or 1))
        ]
        for process in self.busy:
            process.start()

    def step(self, scene: Scene) -> None:
        everybody = scene.deployment.processes()
        process = everybody[scene.chance.choice(sorted(everybody))]
        process.pause()
        scene.wait(scene.chance.uniform(0.05, PULSE_SECONDS))
        process.resume()
        self.pulses += 1

    def proof(self, scene: Scene) -> str:
        took = sum(_cpu_seconds(process.pid) for process in self.busy if process.pid)
        share = took / (time.monotonic() - self.began) / (os.cpu_count() or 1)
        return bit(f"{share:.0%} of the processors taken, {self.pulses} pulses", share > 0.3 and self.pulses)

    def heal(self, scene: Scene) -> None:
        for process in self.busy:
            process.kill()
            process.join()
        for process in scene.deployment.processes().values():
            process.resume()


def _be_busy() -> None:
    with suppress(OSError):
        os.nice(BUSY_NICENESS)
    while True:
        pass


def _cpu_seconds(pid: int) -> float:
    words = proc_words(pid, "stat")
    return (int(words[11]) + int(words[12])) / TICKS_A_SECOND


FAULTS = (WorkerStopped, CpuStarved)
