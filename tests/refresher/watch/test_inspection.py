"""The inspection's share of time, and what it tells Prometheus."""

import pytest
from prometheus_client import generate_latest

from models.allowance import Allowance
from refresher.leader.alarms import KINDS
from refresher.watch.metrics import Metrics

DUTY = 0.005


def work_of(allowance: Allowance, seconds_a_piece: float, until: float) -> tuple[int, float]:
    """Tick each second, working whenever it is allowed; return pieces done and the seconds they took."""
    now, pieces = 0.0, 0
    while now < until:
        now += 1.0
        allowance.grant(now)
        while allowance.seconds > 0:
            pieces += 1
            allowance.spend(seconds_a_piece)
    return pieces, pieces * seconds_a_piece


@pytest.mark.parametrize("seconds_a_piece", [0.0005, 0.002, 0.3, 2.0])
def test_all_pieces_together_take_their_share(seconds_a_piece: float) -> None:
    pieces, taken = work_of(Allowance(DUTY, 0.0), seconds_a_piece, until=10_000)
    assert pieces > 0
    assert taken <= DUTY * 10_000 + seconds_a_piece
    assert taken >= DUTY * 10_000 - seconds_a_piece


def test_after_a_long_pause_nothing_is_made_up_for() -> None:
    allowance = Allowance(DUTY, 0.0)
    allowance.grant(86_400.0)
    assert allowance.seconds == 2 * DUTY


def test_no_duty_is_no_work() -> None:
    assert work_of(Allowance(0.0, 0.0), 0.001, until=100) == (0, 0.0)


def samples(metrics: Metrics) -> dict[str, float]:
    lines = generate_latest(metrics.registry).decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


def test_checks_and_violations_are_counted_by_view() -> None:
    metrics = Metrics()
    metrics.checked("a", False)
    metrics.checked("a", True)
    metrics.checked("b", False)
    found = samples(metrics)
    assert found['frontview_exactness_checks_total{view="a"}'] == 2
    assert found['frontview_exactness_violations_total{view="a"}'] == 1
    assert found['frontview_exactness_violations_total{view="b"}'] == 0, "known to be none, not unknown"


def test_alarms_are_the_leaders() -> None:
    metrics = Metrics()
    metrics.leading(dict.fromkeys(KINDS, 0) | {"uncaptured": 2})
    found = samples(metrics)
    assert found["frontview_leader"] == 1
    assert found['frontview_alarms{kind="uncaptured"}'] == 2
    assert found['frontview_alarms{kind="exactness"}'] == 0

    metrics.leading(None)
    found = samples(metrics)
    assert found["frontview_leader"] == 0
    assert not any(name.startswith("frontview_alarms{") for name in found)
