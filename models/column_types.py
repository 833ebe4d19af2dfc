"""Column types that SQLAlchemy lacks: PostgreSQL's transaction types and the types of schema ``frontview``."""

from typing import TypeVar

from sqlalchemy.types import UserDefinedType

T = TypeVar("T")


class _NamedType(UserDefinedType[T]):
    """A type of the database, whose values are passed on as the driver returns them."""

    cache_ok = True
    sql_name: str

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in DDL."""
        return self.sql_name


class UserKeyDomain(_NamedType[object]):
    """The domain ``frontview.user_key``, whose base type :mod:`models.user_key` decides."""

    sql_name = "frontview.user_key"


class Xid8(_NamedType[int]):
    """A 64-bit transaction id, which never wraps around."""

    sql_name = "xid8"


class Snapshot(_NamedType[str]):
    """A ``pg_snapshot``: the transactions that had ended when it was taken."""

    sql_name = "pg_snapshot"


class Tid(_NamedType[str]):
    """A ``tid``: the place of a row in its table."""

    sql_name = "tid"


class Staleness(_NamedType[object]):
    """The composite type ``frontview.staleness``: the days of one maintained view that one read must recompute."""

    sql_name = "frontview.staleness"
