"""What must hold of a database before a process of ours works on it.

Invariant: a fault is told in words an operator can act on; no connection is left open.
"""

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from models.engine import connect, make_engine, require_supported_server
from models.pooler import ASKED, refusal, require_own_session
from models.schema_version import require_migrated


def require_usable_database(url: str, direct_url: str, application_name: str) -> None:
    """Raise unless the server answers, is new enough, holds the schema of this code, and keeps sessions.

    :param direct_url: for connections that hold session state.
    :raises sqlalchemy.exc.DBAPIError, psycopg.Error: no connection.
    :raises ServerTooOld: the server is.
    :raises NotMigrated: the schema is missing or older.
    :raises ConfigurationError: a pooler stands before the server at ``direct_url``.
    """
    variable = "FRONTVIEW_DATABASE_URL" if url == direct_url else "FRONTVIEW_DIRECT_URL"
    engine = make_engine(url, application_name, pool_size=1, through_pooler=url != direct_url)
    try:
        _require_usable(engine)
        require_own_session(lambda: connect(direct_url, application_name, ASKED), variable)
    except (DBAPIError, psycopg.OperationalError) as error:
        if (fault := refusal(str(error), variable)) is not None:
            raise fault from None
        raise
    finally:
        engine.dispose()  # no connection may exist before workers fork


def _require_usable(engine: Engine) -> None:
    with engine.connect() as connection:
        number, name = connection.exec_driver_sql(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version')"
        ).one()
        require_supported_server(number, name)
        require_migrated(connection)
