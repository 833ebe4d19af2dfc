"""``frontview refresher``: the same process as ``python -m refresher``."""

import sys

import click

from models import load_settings


@click.command()
def refresher() -> None:
    """Run the process that drains changes and refreshes views.

    Several may run; one of them leads, the others stand by.
    """
    from models.logs import configure_logs  # noqa: PLC0415
    from refresher.process import run  # noqa: PLC0415  brings the scheduler
    from views_sql.catalog import CATALOG  # noqa: PLC0415

    settings = load_settings()
    configure_logs(settings)
    sys.exit(run(settings, CATALOG))
