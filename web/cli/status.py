"""``frontview status``: what runs, how fresh it is, and who leads."""

import json
from typing import TYPE_CHECKING, Any

import click

from models import load_settings

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

PIPE_WIDTH = 140


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def status(as_json: bool) -> None:
    """Show alarms, views and their tiers, watermark lag, stale keys, refreshes, audit, leader and workers."""
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415
    from web.operators.system_state import system_state  # noqa: PLC0415

    with connect(direct_url(load_settings()), "frontview-status") as connection:
        state = system_state(connection)
    if as_json:
        click.echo(json.dumps(state))
        return
    console = wide_console()
    for alarm in state["alarms"]:
        console.print(_alarm(alarm), style="bold red", markup=False, highlight=False, soft_wrap=True)
    tables = (_tiers(state["views"]), _refreshes(state["refreshes"]), _audit(state["audit"]), _connections(state))
    for part in (_watermark(state), *tables):
        console.print(part)


def wide_console() -> "Console":
    """Return where tables go: the terminal, or a pipe with room for them."""
    from rich.console import Console  # noqa: PLC0415

    console = Console()
    return console if console.is_terminal else Console(width=PIPE_WIDTH)


def _alarm(alarm: dict[str, Any]) -> str:
    """Return an alarm on one line."""
    seen = f"since {alarm['since']}, last seen {duration(alarm['last_seen_seconds_ago'], ' ago')}"
    return f"ALARM {alarm['kind']}: {alarm['subject']}: {alarm['detail']} ({seen})"


def _watermark(state: dict[str, Any]) -> "RenderableType":
    """Return who leads, and how far behind the drain is."""
    leader, watermark = state["leader"], state["watermark"]
    name = leader["application_name"] or "of another role" if leader else ""  # which hides it from this one
    who = (
        f"Leader: {name} (backend {leader['pid']}, {duration(leader['connected_seconds'])})"
        if leader
        else "Leader: none; start one with `python -m refresher`"
    )
    if watermark is None:
        return f"{who}\nWatermark: none; nothing was ever drained"
    return (
        f"{who}\nWatermark: {watermark['epoch']}-{watermark['drain_id']}, {duration(watermark['age_seconds'])} "
        f"old; {watermark['undrained_rows']:,} change rows undrained, {watermark['stale_keys']:,} stale keys kept"
    )


def _tiers(views: list[dict[str, Any]]) -> "Table":
    return table(
        "Views",
        ("view", "tier", "days", "populated", "covers", "stale keys", "refreshed", "took", "size"),
        [
            (
                f"{row['view']} v{row['version']}",
                row["tier"],
                _days(row),
                "refreshing" if row["refreshing"] else _yes(row["populated"]),
                row["through"],
                f"{row['stale_keys']:,}" if row["populated"] else "all",
                duration(row["refreshed_seconds_ago"], " ago"),
                duration(row["duration_ms"], scale=0.001),
                f"{(row['size_bytes'] or 0) / 1e6:,.1f} MB",
            )
            for row in views
        ],
    )


def _refreshes(refreshes: list[dict[str, Any]]) -> "Table":
    return table(
        "Last refreshes",
        ("started", "view", "tier", "took", "rows", "outcome"),
        [
            (
                row["started_at"],
                row["view"],
                row["tier"],
                duration(row["duration_ms"], scale=0.001),
                f"{row['row_count'] or 0:,}",
                row["outcome"],
            )
            for row in refreshes
        ],
    )


def _audit(views: list[dict[str, Any]]) -> "Table":
    return table(
        "Audit",
        ("view", "compared", "violations", "rounds", "last"),
        [
            (
                row["view"],
                f"{row['checks']:,}",
                f"{row['violations']:,}",
                f"{row['rounds']:,}",
                duration(row["last_checked_seconds_ago"], " ago"),
            )
            for row in views
        ],
    )


def _connections(state: dict[str, Any]) -> "Table":
    return table(
        "Connections",
        ("application", "from", "connections", "busy", "backends"),
        [
            (
                row["application_name"],
                row["address"] or "this machine",
                row["connections"],
                row["busy"],
                " ".join(map(str, row["pids"])),
            )
            for row in state["connections"]
        ],
    )


def table(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> "Table":
    """Return a table; None is a dash."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    made = Table(*columns, title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for row in rows:
        made.add_row(*("–" if cell is None else str(cell) for cell in row))
    return made


def _days(row: dict[str, Any]) -> str:
    """Return the range of days a tier holds, in words."""
    first, before = row["first_day"], row["before_day"]
    if before == "-infinity":
        return "none yet"
    parts = [f"from {first}"] * (first != "-infinity") + [f"before {before}"] * (before != "infinity")
    return " ".join(parts) or "all"


def _yes(value: bool) -> str:
    return "yes" if value else "NO"


def duration(value: float | None, suffix: str = "", scale: float = 1.0) -> str:
    """Return a time as people say it; a dash when there is none."""
    if value is None:
        return "–"
    seconds = value * scale
    if seconds < 10:
        return f"{seconds:.2f} s{suffix}"
    if seconds < 120:
        return f"{seconds:.0f} s{suffix}"
    return f"{seconds / 60:,.0f} min{suffix}" if seconds < 7200 else f"{seconds / 3600:,.1f} h{suffix}"
