"""What writers log of their changes, on which day, and what that asks of them: nothing."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import Server
from tests.voice_stage import VOICE
from tests.waiting import until
from web.voice.load import BASE_TABLES

DAYLESS = "-infinity"
NOON = "2026-03-01 12:00:00+00"


@pytest.fixture
def url(any_server: Server) -> Iterator[str]:
    made = any_server.create(any_server.template_of(VOICE))
    yield made
    any_server.drop(made)


@pytest.fixture
def c(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Users 1 (UTC) and 2 (Tokyo), agents 1 and 2 of the first, 3 of the second; and an empty log."""
    with psycopg.connect(url, autocommit=True) as opened:
        opened.execute("INSERT INTO users (email, name, timezone) VALUES ('a', 'A', 'UTC'), ('b', 'B', 'Asia/Tokyo')")
        opened.execute("INSERT INTO agents (user_id, name) VALUES (1, 'x'), (1, 'y'), (2, 'z')")
        opened.execute("TRUNCATE frontview.change_log")
        yield opened


def insert_calls(c: psycopg.Connection[Any], *rows: tuple[int, int, str]) -> None:
    values = ", ".join(["(%s, %s, %s, 'completed')"] * len(rows))
    c.execute(
        f"INSERT INTO calls (user_id, agent_id, started_at, status) VALUES {values}",
        [value for row in rows for value in row],
    )


def logged(c: psycopg.Connection[Any]) -> list[tuple[str, int | None, str]]:
    """Return and forget what was logged, duplicates and all."""
    rows = c.execute("SELECT source, user_id, day::text FROM frontview.change_log").fetchall()
    c.execute("TRUNCATE frontview.change_log")
    return sorted(rows, key=str)


class TestKeys:
    def test_an_insert_logs_each_new_key_once(self, c: psycopg.Connection[Any]) -> None:
        insert_calls(c, (1, 1, NOON), (1, 2, NOON), (1, 1, "2026-03-02 12:00+00"), (2, 3, NOON))

        assert logged(c) == [
            ("calls", 1, "2026-03-01"),
            ("calls", 1, "2026-03-02"),
            ("calls", 2, "2026-03-01"),
        ]

    def test_an_update_in_place_logs_the_key_once(self, c: psycopg.Connection[Any]) -> None:
        insert_calls(c, (1, 1, NOON), (1, 2, NOON))
        logged(c)

        c.execute("UPDATE calls SET cost_cents = 7")

        assert logged(c) == [("calls", 1, "2026-03-01")]

    def test_a_move_to_another_user_logs_both_users(self, c: psycopg.Connection[Any]) -> None:
        insert_calls(c, (1, 1, NOON))
        logged(c)

        c.execute("UPDATE calls SET user_id = 2, agent_id = 3")

        assert logged(c) == [("calls", 1, "2026-03-01"), ("calls", 2, "2026-03-01")]

    def test_a_move_to_another_day_logs_both_days(self, c: psycopg.Connection[Any]) -> None:
        insert_calls(c, (1, 1, NOON))
        logged(c)

        c.execute("UPDATE calls SET started_at = '2026-04-05 12:00+00'")

        assert logged(c) == [("calls", 1, "2026-03-01"), ("calls", 1, "2026-04-05")]

    def test_a_delete_logs_the_old_keys(self, c: psycopg.Connection[Any]) -> None:
        insert_calls(c, (1, 1, NOON), (2, 3, NOON))
        logged(c)

        c.execute("DELETE FROM calls")

        assert logged(c) == [("calls", 1, "2026-03-01"), ("calls", 2, "2026-03-01")]

    @pytest.mark.parametrize("rows", [1, 2, 3])
    def test_a_session_logs_statements_of_one_row_and_of_many_alike(
        self, c: psycopg.Connection[Any], rows: int
    ) -> None:
        """Plans are made at a session's first statement and kept."""
        for count in (rows, 1, 3, 2, 1):
            days = [(1, 1, f"2026-03-0{day} 12:00+00") for day in range(1, count + 1)]
            keys = [("calls", 1, f"2026-03-0{day}") for day in range(1, count + 1)]
            insert_calls(c, *days)
            assert logged(c) == keys
            c.execute("UPDATE calls SET cost_cents = 7")
            assert logged(c) == keys
            c.execute("DELETE FROM calls")
            assert logged(c) == keys

    def test_a_statement_that_changes_no_row_logs_nothing(self, c: psycopg.Connection[Any]) -> None:
        c.execute("UPDATE calls SET cost_cents = 7")
        c.execute("DELETE FROM calls")

        assert logged(c) == []

    def test_an_upsert_logs_inserted_and_updated_keys(self, c: psycopg.Connection[Any]) -> None:
        c.execute("INSERT INTO agent_analytics (agent_id, user_id, day) VALUES (1, 1, '2026-03-01')")
        logged(c)

        c.execute(
            "INSERT INTO agent_analytics (agent_id, user_id, day) VALUES (1, 1, '2026-03-01'), (2, 1, '2026-03-02') "
            "ON CONFLICT (agent_id, day) DO UPDATE SET transfers = 1"
        )

        assert set(logged(c)) == {("agent_analytics", 1, "2026-03-01"), ("agent_analytics", 1, "2026-03-02")}

    def test_a_merge_logs_every_key_it_touches(self, c: psycopg.Connection[Any]) -> None:
        insert_calls(c, (1, 1, NOON), (2, 3, "2026-03-09 12:00+00"))
        logged(c)

        c.execute(
            "MERGE INTO calls USING (VALUES (1, 1), (2, 3), (1, 2)) v (u, a) ON calls.agent_id = v.a "
            "WHEN MATCHED AND v.u = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET cost_cents = 1 "
            "WHEN NOT MATCHED THEN INSERT (user_id, agent_id, started_at, status) "
            "VALUES (v.u, v.a, '2026-05-05 12:00+00', 'busy')"
        )

        assert logged(c) == [("calls", 1, "2026-03-01"), ("calls", 1, "2026-05-05"), ("calls", 2, "2026-03-09")]

    def test_copy_logs_as_an_insert_does(self, c: psycopg.Connection[Any]) -> None:
        with c.cursor().copy("COPY calls (user_id, agent_id, started_at, status) FROM STDIN") as copy:
            copy.write_row((1, 1, NOON, "busy"))
            copy.write_row((1, 1, NOON, "busy"))

        assert logged(c) == [("calls", 1, "2026-03-01")]

    def test_cascading_deletes_log_the_keys_of_every_table_they_reach(self, c: psycopg.Connection[Any]) -> None:
        insert_calls(c, (1, 1, NOON), (2, 3, NOON))
        c.execute(
            "INSERT INTO lead_analytics (call_id, user_id, agent_id, analyzed_at, score, stage) "
            "SELECT id, user_id, agent_id, '2026-03-07 12:00+00', 5, 'new' FROM calls"
        )
        c.execute("INSERT INTO agent_analytics (agent_id, user_id, day) VALUES (1, 1, '2026-03-08')")
        logged(c)

        c.execute("DELETE FROM users WHERE id = 1")

        assert set(logged(c)) == {
            ("users", 1, DAYLESS),
            ("user_presence", 1, DAYLESS),
            ("agents", 1, DAYLESS),
            ("calls", 1, "2026-03-01"),
            ("lead_analytics", 1, "2026-03-07"),
            ("agent_analytics", 1, "2026-03-08"),
        }

    def test_truncate_logs_every_key_of_the_source(self, c: psycopg.Connection[Any]) -> None:
        insert_calls(c, (1, 1, NOON))
        logged(c)

        c.execute("TRUNCATE calls, lead_analytics")

        assert logged(c) == [("calls", None, DAYLESS), ("lead_analytics", None, DAYLESS)]

    def test_truncate_cascade_logs_every_table_it_reaches(self, c: psycopg.Connection[Any]) -> None:
        c.execute("TRUNCATE users CASCADE")

        sources = [row[0] for row in c.execute("SELECT source FROM frontview.source").fetchall()]
        assert logged(c) == sorted((source, None, DAYLESS) for source in sources)

    def test_presence_of_a_user_is_logged_apart_from_changes_of_the_row(self, c: psycopg.Connection[Any]) -> None:
        c.execute("UPDATE users SET credits_cents = 5 WHERE id = 1")
        assert logged(c) == [("users", 1, DAYLESS)]

        c.execute("INSERT INTO users (id, email, name) OVERRIDING SYSTEM VALUE VALUES (9, 'n', 'N')")
        assert logged(c) == [("user_presence", 9, DAYLESS), ("users", 9, DAYLESS)]

    def test_a_transaction_that_is_rolled_back_logs_nothing(self, c: psycopg.Connection[Any]) -> None:
        with c.transaction(force_rollback=True):
            insert_calls(c, (1, 1, NOON))

        assert logged(c) == []

    def test_a_rolled_back_savepoint_takes_its_keys_with_it(self, c: psycopg.Connection[Any]) -> None:
        with c.transaction():
            insert_calls(c, (1, 1, NOON))
            with c.transaction(force_rollback=True):
                insert_calls(c, (2, 3, NOON))

        assert logged(c) == [("calls", 1, "2026-03-01")]

    def test_rows_are_logged_under_the_top_transaction_even_inside_a_savepoint(
        self, c: psycopg.Connection[Any]
    ) -> None:
        """Snapshots list top transactions; a subtransaction's own id would be looked for in vain."""
        with c.transaction():
            top = c.execute("SELECT pg_current_xact_id()::text").fetchone()
            with c.transaction():
                insert_calls(c, (1, 1, NOON))

        assert c.execute("SELECT xid::text FROM frontview.change_log").fetchone() == top


class TestTriggers:
    def test_every_base_table_has_every_trigger_always_enabled(self, c: psycopg.Connection[Any]) -> None:
        rows = c.execute(
            "SELECT tgrelid::regclass::text, array_agg(DISTINCT tgenabled::text), count(*) FROM pg_trigger "
            "WHERE tgname LIKE 'frontview_capture_%' GROUP BY 1"
        ).fetchall()

        assert {row[0] for row in rows} == set(BASE_TABLES)
        assert all(row[1] == ["A"] for row in rows)
        assert {row[0]: row[2] for row in rows}["users"] == 4 + 3
        assert {row[2] for row in rows if row[0] != "users"} == {4}

    def test_the_day_triggers_are_always_enabled_too(self, c: psycopg.Connection[Any]) -> None:
        rows = c.execute(
            "SELECT tgname, tgenabled::text FROM pg_trigger "
            "WHERE tgname IN ('set_call_day', 'set_lead_day', 'redate_user')"
        ).fetchall()
        assert sorted(rows) == [("redate_user", "A"), ("set_call_day", "A"), ("set_lead_day", "A")]

    def test_a_replica_role_session_still_logs(self, c: psycopg.Connection[Any]) -> None:
        c.execute("SET session_replication_role = replica")

        insert_calls(c, (2, 3, "2026-03-01 20:00+00"))

        assert logged(c) == [("calls", 2, "2026-03-02")]

    def test_dml_on_a_partition_logs_like_dml_on_its_root(self, c: psycopg.Connection[Any]) -> None:
        c.execute(
            "CREATE TABLE visit (user_id bigint NOT NULL, day date) PARTITION BY RANGE (user_id);"
            "CREATE TABLE visit_low PARTITION OF visit FOR VALUES FROM (1) TO (100) PARTITION BY LIST (user_id);"
            "CREATE TABLE visit_one PARTITION OF visit_low FOR VALUES IN (1);"
            "CREATE TABLE visit_high PARTITION OF visit DEFAULT;"
        )
        c.execute(
            "INSERT INTO frontview.source (source, relation, user_column, day_column, events) "
            "VALUES ('visit', 'visit', 'user_id', 'day', '{INSERT,UPDATE,DELETE,TRUNCATE}')"
        )
        function = c.execute(
            "SELECT pg_get_functiondef('frontview.capture_agent_analytics()'::regprocedure)"
        ).fetchone()
        assert function is not None
        c.execute(function[0].replace("agent_analytics", "visit").encode())
        assert c.execute("SELECT frontview.install_triggers('visit')").fetchone() == (4,)

        c.execute("INSERT INTO visit_one VALUES (1, '2026-03-01')")
        assert logged(c) == [("visit", 1, "2026-03-01")]
        c.execute("INSERT INTO visit_high VALUES (500, '2026-03-02')")
        assert logged(c) == [("visit", 500, "2026-03-02")]
        c.execute("UPDATE visit_low SET day = '2026-03-03'")
        assert logged(c) == [("visit", 1, "2026-03-01"), ("visit", 1, "2026-03-03")]
        c.execute("UPDATE visit SET user_id = 200 WHERE user_id = 1")  # to another partition: a delete and an insert
        assert set(logged(c)) == {("visit", 1, "2026-03-03"), ("visit", 200, "2026-03-03")}
        c.execute("TRUNCATE visit_high")
        assert logged(c) == [("visit", None, DAYLESS)]
        c.execute("INSERT INTO visit VALUES (1, NULL), (1, '2026-03-04')")
        assert logged(c) == [("visit", 1, DAYLESS), ("visit", 1, "2026-03-04")]

    def test_a_row_without_a_day_logs_the_key_of_every_day(self, c: psycopg.Connection[Any]) -> None:
        c.execute("ALTER TABLE agent_analytics ALTER day DROP NOT NULL")

        c.execute("INSERT INTO agent_analytics (agent_id, user_id, day) VALUES (1, 1, NULL)")
        assert logged(c) == [("agent_analytics", 1, DAYLESS)]
        c.execute("UPDATE agent_analytics SET day = '2026-03-03'")
        assert logged(c) == [("agent_analytics", 1, DAYLESS), ("agent_analytics", 1, "2026-03-03")]


class TestWriters:
    def test_a_writer_needs_rights_on_the_base_table_only(self, c: psycopg.Connection[Any], url: str) -> None:
        role = f"writer_{psycopg.conninfo.conninfo_to_dict(url)['dbname']}"
        c.execute(f"CREATE ROLE {role}")
        try:
            c.execute(f"GRANT INSERT, UPDATE (timezone), SELECT (id) ON users TO {role}")
            c.execute(f"GRANT INSERT ON calls TO {role}")
            c.execute(f"SET ROLE {role}")
            insert_calls(c, (2, 3, "2026-03-01 20:00+00"))
            c.execute("UPDATE users SET timezone = 'UTC' WHERE id = 2")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                c.execute("SELECT FROM frontview.change_log")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                c.execute("SELECT frontview.capture_calls()")
            c.execute("RESET ROLE")

            assert ("calls", 2, "2026-03-02") in logged(c)
            assert c.execute("SELECT local_day FROM calls").fetchone() == (date(2026, 3, 1),)
        finally:
            c.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")

    def test_a_writers_search_path_leads_capture_nowhere_else(self, c: psycopg.Connection[Any]) -> None:
        c.execute("CREATE SCHEMA mine; CREATE TABLE mine.change_log (LIKE frontview.change_log)")
        c.execute("CREATE TEMP TABLE users (id bigint, timezone text)")
        c.execute("INSERT INTO users VALUES (2, 'America/Los_Angeles')")
        c.execute("SET search_path = pg_temp, mine, public")

        insert_calls(c, (2, 3, "2026-03-01 20:00+00"))

        assert logged(c) == [("calls", 2, "2026-03-02")]

    def test_writers_notify_nobody(self, c: psycopg.Connection[Any], url: str) -> None:
        """NOTIFY takes one lock for the whole server until the commit is flushed."""
        with psycopg.connect(url, autocommit=True) as listener:
            listener.execute("LISTEN frontview")
            insert_calls(c, (1, 1, NOON))
            c.execute("UPDATE calls SET cost_cents = 1; DELETE FROM calls; TRUNCATE calls CASCADE")
            c.execute("NOTIFY frontview, 'the end'")

            first = next(listener.notifies(timeout=10))

        assert first.payload == "the end"

    def test_writers_of_one_key_do_not_wait_for_each_other(self, c: psycopg.Connection[Any], url: str) -> None:
        with psycopg.connect(url) as other:
            other.execute("SET lock_timeout = '5s'")
            insert_calls(other, (1, 1, NOON))
            c.execute("SET lock_timeout = '5s'")
            insert_calls(c, (1, 1, NOON))

            assert logged_without_truncate(c) == [("calls", 1, "2026-03-01")]
            other.commit()
        assert logged(c) == [("calls", 1, "2026-03-01")] * 2


def logged_without_truncate(c: psycopg.Connection[Any]) -> list[tuple[str, int | None, str]]:
    return c.execute("SELECT source, user_id, day::text FROM frontview.change_log").fetchall()


class TestLocalDay:
    def test_the_day_follows_the_users_zone_not_the_sessions(self, c: psycopg.Connection[Any]) -> None:
        c.execute("SET timezone = 'America/Los_Angeles'")

        insert_calls(c, (2, 3, "2026-03-01 20:00+00"), (1, 1, "2026-03-01 20:00+00"))

        days = c.execute("SELECT user_id, local_day FROM calls ORDER BY user_id").fetchall()
        assert days == [(1, date(2026, 3, 1)), (2, date(2026, 3, 2))]

    def test_a_day_that_the_writer_gives_is_overwritten(self, c: psycopg.Connection[Any]) -> None:
        c.execute(
            "INSERT INTO calls (user_id, agent_id, started_at, local_day, status) "
            "VALUES (2, 3, %s, '1999-01-01', 'busy')",
            ("2026-03-01 20:00+00",),
        )
        c.execute("UPDATE calls SET local_day = '1998-01-01'")

        assert c.execute("SELECT local_day FROM calls").fetchone() == (date(2026, 3, 2),)

    def test_a_change_of_zone_moves_the_users_days_in_its_own_transaction(self, c: psycopg.Connection[Any]) -> None:
        insert_calls(c, (1, 1, "2026-03-01 20:00+00"), (2, 3, "2026-03-01 20:00+00"))
        c.execute(
            "INSERT INTO lead_analytics (call_id, user_id, agent_id, analyzed_at, score, stage) "
            "SELECT id, user_id, agent_id, started_at, 5, 'new' FROM calls WHERE user_id = 1"
        )
        logged(c)

        with c.transaction():
            c.execute("UPDATE users SET timezone = 'Asia/Tokyo' WHERE id = 1")
            days = c.execute(
                "SELECT local_day FROM calls WHERE user_id = 1 UNION ALL SELECT local_day FROM lead_analytics"
            ).fetchall()
            assert days == [(date(2026, 3, 2),)] * 2

        assert set(logged(c)) == {
            ("users", 1, DAYLESS),
            ("calls", 1, "2026-03-01"),
            ("calls", 1, "2026-03-02"),
            ("lead_analytics", 1, "2026-03-01"),
            ("lead_analytics", 1, "2026-03-02"),
        }

    def test_an_update_that_keeps_the_zone_moves_nothing(self, c: psycopg.Connection[Any]) -> None:
        insert_calls(c, (1, 1, NOON))
        logged(c)

        c.execute("UPDATE users SET timezone = timezone, name = 'new'")

        assert {source for source, _, _ in logged(c)} == {"users"}
        assert c.execute("SELECT count(*) FROM frontview.timezone_change").fetchone() == (0,)

    @pytest.mark.parametrize("zone", ["Mars/Olympus", "", "12:99:99"])
    def test_a_zone_that_does_not_exist_is_refused_where_it_is_written(
        self, c: psycopg.Connection[Any], zone: str
    ) -> None:
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            c.execute("UPDATE users SET timezone = %s WHERE id = 1", (zone,))

    def test_a_call_of_no_user_is_refused_by_the_foreign_key(self, c: psycopg.Connection[Any]) -> None:
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            insert_calls(c, (77, 1, NOON))


class TestFinishRedating:
    """A transaction open across a change of zone dates its rows by the old one; they are dated again afterwards."""

    def finish(self, c: psycopg.Connection[Any]) -> int:
        row = c.execute("SELECT frontview.finish_redating()").fetchone()
        assert row is not None
        return int(row[0])

    def days(self, c: psycopg.Connection[Any]) -> list[date]:
        return [row[0] for row in c.execute("SELECT local_day FROM calls WHERE user_id = 1 ORDER BY id").fetchall()]

    @pytest.mark.parametrize("write_first", [True, False], ids=["wrote before the change", "writes after the change"])
    def test_rows_of_a_transaction_open_across_the_change_are_dated_anew(
        self, c: psycopg.Connection[Any], url: str, write_first: bool
    ) -> None:
        evening = "2026-03-01 20:00+00"
        with psycopg.connect(url) as other:
            other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            other.execute("SELECT FROM users")  # its snapshot
            if write_first:
                insert_calls(other, (1, 1, evening))
            c.execute("UPDATE users SET timezone = 'Asia/Tokyo' WHERE id = 1")
            assert self.finish(c) == 0, "that transaction is still open"
            if not write_first:
                insert_calls(other, (1, 1, evening))
            assert self.finish(c) == 0
            other.commit()
        assert self.days(c) == [date(2026, 3, 1)], "dated by the old zone"
        logged(c)

        assert until(lambda: self.finish(c), "end of the other session's transaction") == 1

        assert self.days(c) == [date(2026, 3, 2)]
        assert logged(c) == [("calls", 1, "2026-03-01"), ("calls", 1, "2026-03-02")]
        assert c.execute("SELECT count(*) FROM frontview.timezone_change").fetchone() == (0,)

    def test_a_role_without_rights_on_statistics_waits_for_other_roles_too(
        self, c: psycopg.Connection[Any], url: str
    ) -> None:
        """``xact_start`` of another role's session is NULL for it."""
        role = f"refresher_{psycopg.conninfo.conninfo_to_dict(url)['dbname']}"
        c.execute(f"CREATE ROLE {role}; GRANT ALL ON SCHEMA frontview TO {role}")
        c.execute(f"GRANT ALL ON calls, lead_analytics, users, frontview.timezone_change TO {role}")
        c.execute(f"ALTER FUNCTION frontview.finish_redating OWNER TO {role}")  # it runs as its owner
        try:
            with psycopg.connect(url) as other:
                other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                other.execute("SELECT FROM users")
                c.execute("UPDATE users SET timezone = 'Asia/Tokyo' WHERE id = 1")
                c.execute(f"SET ROLE {role}")

                assert self.finish(c) == 0
                assert self.finish(c) == 0
            assert until(lambda: self.finish(c), "end of the other session's transaction") == 1
        finally:
            c.execute("RESET ROLE; ALTER FUNCTION frontview.finish_redating OWNER TO CURRENT_USER")
            c.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")

    def test_rows_of_a_prepared_transaction_are_waited_for(self, c: psycopg.Connection[Any], url: str) -> None:
        if c.execute("SHOW max_prepared_transactions").fetchone() == ("0",):
            pytest.skip("this server allows no prepared transactions")
        with psycopg.connect(url) as other:
            other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            other.tpc_begin(other.xid(1, url[-20:], "late"))
            other.execute("SELECT FROM users")
            c.execute("UPDATE users SET timezone = 'Asia/Tokyo' WHERE id = 1")
            assert self.finish(c) == 0
            insert_calls(other, (1, 1, "2026-03-01 20:00+00"))
            other.tpc_prepare()
            assert self.finish(c) == 0
            other.tpc_commit()

        assert until(lambda: self.finish(c), "end of the redating") == 1

        assert self.days(c) == [date(2026, 3, 2)]

    def test_a_transaction_begun_after_the_change_was_noticed_does_not_hold_it_up(
        self, c: psycopg.Connection[Any], url: str
    ) -> None:
        c.execute("UPDATE users SET timezone = 'Asia/Tokyo' WHERE id = 1")
        assert self.finish(c) in (0, 1)
        with psycopg.connect(url) as later:
            insert_calls(later, (2, 3, NOON))
            until(
                lambda: (
                    self.finish(c) or c.execute("SELECT count(*) FROM frontview.timezone_change").fetchone() == (0,)
                ),
                "end of the redating",
            )

    def test_a_second_change_begins_the_wait_anew(self, c: psycopg.Connection[Any], url: str) -> None:
        c.execute("UPDATE users SET timezone = 'Asia/Tokyo' WHERE id = 1")
        with psycopg.connect(url) as other:
            insert_calls(other, (2, 3, NOON))
            assert self.finish(c) == 0
            assert c.execute("SELECT seen_at FROM frontview.timezone_change").fetchone() != (None,)
            c.execute("UPDATE users SET timezone = 'UTC' WHERE id = 1")

            assert c.execute("SELECT seen_at FROM frontview.timezone_change").fetchone() == (None,)

    def test_rows_that_are_right_are_not_touched(self, c: psycopg.Connection[Any]) -> None:
        insert_calls(c, (1, 1, NOON))
        c.execute("UPDATE users SET timezone = 'Asia/Tokyo' WHERE id = 1")
        logged(c)

        until(lambda: self.finish(c), "end of the redating")

        assert logged(c) == []
