"""``frontview stats``: what workers, their caches and operators' requests do; the same as ``/api/v1/admin/stats``."""

import json
from typing import TYPE_CHECKING, Any

import click

from web.cli.operator import operator_connection

if TYPE_CHECKING:
    from rich.table import Table


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object, with all of `status`.")
def stats(as_json: bool) -> None:
    """Show workers, hit ratios, sources of answers, invalidations, tasks and the warm plan."""
    from web.operators.operator_state import operator_state  # noqa: PLC0415

    with operator_connection() as connection:
        state = operator_state(connection)
    if as_json:
        click.echo(json.dumps(state))
        return
    from web.cli.status import wide_console  # noqa: PLC0415

    console = wide_console()
    console.print(_sources(state["sources"]))
    for table in (
        _workers(state["workers"]),
        _regions(state["regions"]),
        _latencies(state["latencies"]),
        _next_refreshes(state["views"]),
        *_requests(state),
    ):
        console.print(table)


def _sources(sources: dict[str, int]) -> str:
    return "Answers: " + ", ".join(f"{count:,} from {name}" for name, count in sources.items())


def _workers(workers: list[dict[str, Any]]) -> "Table":
    from web.cli.status import duration, table  # noqa: PLC0415

    return table(
        "Workers",
        ("host", "pid", "started", "reported", "trusts its cache", "entries", "memory", "reads a second"),
        [
            (
                row["host"],
                row["pid"],
                row["started_at"],
                duration(row["seen_seconds_ago"], " ago"),
                "yes" if row["trusted"] else "NO",
                f"{sum(it['entries'] for it in row['statistics'].get('cache', {}).get('regions', {}).values()):,}",
                None if row["memory_bytes"] is None else f"{row['memory_bytes'] / 1e6:,.0f} MB",
                None if row["reads_per_second"] is None else f"{row['reads_per_second']:,.1f}",
            )
            for row in workers
        ],
    )


def _regions(regions: list[dict[str, Any]]) -> "Table":
    from web.cli.status import table  # noqa: PLC0415

    return table(
        "Regions, all workers together",
        ("region", "entries", "size", "hits", "misses", "hit ratio", "fills", "refused", "evictions"),
        [
            (
                row["region"],
                f"{row['entries']:,}",
                f"{row['bytes'] / 1e6:,.1f} MB",
                f"{row['hits']:,}",
                f"{row['misses']:,}",
                None if row["hit_ratio"] is None else f"{row['hit_ratio']:.1%}",
                *(f"{row[name]:,}" for name in ("fills", "refused", "evictions")),
            )
            for row in regions
        ],
    )


def _latencies(latencies: list[dict[str, Any]]) -> "Table":
    from web.cli.status import table  # noqa: PLC0415

    return table(
        "Requests, all workers together",
        ("route", "answered by", "requests", "mean", "half within", "99 % within"),
        [
            (
                row["route"],
                row["source"],
                f"{row['requests']:,}",
                *(_milliseconds(row[name]) for name in ("mean_ms", "p50_ms", "p99_ms")),
            )
            for row in latencies
        ],
    )


def _next_refreshes(views: list[dict[str, Any]]) -> "Table":
    from web.cli.status import duration, table  # noqa: PLC0415

    return table(
        "Next refreshes",
        ("view", "tier", "in", "why"),
        [
            (row["view"], row["tier"], duration(row["next_refresh"]["in_seconds"]), row["next_refresh"]["why"])
            for row in views
            if row["next_refresh"]["with_tier"] is None
        ],
    )


def _milliseconds(value: float | None) -> str:
    return "longer" if value is None else f"{value:,.2f} ms"


def _requests(state: dict[str, Any]) -> "list[Table]":
    from web.cli.status import table  # noqa: PLC0415

    invalidations, tasks = state["invalidations"], state["tasks"]
    return [
        table(
            "Invalidations in the feed",
            ("source", "rows", "drains"),
            [(row["source"], f"{row['rows']:,}", f"{row['drains']:,}") for row in invalidations["feed"]],
        ),
        table(
            "Invalidations by hand",
            ("asked", "by", "pattern", "fed by drain"),
            [(row["asked_at"], row["asked_by"], row["pattern"], row["drain_id"]) for row in invalidations["by_hand"]],
        ),
        table(
            "Tasks",
            ("task", "kind", "asked", "by", "state", "outcome"),
            [(it["task_id"], it["kind"], it["asked_at"], it["asked_by"], it["state"], it["outcome"]) for it in tasks],
        ),
        table(
            "Warm plan",
            ("reason", "users", "entries", "from", "until"),
            [
                (row["reason"], f"{row['users']:,}", f"{row['entries']:,}", row["wanted_from"], row["wanted_until"])
                for row in state["warm_plan"]
            ],
        ),
    ]
