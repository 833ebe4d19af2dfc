"""``frontview audit``: compares reads with their recomputation, once; exit code 1 on any difference."""

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from models import load_settings

if TYPE_CHECKING:
    from models.connection import Connection
    from refresher.watch.audit import Audit, Visit
    from views_sql.declaration.maintained_view import MaintainedView

USERS_SHOWN = 10  # How many differing users a line of the summary names.


@dataclass
class ViewReport:
    """What the audit of one view found.

    :param compared: visits whose read used rows of a tier; other visits prove nothing about the view.
    :param failed: comparisons that could not be made.
    :param wrong: users whose reads differed, in the order in which they were found.
    """

    view: str
    visited: int = 0
    compared: int = 0
    failed: int = 0
    wrong: dict[str, None] = field(default_factory=dict)

    def note(self, visit: "Visit") -> None:
        """Count one visit."""
        self.visited += 1
        if visit.compared is None:
            self.failed += 1
            return
        self.compared += visit.compared.from_tiers
        if visit.compared.differences:
            self.wrong[visit.user] = None

    @property
    def users(self) -> list[str]:
        """The first :data:`USERS_SHOWN` users whose reads differed."""
        return list(self.wrong)[:USERS_SHOWN]

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints about the view."""
        counts = {name: getattr(self, name) for name in ("view", "visited", "compared", "failed")}
        return counts | {"differing": len(self.wrong), "users": self.users}


@click.command()
@click.option("--all", "everything", is_flag=True, help="Every user of every view, instead of a sample.")
@click.option("--pairs", type=click.IntRange(1), default=200, show_default=True, help="Size of the sample.")
@click.option("--read-only", is_flag=True, help="Only report differences; mark nothing stale and raise no alarm.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def audit(everything: bool, pairs: int, read_only: bool, as_json: bool) -> None:
    """Compare reads with a recomputation from the base tables in the same snapshot.

    A user whose read is wrong is marked stale, so that the next read is right, and an alarm is raised. The exit code is
    1 on any difference, and where a comparison could not be made.
    """
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415
    from models.errors import NotMigrated  # noqa: PLC0415
    from models.logs import configure_logs  # noqa: PLC0415
    from refresher.watch.audit import Audit  # noqa: PLC0415
    from refresher.watch.audit_sample import registered  # noqa: PLC0415
    from views_sql.operations.catalog import load_application  # noqa: PLC0415

    settings = load_settings()
    configure_logs(settings, "audit")  # Logs go to stderr: stdout is for the result.
    with connect(direct_url(settings), "frontview-audit") as connection:
        catalog = load_application(connection)
        views = registered(connection, catalog.views)
        if missing := {view.name for view in catalog.views} - {view.name for view in views}:
            raise NotMigrated(f"it does not have {', '.join(sorted(missing))} as this code declares.")
        auditor = Audit(catalog.views, read_only=read_only)
        reports = {view.name: ViewReport(view.name) for view in views}
        if everything:
            _visit_all(connection, auditor, views, reports)
        else:
            _visit_some(connection, auditor, pairs, reports)
        auditor.save(connection)
    _show(list(reports.values()), as_json)
    sys.exit(any(report.wrong or report.failed for report in reports.values()))


def _visit_some(connection: "Connection", auditor: "Audit", pairs: int, reports: dict[str, ViewReport]) -> None:
    from web.cli.progress import progress  # noqa: PLC0415

    with progress("Audited", pairs) as advance:
        for _turn in range(pairs):
            if (visit := auditor.visit_next(connection)) is not None:
                reports[visit.view].note(visit)
            advance(1)


def _visit_all(
    connection: "Connection", auditor: "Audit", views: "list[MaintainedView]", reports: dict[str, ViewReport]
) -> None:
    from refresher.watch.audit_sample import count_users, next_user  # noqa: PLC0415
    from web.cli.progress import progress  # noqa: PLC0415

    total = sum(count_users(connection, view) for view in views)
    with progress("Audited", total) as advance:
        for view in views:
            user = next_user(connection, view, None)
            while user is not None:
                reports[view.name].note(auditor.visit(connection, view, user))
                advance(1)
                user = next_user(connection, view, user)


def _show(reports: list[ViewReport], as_json: bool) -> None:
    if as_json:
        violations = sum(len(report.wrong) for report in reports)
        click.echo(json.dumps({"violations": violations, "views": [report.as_json() for report in reports]}))
        return
    for report in reports:
        click.echo(_line(report))


def _line(report: ViewReport) -> str:
    parts = [f"{report.compared:,} compared"]
    if base := report.visited - report.compared - report.failed:
        parts.append(f"{base:,} answered from base tables alone")
    if report.failed:
        parts.append(click.style(f"{report.failed:,} could not be compared", fg="red"))
    if differing := len(report.wrong):
        more = ", …" if differing > USERS_SHOWN else ""
        users = f"{differing:,} user{'s' * (differing > 1)}"
        parts.append(click.style(f"{users} with differences: {', '.join(report.users)}{more}", fg="red"))
    else:
        parts.append("no difference")
    return f"{report.view}: {', '.join(parts)}"
