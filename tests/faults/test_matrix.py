"""The system survives faults: the most telling rows of the matrix, shortened, each on a whole system under load.

The whole matrix is ``make faults``. Each run proves that its fault took effect; the tests at the end show that a run
without effect, or with a wrong answer in it, is not taken for survived.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.faults import FAULTS
from tests.faults.faults.fault import Fault, bit
from tests.faults.faults.scene import Scene
from tests.faults.runs.outcome import NOT_BITTEN, VIOLATED
from tests.faults.runs.report import line
from tests.faults.runs.runner import Runner

SUBSET = [fault for fault in FAULTS if fault.subset_seconds is not None]


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """A runner with one deployment for the whole module, unless a fault breaks it."""
    runner = Runner(tmp_path_factory.mktemp("faults"), short=True)
    yield runner
    runner.end_deployment()


@pytest.mark.parametrize("fault", SUBSET, ids=lambda fault: fault.number)
def test_fault_is_survived(runner: Runner, fault: type[Fault]) -> None:
    outcome = runner.run(fault())
    assert outcome.ok, "\n".join([line(outcome), outcome.why, *outcome.violations, f"logs: {outcome.logs}"])


class NothingHappens(Fault):
    """No fault at all."""

    number, name, must_hold, seconds = "0", "nothing", "nothing", 0.0

    def strike(self, scene: Scene) -> None:
        pass

    def proof(self, scene: Scene) -> str:
        return bit("nobody was hurt", False)


class CaptureDisabled(Fault):
    """A premise of the protocol is broken: writes are not captured for a second, so that answers are wrong."""

    number, name, must_hold, seconds, spoils = "0b", "no capture", "nothing", 1.5, True

    def strike(self, scene: Scene) -> None:
        self._set(scene, "DISABLE")

    def proof(self, scene: Scene) -> str:
        query = "SELECT tgenabled::text FROM pg_trigger WHERE tgname = 'frontview_capture_calls_1_insert'"
        state = scene.value(query)
        return bit(f"trigger {state}", state == "D")

    def heal(self, scene: Scene) -> None:
        self._set(scene, "ENABLE ALWAYS")

    def _set(self, scene: Scene, word: str) -> None:
        scene.sql.execute(f"ALTER TABLE calls {word} TRIGGER frontview_capture_calls_1_insert".encode())


def test_fault_without_effect_is_not_survived(runner: Runner) -> None:
    outcome = runner.run(NothingHappens())
    assert (outcome.word, outcome.why, outcome.ok) == (NOT_BITTEN, "nobody was hurt", False)
    assert list(Path(outcome.logs).glob("*.log")), "its logs are not where its outcome says"


def test_run_with_wrong_answers_is_not_survived(runner: Runner) -> None:
    outcome = runner.run(CaptureDisabled())
    assert outcome.word == VIOLATED, outcome
    assert not outcome.ok
    broken = {violation.partition(":")[0] for violation in outcome.violations}
    assert "I1" in broken, f"the checker saw nothing: {outcome.violations}"
