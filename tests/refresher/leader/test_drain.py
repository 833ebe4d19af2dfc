"""What a drain feeds the caches: runs of days, and one range of days where very many keys changed."""

import pytest

from models.connection import Connection
from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term

LOG = (
    "INSERT INTO frontview.change_log (source, user_id, day) "
    "SELECT 'loans_1', u, '2026-01-01'::date + 2 * d FROM generate_series(1, %s) u, generate_series(0, %s) d "
    "UNION ALL SELECT 'loans_1', 1, '2026-01-02' UNION ALL SELECT 'loans_1', 1, '-infinity' "
    "UNION ALL SELECT 'renewals_1', 1, '2026-02-01'"
)
FED = (
    "SELECT source, first_day::text, last_day::text FROM frontview.feed "
    "WHERE user_id = 1 AND drain_id = (SELECT max(drain_id) FROM frontview.drain) ORDER BY 1, 2"
)
NO_DAY = ("loans_1", "-infinity", "-infinity")


@pytest.mark.parametrize(
    ("users", "of_loans"),
    [
        (3, [("loans_1", "2026-01-01", "2026-01-03"), ("loans_1", "2026-01-05", "2026-01-05")]),
        (1_700, [("loans_1", "2026-01-01", "2026-01-05")]),
    ],
    ids=["few keys", "more than 5,000 keys"],
)
def test_caches_are_fed_runs_of_days_and_one_range_of_a_user_where_very_many_keys_changed(
    connection: Connection, term: Term, users: int, of_loans: list[tuple[str, str, str]]
) -> None:
    drain_once(connection, term)
    connection.execute(LOG, (users, 2))
    assert drain_once(connection, term).changed_keys == 3 * users + 3
    assert connection.execute(FED).fetchall() == [NO_DAY, *of_loans, ("renewals_1", "2026-02-01", "2026-02-01")]
