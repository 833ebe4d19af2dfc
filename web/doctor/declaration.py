"""Compares the installed declaration with its objects, with the project's file, and with what this version generates.

Invariant: nothing that the database holds is run here; its text is read and compared.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

from models.connection import Connection
from views_sql.declaration.fault import DeclarationError
from views_sql.declaration.project import read_project
from views_sql.declaration.resolved import resolved
from views_sql.operations.database import active_declaration, newest_declaration
from views_sql.operations.installed import Installed
from views_sql.operations.plan import generated, numbers_of
from web.doctor.finding import Finding, failed, listed, passed, warned
from web.operators.declarations import declarations

STANDING, OBJECTS, GENERATED, FILE = "declarations", "generated objects", "generated SQL", "declaration file"
RELATION = re.compile(r"CREATE (?:MATERIALIZED )?(?:VIEW|TABLE) frontview\.(\w+)")
FUNCTION = re.compile(r"^CREATE FUNCTION frontview\.(\w+)\(", re.MULTILINE)
BODY = re.compile(r"\nAS (\$\w*\$)(.*)\1\s*$", re.DOTALL)  # Another than BEGIN ATOMIC, whose text is not kept.
THERE: LiteralString = """
SELECT c.relname::text, NULL FROM pg_class c
WHERE c.relnamespace = to_regnamespace('frontview') AND c.relkind IN ('r', 'v', 'm')
UNION ALL
SELECT p.proname::text || '()', p.prosrc FROM pg_proc p WHERE p.pronamespace = to_regnamespace('frontview')
"""
STORED = "SELECT s FROM frontview.declaration d, unnest(d.ddl) s WHERE d.active AND strpos(s, 'frontview.{}') > 0"
# Nothing that uses the function is dropped for it: the triggers of captured tables stay.
REPLACING = (
    "SELECT regexp_replace(s, '^CREATE FUNCTION', 'CREATE OR REPLACE FUNCTION', 'n') FROM frontview.declaration d, "
    r"unnest(d.ddl) s WHERE d.active AND s ~ '(?n)^CREATE FUNCTION frontview\.{}\('"
)


def standing(connection: Connection) -> Finding:
    """Say which declarations there are, and what happens next to each; one that waits is a warning."""
    found = declarations(connection)
    said = "; ".join(f"{it.number} {it.what_next}" for it in found)
    if any(it.state == "waiting" for it in found):
        remedy = "Wait for the refresher; `frontview status` shows alarms of views that cannot be made."
        return warned(STANDING, said, remedy)
    return passed(STANDING, said)


def objects(connection: Connection) -> Finding:
    """Check that every view, table and function of the active declaration is there, and each function as it was made.

    Triggers, indexes and grants have checks of their own.
    """
    if (installed := active_declaration(connection)) is None:
        return passed(OBJECTS, "none: no declaration is installed")
    made = dict(_made(installed))
    there: dict[str, str | None] = dict(connection.execute(THERE).fetchall())
    if gone := [name for name in made if name not in there]:
        remedy = f"As the owner run again what made it, `{STORED.format(gone[0].removesuffix('()'))}`"
        return failed(OBJECTS, f"missing: {listed(gone)}", f"{remedy}, then SELECT frontview.grant_rights().")
    if altered := [name for name, body in made.items() if body is not None and there[name] != body]:
        first = altered[0].removesuffix("()")
        remedy = f"As the owner run what made it in the place of what is there, `{REPLACING.replace('{}', first)}`"
        return failed(OBJECTS, f"altered: {listed(altered)}", f"{remedy}, then SELECT frontview.grant_rights().")
    return passed(OBJECTS, f"{len(made)} of declaration {installed.number}, all as they were made")


def as_generated(connection: Connection) -> Finding:
    """Check whether this version of Frontview would generate the SQL that is installed."""
    if (installed := active_declaration(connection)) is None:
        return passed(GENERATED, "none: no declaration is installed")
    numbers = numbers_of(installed.everything)
    parts = installed.everything
    if other := [it.key[1] for it in parts if generated(installed.proven, it.proven, it.number, numbers) != it]:
        remedy = "Regenerate: `frontview plan --write`, then `frontview migrate`. Until then everything runs on."
        return warned(GENERATED, f"this version generates other SQL for {listed(other)}", remedy)
    return passed(GENERATED, "as this version generates it")


def file(connection: Connection, project: Path | None) -> Finding:
    """Check that the project's file is the newest applied declaration.

    :param project: the project's folder; None: there is none here.
    """
    installed = newest_declaration(connection)
    if installed is None or project is None:
        return passed(FILE, "not compared: there is no project here" if installed else "no declaration is installed")
    try:
        declared = read_project(project)
    except DeclarationError as error:
        return warned(FILE, f"cannot be read: {error.faults[0]}", "Mend it; `frontview check` says all that is wrong.")
    if resolved(declared) != resolved(installed.declared):
        remedy = "`frontview plan` says what would change; then `frontview plan --write` and `frontview migrate`."
        return warned(FILE, f"differs from declaration {installed.number}, which is installed", remedy)
    return passed(FILE, f"as declaration {installed.number}, which is installed")


def _made(installed: Installed) -> Iterator[tuple[str, str | None]]:
    """Yield the name of each object that the declaration's DDL makes, and the body of a function."""
    for part in installed.everything:
        captures = [statement for statements in part.capture for statement in statements]
        for statement in (*part.users, *part.existence, *captures, *part.stored, *part.read):
            yield from _object(statement)


def _object(statement: str) -> Iterator[tuple[str, str | None]]:
    # What is within DO are the functions over row types, which not every server has; triggers depend on them.
    function = None if statement.startswith("DO ") else FUNCTION.search(statement)
    if function is not None:
        body = BODY.search(statement)
        yield f"{function[1]}()", body[2] if body else None
    elif (relation := RELATION.search(statement)) is not None:
        yield relation[1], None
