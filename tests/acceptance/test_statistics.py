"""What operators are told about a running system is true: reads in the history, patched reads, standbys, refreshes."""

import json
import time
from collections import Counter
from dataclasses import fields
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from pydantic import TypeAdapter

from tests.acceptance.test_reads import EXACT, OVERVIEW, hit, source_of
from tests.fix_app import System
from tests.waiting import until
from web.operators.operator_state import OperatorState

ADMIN = 900
STATS = "/api/v1/admin/stats"
SOURCES = ("cache", "materialized_view", "database", "stale")


def stats(system: System) -> dict[str, Any]:
    with system.client(ADMIN, admin=True) as admin:
        answer = admin.get(STATS)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def in_history(system: System) -> Counter[str]:
    """What the plot shows, as a whole."""
    rows = stats(system)["history"]
    return Counter({name: sum(row[name] for row in rows) for name in (*SOURCES, "patched")})


def next_of(found: dict[str, Any], view: str, tier: str) -> dict[str, Any]:
    (row,) = [row for row in found["views"] if (row["view"], row["tier"]) == (view, tier)]
    return dict(row["next_refresh"])


def test_every_read_is_in_the_history_by_its_source_and_stays_there_when_its_worker_has_gone(running: System) -> None:
    made: Counter[str] = Counter()
    for user in range(1, 6):
        with running.client(user) as client:
            for headers in (EXACT, {}, {}, {}):
                made[source_of(client.get(OVERVIEW, headers=headers))] += 1
    assert made["materialized_view"] >= 5
    assert made["cache"] >= 1

    def all_there() -> dict[str, Any] | None:
        found = stats(running)
        told = {name: sum(row[name] for row in found["history"]) for name in made}
        return found if told == dict(made) else None

    found = until(all_there, f"history of {made}", seconds=30)
    assert {name: found["sources"][name] for name in made} == dict(made)
    rows = found["history"]
    begun = [datetime.fromisoformat(row["at"]).timestamp() for row in rows]
    assert [later - earlier for earlier, later in pairwise(begun)] == [10.0] * 90
    assert begun[-1] <= datetime.fromisoformat(found["now"]).timestamp() < begun[-1] + 11
    assert not rows[-1]["complete"]

    running.end("web")
    running.sql.execute("UPDATE frontview.worker SET seen_at = seen_at - interval '2 minutes'")
    running.start_web(workers=1)
    until(lambda: len(stats(running)["workers"]) == 1, "the new worker alone", seconds=30)
    moved = in_history(running)
    assert {name: moved[name] for name in made} == dict(made)


def test_a_patched_read_is_counted_as_one(running: System) -> None:
    running.environment["FRONTVIEW_REFRESH_MIN_SECONDS"] = "3600"
    running.end("refresher")
    running.start_refresher()
    until(lambda: stats(running)["leader"], "leader", seconds=30)
    with running.client(1) as client:
        running.add(1)
        for _ in range(3):
            assert client.get(OVERVIEW, headers=EXACT).json()["meta"]["patched_days"] == 3
        running_ones = client.get("/metrics").text
    assert "frontview_reads_patched_total 3.0" in running_ones

    def counted() -> dict[str, Any] | None:
        freshness = stats(running)["freshness"]
        return freshness if freshness["patched_reads"] == 3 else None

    freshness = until(counted, "patched reads", seconds=30)
    assert freshness["computed_reads"] >= 3
    assert freshness["stale_keys"] >= 1
    assert 0 <= freshness["drain_age_seconds"] < 30
    assert in_history(running)["patched"] == 3


def test_a_refresh_comes_when_it_was_told(system: System) -> None:
    system.environment |= {"FRONTVIEW_REFRESH_MIN_SECONDS": "8", "FRONTVIEW_REFRESH_DUTY": "1"}
    system.start_refresher()
    system.wait_for_views()
    system.start_web(workers=1)

    def code_is(*codes: str) -> dict[str, Any] | None:
        found = next_of(stats(system), "calls_1", "recent")
        return found if found["code"] in codes else None

    until(lambda: code_is("clean"), "clean tier", seconds=30)
    system.add(1)
    # the last refresh may be longer ago than it must be: then the next change finds it just refreshed
    if until(lambda: code_is("min_interval", "stale", "refreshing"), "decision")["code"] != "min_interval":
        until(lambda: code_is("clean"), "refresh")
        system.add(1)
    told = until(lambda: code_is("min_interval"), "tier that waits")
    looked = time.monotonic()
    through = "SELECT through FROM frontview.view_state WHERE view = 'calls_1' AND tier = 'recent'"
    before = system.value(through)
    assert 0 <= told["in_seconds"] <= 8
    until(lambda: system.value(through) > before, "refresh", seconds=told["in_seconds"] + 20)
    assert time.monotonic() - looked >= told["in_seconds"] - 1, "not before"
    clean = until(lambda: code_is("clean"), "clean tier")
    assert clean["in_seconds"] is None

    (row,) = [it for it in stats(system)["views"] if (it["view"], it["tier"]) == ("calls_1", "recent")]
    assert row["row_count"] == system.value("SELECT count(*) FROM frontview.calls_1_recent")
    refreshed_at = "SELECT refreshed_at FROM frontview.view_state WHERE view = 'calls_1' AND tier = 'recent'"
    assert datetime.fromisoformat(row["refreshed_at"]) == system.value(refreshed_at).astimezone(UTC).replace(
        microsecond=0
    )


def test_standbys_are_listed_until_one_has_become_the_leader(running: System) -> None:
    running.start_refresher("second")
    waiting = until(lambda: stats(running)["standbys"], "standby", seconds=30)
    (standby,) = waiting
    assert standby["pid"] != stats(running)["leader"]["pid"]
    assert standby["connected_seconds"] >= 0
    running.end("refresher")
    leader = until(lambda: stats(running)["leader"], "another leader", seconds=30)
    assert leader["pid"] == standby["pid"]
    assert stats(running)["standbys"] == []


def test_it_is_as_documented_and_regions_tell_their_limits_and_times(running: System) -> None:
    with running.client(1) as client:
        hit(client, OVERVIEW)

    def told() -> dict[str, Any] | None:
        found = stats(running)
        known = [row for row in found["regions"] if row["region"] == "dashboard" and row["computed"]["requests"]]
        return found if len(found["workers"]) == 2 and known else None

    found = until(told, "reports of both workers", seconds=30)
    TypeAdapter(OperatorState).validate_json(json.dumps(found), strict=True, extra="forbid")
    assert set(found) == {it.name for it in fields(OperatorState)}
    (region,) = [row for row in found["regions"] if row["region"] == "dashboard"]
    assert (region["max_entries"], region["max_bytes"]) == (2 * 500, 2 * 50_000_000)
    assert region["requests"] == region["cache"]["requests"] + region["computed"]["requests"]
    for worker in found["workers"]:
        assert worker["memory_bytes"] > 10_000_000
        assert worker["uptime_seconds"] > 0
        assert worker["event_streams"] == 0
        assert "history" not in worker["statistics"]
