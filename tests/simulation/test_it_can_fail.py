"""The simulation finds each seeded defect: a check that cannot fail proves nothing."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.defects import DEFECTS
from tests.simulation.machine import BACKGROUND, DISASTERS, ORDINARY, Simulation

MOST_SCHEDULES = 8_000  # which are tried differs with the modules loaded, so rare defects need room
LOOKING = settings(
    max_examples=MOST_SCHEDULES,
    stateful_step_count=60,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda it: it.__name__)
def test_the_simulation_finds(defect: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    weights = ORDINARY | dict.fromkeys(BACKGROUND | DISASTERS, 0) | {"all_is_well": 1} | DEFECTS[defect]
    machine = type("Simulation", (Simulation,), {"weights": weights})
    defect(monkeypatch)
    with pytest.raises(AssertionError, match=r"misses|would miss|is kept|refused|outlived"):
        run_state_machine_as_test(machine, settings=LOOKING)
