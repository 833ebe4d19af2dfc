"""A soak: the highest load that the machine can generate, for a long time, with a random fault each minute.

Invariant: every read and every write of it is checked, as in a short run; memory, connections and tables are sampled
all the while, and must be as flat at its end as at its beginning, which :mod:`tests.faults.runs.steadiness` judges.

Not all faults strike here. 24, 26, 28 and 32c need a system set up for them, 15 leaves another one behind; 2b, 16, 20b,
20c, 21 and 27 last a minute themselves; 29 cannot take processors that the load has taken already; 30 strikes processes
of its own, which no load reaches.
"""

import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic

from tests.faults.database.convergence import CHANGE_LOG_ROWS, connection_bound
from tests.faults.deployment.deployment import Deployment
from tests.faults.faults.fault import PLAIN, DidNotBite, Fault
from tests.faults.faults.scene import Scene
from tests.faults.record.encoding import MOST_USERS, PLAIN_ROWS
from tests.faults.record.history import History
from tests.faults.runs.judging import SETTINGS, bookkeeping, drained_late, judge_history
from tests.faults.runs.outcome import BROKEN, SURVIVED, VIOLATED, Outcome
from tests.faults.runs.runner import Runner
from tests.faults.runs.steadiness import Sample, Sampler, figures, unsteadiness, values, with_rates

FAULT_EVERY_SECONDS = 60.0
LONGEST_FAULT_SECONDS = 40.0
REST_SECONDS = 120.0
JUDGED_SECONDS = 5.0  # before and after a fault, for what it says about the load itself
LEAST_USERS, MOST_SOAK_USERS = 600, MOST_USERS - 500  # each fault may add some
TOGETHER_ONLY_HERE = frozenset({"13", "14", "17", "23", "25"})  # they strike everything, and it heals in place


class Soak:
    """One long run on one deployment.

    :param chosen: of which the random ones are taken, as far as they can strike here.
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
        self._chosen = [it for it in chosen if may_strike(it)]
        self._struck: list[tuple[Fault, float, float]] = []  # with when it struck and was healed
        self._bit: list[Fault] = []

    def run(self) -> Outcome:
        """Run and judge it; whatever becomes of it, everything it started is ended."""
        outcome = Outcome("soak", f"{self._seconds / 60:g} minutes of load, a fault a minute", "I1-I10")
        try:
            self._run(outcome)
        except Exception as error:
            outcome.word, outcome.why = BROKEN, f"{type(error).__name__}: {error}"
            self._keep_traceback("run")
        finally:
            self._runner.end_deployment()
        return outcome

    def _run(self, outcome: Outcome) -> None:
        deployment = self._runner.deployment(PLAIN)
        scene = self._scene(deployment, outcome)
        try:
            self._rest(scene, outcome, "before the load")
            history, sampler = self._under_load(scene, outcome)
            self._runner.say("checking")
            self._rest(scene, outcome, "after the load")
            self._judge(scene, history, sampler, outcome)
        finally:
            scene.close()

    def _scene(self, deployment: Deployment, outcome: Outcome) -> Scene:
        """Return a scene of many users who ask one question each, which is what a busy dashboard gets."""
        # Half of the transactions insert a plain row or two; a user has places for PLAIN_ROWS of them.
        wanted = round(self._writes * self._seconds * 2 / PLAIN_ROWS)
        users = deployment.add_users(min(MOST_SOAK_USERS, max(LEAST_USERS, wanted)))
        # The control stays: else nobody could tell a writer that waits for a fault from one that waits for us.
        return self._runner.scene_for(
            deployment,
            users,
            outcome,
            writes_per_second=self._writes,
            reads_per_second=self._reads,
            busy=True,
            arguments={"exact_share": 0.03, "questions": 1},
        )

    def _rest(self, scene: Scene, outcome: Outcome, when: str) -> None:
        """Wait until nothing is left to do; a system that never gets there violates I7, and is judged anyway."""
        deployment, left = scene.deployment, "SELECT count(*) FROM frontview.change_log"
        try:
            scene.until(deployment.converged, f"rest {when}", seconds=REST_SECONDS)
            scene.until(lambda: scene.value(left) <= CHANGE_LOG_ROWS, f"pruned log {when}", seconds=REST_SECONDS)
        except AssertionError as error:
            outcome.violations.append(f"I7: {error}")

    def _under_load(self, scene: Scene, outcome: Outcome) -> tuple[History, Sampler]:
        sampler = Sampler(scene.deployment, self._seconds)
        scene.observer.start()
        try:
            scene.load.start()
            sampler.start()
            self._fault_after_fault(scene, outcome)
            sampler.stop()
        finally:
            self._runner.say("ending the load")
            history = scene.load.stop()
            scene.observer.stop()
        return scene.history_with_own(history), sampler

    def _fault_after_fault(self, scene: Scene, outcome: Outcome) -> None:
        end = monotonic() + self._seconds
        minute = 0
        while (began := monotonic()) < end:
            minute += 1
            scene.wait(min(5.0, max(0.0, end - began)))
            fault = scene.chance.choice(self._chosen)()
            said = self._strike(scene, fault, outcome)
            self._tell(f"minute {minute}: {fault.number} {fault.name}: {said}")
            scene.wait(max(0.0, min(end, began + FAULT_EVERY_SECONDS) - monotonic()))
        outcome.proof = f"{len(self._bit)} faults bit: {', '.join(it.number for it in self._bit)}"

    def _strike(self, scene: Scene, fault: Fault, outcome: Outcome) -> str:
        """Let one fault strike and heal; return its outcome. Whatever goes wrong, the soak goes on."""
        scene.struck_at = scene.healed_at = began = monotonic()
        try:
            fault.prepare(scene)
            self._runner.strike_and_heal(scene, [fault], outcome)
            self._bit.append(fault)
            said = outcome.proof
        except DidNotBite as error:
            said = f"did not bite: {error}"
            outcome.violations.append(f"{fault.number} {said}")
        except Exception as error:
            said = f"failed: {type(error).__name__}: {error}"
            outcome.violations.append(f"{fault.number} {said}")
            self._keep_traceback(f"{len(self._struck) + 1}-{fault.number}")
        self._struck.append((fault, began, scene.healed_at))
        try:
            self._runner.await_service(scene, outcome)
        except AssertionError as error:
            outcome.violations.append(f"I8: {fault.number}: {error}")
            return f"{said}; {error}"
        outcome.violations += [f"{fault.number}: {it}" for it in drained_late(outcome)]
        return f"{said}; draining after {outcome.draining:.1f} s, serving after {outcome.serving:.1f} s"

    def _judge(self, scene: Scene, history: History, sampler: Sampler, outcome: Outcome) -> None:
        outcome.connections, _ = scene.observer.most_connections()
        judge_history(history, [fault for fault, *_ in self._struck], outcome)
        outcome.violations += bookkeeping(scene, outcome)
        for fault, struck_at, healed_at in self._struck:
            if fault in self._bit:
                scene.struck_at, scene.healed_at = struck_at, healed_at
                told = _around(history, struck_at - JUDGED_SECONDS, healed_at + JUDGED_SECONDS)
                outcome.violations += [f"{fault.number}: {it}" for it in fault.judge(scene, told)]
        samples = with_rates(sampler.samples, history, sampler.began)
        outcome.samples = values(samples)
        outcome.violations += self._unsteadiness(scene, samples)
        outcome.note = "; ".join(
            [figures(samples, writes=self._writes, reads=self._reads), f"{len(scene.users)} users"]
            + [f"{fault.number}: {fault.note}" for fault in self._bit if fault.note]
        )
        outcome.word = VIOLATED if outcome.violations else SURVIVED
        outcome.why = f"{len(outcome.violations)} violations" if outcome.violations else ""

    def _unsteadiness(self, scene: Scene, samples: list[Sample]) -> list[str]:
        deployment = scene.deployment
        bound = connection_bound(
            workers=len(deployment.workers),
            refreshers=len(deployment.refreshers),
            pool_size=SETTINGS["pool_size"].default,
        )
        return unsteadiness(
            samples,
            users=len(scene.users) + len(scene.crowd),
            most_connections=bound,
            retention_seconds=SETTINGS["feed_retention_seconds"].default,
        )

    def _keep_traceback(self, what: str) -> None:
        with suppress(OSError):
            (self._runner.folder / f"failure-soak-{what}.txt").write_text(traceback.format_exc())


def may_strike(fault: type[Fault]) -> bool:
    """Return whether a fault can strike in a soak: on the plain deployment, which heals, and within a minute."""
    brief = fault.seconds <= LONGEST_FAULT_SECONDS
    return (
        fault.stage == PLAIN
        and not fault.spoils
        and brief
        and bool(fault.touches or fault.number in TOGETHER_ONLY_HERE)
    )


def _around(history: History, begin: float, end: float) -> History:
    """Return what was begun within that time; of writes, all: a fault may have to know what was there before."""
    return History(
        history.writes,
        [it for it in history.reads if begin <= it.sent <= end],
        [it for it in history.attempts if begin <= it.began <= end],
    )
