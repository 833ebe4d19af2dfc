"""Types of columns that SQLAlchemy does not know: PostgreSQL's for transactions, and those of schema ``frontview``."""

from sqlalchemy.types import UserDefinedType


class UserKeyDomain(UserDefinedType[object]):
    """The domain ``frontview.user_key``, whose base type :mod:`models.user_key` decides."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in DDL."""
        return "frontview.user_key"


class Xid8(UserDefinedType[int]):
    """A 64-bit transaction id; never wraps around."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in DDL."""
        return "xid8"


class Snapshot(UserDefinedType[str]):
    """A ``pg_snapshot``: which transactions had ended when it was taken."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in DDL."""
        return "pg_snapshot"


class Staleness(UserDefinedType[object]):
    """What one read may take from one maintained view: the composite type ``frontview.staleness``."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in DDL."""
        return "frontview.staleness"
