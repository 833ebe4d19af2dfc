"""The eight bugs that the suite must find: each leaves out one step of the protocol.

Invariant: a bug is either in Frontview's processes (tests/faults/bugs/broken.py, by its name) or in functions of the
database, or in both; and it is nowhere but in the run that asks for it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.concurrency import sabotage
from tests.faults.bugs import circumstances as when
from tests.faults.bugs.circumstances import Circumstance

COLLECT = "frontview.collect_stale_keys(frontview.user_key, text, date, integer)"


def _nothing(_: str) -> None:
    return None


def _a_running_refresh_covers(url: str) -> None:
    sabotage.rewrite_function(
        url,
        COLLECT,
        "END) < k.drain_id",
        "END) < k.drain_id AND COALESCE(a.attempts % 2 = 0, TRUE)",
    )


def _log_only_new_keys(url: str) -> None:
    moved = "IF frontview.captured_moved_calls_1(old, new) THEN"
    sabotage.rewrite_function(url, "frontview.capture_calls_1()", moved, "IF FALSE THEN")


@dataclass(frozen=True)
class SeededBug:
    """:param parts: the kinds of processes that have to be broken: ``workers``, ``refreshers``.

    :param in_database: leaves the step out of the database's functions.
    :param breaks: the invariants of which at least one must be found violated.
    """

    name: str
    what: str
    circumstance: Circumstance
    breaks: frozenset[str]
    parts: tuple[str, ...] = ()
    in_database: Callable[[str], None] = _nothing


SEEDED_BUGS = (
    SeededBug(
        "fill_without_watermark_check",
        "an answer is kept although the feed has overtaken its statement",
        when.SLOW_READS,
        frozenset({"I2"}),
        parts=("workers",),
    ),
    SeededBug(
        "notifications_trusted_as_content",
        "silence is taken as a sign that nothing has changed",
        when.DROPPED_NOTIFICATIONS,
        frozenset({"I2"}),
        parts=("workers",),
    ),
    SeededBug(
        "feed_gap_ignored",
        "missing drains are taken as empty ones",
        when.FORGOTTEN_FEED,
        frozenset({"I2"}),
        parts=("workers",),
    ),
    SeededBug(
        "trust_by_receipt",
        "what a poll says is taken as true of the moment it arrives",
        when.DELAYED_LINK,
        frozenset({"I2"}),
        parts=("workers",),
    ),
    SeededBug(
        "keys_collected_early",
        "stale keys are forgotten before the refresh that covers them has committed",
        when.HELD_REFRESHES,
        frozenset({"I1"}),
        parts=("refreshers",),
        in_database=_a_running_refresh_covers,
    ),
    SeededBug(
        "only_new_keys_logged",
        "an UPDATE logs where a row went, not where it was",
        when.PLAIN,
        frozenset({"I1", "I3"}),
        in_database=_log_only_new_keys,
    ),
    SeededBug(
        "log_read_by_highest_id",
        "the log is read from the highest id on, so that a transaction open meanwhile is lost",
        when.LATE_COMMITS,
        frozenset({"I1"}),
        in_database=sabotage.drain_log_by_highest_xid,
    ),
    SeededBug(
        "volatile_read_functions",
        "every statement of a read has a snapshot of its own",
        when.SLOW_MERGING,
        frozenset({"I1", "I3"}),
        in_database=sabotage.read_with_volatile_functions,
    ),
)
