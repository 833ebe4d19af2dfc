"""Ways to leave one step of the protocol out, for the tests of the test; only the tests can reach them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from refresher.refreshing import compaction as compaction_module
from refresher.refreshing import refresh as refresh_module
from refresher.refreshing.steps import announce_end
from tests.neutral.catalog import CATALOG


def rewrite_function(url: str, signature: str, old: str, new: str) -> None:
    """Replace a piece of an installed function, and make sure that it was there."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT pg_get_functiondef(%s::regprocedure)", (signature,)).fetchone()
        assert row is not None
        assert old in row[0], f"{old!r} is not in {signature}"
        connection.execute(row[0].replace(old, new).encode())


DRAIN = "frontview.drain_changes(bigint, bigint)"
COLLECT = "frontview.collect_stale_keys(frontview.user_key, text, date, integer)"
BEGIN_READ = "frontview.begin_read(frontview.user_key, text[], date, date, boolean)"


def ignore_undrained_rows(url: str) -> None:
    rewrite_function(url, BEGIN_READ, "(l.user_id, l.xid) >= (p_user, unmarked_from)", "FALSE")
    rewrite_function(url, BEGIN_READ, "l.xid >= unmarked_from", "FALSE")


def use_notes_whatever_is_marked(url: str) -> None:
    rewrite_function(url, BEGIN_READ, "AND marks IS NULL AND", "AND")


def take_marks_that_the_newest_tier_lacks(url: str) -> None:
    """Not those, too, that only an older one lacks."""
    rewrite_function(url, BEGIN_READ, "SELECT min(t.through)", "SELECT max(t.through)")


def log_only_new_keys(url: str) -> None:
    moved = "IF frontview.captured_moved_loans_1(old, new) THEN"
    rewrite_function(url, "frontview.capture_loans_1()", moved, "IF FALSE THEN")


def read_with_volatile_functions(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for (signature,) in connection.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'frontview'::regnamespace "
            "AND p.proname ~ '_1_(read|dashboard|days)$|merged$'"
        ).fetchall():
            connection.execute(f"ALTER FUNCTION {signature} VOLATILE")


def drain_log_by_highest_xid(url: str) -> None:
    """Read the log as `id > last` would: rows of transactions that were open at the last drain are lost."""
    rewrite_function(url, DRAIN, "l.xid BETWEEN o.xid AND o.xid", "FALSE")
    rewrite_function(url, BEGIN_READ, "(l.user_id, l.xid) >= (p_user, o.xid)", "FALSE")
    rewrite_function(url, BEGIN_READ, "l.xid BETWEEN o.xid AND o.xid", "FALSE")


def mark_the_logged_day_only(url: str) -> None:
    rewrite_function(url, DRAIN, "COALESCE(s.day_slack, 0)", "0")


def read_the_logged_day_only(url: str) -> None:
    rewrite_function(url, BEGIN_READ, "COALESCE(s.day_slack, 0)", "0")


def leave_changes_of_zones_out(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE frontview.view_state SET sources = sources[1:1]")


def read_from_midnight_to_midnight(url: str) -> None:
    """Find the rows of a day by its midnights: in Havana and the Azores, an autumn day begins an hour before."""
    days = "frontview.visits_1_days(frontview.user_key, date, date)"
    rewrite_function(url, days, "'03:00:00'::interval", "'00:00:00'::interval")


def keep_marks_while_a_refresh_runs(url: str) -> None:
    rewrite_function(url, DRAIN, "bool_or(a.attempts % 2 = 1)", "FALSE")


def mark_backlogs_of_few_changes(url: str) -> None:
    """No sabotage: three changes are very many, and a drain marks two rows, so that there is a backlog all the time."""
    rewrite_function(url, DRAIN, "many CONSTANT integer := 5000", "many CONSTANT integer := 2")
    rewrite_function(url, DRAIN, "rows_a_drain CONSTANT integer := 2000", "rows_a_drain CONSTANT integer := 2")


def read_without_the_backlog(url: str) -> None:
    mark_backlogs_of_few_changes(url)
    rewrite_function(url, BEGIN_READ, "d.snapshot, d.marked,", "d.snapshot, d.snapshot AS marked,")


def prune_what_is_drained(url: str) -> None:
    mark_backlogs_of_few_changes(url)
    prune = "frontview.prune_change_log(pg_snapshot, integer)"
    rewrite_function(url, prune, "SELECT d.marked FROM", "SELECT d.snapshot FROM")


def end_a_backlog_at_the_newest_drain(url: str) -> None:
    """Take for marked what was logged while the backlog was marked."""
    mark_backlogs_of_few_changes(url)
    rewrite_function(url, DRAIN, "last.marked := last.marking", "last.marked := last.snapshot")


def collect_marks_too_early(url: str) -> None:
    rewrite_function(url, COLLECT, "END) < k.drain_id", "END) + 1 < k.drain_id")


def collect_what_changes_during_a_first_population(url: str) -> None:
    rewrite_function(url, COLLECT, "COALESCE(v.through, CASE WHEN a.attempts % 2 = 1 THEN a.drain_id END)", "v.through")


def rewrite_each(url: str, function: str, old: str, new: str) -> None:
    """Rewrite a function that every daily view has; ``function`` has arguments, and the view's name left out."""
    for view in CATALOG.views:
        if view.day_column:
            rewrite_function(url, f"frontview.{view.name}_{function}", old, new)


COMPACT = "compact(date, frontview.user_key, integer)"


def keep_rows_that_are_gone(url: str) -> None:
    rewrite_each(url, COMPACT, "HAVING count(*) = count(r.place)", "HAVING FALSE")


def add_rows_to_sums_and_subtract_none(url: str) -> None:
    rewrite_each(url, COMPACT, "-1 FROM old_rows v", "-1 FROM old_rows v WHERE FALSE")


def leave_days_that_move_back_in_the_sums(url: str) -> None:
    rewrite_each(url, "move_horizon(date)", "-1 FROM old_rows v", "-1 FROM old_rows v WHERE FALSE")


def end_after_the_first_chunk(url: str) -> None:
    rewrite_each(url, COMPACT, "LIMIT p_batch + 1", "LIMIT 1")


SEAL = "seal(bigint)"


def seal_without_undrained_keys(url: str) -> None:
    rewrite_each(url, SEAL, "NOT pg_visible_in_snapshot(l.xid, newest.marked)", "FALSE")


def seal_without_waiting_for_open_transactions(url: str) -> None:
    due = "frontview.seal_is_due(text)"
    rewrite_function(url, due, "pg_snapshot_xmin(pg_current_snapshot()) > s.asked_xid", "TRUE")


def rebuild_forgets_sealed_rows(url: str) -> None:
    rewrite_each(url, "rebuild()", "WHERE tier.first_day > '-infinity' AND", "WHERE FALSE AND")


def reads_take_sealed_days_for_stale(url: str) -> None:
    rewrite_each(
        url,
        "merged(frontview.user_key, date, date, frontview.staleness)",
        "IF p_first < p_stale.sealed_before",
        "IF FALSE",
    )


def ignore_rewrites(url: str) -> None:
    rewrite_function(
        url,
        "frontview.end_read(frontview.read_state, text, date, date, timestamptz)",
        "frontview.rewritten(p_state.storage)",
        "FALSE",
    )


@contextmanager
def an_announcement_that_ends_before_the_snapshot() -> Iterator[None]:
    honest = refresh_module.announce

    def announce(connection: Any, view: str, tiers: Any) -> Any:
        found = honest(connection, view, tiers)
        announce_end(connection, view, tiers)
        return found

    with patched(refresh_module, "announce", announce):
        yield


@contextmanager
def every_key_marks_left_out_of_a_compaction() -> Iterator[None]:
    with patched(compaction_module, "rebuild_is_due", lambda *_: False):
        yield


@contextmanager
def watermark_taken_after_the_compaction() -> Iterator[None]:
    with patched(refresh_module, "compact", covering_late(refresh_module.compact)):
        yield


@contextmanager
def a_move_that_covers_the_archive() -> Iterator[None]:
    """Let a move of the horizon raise what the archive covers, without compacting what is stale."""
    honest = refresh_module.cover

    def cover(connection: Any, view: str, tiers: Any, through: int, epoch: int) -> None:
        honest(connection, view, tiers, through, epoch)
        if "recent" in tiers:
            connection.execute(
                "UPDATE frontview.view_state SET through = %s WHERE view = %s AND through IS NOT NULL", (through, view)
            )

    with patched(refresh_module, "cover", cover):
        yield


def covering_late(honest: Callable[..., str]) -> Callable[..., str]:
    """Return the step, after which its tiers cover whatever has been drained by then."""

    def late(connection: Any, view: str, parts: Any, *others: Any) -> str:
        outcome = honest(connection, view, parts, *others)
        connection.execute(
            "UPDATE frontview.view_state SET through = (SELECT max(drain_id) FROM frontview.drain) "
            "WHERE view = %s AND tier = ANY (%s)",
            (view, [part.tier for part in parts]),
        )
        return outcome

    return late


@contextmanager
def patched(module: Any, name: str, replacement: Any) -> Iterator[None]:
    honest = getattr(module, name)
    setattr(module, name, replacement)
    try:
        yield
    finally:
        setattr(module, name, honest)


@contextmanager
def watermark_taken_after_the_refresh() -> Iterator[None]:
    step = "_refresh_in_one_snapshot"
    with patched(refresh_module, step, covering_late(refresh_module._refresh_in_one_snapshot)):
        yield


def move_sealed_days_with_their_users(url: str) -> None:
    """Take the zone of now in place of the one in which days were sealed."""
    _at_each_row(
        url,
        "AFTER UPDATE OF timezone ON public.member",
        "UPDATE frontview.sealed_zone k SET zone = u.zone FROM frontview.user_1 u "
        "WHERE u.user_key = NEW.id AND k.user_id = NEW.id; RETURN NEW;",
    )


def read_the_first_unsealed_day_from_its_midnight(url: str) -> None:
    for name in ("visits_1", "visits_1_amounts_values", "written_1"):
        days = f"frontview.{name}_days(frontview.user_key, date, date)"
        rewrite_function(url, days, "THEN 2", "THEN 0")


def _at_each_row(url: str, when: str, body: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"CREATE FUNCTION public.sabotage() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$".encode()
        )
        connection.execute(f"CREATE TRIGGER sabotage {when} FOR EACH ROW EXECUTE FUNCTION public.sabotage()".encode())
