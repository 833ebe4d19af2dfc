"""The steps of a migration: each is one revision and one transaction, statement by statement in both directions.

Invariant: a captured table is locked in a step of its own, so no writer of one table waits for another table. No
other declaration becomes active while days are sealed that a later step would drop.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from views_sql.declaration.proven import ProvenDashboard, ProvenList, ProvenSource, ProvenView
from views_sql.generation.declared_capture import quoted_table, stop_declared
from views_sql.generation.declared_view import drop_declared_view, drop_users, refuse_to_drop_declared_view
from views_sql.generation.names import literal
from views_sql.generation.rights import GRANT_RIGHTS, drop_function_of_web
from views_sql.generation.shown_rows import drop_rows
from views_sql.operations.installed import FORMAT, AnyPart, Installed, name_of, row_of, sources_of
from views_sql.operations.plan import Plan, users_source

SWITCH = "declaration"  # The slug of the step that makes another declaration the active one.


@dataclass(frozen=True, slots=True)
class Step:
    """One revision.

    :param slug: for the name of its file.
    :param what: a sentence without its full stop.
    :param lock: what others wait for meanwhile; a sentence without its full stop.
    """

    slug: str
    what: str
    lock: str
    upgrade: tuple[str, ...]
    downgrade: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Captured:
    """A source with its DDL.

    :param reader: for whom it is captured.
    """

    source: ProvenSource
    statements: tuple[str, ...]
    reader: str

    @property
    def table(self) -> str:
        return quoted_table(self.source.table)


def steps(plan: Plan) -> list[Step]:
    """Return the steps in their order; none if there is nothing to do."""
    if plan.is_empty:
        return []
    made = [it.new for it in plan.changes if it.new and it.action in {"create", "replace"}]
    gone = plan.gone
    kept = {part.number for part in plan.new.everything}
    captured = list(_captured(made, plan.new, ()))
    released = list(_captured(gone, plan.old, kept)) if plan.old else []
    made_and_gone = [
        *_captures(captured),
        *_objects(plan, made),
        _declaration(plan),
        *_drops(gone, plan.old, kept),
        *_releases(released),
    ]
    granting = [replace(it, upgrade=_granting(it.upgrade), downgrade=_granting(it.downgrade)) for it in made_and_gone]
    return _refusing_seals(granting, made, gone)


def _refusing_seals(steps: list[Step], made: list[AnyPart], gone: list[AnyPart]) -> list[Step]:
    """Return the steps so that they refuse to drop sealed days before the first one, and where declarations switch.

    The other declaration would be active otherwise, without these days, when the step fails that drops them.
    """
    up, down = (
        tuple(
            it
            for part in parts
            if isinstance(part.proven, ProvenView)
            for it in refuse_to_drop_declared_view(part.proven, part.number)
        )
        for parts in (gone, made)
    )
    return [
        replace(
            step,
            upgrade=(*up, *step.upgrade) if place == 0 or step.slug == SWITCH else step.upgrade,
            downgrade=(*down, *step.downgrade) if place == len(steps) - 1 or step.slug == SWITCH else step.downgrade,
        )
        for place, step in enumerate(steps)
    ]


def _granting(statements: tuple[str, ...]) -> tuple[str, ...]:
    """Return the statements of a step with the rights given once, when everything is there."""
    others = tuple(it for it in statements if it != GRANT_RIGHTS)
    return statements if len(others) == len(statements) else (*others, GRANT_RIGHTS)


def _captured(views: Iterable[AnyPart], of: Installed, kept: Container[int]) -> Iterator[_Captured]:
    """Yield the sources of parts.

    :param kept: numbers of which other views need the capture of users.
    """
    numbers = set[int]()
    for view in views:
        users = users_source(of.proven, view.number)
        if users and view.number not in numbers and view.number not in kept:
            yield _Captured(users, view.existence, "the existence of users")
        numbers.add(view.number)
        for source, statements in zip(sources_of(view.proven), view.capture, strict=True):
            yield _Captured(source, statements, name_of(view.proven))


def _captures(captured: Iterable[_Captured]) -> Iterator[Step]:
    for table, them in _by_table(captured):
        yield Step(
            f"capture_{table}",
            f"Captures the changes of {table} for {_listed(it.reader for it in them)}",
            f"writers of {table} wait until this step has committed; readers do not",
            tuple(statement for it in them for statement in it.statements),
            tuple(statement for it in reversed(them) for statement in stop_declared(it.source.name)),
        )


def _releases(captured: Iterable[_Captured]) -> Iterator[Step]:
    for table, them in _by_table(captured):
        yield Step(
            f"release_{table}",
            f"Ends the capture of {table} for {_listed(it.reader for it in them)}",
            f"readers and writers of {table} wait until this step has committed",
            tuple(statement for it in them for statement in stop_declared(it.source.name)),
            tuple(statement for it in reversed(them) for statement in it.statements),
        )


def _objects(plan: Plan, made: list[AnyPart]) -> Iterator[Step]:
    """Return the step that makes everything that is not on the application's tables."""
    if upgrade := _creation(made):
        names = _listed(name_of(part.proven) for part in made)
        downgrade = _removal(made, plan.new)
        yield Step("views", f"Makes what {names} is read from", "nobody waits", tuple(upgrade), tuple(downgrade))


def _drops(gone: list[AnyPart], of: Installed | None, kept: Container[int]) -> Iterator[Step]:
    if gone:
        lock = "reads of the declaration before wait and then fail"
        upgrade, downgrade = _removal(gone, of, kept), _creation(gone, kept)
        names = _listed(name_of(part.proven) for part in gone)
        yield Step("drop_views", f"Drops what {names} was read from", lock, tuple(upgrade), tuple(downgrade))


def _declaration(plan: Plan) -> Step:
    """Return the step that records the declaration and makes it the active one.

    A function that only reads in another way keeps its name, so the new one takes its place in the same transaction.
    """
    upgrade, downgrade = list[str](), list[str]()
    for old, new in [(it.old, it.new) for it in plan.changes if it.action == "read function only"]:
        if old and new:
            drop = drop_read(new)
            upgrade += [*drop, *new.read]
            downgrade += [*drop, *old.read]
    number, before = plan.new.number, plan.old.number if plan.old else None
    content, ddl = row_of(plan.new)
    statements = ",\n".join(map(literal, ddl))
    insert = (
        "INSERT INTO frontview.declaration (number, format, hash, resolved, ddl, active) VALUES ("  # nosec B608  # names and literals are checked
        f"{number}, {FORMAT}, {literal(plan.new.hash)}, {literal(content)}::jsonb, "
        f"ARRAY[\n{statements}\n]::text[], TRUE)"
    )
    activate = () if before is None else (f"UPDATE frontview.declaration SET active = TRUE WHERE number = {before}",)  # nosec B608  # names and literals are checked
    return Step(
        SWITCH,
        f"Records declaration {number} and makes it the active one",
        "nobody waits",
        (*upgrade, "UPDATE frontview.declaration SET active = FALSE WHERE active", insert),
        (*downgrade, f"DELETE FROM frontview.declaration WHERE number = {number}", *activate),  # nosec B608  # names and literals are checked
    )


def drop_installed(part: AnyPart) -> list[str]:
    """Return the DDL that drops what a part is made of, but for captures and users."""
    if isinstance(part.proven, ProvenView):
        return drop_declared_view(part.proven, part.number)
    rows = [] if isinstance(part.proven, ProvenDashboard) else drop_rows(part.proven, part.number)
    return [*drop_read(part), *rows]


def drop_read(part: AnyPart) -> list[str]:
    """Return the DDL that drops the function of a part, if it has one."""
    functions = {ProvenView: "read", ProvenList: "list", ProvenDashboard: "dashboard"}
    suffix = functions.get(type(part.proven))
    return drop_function_of_web(f"{name_of(part.proven)}_{part.number}_{suffix}") if suffix else []


def _creation(views: Iterable[AnyPart], there: Container[int] = ()) -> list[str]:
    """Return the DDL of parts, with the users of each number that is not there."""
    statements, numbers = list[str](), set[int]()
    for view in views:
        if view.number not in numbers and view.number not in there:
            statements += view.users
        numbers.add(view.number)
        statements += [*view.stored, *view.read]
    return statements


def _removal(views: list[AnyPart], of: Installed | None, kept: Container[int] = ()) -> list[str]:
    """Return the DDL that drops parts, with the users of each number of which none is kept."""
    statements = [it for view in reversed(views) for it in drop_installed(view)]
    if of is not None:
        for number in sorted({view.number for view in views if view.number not in kept}):
            statements += drop_users(of.proven, number)
    return statements


def _by_table(captured: Iterable[_Captured]) -> Iterator[tuple[str, list[_Captured]]]:
    for name, group in groupby(sorted(captured, key=lambda it: it.table), key=lambda it: it.table):
        yield name.replace('"', ""), list(group)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
