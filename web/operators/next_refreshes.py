"""When each tier is to be refreshed next, and why: what the leader has decided, as of now.

Invariant: what is told is the leader's own decision; without a leader, or before it has decided, nothing is guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from refresher.refreshing.refresh import tiers_together

# Beside those of :data:`refresher.refreshing.policy.REASONS`.
NO_LEADER = ("no_leader", "There is no leader: nothing is refreshed until a refresher becomes one.")
UNDECIDED = ("undecided", "The leader has not decided yet.")
REFRESHING = ("refreshing", "A refresh runs now.")


@dataclass(frozen=True, slots=True)
class Plan:
    """What the leader has decided of each (view, tier).

    :param has_leader: whether there is one now.
    :param age_seconds: since it was written.
    """

    has_leader: bool
    age_seconds: float = 0.0
    decided: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, note: Mapping[str, Any] | None, epoch: int | None) -> "Plan":
        """Return the plan of the leader of ``epoch`` (None: there is no leader), if the note is one of its own."""
        if epoch is None or note is None or note["epoch"] != epoch:
            return cls(has_leader=epoch is not None)
        decided = {(it["view"], it["tier"]): it for it in cast("list[dict[str, Any]]", note["content"])}
        return cls(True, max(0.0, note["age_seconds"]), decided)


def next_refresh_of(row: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """Return the next refresh of a tier: ``in_seconds`` (None: not as things stand), ``code``, ``why`` and
    ``with_tier``, the tier of whose rows it holds the sums (None: it holds rows of its own).

    :param row: of :func:`web.operators.system_state.system_state`.
    """
    view, tier = row["view"], row["tier"]
    first = tiers_together(tier)[0]
    decision = plan.decided.get((view, first))
    in_seconds: float | None = None
    if not plan.has_leader:
        code, why = NO_LEADER
    elif row["refreshing"]:
        in_seconds, (code, why) = 0.0, REFRESHING
    elif decision is None:
        code, why = UNDECIDED
    else:
        code, why, planned = decision["code"], decision["why"], decision["in_seconds"]
        in_seconds = None if planned is None else round(max(0.0, planned - plan.age_seconds), 1)
    return {"in_seconds": in_seconds, "code": code, "why": why, "with_tier": first if first != tier else None}
