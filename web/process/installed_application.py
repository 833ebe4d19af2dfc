"""The application that the database has, as one web process reads it when it starts.

Invariant: importing the web server opens no connection; until the application was read there is none, and afterwards it
stays until the process ends.
"""

from collections.abc import Callable

from sqlalchemy import Engine

from views_sql.declaration.maintained_view import Catalog
from views_sql.operations.catalog import load_application
from web.operators.operator_connection import operator_connection

CatalogLoader = Callable[[Engine], Catalog]


def installed_or(bundled: Catalog) -> CatalogLoader:
    """Return what reads the catalog of the installed declaration; without one it is the bundled application's.

    :raises FrontviewError: the database cannot be read, has no application, or a newer declaration.
    """

    def load(engine: Engine) -> Catalog:
        with operator_connection(engine) as connection:
            return load_application(connection, bundled)

    return load
