"""Which rows may go once days are sealed: foreign keys may take rows of other days with them."""

from datetime import date
from typing import Any

import psycopg
import pytest

from models.engine import connect
from web.operators.seals import SealedTable, sealed_tables

DROP = "ALTER TABLE renewal DROP CONSTRAINT renewal_loan_id_fkey"


def loans(database_url: str, *statements: str) -> SealedTable:
    """Return what is told about the table of loans, after some statements."""
    with connect(database_url, "frontview-test") as connection:
        for statement in statements:
            connection.execute(statement.encode())
        (table,) = sealed_tables(connection, "loans_1", date(2020, 1, 1))
    return table


def test_a_reference_without_an_action_takes_nothing(database_url: str) -> None:
    table = loans(database_url, DROP, "ALTER TABLE renewal ADD FOREIGN KEY (loan_id) REFERENCES loan")

    assert (table.cascades_to, table.cascading_views) == ([], [])


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL", "SET DEFAULT"])
def test_rows_of_other_days_go_or_change_with_a_reference(database_url: str, action: str) -> None:
    added = f"ALTER TABLE renewal ADD FOREIGN KEY (loan_id) REFERENCES loan ON DELETE {action}"

    table = loans(database_url, DROP, added)

    assert (table.cascades_to, table.cascading_views) == (["renewal"], ["renewals_1", "renewals_1_books_values"])


@pytest.mark.parametrize(("action", "reached"), [("CASCADE", ["renewal"]), ("SET NULL", [])])
def test_a_reference_is_followed_through_tables_that_nothing_counts(
    database_url: str, action: str, reached: list[str]
) -> None:
    table = loans(
        database_url,
        DROP,
        f"CREATE TABLE copy (id bigint PRIMARY KEY, loan_id bigint REFERENCES loan ON DELETE {action})",
        "ALTER TABLE renewal ADD FOREIGN KEY (loan_id) REFERENCES copy ON DELETE CASCADE",
    )

    assert table.cascades_to == reached


def test_a_reference_of_a_child_is_one_of_its_parent(database_url: str) -> None:
    table = loans(
        database_url,
        DROP,
        "CREATE TABLE late_renewal () INHERITS (renewal)",
        "ALTER TABLE late_renewal ADD FOREIGN KEY (loan_id) REFERENCES loan ON DELETE CASCADE",
    )

    assert table.cascades_to == ["renewal"]


def test_renewals_of_a_later_day_are_lost_with_the_loan_that_they_refer_to(database_url: str) -> None:
    """What the command warns of."""
    with connect(database_url, "frontview-test") as connection:
        _loan_that_is_renewed_later(connection)
        renewals = "SELECT count(*) FROM frontview.renewals_1_live WHERE day > CURRENT_DATE - 50"
        before = connection.execute(renewals).fetchone()
        connection.execute("DELETE FROM loan WHERE day < CURRENT_DATE - 80")

        assert (before, connection.execute(renewals).fetchone()) == ((1,), (0,))


def _loan_that_is_renewed_later(connection: psycopg.Connection[Any]) -> None:
    connection.execute("INSERT INTO member (name) VALUES ('A')")
    connection.execute(
        "WITH l AS (INSERT INTO loan (member_id, day) VALUES (1, CURRENT_DATE - 100) RETURNING id) "
        "INSERT INTO renewal (loan_id, member_id, renewed_at) SELECT id, 1, now() - interval '2 days' FROM l"
    )
