"""The checker finds each of eight seeded bugs, and nothing where there is none."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.bugs.circumstances import Circumstance
from tests.faults.bugs.seeded_bugs import SEEDED_BUGS, SeededBug
from tests.faults.bugs.stage import Cast, Stage, functions_put_back
from tests.faults.checker.verdict import Verdict
from tests.faults.deployment.deployment import Deployment
from tests.faults.load.load import Load

FIND_SECONDS = 40.0  # it takes a few, and more where the machine has much else to do
HEALTHY_SECONDS = 4.0
SETTINGS = {"FRONTVIEW_REFRESH_DUTY": "1"}  # a refresh that was held back shall not put the next one off
CIRCUMSTANCES = list({bug.circumstance.name: bug.circumstance for bug in SEEDED_BUGS}.values())


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    """One refresher and one worker; every test makes them run with the bug it wants, or without."""
    made = Deployment(tmp_path_factory.mktemp("seeded"), refreshers=1, workers=1, settings=SETTINGS)
    try:
        made.start()
        yield Cast(made)
    finally:
        made.close()


@pytest.mark.parametrize("circumstance", CIRCUMSTANCES, ids=lambda circumstance: circumstance.name)
def test_no_circumstance_breaks_a_promise_by_itself(cast: Cast, circumstance: Circumstance, tmp_path: Path) -> None:
    deployment = cast.run_with(None)
    with functions_put_back(deployment.cluster.url()):
        circumstance.prepare(deployment.cluster.url())
        verdict = _run(deployment, circumstance, tmp_path, HEALTHY_SECONDS)
    assert verdict.ok, str(verdict)
    assert verdict.reads["cache"] > 20, str(verdict)
    assert verdict.reads["exact"] > 0, str(verdict)


@pytest.mark.parametrize("bug", SEEDED_BUGS, ids=lambda bug: bug.name)
def test_a_seeded_bug_is_found(cast: Cast, bug: SeededBug, tmp_path: Path) -> None:
    deployment = cast.run_with(bug.name, bug.parts)
    with functions_put_back(deployment.cluster.url()):
        bug.circumstance.prepare(deployment.cluster.url())
        bug.in_database(deployment.cluster.url())
        verdict = _run(deployment, bug.circumstance, tmp_path, FIND_SECONDS, until_found=bug.breaks)
    assert verdict.counts.keys() & bug.breaks, f"{bug.what}, and nobody noticed: {verdict}"


def _run(
    deployment: Deployment,
    circumstance: Circumstance,
    folder: Path,
    seconds: float,
    until_found: frozenset[str] = frozenset(),
) -> Verdict:
    """Return the verdict on the load under the circumstance, for so long or until a violation is found."""
    users = deployment.add_users(circumstance.users)
    load = Load(
        folder / "load",
        database_url=deployment.cluster.url(),
        worker_urls=deployment.worker_urls,
        secret=deployment.secret,
        window=deployment.window,
        users=users,
        **{"control": False, "readers": 1, **circumstance.load},
    )
    stage = Stage(deployment, load, users)
    load.start()
    try:
        end = time.monotonic() + seconds
        while True:
            circumstance.act(stage)
            verdict = stage.judge()
            if verdict.counts.keys() & until_found or time.monotonic() > end:
                return verdict
    finally:
        load.stop()
        stage.close()
