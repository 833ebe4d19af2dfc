"""A soak: the highest load this machine gives, for long, with a random fault each minute.

Invariant: every read and every write of it is checked, as in a short run; memory, connections and tables are sampled
all the while, and must be as flat at its end as at its beginning.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

import psycopg

from tests.faults.deployment import Deployment
from tests.faults.encoding import PLAIN_ROWS
from tests.faults.faults.fault import PLAIN, DidNotBite, Fault
from tests.faults.judging import bookkeeping, judge_history
from tests.faults.observer import Observer
from tests.faults.outcome import BROKEN, SURVIVED, VIOLATED, Outcome
from tests.faults.runner import Runner
from tests.faults.scene import Scene

SAMPLE_SECONDS = 10.0
FAULT_EVERY_SECONDS = 60.0
LONGEST_FAULT_SECONDS = 40.0
_TABLES = ("change_log", "stale_key", "feed", "drain")


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at what must stay bounded; sizes in bytes."""

    at: float
    rss_bytes: dict[str, int]
    connections: int
    table_bytes: dict[str, int]
    queue: float


class Soak:
    """One long run on one deployment.

    :param chosen: of which the random ones are taken; those that need other settings or a spoiled system are not.
    :param tell: told a line a fault.
    """

    def __init__(
        self,
        runner: Runner,
        chosen: Sequence[type[Fault]],
        *,
        minutes: float,
        writes: float,
        reads: float,
        tell: Callable[[str], None],
    ) -> None:
        self._runner, self._seconds, self._tell = runner, minutes * 60, tell
        self._writes, self._reads = writes, reads
        self._chosen = [
            it
            for it in chosen
            if it.stage == PLAIN and not it.spoils and it.seconds <= LONGEST_FAULT_SECONDS and it.touches
        ]
        self.samples: list[Sample] = []
        self._struck: list[Fault] = []

    def run(self) -> Outcome:
        """Run and judge it."""
        outcome = Outcome("soak", f"{self._seconds / 60:g} minutes of load, a fault a minute", "I1-I10")
        try:
            self._run(outcome)
        except Exception as error:
            outcome.word, outcome.why = BROKEN, f"{type(error).__name__}: {error}"
        return outcome

    def _run(self, outcome: Outcome) -> None:
        deployment = self._runner.deployment(PLAIN)
        # Half of the transactions insert a plain row or two; a user has places for PLAIN_ROWS of them.
        users = deployment.add_users(max(24, round(self._writes * self._seconds * 2 / PLAIN_ROWS)))
        scene = self._runner.scene_for(
            deployment, users, outcome, writes_per_second=self._writes, reads_per_second=self._reads, busy=True
        )
        scene.until(deployment.converged, "rest before the load", seconds=120)
        scene.observer.start()
        scene.load.start()
        sampling = threading.Event()
        sampler = threading.Thread(target=self._sample, args=(deployment, scene.observer, sampling), daemon=True)
        sampler.start()
        try:
            self._fault_after_fault(scene, outcome)
        finally:
            sampling.set()
            sampler.join(SAMPLE_SECONDS + 5)
            self._runner.say("ending the load")
            history = scene.load.stop()
            scene.observer.stop()
        history = scene.history_with_own(history)
        self._runner.say("checking")
        scene.until(deployment.converged, "convergence", seconds=120)
        outcome.connections = scene.observer.most_connections()
        judge_history(history, self._struck, outcome)
        outcome.violations += bookkeeping(scene, outcome)
        for fault in self._struck:
            outcome.violations += [f"{fault.number}: {it}" for it in fault.judge(scene, history)]
        outcome.note = self._figures(len(history.reads), len(history.writes), len(history.attempts))
        outcome.word = VIOLATED if outcome.violations else SURVIVED

    def _fault_after_fault(self, scene: Scene, outcome: Outcome) -> None:
        end = monotonic() + self._seconds
        minute = 0
        while monotonic() < end:
            minute += 1
            fault = scene.chance.choice(self._chosen)()
            began = monotonic()
            scene.wait(min(5.0, max(0.0, end - monotonic())))
            fault.prepare(scene)
            try:
                self._runner.strike_and_heal(scene, [fault], outcome)
            except DidNotBite as error:
                outcome.violations.append(f"{fault.number} did not bite: {error}")
            else:
                self._struck.append(fault)
            self._runner.await_service(scene, outcome)
            took = f"draining after {outcome.draining:.1f} s, serving after {outcome.serving:.1f} s"
            self._tell(f"minute {minute}: {fault.number} {fault.name}: {outcome.proof or 'did not bite'}; {took}")
            scene.wait(max(0.0, min(end, began + FAULT_EVERY_SECONDS) - monotonic()))
        outcome.proof = f"{len(self._struck)} faults bit: {', '.join(it.number for it in self._struck)}"

    def _sample(self, deployment: Deployment, observer: Observer, over: threading.Event) -> None:
        while not over.wait(SAMPLE_SECONDS):
            everybody = {**deployment.refreshers, **deployment.workers}
            sizes = {name: it.rss_bytes() for name, it in everybody.items() if it.alive}
            sight = observer.sights[-1] if observer.sights else None
            tables: dict[str, int] = {}
            try:
                with deployment.connect() as connection:
                    for table in _TABLES:
                        query = "SELECT pg_total_relation_size(%s::regclass)"
                        row = connection.execute(query, (f"frontview.{table}",)).fetchone()
                        tables[table] = int(row[0]) if row else 0
            except psycopg.Error:  # a fault of the server's; the next sample will tell
                continue
            if sight is not None:
                self.samples.append(Sample(monotonic(), sizes, sight.connections, tables, sight.queue))

    def _figures(self, reads: int, writes: int, attempts: int) -> str:
        words = [
            f"{reads / self._seconds:.0f} reads/s, {attempts / self._seconds:.0f} transactions/s ({writes} writes)"
        ]
        if self.samples:
            first, last = self.samples[min(2, len(self.samples) - 1)], self.samples[-1]
            words += [
                f"{name} {first.rss_bytes[name] / 1e6:.0f} to {last.rss_bytes[name] / 1e6:.0f} MB"
                for name in last.rss_bytes
                if name in first.rss_bytes
            ]
            words += [
                f"{table} {first.table_bytes[table] / 1e6:.1f} to {last.table_bytes[table] / 1e6:.1f} MB"
                for table in _TABLES
            ]
            words.append(f"{first.connections} to {last.connections} connections")
        return ", ".join(words)
