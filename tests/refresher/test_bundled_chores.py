"""The chores of the bundled application run in the refresher's process; declared applications have none.

Invariant: no test here is about anything but chores.
"""

from typing import Any

import psycopg
import pytest

from tests.refresher.test_refresher_process import Refreshers, refreshers, value, watcher  # noqa: F401  fixtures
from tests.voice_stage import voice_application  # noqa: F401  a fixture
from tests.waiting import until

pytestmark = pytest.mark.proof  # each test starts processes


def test_chores_run_while_a_refresh_waits(
    refreshers: Refreshers,  # noqa: F811
    watcher: psycopg.Connection[Any],  # noqa: F811
    database_url: str,
) -> None:
    waits_since = (
        "SELECT query_start FROM pg_stat_activity WHERE application_name = 'frontview-refresher-maintenance' "
        "AND wait_event_type = 'Lock' AND datname = current_database()"
    )
    watcher.execute("INSERT INTO users (email, name) VALUES ('a', 'A')")

    def chore_was_done_within_one_wait() -> bool:
        since = until(lambda: value(watcher, waits_since), "refresh that waits", seconds=20)
        watcher.execute(
            "INSERT INTO frontview.timezone_change (user_id) SELECT id FROM users "
            "ON CONFLICT (user_id) DO UPDATE SET seen_at = NULL"
        )
        until(lambda: value(watcher, "SELECT seen_at FROM frontview.timezone_change"), "chore", seconds=20)
        return value(watcher, waits_since) == since

    with psycopg.connect(database_url) as blocker:
        blocker.execute("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE")
        refreshers.start()
        # a wait ends by itself after ten seconds: a chore on a busy machine may need the next one
        assert any(chore_was_done_within_one_wait() for _ in range(4)), "chores wait for the refresh"
