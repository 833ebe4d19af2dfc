"""Days of the voice application's users at the ends of the calendar, and when they end."""

from datetime import UTC, datetime, timedelta

from models.connection import Connection


def test_an_answer_about_today_stands_until_the_first_of_two_midnights(connection: Connection) -> None:
    """The user's zone is made for the day of the test: the next midnight comes an hour ahead of UTC, then again."""
    tomorrow = (datetime.now(UTC) + timedelta(hours=25)).date()
    first_midnight = datetime.combine(tomorrow, datetime.min.time(), UTC) - timedelta(hours=1)
    day = tomorrow.timetuple().tm_yday - 1
    zone = f"STD0DST,{(day + 265) % 365}/0,{day}/1"
    connection.execute("SET timezone = 'UTC'")
    connection.execute("INSERT INTO users (email, name, timezone) VALUES ('a', 'A', %s)", (zone,))
    for call in ("dashboard_overview(1, FALSE)", "dashboard_agents(1, NULL, NULL, NULL, FALSE)"):
        assert connection.execute(f"SELECT valid_until FROM frontview.{call}").fetchone() == (first_midnight,)


def test_calls_of_the_calendars_first_day_alone_are_shown(connection: Connection) -> None:
    connection.execute("SET timezone = 'UTC'")
    connection.execute("INSERT INTO users (email, name) VALUES ('a', 'A')")
    connection.execute("INSERT INTO agents (user_id, name) VALUES (1, 'A')")
    connection.execute(
        "INSERT INTO calls (user_id, agent_id, started_at, status) VALUES (1, 1, '4714-11-24 BC', 'completed')"
    )
    (body,) = (
        connection.execute(
            "SELECT body::json -> 'recent_calls' FROM frontview.dashboard_overview(%s, TRUE)", (1,)
        ).fetchone()
        or ()
    )
    assert [call["started_at"] for call in body] == ["4714-11-24T00:00:00+00:00 BC"]
