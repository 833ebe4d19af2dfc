"""Faults of a process: 8, 29.

Invariant: what was stopped goes on afterwards, and what was started to be in the way is gone.
"""

import multiprocessing
import os
import time
from contextlib import suppress
from pathlib import Path

from tests.faults.faults.fault import Fault, bit
from tests.faults.faults.leader import process_state
from tests.faults.scene import Scene

BUSY_NICENESS = -10  # where we may; as much as everybody else where we may not
PULSE_SECONDS = 0.3
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class WorkerStopped(Fault):
    """Entries it trusted when it stopped must not be used when it goes on."""

    number, name, must_hold = "8", "SIGSTOP of a worker for 5 s, then SIGCONT", "I2 I9"
    seconds, subset_seconds, answer_seconds = 5.0, 3.0, 25.0
    touches = frozenset({"worker"})

    def strike(self, scene: Scene) -> None:
        scene.process(scene.some_worker).pause()

    def proof(self, scene: Scene) -> str:
        states = [process_state(pid) for pid in scene.process(scene.some_worker).pids()]
        return bit(
            f"{len(states)} processes of {scene.some_worker} in state {''.join(set(states))}", set(states) == {"T"}
        )

    def heal(self, scene: Scene) -> None:
        scene.process(scene.some_worker).resume()


class CpuStarved(Fault):
    """Busy processes take the processors, and each of ours stands still for moments, in turn."""

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
        everybody = {**scene.deployment.refreshers, **scene.deployment.workers}
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
        for name in (*scene.deployment.refreshers, *scene.deployment.workers):
            scene.process(name).resume()


def _be_busy() -> None:
    with suppress(OSError):
        os.nice(BUSY_NICENESS)
    while True:
        pass


def _cpu_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS_A_SECOND


FAULTS = (WorkerStopped, CpuStarved)
