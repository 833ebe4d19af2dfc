"""The steps of a migration: each is one revision and one transaction, statement by statement in both directions.

Invariant: a captured table is locked in a step of its own, so no writer of one table waits for another table. Nothing
that the declaration before has is dropped or changed here: the new one is made beside it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from views_sql.declaration.proven import ProvenSource, ProvenView
from views_sql.generation.declared_capture import quoted_table, stop_declared
from views_sql.generation.declared_view import drop_users, refuse_to_drop_declared_view
from views_sql.generation.names import literal
from views_sql.generation.rights import GRANT_RIGHTS
from views_sql.operations.installed import FORMAT, AnyPart, Installed, name_of, sources_of
from views_sql.operations.objects import drop_installed, row_with_objects
from views_sql.operations.plan import Plan, users_source

SWITCH = "declaration"  # The slug of the step that makes another declaration the active one.


@dataclass(frozen=True, slots=True)
class Step:
    """One revision.

    :param slug: for the name of its file.
    :param what: a sentence without its full stop.
    :param lock: what others wait for meanwhile; a sentence without its full stop.
    :param unless_standing: whether it does nothing, in both directions, while the declaration has its objects.
    """

    slug: str
    what: str
    lock: str
    upgrade: tuple[str, ...]
    downgrade: tuple[str, ...]
    unless_standing: bool = True


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
    made_and_recorded = [*_captures(_captured(made, plan.new)), *_objects(plan, made), _declaration(plan)]
    granting = [
        replace(it, upgrade=_granting(it.upgrade), downgrade=_granting(it.downgrade)) for it in made_and_recorded
    ]
    return _refusing_seals(granting, made, plan.gone)


def _refusing_seals(steps: list[Step], made: list[AnyPart], gone: list[AnyPart]) -> list[Step]:
    """Return the steps so that they refuse to lose sealed days before the first one, and where declarations switch.

    The other declaration would wait, or be active, without these days.
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
            downgrade=(*down, *step.downgrade) if step.slug == SWITCH else step.downgrade,
        )
        for place, step in enumerate(steps)
    ]


def _granting(statements: tuple[str, ...]) -> tuple[str, ...]:
    """Return the statements of a step with the rights given once, when everything is there."""
    others = tuple(it for it in statements if it != GRANT_RIGHTS)
    return statements if len(others) == len(statements) else (*others, GRANT_RIGHTS)


def _captured(views: Iterable[AnyPart], of: Installed) -> Iterator[_Captured]:
    """Yield the sources of views."""
    numbers = set[int]()
    for view in views:
        users = users_source(of.proven, view.number)
        if users and view.number not in numbers:
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


def _objects(plan: Plan, made: list[AnyPart]) -> Iterator[Step]:
    """Return the step that makes everything that is not on the application's tables."""
    if upgrade := _creation(made):
        names = _listed(name_of(part.proven) for part in made)
        downgrade = _removal(made, plan.new)
        yield Step("views", f"Makes what {names} is read from", "nobody waits", tuple(upgrade), tuple(downgrade))


def _declaration(plan: Plan) -> Step:
    """Return the step that records the declaration, which waits until it can take the place of the one before.

    What only the one before has stays, and goes when that one has been retired for a day.
    """
    number, before = plan.new.number, plan.old.number if plan.old else None
    content, ddl = row_with_objects(plan.new)
    statements = ",\n".join(map(literal, ddl))
    insert = (
        "INSERT INTO frontview.declaration (number, format, hash, resolved, ddl, active) VALUES ("  # nosec B608  # names and literals are checked
        f"{number}, {FORMAT}, {literal(plan.new.hash)}, {literal(content)}::jsonb, "
        f"ARRAY[\n{statements}\n]::text[], FALSE) ON CONFLICT (number) DO UPDATE SET retired_at = NULL, gone_at = NULL"
    )
    what = f"Records declaration {number}, which is active once each of its views has contents"
    return Step(
        SWITCH,
        what if before else f"Records declaration {number} and makes it the active one",
        "nobody waits",
        (
            f"SELECT frontview.is_standing({number}, {literal(plan.new.hash)})",
            insert,
            "SELECT frontview.activate_declaration()",
        ),
        (f"SELECT frontview.take_declaration_back({number}, {before or 'NULL'})",),
        unless_standing=False,
    )


def _creation(views: Iterable[AnyPart]) -> list[str]:
    """Return the DDL of parts, with the users of each number."""
    statements, numbers = list[str](), set[int]()
    for view in views:
        if view.number not in numbers:
            statements += view.users
        numbers.add(view.number)
        statements += [*view.stored, *view.read]
    return statements


def _removal(views: list[AnyPart], of: Installed) -> list[str]:
    """Return the DDL that drops parts, with the users of each number."""
    statements = [it for view in reversed(views) for it in drop_installed(view)]
    for number in sorted({view.number for view in views}):
        statements += drop_users(of.proven, number)
    return statements


def _by_table(captured: Iterable[_Captured]) -> Iterator[tuple[str, list[_Captured]]]:
    for name, group in groupby(sorted(captured, key=lambda it: it.table), key=lambda it: it.table):
        yield name.replace('"', ""), list(group)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
