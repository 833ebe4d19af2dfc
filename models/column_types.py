"""Column types that SQLAlchemy lacks: PostgreSQL's transaction types and the types of schema ``frontview``."""

from sqlalchemy.types import UserDefinedType


class UserKeyDomain(UserDefinedType[object]):
    """The domain ``frontview.user_key``, whose base type :mod:`models.user_key` decides."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in DDL."""
        return "frontview.user_key"


class Xid8(UserDefinedType[int]):
    """A 64-bit transaction id, which never wraps around."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in DDL."""
        return "xid8"


class Snapshot(UserDefinedType[str]):
    """A ``pg_snapshot``: the transactions that had ended when it was taken."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in DDL."""
        return "pg_snapshot"


class Staleness(UserDefinedType[object]):
    """The composite type ``frontview.staleness``: the days of one maintained view that one read must recompute."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in DDL."""
        return "frontview.staleness"
