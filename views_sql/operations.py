"""Our Alembic operations: value objects that say what to create, replace or drop, each with its reverse.

A revision names (object, version) and nothing else; :mod:`views_sql.installation` holds how. Registered as an
Alembic plugin, so that a revision only imports ``alembic.op``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from alembic.operations import MigrateOperation, Operations

from views_sql import installation, rights
from views_sql.maintained_view import EVENTS, MaintainedView, Source

if TYPE_CHECKING:
    from alembic.runtime.plugins import Plugin


def setup(_plugin: Plugin) -> None:
    """Register with Alembic; importing this module has done it."""


class _Statements(MigrateOperation):
    """An operation that is a list of statements."""

    def statements(self) -> list[str]:
        """Return the DDL to run, in order."""
        raise TypeError(f"{type(self).__name__} has no statements")

    @classmethod
    def run(cls, operations: Operations, *args: Any, **kwargs: Any) -> None:
        """Invoke the operation from a revision."""
        operations.invoke(cls(*args, **kwargs))


@Operations.register_operation("create_user_key", "run")
@dataclass
class CreateUserKey(_Statements):
    """Create the schema ``frontview`` and the domain ``frontview.user_key``."""

    def statements(self) -> list[str]:
        """Return the DDL; the base type is decided in :mod:`models.user_key`."""
        return installation.create_user_key()

    def reverse(self) -> DropUserKey:
        """Return the operation that undoes this one."""
        return DropUserKey()


@Operations.register_operation("drop_user_key", "run")
@dataclass
class DropUserKey(_Statements):
    """Drop the domain and the schema."""

    def statements(self) -> list[str]:
        """Return the DDL; the schema must be empty but for the domain."""
        return installation.drop_user_key()

    def reverse(self) -> CreateUserKey:
        """Return the operation that undoes this one."""
        return CreateUserKey()


@Operations.register_operation("create_sql_object", "run")
@dataclass
class CreateSqlObject(_Statements):
    """Create a type, function, trigger function or dashboard from its versioned file.

    :param kind: the folder of the file: types, functions, triggers or dashboards.
    """

    kind: str
    name: str
    version: int

    def statements(self) -> list[str]:
        """Return the file's statement and a comment with its fingerprint."""
        return installation.create_sql_object(self.kind, self.name, self.version)

    def reverse(self) -> DropSqlObject:
        """Return the operation that undoes this one."""
        return DropSqlObject(self.kind, self.name, self.version)


@Operations.register_operation("drop_sql_object", "run")
@dataclass
class DropSqlObject(_Statements):
    """Drop a type, function, trigger function or dashboard of that version."""

    kind: str
    name: str
    version: int

    def statements(self) -> list[str]:
        """Return the DDL, never with CASCADE."""
        return installation.drop_sql_object(self.kind, self.name)

    def reverse(self) -> CreateSqlObject:
        """Return the operation that undoes this one."""
        return CreateSqlObject(self.kind, self.name, self.version)


@Operations.register_operation("replace_sql_object", "run")
@dataclass
class ReplaceSqlObject(_Statements):
    """Replace one version of an object by another; ``replaces`` is what a downgrade goes back to."""

    kind: str
    name: str
    version: int
    replaces: int

    def statements(self) -> list[str]:
        """Return drop and create, in one transaction of the migration."""
        return [
            *installation.drop_sql_object(self.kind, self.name),
            *installation.create_sql_object(self.kind, self.name, self.version),
        ]

    def reverse(self) -> ReplaceSqlObject:
        """Return the operation that undoes this one."""
        return ReplaceSqlObject(self.kind, self.name, self.replaces, self.version)


@dataclass
class _CaptureOperation(_Statements):
    source: str
    table: str
    user_column: str = "user_id"
    day_column: str | None = None
    events: tuple[str, ...] = EVENTS
    version: int = 1

    @property
    def declared(self) -> Source:
        """The source as a value."""
        return Source(self.source, self.table, self.user_column, self.day_column, self.events)


@Operations.register_operation("capture_changes", "run")
@dataclass
class CaptureChanges(_CaptureOperation):
    """Log the changed keys of a table under a source's name, by statement triggers on it and its partitions."""

    def statements(self) -> list[str]:
        """Return the DDL."""
        return installation.capture_changes(self.declared, self.version)

    def reverse(self) -> StopCapture:
        """Return the operation that undoes this one."""
        return StopCapture(self.source, self.table, self.user_column, self.day_column, self.events, self.version)


@Operations.register_operation("stop_capture", "run")
@dataclass
class StopCapture(_CaptureOperation):
    """Remove a source's triggers."""

    def statements(self) -> list[str]:
        """Return the DDL."""
        return installation.stop_capture(self.declared)

    def reverse(self) -> CaptureChanges:
        """Return the operation that undoes this one."""
        return CaptureChanges(self.source, self.table, self.user_column, self.day_column, self.events, self.version)


@Operations.register_operation("replace_capture", "run")
@dataclass
class ReplaceCapture(_CaptureOperation):
    """Give a captured source's triggers another version of their function; no change goes by unlogged meanwhile.

    :param replaces: the version that is there, and that a downgrade goes back to.
    """

    replaces: int = 0

    def statements(self) -> list[str]:
        """Return the DDL."""
        return installation.replace_capture(self.declared, self.version)

    def reverse(self) -> ReplaceCapture:
        """Return the operation that undoes this one."""
        return replace(self, version=self.replaces, replaces=self.version)


@dataclass
class _ViewOperation(_Statements):
    name: str
    version: int
    sources: tuple[str, ...]
    unique_key: tuple[str, ...]
    measures: tuple[str, ...] = ()
    day_column: str | None = "day"
    proven_key: bool = False
    reads: int = 1

    @property
    def declared(self) -> MaintainedView:
        """The view as a value."""
        return MaintainedView(self.name, self.version, self.sources, self.unique_key, self.measures, self.day_column)

    def fields(self) -> tuple[Any, ...]:
        """Return the arguments that make the reverse."""
        return (
            self.name,
            self.version,
            self.sources,
            self.unique_key,
            self.measures,
            self.day_column,
            self.proven_key,
            self.reads,
        )


@Operations.register_operation("create_maintained_view", "run")
@dataclass
class CreateMaintainedView(_ViewOperation):
    """Create a maintained view: live relation, unpopulated tiers, unique indexes, merged read functions.

    :param proven_key: the migration fails unless PostgreSQL itself proves that ``unique_key`` identifies a row of the
        SELECT, and in return refreshes do not look for duplicates, which is most of what they cost.
    :param reads: version of the merged read functions; released revisions name none, which is the first.
    """

    def statements(self) -> list[str]:
        """Return the DDL."""
        return installation.create_maintained_view(self.declared, self.reads, proven_key=self.proven_key)

    def reverse(self) -> DropMaintainedView:
        """Return the operation that undoes this one."""
        return DropMaintainedView(*self.fields())


@Operations.register_operation("drop_maintained_view", "run")
@dataclass
class DropMaintainedView(_ViewOperation):
    """Drop a maintained view and its row of ``view_state``."""

    def statements(self) -> list[str]:
        """Return the DDL, never with CASCADE."""
        return installation.drop_maintained_view(self.declared)

    def reverse(self) -> CreateMaintainedView:
        """Return the operation that undoes this one."""
        return CreateMaintainedView(*self.fields())


@Operations.register_operation("replace_maintained_view", "run")
@dataclass
class ReplaceMaintainedView(_ViewOperation):
    """Replace one version of a maintained view by another with the same sources and key.

    Until the refresher has populated the new version its reads come from the base tables: slower, and right.

    :param replaces: the version that is there, and that a downgrade goes back to; may be the same one where only
        ``proven_key`` changes.
    :param replaces_proven_key: what ``proven_key`` was of what is there.
    """

    replaces: int = 0
    replaces_proven_key: bool = False

    def statements(self) -> list[str]:
        """Return drop and create, in one transaction of the migration."""
        return [
            *installation.drop_maintained_view(replace(self.declared, version=self.replaces)),
            *installation.create_maintained_view(self.declared, self.reads, proven_key=self.proven_key),
        ]

    def reverse(self) -> ReplaceMaintainedView:
        """Return the operation that undoes this one."""
        return replace(
            self,
            version=self.replaces,
            replaces=self.version,
            proven_key=self.replaces_proven_key,
            replaces_proven_key=self.proven_key,
        )


@Operations.register_operation("replace_merged_reads", "run")
@dataclass
class ReplaceMergedReads(_ViewOperation):
    """Replace the merged read functions of a maintained view by another version of them; the tiers stay.

    :param replaces: the version that is there, and that a downgrade goes back to.
    """

    replaces: int = 0

    def statements(self) -> list[str]:
        """Return drop and create, in one transaction of the migration."""
        return installation.replace_merged_reads(self.declared, self.reads)

    def reverse(self) -> ReplaceMergedReads:
        """Return the operation that undoes this one."""
        return replace(self, reads=self.replaces, replaces=self.reads)


@dataclass
class _RightOperation(_Statements):
    role: str
    objects: tuple[str, ...]
    privileges: tuple[str, ...] = ("SELECT",)
    columns: tuple[str, ...] = ()
    as_owner: bool = False

    def fields(self) -> tuple[Any, ...]:
        """Return the arguments that make the reverse."""
        return (self.role, self.objects, self.privileges, self.columns, self.as_owner)


@Operations.register_operation("allow", "run")
@dataclass
class Allow(_RightOperation):
    """Allow a role something of some objects, now and whenever they are created anew.

    :param role: ``frontview_web`` or ``frontview_refresher``; where it does not exist the right waits for it.
    :param objects: relations, or functions for EXECUTE; of schema ``frontview`` unless they name another.
    :param columns: of a relation; empty: all.
    :param as_owner: functions run with their owner's rights (SECURITY DEFINER); they must have the fixed search_path.
    """

    def statements(self) -> list[str]:
        """Return what writes the rights down and gives them."""
        return rights.allow(*self.fields())

    def reverse(self) -> Disallow:
        """Return the operation that undoes this one."""
        return Disallow(*self.fields())


@Operations.register_operation("disallow", "run")
@dataclass
class Disallow(_RightOperation):
    """Take back what :class:`Allow` allowed; before the objects are dropped."""

    def statements(self) -> list[str]:
        """Return what takes the rights back."""
        return rights.disallow(*self.fields())

    def reverse(self) -> Allow:
        """Return the operation that undoes this one."""
        return Allow(*self.fields())


def _run_statements(operations: Operations, operation: _Statements) -> None:
    connection = operations.get_bind()
    for statement in operation.statements():
        connection.exec_driver_sql(statement.replace("%", "%%"))


for _operation in (
    CreateUserKey,
    DropUserKey,
    CreateSqlObject,
    DropSqlObject,
    ReplaceSqlObject,
    CaptureChanges,
    StopCapture,
    ReplaceCapture,
    CreateMaintainedView,
    DropMaintainedView,
    ReplaceMaintainedView,
    ReplaceMergedReads,
    Allow,
    Disallow,
):
    Operations.implementation_for(_operation)(_run_statements)
