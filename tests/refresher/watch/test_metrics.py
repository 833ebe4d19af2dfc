"""A refresher's metrics for Prometheus: its drains and refreshes, and, where it leads, the state of the tables."""

import json
import signal
from typing import Any

import httpx
import psycopg
import pytest

from refresher.refreshing.refresh_log import RefreshResult
from refresher.watch.leader_gauges import LeaderGauges
from refresher.watch.metrics import Metrics
from refresher.watch.sample import take_sample
from tests.fix_app import System, free_port
from tests.neutral.application import fill
from tests.scraping import Scraped, parse
from tests.waiting import until

pytestmark = pytest.mark.proof  # each test starts processes


def told_at(port: str) -> Scraped:
    try:
        return parse(httpx.get(f"http://127.0.0.1:{port}/metrics").text)
    except httpx.TransportError:
        return Scraped()


@pytest.fixture
def led(system: System) -> System:
    """A refresher that leads and tells, with JSON lines."""
    system.environment |= {
        "FRONTVIEW_REFRESHER_METRICS_PORT": str(free_port()),
        "FRONTVIEW_LOG_FORMAT": "json",
        "FRONTVIEW_REFRESH_DUTY": "1",  # Tests wait for refreshes, on a machine that may be busy.
    }
    system.start_refresher()
    system.wait_for_views()
    return system


def told(system: System) -> Scraped:
    return told_at(system.environment["FRONTVIEW_REFRESHER_METRICS_PORT"])


def test_drains_and_refreshes_are_counted(led: System) -> None:
    until(lambda: told(led).value("frontview_refreshes_total", view="loans_1", tier="recent", outcome="populated"), "1")
    before = told(led)
    led.add(1)
    until(lambda: led.value("SELECT count(*) FROM frontview.stale_key") == 0, "refreshed views")
    outcome = {"view": "loans_1", "tier": "recent", "outcome": "refreshed"}
    after = until(lambda: now if (now := told(led)).value("frontview_refreshes_total", **outcome) else None, "refresh")
    assert after.value("frontview_drained_keys_total") > before.value("frontview_drained_keys_total")
    assert after.value("frontview_drain_seconds_count") > after.value("frontview_drains_total") > 0
    assert after.value("frontview_refresh_seconds_count", view="loans_1") >= 2
    assert after.fallen_since(before) == {}
    assert after.value("frontview_leader_epoch") == led.value("SELECT max(epoch) FROM frontview.drain")


def test_the_leader_tells_what_there_is(led: System) -> None:
    tiers = led.value("SELECT count(*) FROM frontview.view_state")

    def sampled() -> Scraped | None:
        now = told(led)
        return now if now.total("frontview_tier_populated") == tiers else None

    found = until(sampled, "sample of populated tiers")
    assert 0 <= found.value("frontview_drain_age_seconds") < 60
    assert found.value("frontview_rows", table="feed") >= 0
    assert found.value("frontview_notification_queue_ratio") == 0
    assert ("frontview_warm_plan_rows", (("reason", "predicted"),)) in found.values


def test_only_one_of_two_tells_what_there_is_and_the_other_takes_over(led: System) -> None:
    until(lambda: told(led).total("frontview_tier_populated"), "sample")
    leader_port, port = led.environment["FRONTVIEW_REFRESHER_METRICS_PORT"], str(free_port())
    led.environment["FRONTVIEW_REFRESHER_METRICS_PORT"] = port
    led.start_refresher("standby")
    until(lambda: ("frontview_leader", ()) in told_at(port).values, "standby")
    shared = set(parse_names(LeaderGauges()))
    assert not shared & {name for name, _ in told_at(port).values}
    assert shared - {"frontview_alarms"} <= {name for name, _ in told_at(leader_port).values}

    led.end("refresher", signal.SIGTERM)
    until(lambda: told_at(port).value("frontview_leader") == 1, "new leader")
    until(lambda: told_at(port).total("frontview_tier_populated"), "its sample")


def parse_names(gauges: LeaderGauges) -> list[str]:
    return [family.name for family in gauges.collect()]


def test_a_sample_counts_what_is_undrained_and_stale(connection: psycopg.Connection[Any]) -> None:
    fill(connection, members=2)
    connection.execute("SELECT frontview.drain_changes(1, 1)")
    first = take_sample(connection)
    connection.execute("UPDATE loan SET fee_cents = fee_cents + 1 WHERE member_id = 1")
    second = take_sample(connection)
    connection.execute("SELECT frontview.drain_changes(1, 1)")
    third = take_sample(connection)
    assert first.undrained_rows == 0
    assert second.undrained_rows > 0
    assert third.undrained_rows == 0
    assert third.drain_id > second.drain_id
    assert third.stale_keys["loans_1"] > 0
    assert not any(populated for populated, _ in third.tiers.values())


def test_the_sqlstate_of_a_failed_refresh_is_no_label() -> None:
    metrics = Metrics()
    metrics.refreshed(RefreshResult("v", ("recent", "by_day"), "failed: 57014", 1.0))
    metrics.refreshed(RefreshResult("v", ("recent", "by_day"), "failed: connection lost", 1.0))
    metrics.refreshed(RefreshResult("v", ("recent",), "busy", 0.0))
    value = metrics.registry.get_sample_value
    assert value("frontview_refreshes_total", {"view": "v", "tier": "recent", "outcome": "failed"}) == 2
    assert value("frontview_refresh_seconds_count", {"view": "v"}) == 2, "one that did not begin took no time"


def test_every_line_names_its_process_and_none_a_user(led: System) -> None:
    led.sql.execute("UPDATE member SET name = 'Secret Name ' || id || ' of example.org'")
    led.sql.execute("ALTER TABLE loan DISABLE TRIGGER frontview_capture_loans_1_update")
    led.sql.execute("UPDATE loan SET fee_cents = fee_cents + 424242 WHERE member_id = 3")
    led.end("refresher")
    led.environment["FRONTVIEW_COVERAGE_SECONDS"] = "1"
    led.start_refresher()
    until(lambda: "alarm_raised" in led.log("refresher"), "alarm")
    led.end("refresher")
    text = (led.folder / "refresher.log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert {line["process"] for line in lines} == {"refresher"}
    assert {"refresher_started", "leading", "refresh", "alarm_raised", "refresher_stopped"} <= {
        line["event"] for line in lines
    }
    assert not {"user", "user_id", "email"} & {key for line in lines for key in line}
    for secret in ("example.org", "Secret Name", "424242", "postgres:"):
        assert secret not in text
