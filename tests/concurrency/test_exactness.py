"""A storm finds each step that is left out of the protocol, and a read notices a TRUNCATE that commits under it."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

import psycopg
import pytest

from models.engine import connect
from tests.concurrency import sabotage
from tests.concurrency.storm import Storm
from tests.neutral.reads import READS


@pytest.mark.parametrize(
    "leave_out",
    [
        sabotage.ignore_undrained_rows,
        sabotage.use_notes_whatever_is_marked,
        sabotage.take_marks_that_the_newest_tier_lacks,
        sabotage.log_only_new_keys,
        sabotage.read_with_volatile_functions,
        sabotage.drain_log_by_highest_xid,
        sabotage.keep_marks_while_a_refresh_runs,
        sabotage.read_without_the_backlog,
        sabotage.prune_what_is_drained,
        sabotage.end_a_backlog_at_the_newest_drain,
        sabotage.collect_marks_too_early,
        sabotage.collect_what_changes_during_a_first_population,
        sabotage.keep_rows_that_are_gone,
        sabotage.add_rows_to_sums_and_subtract_none,
        sabotage.leave_days_that_move_back_in_the_sums,
        sabotage.end_after_the_first_chunk,
        sabotage.ignore_rewrites,
    ],
)
def test_the_storm_finds_a_step_left_out_of_the_sql(database_url: str, leave_out: Callable[[str], None]) -> None:
    leave_out(database_url)

    storm = Storm(database_url, seconds=90, comparisons=10**9).run()

    assert storm.differences


@pytest.mark.parametrize(
    "leave_out",
    [
        sabotage.watermark_taken_after_the_refresh,
        sabotage.watermark_taken_after_the_compaction,
        sabotage.an_announcement_that_ends_before_the_snapshot,
        sabotage.every_key_marks_left_out_of_a_compaction,
        sabotage.a_move_that_covers_the_archive,
    ],
)
def test_the_storm_finds_a_step_left_out_of_a_refresh(
    database_url: str, leave_out: Callable[[], AbstractContextManager[None]]
) -> None:
    with leave_out():
        storm = Storm(database_url, seconds=90, comparisons=10**9).run()

    assert storm.differences


def read_while_a_truncate_commits(url: str) -> dict[str, object]:
    """Start an exact read whose snapshot precedes a TRUNCATE that commits while the read waits for its lock."""
    result: dict[str, object] = {}
    with ExitStack() as stack:
        writer, reader, watcher = (stack.enter_context(connect(url, f"truncate-{n}")) for n in range(3))
        watcher.execute("INSERT INTO member (name) VALUES ('A')")
        watcher.execute("INSERT INTO loan (member_id) SELECT id FROM member")
        watcher.execute("INSERT INTO renewal (loan_id, member_id) SELECT id, member_id FROM loan")
        loans, renewals = (READS[name].format(user=1, base=False) for name in ("loans", "renewals"))

        def read() -> None:
            try:
                row = reader.execute(
                    "SELECT l.body::json #>> '{totals,loans}', r.body::json #>> '{totals,renewals}' "
                    f"FROM {loans} l, {renewals} r"
                ).fetchone()
                result["row"] = row
            except psycopg.errors.SerializationFailure as error:
                result["error"] = error

        thread = threading.Thread(target=read)
        with writer.transaction():
            writer.execute("TRUNCATE renewal")
            thread.start()
            waiting = "SELECT FROM pg_stat_activity WHERE application_name = 'truncate-1' AND wait_event_type = 'Lock'"
            while watcher.execute(waiting).fetchone() is None:
                assert thread.is_alive()
        thread.join()
    return result


def test_a_truncate_that_commits_under_a_read_makes_it_read_again(database_url: str) -> None:
    assert "error" in read_while_a_truncate_commits(database_url)


def test_without_the_check_for_rewrites_that_read_would_be_a_mixture(database_url: str) -> None:
    sabotage.ignore_rewrites(database_url)

    result = read_while_a_truncate_commits(database_url)

    assert result["row"] == ("1", "0")  # the earlier loan, the later renewals
