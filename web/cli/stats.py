"""``frontview stats``: what workers, their caches and operators' requests do; the same as ``/api/v1/admin/stats``."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from web.cli.operator import operator_connection

if TYPE_CHECKING:
    from rich.table import Table

    from web.operators.operator_state import Invalidations, PlannedWarmth, TaskLine, Tier
    from web.operators.worker_states import WorkerState
    from web.operators.worker_sums import RegionState, RouteTimes, Sources


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object, with all of `status`.")
def stats(as_json: bool) -> None:
    """Show workers, hit ratios, sources of answers, invalidations, tasks and the warm plan."""
    from web.operators.operator_state import operator_state  # noqa: PLC0415

    with operator_connection() as connection:
        state = operator_state(connection)
    if as_json:
        click.echo(json.dumps(asdict(state)))
        return
    from web.cli.status import wide_console  # noqa: PLC0415

    console = wide_console()
    console.print(_sources(state.sources))
    for table in (
        _workers(state.workers),
        _regions(state.regions),
        _latencies(state.latencies),
        _next_refreshes(state.views),
        *_invalidations(state.invalidations),
        _tasks(state.tasks),
        _warm_plan(state.warm_plan),
    ):
        console.print(table)


def _sources(sources: "Sources") -> str:
    return "Answers: " + ", ".join(f"{count:,} from {name}" for name, count in asdict(sources).items())


def _workers(workers: "Sequence[WorkerState]") -> "Table":
    from web.cli.status import duration, table, yes_or_no  # noqa: PLC0415

    return table(
        "Workers",
        ("host", "pid", "started", "reported", "trusts its cache", "entries", "memory", "reads a second"),
        [
            (
                worker.host,
                worker.pid,
                worker.started_at,
                duration(worker.seen_seconds_ago, " ago"),
                yes_or_no(worker.trusted),
                f"{sum(region.entries for region in worker.statistics.cache.regions.values()):,}",
                None if worker.memory_bytes is None else f"{worker.memory_bytes / 1e6:,.0f} MB",
                None if worker.reads_per_second is None else f"{worker.reads_per_second:,.1f}",
            )
            for worker in workers
        ],
    )


def _regions(regions: "Sequence[RegionState]") -> "Table":
    from web.cli.status import table  # noqa: PLC0415

    return table(
        "Regions, all workers together",
        ("region", "entries", "size", "hits", "misses", "hit ratio", "fills", "refused", "evictions"),
        [
            (
                it.region,
                f"{it.entries:,}",
                f"{it.bytes / 1e6:,.1f} MB",
                f"{it.hits:,}",
                f"{it.misses:,}",
                None if it.hit_ratio is None else f"{it.hit_ratio:.1%}",
                f"{it.fills:,}",
                f"{it.refused:,}",
                f"{it.evictions:,}",
            )
            for it in regions
        ],
    )


def _latencies(latencies: "Sequence[RouteTimes]") -> "Table":
    from web.cli.status import table  # noqa: PLC0415

    return table(
        "Requests, all workers together",
        ("route", "answered by", "requests", "mean", "half within", "99 % within"),
        [
            (it.route, it.source, f"{it.requests:,}", *map(_milliseconds, (it.mean_ms, it.p50_ms, it.p99_ms)))
            for it in latencies
        ],
    )


def _next_refreshes(tiers: "Sequence[Tier]") -> "Table":
    from web.cli.status import duration, table  # noqa: PLC0415

    return table(
        "Next refreshes",
        ("view", "tier", "in", "why"),
        [
            (tier.view, tier.tier, duration(tier.next_refresh.in_seconds), tier.next_refresh.why)
            for tier in tiers
            if tier.next_refresh.with_tier is None
        ],
    )


def _milliseconds(value: float | None) -> str:
    return "longer" if value is None else f"{value:,.2f} ms"


def _invalidations(invalidations: "Invalidations") -> "tuple[Table, Table]":
    from web.cli.status import table  # noqa: PLC0415

    return (
        table(
            "Invalidations in the feed",
            ("source", "rows", "drains"),
            [(it.source, f"{it.rows:,}", f"{it.drains:,}") for it in invalidations.feed],
        ),
        table(
            "Invalidations by hand",
            ("requested", "by", "pattern", "fed by drain"),
            [(it.asked_at, it.asked_by, it.pattern, it.drain_id) for it in invalidations.by_hand],
        ),
    )


def _tasks(tasks: "Sequence[TaskLine]") -> "Table":
    from web.cli.status import table  # noqa: PLC0415

    return table(
        "Tasks",
        ("task", "kind", "requested", "by", "state", "outcome"),
        [(it.task_id, it.kind, it.asked_at, it.asked_by, it.state, it.outcome) for it in tasks],
    )


def _warm_plan(planned: "Sequence[PlannedWarmth]") -> "Table":
    from web.cli.status import table  # noqa: PLC0415

    return table(
        "Warm plan",
        ("reason", "users", "entries", "from", "until"),
        [(it.reason, f"{it.users:,}", f"{it.entries:,}", it.wanted_from, it.wanted_until) for it in planned],
    )
