"""The revisions of a project: files of Python that hold DDL as plain text; they are written, and read without running.

Invariant: a file is written once and never again; it imports only Alembic, and what it does is in it.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import MigrationError
from models.schema_version import PROJECT_PREFIX
from views_sql.operations.installed import Installed
from views_sql.operations.steps import Step

FOLDER = "revisions"
_KNOWN = ("USER_KEY", "DECLARATION", "revision", "down_revision")
_TEMPLATE = '''"""{what}.

Made by `frontview plan --write` from frontview.toml, declaration {number} ({hash}). Meanwhile {lock}.
The statements are all that it does; once applied anywhere, this file does not change any more.
"""

from alembic import op

{first}DECLARATION = {number}

revision = {revision!r}
down_revision = {before!r}
branch_labels = {labels!r}
depends_on = {core!r}

UPGRADE = (
{upgrade})
DOWNGRADE = (
{downgrade})


def upgrade() -> None:
    """Run the statements in one transaction."""
    op.run_statements(UPGRADE{unless})


def downgrade() -> None:
    """Go back to what was before."""
    op.run_statements(DOWNGRADE{unless})
'''


@dataclass(frozen=True, slots=True)
class Revision:
    """A file of a project.

    :param declaration: the number of the declaration that it belongs to.
    :param user_key: the kind of user keys; only the first file names it.
    """

    path: Path
    revision: str
    down_revision: str | None
    declaration: int
    user_key: str | None


def revisions_of(project: Path) -> list[Revision]:
    """Return a project's revisions, the oldest first; they are read and not run.

    :raises MigrationError: a file is no revision, or the files are no chain.
    """
    found = {it.down_revision: it for it in map(read_revision, sorted((project / FOLDER).glob("*.py")))}
    chain: list[Revision] = []
    while (next_one := found.pop(chain[-1].revision if chain else None, None)) is not None:
        chain.append(next_one)
    if found:
        names = ", ".join(sorted(it.path.name for it in found.values()))
        raise MigrationError(f"{FOLDER}/ is incomplete: no file comes before {names}. Restore the missing files.")
    return chain


def read_revision(path: Path) -> Revision:
    """Return the facts that a file declares.

    :raises MigrationError: it is not a revision of a project.
    """
    try:
        values = dict(_literals(ast.parse(path.read_text(encoding="utf-8"), path.name)))
        return Revision(
            path, values["revision"], values["down_revision"], values["DECLARATION"], values.get("USER_KEY")
        )
    except (OSError, SyntaxError, ValueError, KeyError) as error:
        raise MigrationError(f"{FOLDER}/{path.name} is not a revision of Frontview ({type(error).__name__}).") from None


def files_of(steps: Sequence[Step], installed: Installed, before: Sequence[Revision]) -> list[tuple[str, str]]:
    """Return the name and the text of each file that a project gets after those that it has."""
    files = []
    last = before[-1].revision if before else None
    for number, step in enumerate(steps, len(before) + 1):
        revision = f"{PROJECT_PREFIX}{number:04}_{installed.hash[:8]}"
        text = _TEMPLATE.format(
            what=_in_text(step.what),
            lock=_in_text(step.lock),
            number=installed.number,
            hash=installed.hash,
            first=f"USER_KEY = {_string(installed.proven.key_kind)}\n" if last is None else "",
            revision=revision,
            before=last,
            labels=("project",) if last is None else None,
            core=installed.core,
            unless=f", unless_standing=(DECLARATION, {installed.hash!r})" if step.unless_standing else "",
            upgrade="".join(f"    {_string(it)},\n" for it in step.upgrade),
            downgrade="".join(f"    {_string(it)},\n" for it in step.downgrade),
        )
        slug = re.sub(r"[^a-z0-9]+", "_", step.slug.lower()).strip("_")[:60]
        files.append((f"{number:04}_{slug}.py", text))
        last = revision
    return files


def _literals(module: ast.Module) -> Iterator[tuple[str, Any]]:
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in _KNOWN:
                yield name, ast.literal_eval(value)


def _string(text: str) -> str:
    """Return a literal of Python that is easy to read where the text allows it."""
    plain = text.isprintable() if "\n" not in text else all(line.isprintable() for line in text.split("\n"))
    if "\n" in text and plain and '"""' not in text and not text.endswith(('"', "\\")):
        return f'r"""{text}"""' if "\\" in text else f'"""{text}"""'
    return repr(text)


def _in_text(text: str) -> str:
    """Return text as it may stand in the module's docstring."""
    return text.replace("\\", "").replace('"', "")
