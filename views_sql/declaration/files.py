"""The files of a project: where they are, and which tables they have.

Invariant: whatever the files hold, the outcome is tables and faults; a file that cannot be read is a fault.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from views_sql.declaration.declared import FIRST_FILE
from views_sql.declaration.fault import Fault
from views_sql.declaration.sentences import dotted, expected, quoted
from views_sql.declaration.toml_text import WHOLE_FILE, parsed
from views_sql.declaration.words import nearest

LARGEST_FILE_BYTES = 500_000
KINDS = ("user", "view", "region", "dimension", "metric", "list", "dashboard")


@dataclass(frozen=True)
class Table:
    """One table of a file: ``[user]``, or ``[kind.name]``.

    :param content: usually a dict; what else may stand there is for its reader to refuse.
    """

    file: str
    kind: str
    name: str
    content: Any


def find_project(named: Path | None, directory: Path) -> Path | None:
    """Return the folder of the project: the one that is named, else ``directory`` if it is one; None: there is none."""
    if named is not None:
        return directory / named.expanduser()
    return directory if (directory / FIRST_FILE).is_file() else None


def tables_of(project: Path) -> Iterator[Table | Fault]:
    """Return the tables of ``frontview.toml`` and of ``views/*.toml``, in the order in which they stand there."""
    for path in (project / FIRST_FILE, *sorted(project.glob("views/*.toml"))):
        yield from _tables(path, path.relative_to(project).as_posix())


def read_script(project: Path, file: str) -> str | Fault:
    """Return the text of a file of the project; a link that leads out of the project's folder is not followed."""
    if not (project / file).resolve().is_relative_to(project.resolve()):
        return Fault(file, WHOLE_FILE, "it is a link to a file outside of the project")
    return read_text(project / file, file)


def read_text(path: Path, file: str) -> str | Fault:
    """Return what a file holds, or why it cannot be read."""
    try:
        with path.open("rb") as opened:
            content = opened.read(LARGEST_FILE_BYTES + 1)
        if len(content) > LARGEST_FILE_BYTES:
            return Fault(file, WHOLE_FILE, f"it is larger than {LARGEST_FILE_BYTES:,} bytes")
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = error.start - before.rfind(b"\n")
        return Fault(file, f"line {before.count(10) + 1}, byte {column}", "this is not UTF-8")
    except FileNotFoundError:
        return Fault(file, WHOLE_FILE, "there is no such file")
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        reason = error.strerror if isinstance(error, OSError) else "its name cannot be used"
        return Fault(file, WHOLE_FILE, f"it cannot be read: {reason or 'input or output failed'}")


def _tables(path: Path, file: str) -> Iterator[Table | Fault]:
    text = read_text(path, file)
    content = text if isinstance(text, Fault) else parsed(text, file)
    if isinstance(content, Fault):
        yield content
        return
    for kind, table in content.items():
        if kind not in KINDS:
            called = kind if re.fullmatch(r"[a-z_]{1,40}", kind) else quoted(kind)
            yield Fault(file, dotted((kind,)), f"there is no table [{called}]; {nearest(kind, KINDS)}")
        elif kind == "user":
            yield Table(file, kind, "", table)
        elif isinstance(table, dict):
            yield from (Table(file, kind, name, inside) for name, inside in table.items())
        else:
            yield Fault(file, kind, expected(f"tables [{kind}.NAME]", table))
