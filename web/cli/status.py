"""``frontview status``: what runs, how fresh it is, and who leads."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from models import load_settings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from web.operators.system_state import Alarm, Audited, Connections, Refresh, Refresher, TierStatus, Watermark

PIPE_WIDTH = 140


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def status(as_json: bool) -> None:
    """Show alarms, views and their tiers, watermark lag, stale keys, refreshes, audit, leader and workers."""
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415
    from web.operators.declarations import declarations  # noqa: PLC0415
    from web.operators.system_state import system_state  # noqa: PLC0415

    with connect(direct_url(load_settings()), "frontview-status") as connection:
        state, declared = system_state(connection), declarations(connection)
    if as_json:
        click.echo(json.dumps(asdict(state) | {"declarations": [asdict(it) for it in declared]}))
        return
    console = wide_console()
    for alarm in state.alarms:
        console.print(_alarm(alarm), style="bold red", markup=False, highlight=False, soft_wrap=True)
    for part in (
        _leader_and_watermark(state.leader, state.watermark),
        *(f"Declaration {it.number} ({it.hash}) {it.what_next}." for it in declared),
        _tiers(state.views),
        _refreshes(state.refreshes),
        _audit(state.audit),
        _connections(state.connections),
    ):
        console.print(part)


def wide_console() -> "Console":
    """Return the console for tables: the terminal, or a pipe, which is given room for them."""
    from rich.console import Console  # noqa: PLC0415

    console = Console()
    return console if console.is_terminal else Console(width=PIPE_WIDTH)


def _alarm(alarm: "Alarm") -> str:
    """Return an alarm on one line."""
    seen = f"since {alarm.since}, last seen {duration(alarm.last_seen_seconds_ago, ' ago')}"
    return f"ALARM {alarm.kind}: {alarm.subject}: {alarm.detail} ({seen})"


def _leader_and_watermark(leader: "Refresher | None", watermark: "Watermark | None") -> str:
    """Return who leads, and how far behind the drain is."""
    if leader is None:
        who = "Leader: none; start one with `frontview refresher`"
    else:
        name = leader.application_name or "of another role"  # PostgreSQL hides the name from other roles.
        who = f"Leader: {name} (backend {leader.pid}, {duration(leader.connected_seconds)})"
    if watermark is None:
        return f"{who}\nWatermark: none; nothing was ever drained"
    return (
        f"{who}\nWatermark: {watermark.epoch}-{watermark.drain_id}, {duration(watermark.age_seconds)} "
        f"old; {watermark.undrained_rows:,} change rows undrained, {watermark.stale_keys:,} stale keys kept"
    )


def _tiers(tiers: "Sequence[TierStatus]") -> "Table":
    return table(
        "Views",
        ("view", "tier", "days", "populated", "covers", "stale keys", "refreshed", "took", "size"),
        [
            (
                f"{tier.view} v{tier.version}",
                tier.tier,
                _days(tier.first_day, tier.before_day) + _sealed(tier),
                "refreshing" if tier.refreshing else yes_or_no(tier.populated),
                tier.through,
                f"{tier.stale_keys:,}" if tier.populated else "all",
                duration(tier.refreshed_seconds_ago, " ago"),
                duration(tier.duration_ms, scale=0.001),
                f"{(tier.size_bytes or 0) / 1e6:,.1f} MB",
            )
            for tier in tiers
        ],
    )


def _refreshes(refreshes: "Sequence[Refresh]") -> "Table":
    return table(
        "Last refreshes",
        ("started", "view", "tier", "took", "rows", "outcome"),
        [
            (
                it.started_at,
                it.view,
                it.tier,
                duration(it.duration_ms, scale=0.001),
                f"{it.row_count or 0:,}",
                it.outcome,
            )
            for it in refreshes
        ],
    )


def _audit(views: "Sequence[Audited]") -> "Table":
    return table(
        "Audit",
        ("view", "compared", "violations", "rounds", "last"),
        [
            (
                it.view,
                f"{it.checks:,}",
                f"{it.violations:,}",
                f"{it.rounds:,}",
                duration(it.last_checked_seconds_ago, " ago"),
            )
            for it in views
        ],
    )


def _connections(connections: "Sequence[Connections]") -> "Table":
    return table(
        "Connections",
        ("application", "from", "connections", "busy", "backends"),
        [
            (it.application_name, it.address or "this machine", it.connections, it.busy, " ".join(map(str, it.pids)))
            for it in connections
        ],
    )


def table(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> "Table":
    """Return a table; None is shown as a dash."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    made = Table(*columns, title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for row in rows:
        made.add_row(*("–" if cell is None else str(cell) for cell in row))
    return made


def _days(first: str, before: str) -> str:
    """Return the range of days that a tier holds, in words."""
    if before == "-infinity":
        return "none yet"
    parts = [f"from {first}"] * (first != "-infinity") + [f"before {before}"] * (before != "infinity")
    return " ".join(parts) or "all"


def _sealed(tier: "TierStatus") -> str:
    """Return in words whether days of the tier are sealed."""
    parts = ["earlier days are sealed"] * (tier.sealed_before is not None)
    if tier.sealed_before is not None and tier.sealed_changes:
        parts.append(f"{tier.sealed_changes:,} keys changed late")
    if tier.sealing_before is not None:
        parts.append(f"those before {tier.sealing_before} are to be sealed")
    return f" ({', '.join(parts)})" if parts else ""


def yes_or_no(value: bool) -> str:
    """Return ``yes`` or, to catch the eye, ``NO``."""
    return "yes" if value else "NO"


def duration(value: float | None, suffix: str = "", scale: float = 1.0) -> str:
    """Return a time in words; a dash if there is none."""
    if value is None:
        return "–"
    seconds = value * scale
    if seconds < 10:
        return f"{seconds:.2f} s{suffix}"
    if seconds < 120:
        return f"{seconds:.0f} s{suffix}"
    return f"{seconds / 60:,.0f} min{suffix}" if seconds < 7200 else f"{seconds / 3600:,.1f} h{suffix}"
