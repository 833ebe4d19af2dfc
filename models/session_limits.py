"""Finds what limits our sessions and what they cannot lift themselves: an operator has to change it.

Invariant: each limit is one sentence that names the setting, its value and what to do.
"""

from models.connection import Connection
from models.session_settings import of_transaction

# Drain, refreshes, declarations, inspection, warm plan, and one that looks after a slow statement.
REFRESHER_CONNECTIONS = 6

_NOT_PINNED = """
SELECT s.key, current_setting(s.key, true), s.value FROM json_each_text(%s::json) s
WHERE current_setting(s.key, true) <> s.value
"""
_TEMPORARY_FILES = (
    "SELECT current_setting('temp_file_limit'), session_user WHERE current_setting('temp_file_limit') <> '-1'"
)
# A superuser's connections are not limited.
_CONNECTIONS = """
SELECT l.owner, l.most
FROM pg_roles r, pg_database d, LATERAL (
    VALUES ('ROLE ' || quote_ident(r.rolname), r.rolconnlimit), ('DATABASE ' || quote_ident(d.datname), d.datconnlimit)
) AS l (owner, most)
WHERE r.rolname = session_user AND NOT r.rolsuper AND d.datname = current_database() AND l.most BETWEEN 0 AND %s - 1
"""


def session_limits(connection: Connection, connections: int = REFRESHER_CONNECTIONS) -> list[str]:
    """Return what limits ``connection``, which :func:`models.engine.connect` opened without settings of its own.

    :param connections: how many are needed at once.
    """
    return [
        *(
            f"{name} is '{value}', although Frontview asked for '{wanted}': a pooler or an extension changes it; "
            "set FRONTVIEW_DIRECT_URL to the server itself"
            for name, value, wanted in connection.execute(_NOT_PINNED, (of_transaction(),))
        ),
        *(
            f"temp_file_limit is {value}: a refresh that needs more space for temporary files fails with SQLSTATE "
            f"53400; ALTER ROLE {role} SET temp_file_limit = -1"
            for value, role in connection.execute(_TEMPORARY_FILES)
        ),
        *(
            f"{owner} has CONNECTION LIMIT {most}, and {connections} connections are needed; "
            f"ALTER {owner} CONNECTION LIMIT -1"
            for owner, most in connection.execute(_CONNECTIONS, (connections,))
        ),
    ]
