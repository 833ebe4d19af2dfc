"""Whether this role may judge and install: what is missing, with the GRANT to run."""

from views_sql.proof.findings import Place
from views_sql.proof.session import Connection, quoted, rows
from views_sql.proof.tables import Table

DATABASE = """
SELECT current_user::pg_catalog.text, pg_catalog.pg_is_in_recovery(),
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY'),
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
    OR pg_catalog.to_regnamespace('frontview') IS NOT NULL
"""


def check_database(connection: Connection, place: Place) -> bool:
    """Return whether a declaration can be judged here at all; otherwise a fault was added."""
    database = connection.info.dbname
    if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
        place.refuse(
            f"the database {database} has the encoding SQL_ASCII, so nothing says what its text means and no answer "
            "could be encoded: copy it into a database with ENCODING 'UTF8'"
        )
        return False
    role, standby, temporary, create = rows(connection, DATABASE)[0]
    if standby:
        place.refuse("this server is a standby: expressions are judged in temporary tables; ask the primary")
    elif not temporary:
        statement = f"GRANT TEMPORARY ON DATABASE {quoted(database)} TO {quoted(role)};"
        place.refuse(f"{role} may make no temporary table, in which expressions are judged; run {statement}")
    elif not create:
        statement = f"GRANT CREATE ON DATABASE {quoted(database)} TO {quoted(role)};"
        place.findings.advise(statement, "migrate makes the schema frontview")
    return bool(temporary and not standby)


def check_owner(connection: Connection, table: Table, place: Place) -> None:
    """Warn if this role could not install the capture of a table and of its parts."""
    others = {part.owner: part for part in table.tree if not part.owned}
    if not others:
        return
    role = rows(connection, "SELECT current_user::text")[0][0]
    for owner, part in others.items():
        place.warn(f"{part.spelled} belongs to {owner}, and only its owner may install the triggers of its capture")
        place.findings.advise(
            f"GRANT {quoted(owner)} TO {quoted(role)};",
            f"or run migrate as {owner}, the owner of {part.spelled}",
        )
