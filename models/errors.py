"""The errors that Frontview raises on purpose, with one root; each has its facts as attributes and says what to do.

Invariant: any other error that leaves Frontview's code is a defect.
"""


class FrontviewError(Exception):
    """The root of every error that Frontview raises on purpose."""


class ConfigurationError(FrontviewError):
    """Settings that cannot be used; it has all faults, not only the first.

    :param faults: one sentence for each fault, which names its setting.
    """

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("The configuration cannot be used:\n" + "\n".join(f"  - {fault}" for fault in faults))


class DatabaseUnavailable(FrontviewError):
    """No usable connection to the database; the read may be tried again later.

    :param sqlstate: of the error that says so; None: there was none.
    """

    def __init__(self, detail: str, sqlstate: str | None = None) -> None:
        self.sqlstate = sqlstate
        super().__init__(detail)


class StatementFailed(FrontviewError):
    """The database refused a statement for a reason that waiting does not change: a defect, or a missing right.

    :param sqlstate: None: the driver refused a value.
    :param function: the database's function in which it failed, if the server named one.
    """

    def __init__(self, sqlstate: str | None, function: str | None = None) -> None:
        self.sqlstate, self.function = sqlstate, function
        where = f" in {function}" if function else ""
        super().__init__(f"A statement failed (SQLSTATE {sqlstate}){where}; the server's log has its text.")


class ServerTooOld(FrontviewError):
    """The server is older than the protocol needs.

    :param found: the server's ``server_version``.
    :param needed: the oldest major version that works.
    """

    def __init__(self, found: str, needed: int) -> None:
        self.found, self.needed = found, needed
        super().__init__(
            f"Frontview needs PostgreSQL {needed} or newer; this server is {found}. "
            "Upgrade the server or point FRONTVIEW_DATABASE_URL at a newer one."
        )


class NotMigrated(FrontviewError):
    """The database lacks Frontview's schema, or has an older one."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(f"The database is not migrated: {detail} Run `alembic upgrade head` (or `frontview migrate`).")


class NotInstalled(FrontviewError):
    """The database has no application: no declaration is active."""

    def __init__(self) -> None:
        super().__init__(
            "No application is installed in the database. In the project's folder, run `frontview plan --write` and "
            "then `frontview migrate`."
        )


class DeclarationNewer(FrontviewError):
    """The active declaration has a format that this code does not know.

    :param number: of the declaration.
    :param found: its format.
    :param known: the newest format that this code reads.
    """

    def __init__(self, number: int, found: int, known: int) -> None:
        self.number, self.found, self.known = number, found, known
        super().__init__(
            f"Declaration {number} in the database was written by a newer version of Frontview (format {found}; this "
            f"one reads up to {known}). Upgrade this process."
        )


class DeclarationChanging(FrontviewError):
    """The database lacks something of the declaration that this process read: another one is being installed."""

    def __init__(self) -> None:
        super().__init__(
            "The installed declaration is being changed, and this cannot be answered until that has ended. If it goes "
            "on, the migration has stopped halfway: run `frontview migrate` again, or ask `frontview doctor`."
        )


class TableReleased(DeclarationChanging):
    """The owner took views of a table away, so that it can be changed, and has not restored them."""

    def __init__(self) -> None:
        FrontviewError.__init__(
            self,
            "A table that this needs was released, so that it can be changed; it can be answered again once "
            "`frontview restore` has been run.",
        )


class UnsuitableDatabase(FrontviewError):
    """The database would hide rows from Frontview, or keeps text that nobody can convert.

    :param faults: what is wrong and what to do, a line each.
    """

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("The database cannot be used as it is:\n" + "\n".join(f"  - {fault}" for fault in faults))


class MigrationError(FrontviewError):
    """The migrations cannot be run; the message says why."""


class NotFound(FrontviewError):
    """The user, or the requested object of that user, does not exist.

    :param detail: one sentence that may be shown to the caller.
    """

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


class InvalidParameters(FrontviewError):
    """Parameters that the dashboard does not allow.

    :param detail: one sentence that may be shown to the caller.
    :param field: the parameter that it is about.
    """

    def __init__(self, detail: str, field: str) -> None:
        self.detail, self.field = detail, field
        super().__init__(detail)


class CatalogError(FrontviewError):
    """A declared view or source contradicts itself or the rules of the protocol."""
