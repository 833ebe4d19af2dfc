"""No schedule of commits, drains, polls, reads and disasters makes the cache lie.

In the suite the schedules are the same in every run; ``FRONTVIEW_SIMULATION_SCHEDULES=20000`` looks at other ones.
"""

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.machine import Simulation
from tests.simulation.stage import SEEN

CHOSEN = os.environ.get("FRONTVIEW_SIMULATION_SCHEDULES")
SCHEDULES = int(CHOSEN or 1200)
STEPS = 50
PROFILE = settings(
    max_examples=SCHEDULES,
    stateful_step_count=STEPS,
    derandomize=CHOSEN is None,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
# What a run must have seen in every thousand schedules; otherwise it proves nothing.
LEAST_IN_A_THOUSAND = {
    "cache": 1000,
    "exact": 1000,
    "shared": 20,
    "well": 300,
    "unavailable": 20,
    "doubt: clock_drift": 100,
    "doubt: drained_at_backwards": 100,
    "doubt: negative_age": 100,
    "fill: ahead": 100,
    "fill: dropped": 100,
    "fill: epoch": 50,
    "fill: forgotten": 20,
    "fill: kept": 2000,
    "fill: overtaken": 20,
    "flush: backwards": 10,
    "flush: epoch": 50,
    "flush: hole": 20,
    "flush: reconnect": 100,
    "warm: failed": 20,
    "warm: held": 20,
    "warm: refused": 20,
    "warm: several stored": 20,
    "warm: stored": 100,
}


def test_no_schedule_makes_the_cache_lie() -> None:
    SEEN.clear()
    run_state_machine_as_test(Simulation, settings=PROFILE)
    assert SEEN["schedules"] >= SCHEDULES
    rare = {what: SEEN[what] for what, least in LEAST_IN_A_THOUSAND.items() if SEEN[what] < least * SCHEDULES / 1000}
    assert not rare, f"seen too rarely to prove anything: {rare}"
