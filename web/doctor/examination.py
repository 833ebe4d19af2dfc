"""Runs the checks in an order in which each may rely on the results of the earlier ones."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
from sqlalchemy.exc import DBAPIError

from models.connection import Connection
from models.errors import CatalogError, DeclarationNewer, NotInstalled
from models.settings import Settings, questionable_settings
from refresher.front_cache.limits import unknown_regions
from refresher.leader.active_catalog import with_others
from views_sql.declaration.maintained_view import Catalog
from views_sql.operations.catalog import load_application
from web.doctor import archive, declaration, roles, running, schema, server, session_limits
from web.doctor.finding import Finding, failed, listed, passed, warned
from web.doctor.tokens import verification

Check = Callable[[Connection], Finding]


def examine(settings: Settings, connect: Callable[[], Connection], project: Path | None = None) -> Iterator[Finding]:
    """Yield a finding for each precondition; end early if the remaining checks make no sense.

    :param connect: opens a connection as the refresher and the feed follower do.
    :param project: the folder of the project whose file is compared, if there is one.
    """
    yield verification(settings)
    try:
        opened = connect()
    except psycopg.Error as error:
        yield server.unreachable(error)
        return
    with closing(opened) as connection:
        yield passed("server", "reachable")
        for subject, check in _server_checks(connect, settings):
            yield attempt(subject, check, connection)
        migrated = attempt("migrations", schema.migrations, connection)
        yield migrated
        if migrated.outcome != "fail":
            try:
                catalog = load_application(connection)
            except (NotInstalled, DeclarationNewer, CatalogError) as error:
                yield failed("application", str(error), "Install it, or run the code that wrote it.")
                return
            except psycopg.Error as error:
                yield not_checked("application", error)
                return
            yield passed("application", application_of(catalog))
            yield regions(settings, catalog)
            for subject, check in _declaration_checks(project):
                yield attempt(subject, check, connection)
            for subject, check in _schema_checks(with_others(lambda _: catalog)(connection)):
                yield attempt(subject, check, connection)


def application_of(catalog: Catalog) -> str:
    """Return which application a catalog is of, in words."""
    return (
        f"declaration {catalog.served.fingerprint}, with the views {listed([it.name for it in catalog.served.views])}"
    )


def variables() -> Finding:
    """Check that each variable of the environment that looks like a setting is one."""
    if sentences := questionable_settings():
        return warned("variables", listed(sentences), "Correct their names, or remove them.")
    return passed("variables", "every FRONTVIEW_ variable is a setting")


def regions(settings: Settings, catalog: Catalog) -> Finding:
    """Check that the application has each region that the settings give limits: web workers leave others out."""
    if sentences := unknown_regions(catalog.regions, settings.regions):
        return warned("regions", listed(sentences), "Correct the name, or remove it; web workers leave it out.")
    return passed("regions", "all that FRONTVIEW_REGIONS names are there")


def attempt(subject: str, check: Check, connection: Connection) -> Finding:
    """Return the check's finding; a check that raises a database error is a finding that failed."""
    try:
        return check(connection)
    except (psycopg.Error, DBAPIError) as error:
        return not_checked(subject, error)


def not_checked(subject: str, error: psycopg.Error | DBAPIError) -> Finding:
    """Return the finding of a check that the database refused or could not answer."""
    cause = error if isinstance(error, psycopg.Error) else error.orig
    primary = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
    reason = " ".join(str(primary or cause).split())
    return failed(subject, f"could not be checked: {reason}", "Fix that, or connect as a role that may see it.")


def _server_checks(connect: Callable[[], Connection], settings: Settings) -> list[tuple[str, Check]]:
    return [
        ("server version", server.version),
        ("primary server", server.writable),
        ("encoding", server.encoding),
        ("row-level security", server.row_security),
        ("sessions", lambda _: server.session(connect)),
        ("session limits", lambda connection: session_limits.limits(connection, settings)),
        ("clock", server.clock),
        ("long transactions", server.old_transactions),
        ("notification queue", server.notification_queue),
    ]


def _declaration_checks(project: Path | None) -> list[tuple[str, Check]]:
    return [
        (declaration.STANDING, declaration.standing),
        (declaration.FILE, lambda connection: declaration.file(connection, project)),
        (declaration.GENERATED, declaration.as_generated),
        (declaration.OBJECTS, declaration.objects),
    ]


def _schema_checks(catalog: Catalog) -> list[tuple[str, Check]]:
    return [
        ("sources", lambda connection: schema.sources(connection, catalog)),
        ("capture triggers", schema.triggers),
        ("logical replication", schema.subscriptions),
        ("materialized views", schema.unique_indexes),
        ("archive", archive.vacuumed),
        ("sealed days", archive.sealed),
        ("roles", roles.roles),
        ("may read", lambda connection: roles.may_read(connection, catalog)),
        ("may refresh", roles.may_refresh),
        ("cluster", running.same_cluster),
        ("leader", running.leader),
        ("alarms", running.alarms),
        ("views populated", schema.populated),
    ]
