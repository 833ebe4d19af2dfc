"""Shows outcomes: a line each as they come in, a Markdown table and JSON at the end.

Invariant: whatever is shown was measured in the run it stands for; what was not measured is left blank.
"""

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.markup import escape

from tests.faults.runs.outcome import SKIPPED, SURVIVED, Outcome

SOURCES = ("exact", "cache", "materialized_view", "database", "stale")
_COLUMNS = (
    "#",
    "fault",
    "must hold",
    "what bit",
    "staleness, s: p50 / p99 / max (reads)",
    "503s, lost",
    "failover, s",
    "drain normal again, s",
    "serving again, s",
    "writers, captured: control (failures, max ms)",
    "verdict",
)


def line(outcome: Outcome) -> str:
    """Return one line for the console."""
    colour = "green" if outcome.word == SURVIVED else "yellow" if outcome.word == SKIPPED else "red"
    parts = [
        f"[bold]{outcome.number}[/] {escape(outcome.name)}: [{colour}]{outcome.word}[/]",
        escape(outcome.proof or outcome.why),
        *(escape(f"{kind} {text}") for kind, text in staleness(outcome).items()),
        errors(outcome),
        f"failover {outcome.failover:.1f} s" if outcome.failover is not None else "",
        f"drain normal again after {outcome.draining:.1f} s" if outcome.draining is not None else "",
        f"serving again after {outcome.serving:.1f} s" if outcome.serving is not None else "",
        writers(outcome),
        f"{outcome.connections} connections" if outcome.connections else "",
        escape(outcome.note),
    ]
    return "; ".join(part for part in parts if part)


def staleness(outcome: Outcome) -> dict[str, str]:
    """Return the staleness by source, where there were answers from it."""
    return {
        kind: f"{it.p50:.2f}/{it.p99:.2f}/{it.max:.2f} ({it.reads})"
        for kind in SOURCES
        if (it := outcome.staleness.get(kind)) is not None and it.reads
    }


def errors(outcome: Outcome) -> str:
    """Return how many reads got no answer."""
    refused, lost = outcome.reads["503"], outcome.reads["0"]
    return ", ".join([*([f"{refused} × 503"] if refused else []), *([f"{lost} broken"] if lost else [])])


def writers(outcome: Outcome) -> str:
    """Return the outcomes of the writers and of those of the control."""
    if outcome.writers is None:
        return ""
    both = (outcome.writers.captured, outcome.writers.uncaptured)
    return "writers " + " : ".join(f"{it.failures.total()}, {it.duration_ms.max:.0f} ms" for it in both)


def markdown(outcomes: Sequence[Outcome], command: str) -> str:
    """Return the report: what it was measured on, a table, and what was violated."""
    lines = [
        "# Faults",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}.",
        f"{sum(it.word == SURVIVED for it in outcomes)} survived, "
        f"{sum(it.word == SKIPPED for it in outcomes)} skipped, {sum(not it.ok for it in outcomes)} not.",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        f"|{'---|' * len(_COLUMNS)}",
        *(f"| {' | '.join(_row(it))} |" for it in outcomes),
    ]
    for outcome in outcomes:
        if not outcome.ok:
            lines += ["", f"## {outcome.number}: {outcome.name}", "", outcome.why]
            lines += [f"* {violation}" for violation in outcome.violations]
    return "\n".join(lines) + "\n"


def _row(outcome: Outcome) -> list[str]:
    cells = [
        outcome.number,
        outcome.name,
        outcome.must_hold,
        "; ".join(part for part in (outcome.proof, outcome.note) if part),
        "<br>".join(f"{kind} {text}" for kind, text in staleness(outcome).items()),
        errors(outcome),
        "" if outcome.failover is None else f"{outcome.failover:.1f}",
        "" if outcome.draining is None else f"{outcome.draining:.1f}",
        "" if outcome.serving is None else f"{outcome.serving:.1f}",
        writers(outcome).removeprefix("writers "),
        outcome.word if outcome.word != SKIPPED else f"skipped: {outcome.why}",
    ]
    return [cell.replace("|", "\\|").replace("\n", " ") for cell in cells]


def write_json(outcomes: Sequence[Outcome], path: Path, **facts: Any) -> None:
    """Write everything as JSON."""
    values = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count(), **facts}
    path.write_text(json.dumps({**values, "outcomes": [it.values() for it in outcomes]}, indent=2) + "\n")
