"""``frontview refresher``: the same process as ``python -m refresher``."""

import sys

import click


@click.command()
def refresher() -> None:
    """Run the process that drains changes and refreshes views.

    Several may run; one of them leads, the others stand by.
    """
    from refresher.__main__ import main  # noqa: PLC0415  imports the scheduler

    sys.exit(main())
