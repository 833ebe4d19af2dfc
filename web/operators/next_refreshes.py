"""When each tier is refreshed next, and why: what the leader has decided, as of now.

Invariant: only the leader's own decision is reported; without a leader, or before it has decided, nothing is guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypedDict

from pydantic import Field

from refresher.refreshing.refresh import tiers_together
from web.operators.system_state import TierStatus

ReasonCode = Literal[
    "unpopulated",
    "every_key",
    "stale",
    "duty",
    "min_interval",
    "failed",
    "given_up",
    "horizon",
    "seal",
    "clean",
    "refreshing",
    "no_leader",
    "undecided",
]


@dataclass(frozen=True, slots=True)
class NextRefresh:
    """When a tier is refreshed next, and why then, as the leader has decided."""

    in_seconds: Annotated[float | None, Field(description="0: now. Null: not as things stand.")]
    code: ReasonCode
    why: Annotated[str, Field(description="The code in words.")]
    with_tier: Annotated[
        str | None, Field(description="The tier whose rows it sums up and with which it is refreshed.")
    ]


Reason = tuple[ReasonCode, str]

# Further reasons, beside those of :data:`refresher.refreshing.policy.REASONS`.
NO_LEADER: Reason = ("no_leader", "There is no leader: nothing is refreshed until a refresher becomes one.")
UNDECIDED: Reason = ("undecided", "The leader has not decided yet.")
REFRESHING: Reason = ("refreshing", "A refresh runs now.")


class Decision(TypedDict):
    """What the leader has decided of one tier."""

    view: str
    tier: str
    in_seconds: float | None
    code: ReasonCode
    why: str


@dataclass(frozen=True, slots=True)
class PlanNote:
    """The leader's note on its refresh plan; ``age_seconds``: since it was written."""

    epoch: int
    age_seconds: float
    content: Sequence[Decision]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the leader has decided of each (view, tier).

    :param has_leader: whether there is one now.
    :param age_seconds: since it was written.
    """

    has_leader: bool
    age_seconds: float = 0.0
    decided: Mapping[tuple[str, str], Decision] = field(default_factory=dict)

    @classmethod
    def of(cls, note: PlanNote | None, epoch: int | None) -> "Plan":
        """Return the plan of the leader of ``epoch`` (None: there is no leader), if that leader wrote the note."""
        if epoch is None or note is None or note.epoch != epoch:
            return cls(has_leader=epoch is not None)
        return cls(True, max(0.0, note.age_seconds), {(it["view"], it["tier"]): it for it in note.content})


def next_refresh_of(tier: TierStatus, plan: Plan) -> NextRefresh:
    """Return when and why a tier is refreshed next."""
    first = tiers_together(tier.tier)[0]
    decision = plan.decided.get((tier.view, first))
    in_seconds: float | None = None
    if not plan.has_leader:
        code, why = NO_LEADER
    elif tier.refreshing:
        in_seconds, (code, why) = 0.0, REFRESHING
    elif decision is None:
        code, why = UNDECIDED
    else:
        code, why, planned = decision["code"], decision["why"], decision["in_seconds"]
        in_seconds = None if planned is None else round(max(0.0, planned - plan.age_seconds), 1)
    return NextRefresh(in_seconds, code, why, with_tier=first if first != tier.tier else None)
