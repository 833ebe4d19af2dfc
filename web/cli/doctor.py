"""``frontview doctor``: prints the state of every precondition, one line each; exit code 1 if any fails."""

import json
import sys
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from models import load_settings

if TYPE_CHECKING:
    from web.doctor import Finding

_COLOURS = {"pass": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as a JSON array.")
def doctor(as_json: bool) -> None:
    """Check every precondition, one line each; exit code 1 if any fails."""
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415
    from views_sql.declaration.files import find_project  # noqa: PLC0415
    from web.doctor import examine, variables  # noqa: PLC0415

    settings = load_settings()
    url = direct_url(settings)
    findings = []
    project = find_project(settings.project, Path.cwd())
    found = examine(settings, lambda: connect(url, "frontview-doctor"), project)
    for finding in chain([variables()], found):
        findings.append(finding)
        if not as_json:
            click.echo(_line(finding))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    sys.exit(any(finding.outcome == "fail" for finding in findings))


def _line(finding: "Finding") -> str:
    """Return a finding on one line."""
    outcome = click.style(finding.outcome, fg=_COLOURS[finding.outcome])
    remedy = f" → {finding.remedy}" if finding.remedy else ""
    return f"{outcome}  {finding.subject}: {finding.detail}{remedy}"
