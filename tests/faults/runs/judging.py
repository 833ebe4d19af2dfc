"""Judges a run by the history of its load and by the state of the database at rest.

Invariant: nothing is judged here that was not seen; bounds have their reasons next to them.
"""

from collections.abc import Sequence

from models.settings import Settings
from tests.faults.checker.checker import check
from tests.faults.checker.writer_attempts import WriterReport, check_writers
from tests.faults.database import convergence
from tests.faults.faults.fault import Fault, bit
from tests.faults.faults.scene import Scene
from tests.faults.record.history import History
from tests.faults.runs.outcome import Outcome

GROWTH_BYTES = 64_000_000  # of one process within one run
CONNECTION_FACTOR = 2  # behind a dead link the server keeps sessions a while beside their successors
LONGER_WAIT_MS = 2_000  # that a captured write may take than any of the control; less is this machine's noise
LONGER_P99_MS = 100
LEAST_CONTROL = 50  # attempts that went well, for a percentile to mean something
DRAINING_SECONDS = 5.0
LEAST_ASKED = 10  # plain reads of a struck worker, more than H after the strike: others prove nothing about trust
LEAST_READS = {"cache": 20, "exact": 20}  # in a run; one that never hit the cache proves nothing
SETTINGS = Settings.model_fields
ARCHIVES = """
SELECT count(*) FILTER (WHERE outcome = 'refreshed'), count(*) FILTER (WHERE outcome = 'moved'),
    count(*) FILTER (WHERE outcome LIKE 'failed%%')
FROM frontview.refresh_log WHERE tier = 'archive' AND refresh_id > %s
"""


def judge_history(history: History, faults: Sequence[Fault], outcome: Outcome) -> None:
    """Add to ``outcome`` what the history of a run says."""
    crashes = [crash for it in faults for crash in it.crashes]
    verdict = check(
        history,
        answer_seconds=max(it.answer_seconds for it in faults),
        computing_seconds=max(it.computing_seconds for it in faults),
        at_least=LEAST_READS,
        crashes=crashes,
        broken_connections_allowed={worker for it in faults for worker in it.breaks},
    )
    outcome.staleness, outcome.reads = verdict.staleness, verdict.reads
    outcome.violations += verdict.violations
    outcome.writers = check_writers(history.attempts, crashes)
    outcome.violations += outcome.writers.violations
    # who locks calls takes the twin last, so that captured writers wait longer for the fault itself
    outcome.violations += slower_writers(outcome.writers, compare_p99=all("calls" not in it.touches for it in faults))


def slower_writers(writers: WriterReport, *, compare_p99: bool) -> list[str]:
    """Return by what captured writes took longer than capture may make them take (I6)."""
    captured, control = writers.captured.duration_ms, writers.uncaptured.duration_ms
    found = []
    if captured.max > control.max + LONGER_WAIT_MS:
        found.append(f"I6: a captured write took {captured.max:.0f} ms, the longest other one {control.max:.0f} ms")
    if compare_p99 and control.reads >= LEAST_CONTROL and captured.p99 > control.p99 + LONGER_P99_MS:
        found.append(f"I6: 99 % of captured writes took {captured.p99:.0f} ms, of others {control.p99:.0f} ms")
    return found


def drained_late(outcome: Outcome) -> list[str]:
    """Return whether the drain took too long to be back to normal (I7)."""
    if outcome.draining is None or outcome.draining <= DRAINING_SECONDS:
        return []
    return [f"I7: drains were back to normal {outcome.draining:.1f} s after healing, not {DRAINING_SECONDS:g} s"]


def not_asked(history: History, fault: Fault) -> str | None:
    """Return why nothing is known about the worker that the fault struck: too few asked it once trust had ended."""
    if fault.struck_worker is None:
        return None
    began, ended = fault.held[0] + SETTINGS["trust_seconds"].default, fault.held[1]
    reads = sum(
        it.worker == fault.struck_worker and not it.exact and began < it.sent < ended and it.status in (200, 503)
        for it in history.reads
    )
    if reads >= LEAST_ASKED:
        return None
    return f"only {reads} plain reads, not {LEAST_ASKED}, asked {fault.struck_worker} when it might have been stale"


def archives_at_work(scene: Scene) -> str:
    """Return what was done to archives in a run, before its end and after it.

    :raises DidNotBite: nothing; the run then says nothing about compactions.
    """
    (compacted, moved, failed) = scene.query(ARCHIVES, scene.last_refresh)[0]
    return bit(f"archives: {compacted} compactions, {moved} moves, {failed} failures", compacted + moved + failed)


def bookkeeping(scene: Scene, outcome: Outcome) -> list[str]:
    """Return what the database at rest says against I7, I9 and I10."""
    deployment = scene.deployment
    bound = convergence.connection_bound(
        workers=len(deployment.workers),
        refreshers=len(deployment.refreshers),
        pool_size=SETTINGS["pool_size"].default,
    )
    found = convergence.tier_differences(scene.sql) + convergence.leader_faults(scene.sql)
    found += convergence.audit_violations(scene.sql)
    found += convergence.growth(
        scene.sql, connections=bound, retention_seconds=SETTINGS["feed_retention_seconds"].default
    )
    found += scene.observer.faults(users=scene.value("SELECT count(*) FROM users"))
    if outcome.connections > bound * CONNECTION_FACTOR:
        who = scene.observer.most_connections()[1]
        found.append(
            f"I9: there were {outcome.connections} connections, more than {CONNECTION_FACTOR} × {bound}: {who}"
        )
    if outcome.grown_bytes > GROWTH_BYTES:
        found.append(f"I9: a process grew by {outcome.grown_bytes / 1e6:.0f} MB")
    return found
