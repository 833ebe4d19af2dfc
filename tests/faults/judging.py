"""What speaks against a run: the history of its load, and what the database says of itself at rest.

Invariant: nothing is judged here that was not seen; bounds stand beside their reasons.
"""

from collections.abc import Sequence

from models.settings import Settings
from tests.faults import convergence
from tests.faults.checker import check
from tests.faults.faults.fault import Fault
from tests.faults.history import History
from tests.faults.outcome import Outcome
from tests.faults.scene import Scene
from tests.faults.writer_attempts import check_writers

GROWTH_BYTES = 64_000_000  # of one process within one run
CONNECTION_FACTOR = 2  # behind a dead link the server keeps sessions a while beside their successors
LONGER_WAIT_MS = 2_000  # that a captured write may take than any of the control; less is this machine's noise
LEAST_READS = {"cache": 20, "exact": 20}  # in a run; one that never hit the cache proves nothing
SETTINGS = Settings.model_fields


def judge_history(history: History, faults: Sequence[Fault], outcome: Outcome) -> None:
    """Add to ``outcome`` what the history of a run says."""
    verdict = check(
        history,
        answer_seconds=max(it.answer_seconds for it in faults),
        at_least=LEAST_READS,
        crashes=[crash for it in faults for crash in it.crashes],
        broken_connections_allowed={worker for it in faults for worker in it.breaks},
    )
    outcome.staleness, outcome.reads = verdict.staleness, verdict.reads
    outcome.violations += verdict.violations
    outcome.writers = check_writers(history.attempts)
    outcome.violations += outcome.writers.violations
    captured, control = (it.duration_ms.max for it in (outcome.writers.captured, outcome.writers.uncaptured))
    if captured > control + LONGER_WAIT_MS:
        outcome.violations.append(
            f"I6: a captured write took {captured:.0f} ms, the longest other one {control:.0f} ms"
        )


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
    if scene.observer.most_leaders() > 1:
        found.append(f"I10: {scene.observer.most_leaders()} sessions held the leader's lock at once")
    if outcome.connections > bound * CONNECTION_FACTOR:
        found.append(f"I9: there were {outcome.connections} connections, more than {CONNECTION_FACTOR} × {bound}")
    if outcome.grown_bytes > GROWTH_BYTES:
        found.append(f"I9: a process grew by {outcome.grown_bytes / 1e6:.0f} MB")
    return found
