"""``frontview load``: loads a CSV export into a table of the application, all of it or nothing."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from models import load_settings


@click.command()
@click.argument("table")
@click.argument("file", metavar="FILE.csv", type=click.Path(allow_dash=True, path_type=Path))
def load(table: str, file: Path) -> None:
    """Load a CSV export into a table of the application, all or nothing.

    TABLE is one that the installed declaration names: of users, a view, a list or a label; as the catalog
    spells it, with its schema where the name alone means several. FILE.csv is UTF-8 (`-`: standard
    input). Its first line names columns of the table, in any order, separated by commas, semicolons or
    tabs, as all lines are then; missing columns take their defaults. An empty field without quotes is
    NULL; one in quotes ("") is an empty text.

    Dates and times are those of ISO 8601: 2026-01-31, 2026-01-31T09:30:00+01:00, or with a blank instead
    of the T; a time without an offset is UTC. Nothing else is read as one, neither 31/01/2026 nor today.

    If the file holds numbers that the database counts, such as ids, rows inserted later get larger ones.

    A fault is reported with its line (the header is line 1) and column; then nothing is loaded, and the
    exit code is 1.
    """
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415
    from web.cli.progress import progress  # noqa: PLC0415
    from web.load import load_csv  # noqa: PLC0415
    from web.load.csv_file import SEPARATORS, CsvFile  # noqa: PLC0415
    from web.load.tables import find_table  # noqa: PLC0415

    name = "standard input" if str(file) == "-" else str(file)
    with (
        connect(direct_url(load_settings()), "frontview-load") as connection,
        seekable(file, name) as (opened, size),
        progress(f"Loading {table}", size, is_bytes=True) as advance,
    ):
        into = find_table(connection, table)
        csv_file = CsvFile(opened, name)
        rows = load_csv(connection, into, csv_file, advance)
    found = csv_file.header.separator
    separated = "" if found == "," else f"; the fields of {name} are separated by {SEPARATORS[found]}"
    click.echo(f"{rows:,} row{'s' * (rows != 1)} loaded into {table}{separated}.")


@contextmanager
def seekable(path: Path, name: str) -> Iterator[tuple[BinaryIO, int]]:
    """Yield an open seekable file and its size in bytes; input that is not seekable is copied to a temporary file."""
    from web.load.csv_file import open_csv  # noqa: PLC0415

    with sys.stdin.buffer if str(path) == "-" else open_csv(path, name) as given:
        if given.seekable():
            size = given.seek(0, 2)
            given.seek(0)
            yield given, size
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(given, copy)
            size = copy.tell()
            copy.seek(0)
            yield copy, size
