"""Runs faults on whole systems under load, one after another or two at once, and judges each run.

Invariant: a run ends as survived only if its fault was seen to bite, the system was seen to recover, and nothing that
must hold was violated; whatever else happens is an outcome too, never an exception that hides the others.
"""

import itertools
import random
import shutil
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic
from typing import Any

from tests.faults.database.observer import Observer
from tests.faults.deployment.deployment import Deployment
from tests.faults.faults.fault import DidNotBite, Fault, Stage
from tests.faults.faults.scene import TICK_SECONDS, Scene
from tests.faults.load.late_changes import CROWD
from tests.faults.load.load import Load
from tests.faults.load.readers import READ_OFTEN
from tests.faults.record.history import History
from tests.faults.runs.judging import archives_at_work, bookkeeping, drained_late, judge_history, not_asked
from tests.faults.runs.outcome import BROKEN, NOT_BITTEN, SKIPPED, SURVIVED, VIOLATED, Outcome

USERS = 12
QUIET_SECONDS = 3.0
AFTER_SECONDS = 2.0
SERVING_SECONDS = 60.0
BETWEEN_SECONDS = 1.0  # two strikes, and two healings


class Runner:
    """Owns the deployments; :meth:`close` it.

    :param folder: gets the logs of everything.
    :param short: whether faults last as long as in the suite.
    :param hold_seconds: how long every fault lasts instead.
    :param say: called with what happens now.
    """

    def __init__(
        self,
        folder: Path,
        *,
        short: bool = False,
        hold_seconds: float | None = None,
        seed: int = 1,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder, self._short, self._hold_seconds, self.say = folder, short, hold_seconds, say
        self._chance = random.Random(seed)
        self._seed = seed
        self._numbers = itertools.count(1)
        self._deployment: Deployment | None = None
        self._stage: Stage | None = None
        self._crowd: list[int] = []

    def run(self, *faults: Fault) -> Outcome:
        """Run one fault, or several that strike in this order and heal in the other."""
        outcome = Outcome(
            "+".join(it.number for it in faults),
            " and ".join(it.name for it in faults),
            "; ".join(it.must_hold for it in faults),
        )
        began = monotonic()
        reasons = [reason for it in faults if (reason := it.unavailable())]
        if reasons:
            outcome.word, outcome.why = SKIPPED, "; ".join(reasons)
            return outcome
        try:
            self._run(faults, outcome)
        except DidNotBite as error:
            outcome.word, outcome.why = NOT_BITTEN, str(error)
        except Exception as error:  # neither survived nor violated: something of the run itself went wrong
            outcome.word, outcome.why = BROKEN, f"{type(error).__name__}: {error}"
            (self.folder / f"failure-{outcome.number}.txt").write_text(traceback.format_exc())
        if not outcome.ok or any(it.spoils for it in faults):
            self.end_deployment()
        outcome.seconds = monotonic() - began
        return outcome

    def close(self, *, keep: bool) -> None:
        """End everything; :param keep: leave the logs where they are."""
        self.end_deployment()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def end_deployment(self) -> None:
        """End the deployment; the next fault gets a new one."""
        if self._deployment is not None:
            with suppress(Exception):  # it may be in any state; what it started is ended at exit, too
                self._deployment.close()
            self._deployment = None

    def deployment(self, stage: Stage) -> Deployment:
        """Return a running deployment of that stage, a new one if need be."""
        if self._deployment is None or stage != self._stage:
            self.end_deployment()
            folder = self.folder / f"deployment-{next(self._numbers)}"
            folder.mkdir(parents=True)
            self.say("starting database, refreshers and web workers")
            self._stage = stage
            self._deployment = Deployment(
                folder,
                settings=stage.settings,
                cluster_settings=stage.cluster_settings,
                fake_clocks=stage.fake_clocks,
                server=stage.server,
            )
            self._deployment.start()
            self._crowd = self._deployment.add_users(CROWD)
        return self._deployment

    def _run(self, faults: Sequence[Fault], outcome: Outcome) -> None:
        deployment = self.deployment(faults[0].stage)
        scene = self.scene_for(
            deployment,
            deployment.add_users(USERS),
            outcome,
            writes_per_second=max(it.writes_per_second for it in faults),
            reads_per_second=max(it.reads_per_second for it in faults),
            arguments={name: value for it in faults for name, value in it.load.items()},
        )
        with closing(scene):
            history = self._under_load(scene, faults, outcome)
            self.say("checking")
            self._judge(scene, faults, history, outcome)

    def scene_for(
        self,
        deployment: Deployment,
        users: Sequence[int],
        outcome: Outcome,
        *,
        writes_per_second: float,
        reads_per_second: float,
        busy: bool = False,
        arguments: Mapping[str, Any] = {},
    ) -> Scene:
        """Return a scene with a load that has not begun.

        :param arguments: more of :class:`Load`.
        :param busy: the rates need more connections and processes than usual.
        """
        number = next(self._numbers)
        folder = self.folder / f"run-{number}-{outcome.number}"
        outcome.logs = str(folder)
        many = {"readers": 2, "clients": 16, "writers": 2, "connections": 8} if busy else {}
        load = Load(
            folder,
            database_url=deployment.cluster.url(),
            worker_urls=deployment.worker_urls,
            secret=deployment.secret,
            window=deployment.window,
            users=users,
            writes_per_second=writes_per_second,
            reads_per_second=reads_per_second,
            seed=self._seed * 1000 + number,
            crowd=self._crowd,
            **many,
            **arguments,
        )
        writing_users = users if busy else users[:READ_OFTEN]
        observer = Observer(deployment.connect)
        return Scene(deployment, writing_users, users, load, observer, self._chance, self._short, self._crowd)

    def _under_load(self, scene: Scene, faults: Sequence[Fault], outcome: Outcome) -> History:
        for fault in faults:
            fault.prepare(scene)
        self.say("waiting until all is at rest")
        scene.until(scene.deployment.converged, "rest before the strike", seconds=SERVING_SECONDS)
        scene.last_refresh = scene.value("SELECT COALESCE(max(refresh_id), 0) FROM frontview.refresh_log")
        scene.observer.start()
        scene.load.start()
        try:
            self.say("load")
            scene.wait(QUIET_SECONDS / 2 if self._short else QUIET_SECONDS)
            sizes = self._sizes(scene)
            self.strike_and_heal(scene, faults, outcome)
            self.await_service(scene, outcome)
            scene.wait(AFTER_SECONDS)
        finally:
            self.say("ending the load")
            history = scene.load.stop()
            scene.observer.stop()
        outcome.grown_bytes = max(
            (size - sizes.get(name, size) for name, size in self._sizes(scene).items()), default=0
        )
        return scene.history_with_own(history)

    def strike_and_heal(self, scene: Scene, faults: Sequence[Fault], outcome: Outcome) -> None:
        """Let the faults strike, hold, prove themselves and heal.

        :raises DidNotBite: one of them has no proof.
        """
        proofs: list[str] = []
        outcome.proof = ""
        try:
            for fault in faults:
                scene.wait(BETWEEN_SECONDS if fault is not faults[0] else 0.0)
                self.say(f"strike: {fault.name}")
                scene.struck_at = monotonic()
                fault.strike(scene)
                fault.held = (monotonic(), float("inf"))  # whatever it needed to come about
            self._hold(scene, faults)
            proofs = [fault.proof(scene) for fault in faults]
        finally:
            whole = len(proofs) == len(faults)
            for fault in reversed(faults):
                scene.wait(BETWEEN_SECONDS if fault is not faults[-1] else 0.0)
                self.say(f"heal: {fault.name}")
                if whole:
                    fault.heal(scene)
                else:
                    with suppress(Exception):  # the first error says more
                        fault.heal(scene)
                fault.held = (fault.held[0], monotonic())
            scene.healed_at = monotonic()
        outcome.proof = "; ".join(proofs)

    def _hold(self, scene: Scene, faults: Sequence[Fault]) -> None:
        end = monotonic() + (self._hold_seconds or max(it.length(short=self._short) for it in faults))
        while monotonic() < end:
            for fault in faults:
                fault.step(scene)
            if all(fault.over(scene) for fault in faults):
                return
            scene.wait(TICK_SECONDS)

    def await_service(self, scene: Scene, outcome: Outcome) -> None:
        """Wait until somebody drains and every worker trusts its cache, and note how long that took."""
        self.say("healing")
        deployment = scene.deployment
        drains = scene.observer.seconds_to_draining
        scene.until(lambda: drains(scene.healed_at) is not None, "drain after healing", seconds=SERVING_SECONDS)
        outcome.draining = drains(scene.healed_at)
        for name in deployment.workers:
            scene.until(lambda name=name: deployment.trusted(name), f"trust of {name}", seconds=SERVING_SECONDS)
        outcome.serving = monotonic() - scene.healed_at

    def _sizes(self, scene: Scene) -> dict[str, int]:
        everybody = scene.deployment.processes().items()
        return {name: process.rss_bytes() for name, process in everybody if process.alive}

    def _judge(self, scene: Scene, faults: Sequence[Fault], history: History, outcome: Outcome) -> None:
        ended = monotonic()
        try:
            scene.until(scene.deployment.converged, "rest", seconds=max(it.converge_seconds for it in faults))
        except AssertionError as error:
            outcome.violations.append(f"I7: {error}")
        outcome.converged = monotonic() - ended
        outcome.connections, _ = scene.observer.most_connections()
        judge_history(history, faults, outcome)
        outcome.violations += bookkeeping(scene, outcome) + drained_late(outcome)
        for fault in faults:
            outcome.violations += fault.judge(scene, history)
        outcome.failover = next((it.failover for it in faults if it.failover is not None), None)
        outcome.note = "; ".join([*(it.note for it in faults if it.note), archives_at_work(scene)])
        outcome.word = VIOLATED if outcome.violations else SURVIVED
        unproved = [why for it in faults if (why := not_asked(history, it))]
        if unproved and not outcome.violations:
            raise DidNotBite("; ".join(unproved))
        outcome.why = f"{len(outcome.violations)} violations" if outcome.violations else ""
