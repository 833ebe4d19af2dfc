"""The catalog that tests name is the one that the database has, and the oracle's reads are compared for real."""

from psycopg import Connection

from tests.neutral.application import fill
from tests.neutral.catalog import CATALOG
from tests.neutral.reads import ORACLE, READS
from views_sql.operations.catalog import load_application


def test_it_is_what_the_database_declares(connection: Connection) -> None:
    found = load_application(connection)

    assert (found.sources, found.views, found.regions) == (CATALOG.sources, CATALOG.views, CATALOG.regions)
    assert found.served == CATALOG.served
    assert [(it.name, it.function, it.arguments, it.defaults) for it in found.dashboards] == [
        (it.name, it.function, it.arguments, it.defaults) for it in CATALOG.dashboards
    ]


def test_every_read_has_figures_of_its_own(connection: Connection) -> None:
    fill(connection, members=2)

    tally = ORACLE.compare_every_read(connection, (1, 2))

    assert tally.differences == []
    assert tally.comparisons == 2 * (len(READS) + len(CATALOG.views))
    assert set(ORACLE.figures) == set(READS)


def test_a_wrong_figure_is_found(connection: Connection) -> None:
    """Answers and base tables that agree with each other and not with the oracle."""
    fill(connection, members=1)
    connection.execute(
        "CREATE OR REPLACE VIEW frontview.account_1_row AS SELECT id AS user_key, points + 1 AS m_points FROM member"
    )

    assert len(ORACLE.compare_every_read(connection, (1,)).differences) == 1
