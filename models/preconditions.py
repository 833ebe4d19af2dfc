"""Checks a database before a process of Frontview works on it.

Invariant: an error's message tells an operator what to do; no connection is left open.
"""

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from models.engine import connect, make_engine, require_supported_server
from models.pooler import PROBE_SETTING, refusal, require_own_session
from models.schema_version import require_migrated
from models.suitable_database import require_readable_text, require_visible_rows


def require_usable_database(url: str, direct_url: str, application_name: str) -> None:
    """Raise unless the server answers, is new enough, hides nothing, has the schema of this code, and keeps sessions.

    :param direct_url: the URL for connections with session state.
    :raises sqlalchemy.exc.DBAPIError, psycopg.Error: no connection is possible.
    :raises ServerTooOld: the server's version is too old.
    :raises UnsuitableDatabase: row-level security hides rows, or text cannot be converted to UTF8.
    :raises NotMigrated: the schema is missing or older than this code.
    :raises ConfigurationError: ``direct_url`` leads to a pooler.
    """
    variable = "FRONTVIEW_DATABASE_URL" if url == direct_url else "FRONTVIEW_DIRECT_URL"
    engine = make_engine(url, application_name, pool_size=1, through_pooler=url != direct_url)
    try:
        _require_usable(engine)
        require_own_session(lambda: connect(direct_url, application_name, PROBE_SETTING), variable)
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
        require_readable_text(connection)
        require_visible_rows(connection)
        require_migrated(connection)
