"""Shows the progress of long work on stderr: a bar on a terminal, plain lines elsewhere.

Invariant: stdout stays free for the command's result.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

PLAIN_LINE_SECONDS = 5.0  # The time between two plain lines.


@contextmanager
def progress(label: str, total: int | None, *, is_bytes: bool = False) -> Iterator[Callable[[int], None]]:
    """Show the progress of a block; yield a function that it calls with each amount done.

    :param total: the whole amount; None if it is unknown.
    :param is_bytes: amounts are bytes and are shown as megabytes.
    """
    if sys.stderr.isatty():
        yield from _bar(label, total, is_bytes)
    else:
        yield from _lines(label, total, is_bytes)


def _bar(label: str, total: int | None, is_bytes: bool) -> Iterator[Callable[[int], None]]:
    from rich.console import Console  # noqa: PLC0415  importing it takes 0.1 s, which output to a pipe can do without
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    amount = DownloadColumn() if is_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.advance(task, done)


def _lines(label: str, total: int | None, is_bytes: bool) -> Iterator[Callable[[int], None]]:
    done, next_at = 0, time.monotonic() + PLAIN_LINE_SECONDS

    def advance(amount: int) -> None:
        nonlocal done, next_at
        done += amount
        if time.monotonic() >= next_at:
            next_at = time.monotonic() + PLAIN_LINE_SECONDS
            share = f" ({100 * done // total} %)" if total else ""
            shown = f"{done / 1e6:,.1f} MB" if is_bytes else f"{done:,}"
            click.echo(f"{label}: {shown}{share}", err=True)

    yield advance
