"""How findings are shown: a table for people, JSON for programs.

Invariant: both show the same figures; the JSON adds what they were measured on.
"""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from bench.findings.finding import Absence, Finding, Spread
from bench.questions.registry import Found
from bench.system.application import ROOT
from bench.system.scale import Scale
from bench.system.server import Server
from models.engine import connect

SETTINGS = ("server_version", "fsync", "synchronous_commit", "shared_buffers", "wal_sync_method")


def table(question: str, found: Sequence[Found] | None) -> Table | str:
    """Return the findings of a question as a table."""
    if found is None:
        return f"[red]{question}: failed, see above[/]"
    findings = [it for it in found if isinstance(it, Finding | Absence)]
    shown = Table(title=question, title_justify="left", title_style="bold", expand=False)
    for name in ("case", "what"):
        shown.add_column(name)
    for name in ("median", "spread", "ratio", "its spread", "goal", "met"):
        shown.add_column(name, justify="right", no_wrap=True)
    before = ""
    for finding in findings:
        if before and finding.case != before:
            shown.add_section()
        shown.add_row(finding.case if finding.case != before else "", finding.what, *_cells(finding))
        before = finding.case
    return shown


def _cells(finding: Finding | Absence) -> tuple[str, ...]:
    if isinstance(finding, Absence):
        return (finding.why,)
    value, ratio = finding.value, finding.ratio
    return (
        f"{_figure(value.median)} {finding.unit}",
        _range(value),
        f"{_figure(ratio.median)} {finding.of}".strip() if ratio else "",
        _range(ratio) if ratio else "",
        str(finding.goal or ""),
        {None: "", True: "[green]yes[/]", False: "[red]no[/]"}[finding.is_met],
    )


def _range(value: Spread) -> str:
    return f"{_figure(value.low)} – {_figure(value.high)}" if value.low != value.high else ""


def _figure(value: float) -> str:
    """Return a number with three significant digits."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.1g}"


def usual_file(scale: Scale) -> Path:
    """Return the default file for findings."""
    return ROOT / "bench" / "results" / f"{scale.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"


def write_json(server: Server, scale: Scale, found: Mapping[str, Sequence[Found] | None], path: Path) -> None:
    """Write all findings so far."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "scale": asdict(scale),
        "machine": _machine(server),
        "questions": {question: _entries(findings) for question, findings in found.items()},
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


def _entries(found: Sequence[Found] | None) -> list[dict[str, object]] | None:
    return None if found is None else [_entry(it) for it in found]


def _entry(it: Found) -> dict[str, object]:
    if isinstance(it, Absence):
        return asdict(it)
    if isinstance(it, Finding):
        return {**asdict(it), "goal": str(it.goal) if it.goal else None, "met": it.is_met}
    return {"picture": asdict(it)}


def _machine(server: Server) -> dict[str, object]:
    with connect(server.url, "frontview-bench-report") as connection:
        settings = {
            name: row[0]
            for name in SETTINGS
            if (row := connection.execute("SELECT current_setting(%s)", (name,)).fetchone())
        }
    return {
        "cores": len(os.sched_getaffinity(0)),
        "load_before_and_during": os.getloadavg(),
        "python": platform.python_version(),
        "postgresql": settings,
    }
