"""``make documents``: writes the documents that only repeat what the code says.

These are docs/settings.md (from :class:`Settings`), docs/declaration.md (from the values of a declaration),
docs/commands.md (from the command line) and, in the README of each package, the tables "file, what it holds" (from the
first sentence of each file).

Invariant: a test compares what is written here with what is committed, so a document never differs from the code.
"""

import ast
import re
import types
from collections.abc import Iterator
from inspect import cleandoc
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

import click
from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from docs import declared_fields
from models.settings import Settings
from web.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("models", "views_sql", "refresher", "web", "alembic", "tests", "bench")
BEGIN, END = "<!-- files: written by `make documents` -->", "<!-- files: end -->"
DO_NOT_EDIT = "<!-- Written by `make documents`; do not edit. -->"
SETTINGS_PREFACE = """
Settings are environment variables. All faults of a configuration are reported at once. A variable that is not set may
be a file of its name, in lower or upper case, in `/run/secrets` or among systemd's credentials. What is set but empty
counts as not set; white space around a value and one pair of quotes around it are not part of it. The web server and
the refresher log a warning at their start about each `FRONTVIEW_` variable that is no setting, and `frontview doctor`
names it; those that Kubernetes adds for a service of such a name (`FRONTVIEW_…_PORT=tcp://…`) set nothing.
"""
COMMANDS_PREFACE = """
`frontview` is in `.venv/bin` after `make demo` or `make test`, or after `pip install -e .`. An error that an operator
can fix is one line on stderr and exit code 1. What `make` does is in [CONTRIBUTING.md](../CONTRIBUTING.md).
"""
SQL_FOLDERS = {  # Folders without a module whose docstring would describe them.
    "protocol": "Functions and types of the core, one object a file: capture, drain, exact reads, tasks, rights.",
}
TYPES = {bool: "`true` or `false`", int: "whole number", float: "number", str: "text", Path: "path", SecretStr: "text"}
UNITS = {"seconds": "seconds", "bytes": "bytes", "days": "days", "duty": "share", "threshold": "share"}


def documents() -> dict[Path, str]:
    """Return every generated document by its path, as it should be."""
    readmes = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("README.md"))]
    tables = {path: with_tables(path) for path in readmes if BEGIN in path.read_text()}
    pages = {"settings": settings(), "declaration": declaration(), "commands": commands()}
    return {ROOT / f"docs/{name}.md": page for name, page in pages.items()} | tables


def settings() -> str:
    """Return docs/settings.md."""
    rows = [
        f"| `FRONTVIEW_{name.upper()}` | {_type(name, field)} | {_default(field)} | {_cell(field.description or '')} |"
        for name, field in Settings.model_fields.items()
    ]
    head = ["| variable | type | default | meaning |", "|---|---|---|---|"]
    return _page("Settings", SETTINGS_PREFACE, [*head, *rows])


def declaration() -> str:
    """Return docs/declaration.md."""
    return _page("Declaration", declared_fields.PREFACE, [*declared_fields.lines()][:-1])


def _type(name: str, field: FieldInfo) -> str:
    """Return a setting's type, with its unit and bounds."""
    chosen = [found[1] for it in field.metadata if (found := re.fullmatch(r"\^\((.*)\)\$", getattr(it, "pattern", "")))]
    if chosen:
        return ", ".join(f"`{value}`" for value in chosen[0].split("|"))
    annotation = field.annotation
    if isinstance(annotation, types.UnionType):
        annotation = get_args(annotation)[0]
    text = TYPES.get(annotation, "JSON") if isinstance(annotation, type) else "JSON"
    if annotation in {int, float}:
        text = UNITS.get(name.rpartition("_")[2], text)
    bounds = [f"{sign} {bound:,}" for it in field.metadata for sign, bound in _bounds(it)]
    return ", ".join([text, *bounds])


def _bounds(constraint: object) -> Iterator[tuple[str, Any]]:
    match constraint:
        case Ge(ge=bound):
            yield "≥", bound
        case Gt(gt=bound):
            yield ">", bound
        case Le(le=bound):
            yield "≤", bound
        case Lt(lt=bound):
            yield "<", bound


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    return "–" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def commands() -> str:
    """Return docs/commands.md."""
    context = click.Context(main, info_name="frontview")
    names = main.list_commands(context)
    rows = ["| command | does |", "|---|---|"]
    rows += [f"| [`frontview {name}`](#frontview-{name}) | {_cell(COMMANDS[name][1])} |" for name in names]
    lines = [*rows, ""]
    for name in names:
        if (command := main.get_command(context, name)) is not None:
            lines += _command(name, command, context)
    return _page("Commands", COMMANDS_PREFACE, lines[:-1])


def _command(name: str, command: click.Command, parent: click.Context) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"## frontview {name}", f"`frontview {name} {usage}`", "", *cleandoc(command.help or "").split("\n"), ""]
    described = (it for it in command.params if isinstance(it, click.Option))  # The command's text explains arguments.
    options = [record for it in described if (record := it.get_help_record(context))]
    if options:
        lines += ["| option | meaning |", "|---|---|"]
        lines += [f"| `{it.replace(' INTEGER RANGE', ' N')}` | {_cell(meaning)} |" for it, meaning in options] + [""]
    return lines


def with_tables(readme: Path) -> str:
    """Return a README with its tables of files between the two markers as they should be."""
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{_tables(readme.parent)}{END}{after}"


def _tables(package: Path) -> str:
    """Return one table for the package itself and one, with a heading, for each folder below it."""
    tables = []
    for folder, files in groupby(_files(package), key=lambda path: path.parent):
        room, rows = folder.relative_to(package), [(path.name, _about(path)) for path in files]
        lines = ["| file | holds |", "|---|---|", *(f"| `{name}` | {_cell(about)} |" for name, about in rows if about)]
        if folder != package:
            about = dict(rows).get("__init__.py", SQL_FOLDERS.get(room.as_posix(), "")).removesuffix(".")
            lines = [line for line in lines if "| `__init__.py` |" not in line]
            lines = [f"### {room}/", *([about + "."] if about else []), *(["", *lines] if len(lines) > 2 else [])]
        tables.append("\n".join(lines) + "\n")
    return "\n".join(tables)


def _files(package: Path) -> list[Path]:
    """Return a package's files, folder by folder, without those of a folder that has a README of its own."""
    found = [path for path in package.rglob("*") if path.suffix in {".py", ".sql"} and "__pycache__" not in path.parts]
    own = [path.parent for path in package.rglob("README.md") if path.parent != package]
    kept = [path for path in found if not any(path.is_relative_to(folder) for folder in own)]
    return sorted(
        (path for path in kept if "node_modules" not in path.parts), key=lambda path: (path.parent, path.name)
    )


def _about(path: Path) -> str:
    """Return the first sentence of a file, without its full stop."""
    if path.suffix == ".sql":
        first, second = path.read_text().splitlines()[:2]
        return (first.partition(": ")[2] or second.removeprefix("-- ")).strip()
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    sentence = re.split(r"(?<!e\.g)(?<!i\.e)[.]\s(?=[A-Z`])", paragraph)[0]
    return re.sub(r":\w+:(?=`)", "", sentence).removesuffix(".").replace("``", "`")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _page(title: str, preface: str, lines: list[str]) -> str:
    return "\n".join([f"# {title}", DO_NOT_EDIT, preface, *lines, ""])


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text)
