"""How calls end: status, length, cost, and the score of the lead.

Invariant: all values are drawn from tables that a seed makes once, so that a call costs a few multiplications.
"""

import math
from random import Random

TABLE = 4096
# By quality of the agent: struggling, usual, excellent.
_STATUS_SHARES = (
    {"completed": 58, "no_answer": 20, "busy": 8, "failed": 13.8, "in_progress": 0.2},
    {"completed": 68, "no_answer": 17, "busy": 7, "failed": 7.9, "in_progress": 0.1},
    {"completed": 77, "no_answer": 14, "busy": 5, "failed": 3.9, "in_progress": 0.1},
)
_MEAN_SCORE = (41.0, 52.0, 63.0)
LEAD_SHARE = (0.23, 0.29, 0.36)
MEAN_CSAT = (3.4, 4.0, 4.6)
CSAT_ANSWER_SHARE = 0.28
TRANSFER_SHARE = (0.13, 0.07, 0.03)
# From status to (duration in seconds, cost in cents) of a call without a conversation.
UNANSWERED = {"no_answer": (0, 0), "busy": (0, 0), "failed": (4, 1), "in_progress": (0, 0)}


def cost_cents(duration_seconds: int) -> int:
    """Return the price of a completed call: 2 cents, and 1.5 cents for each started period of six seconds."""
    return 2 + -(-duration_seconds // 6) * 3 // 2


def stage_of(score: int, chance: float) -> str:
    """Return the stage of a lead with that score; some good ones are lost, some are still new."""
    if chance < 0.06:
        return "new"
    if score >= 78:
        return "converted" if chance < 0.85 else "lost"
    if score >= 60:
        return "qualified"
    if score >= 38:
        return "engaged"
    return "new" if chance < 0.45 else "lost"


class Outcomes:
    """Tables of statuses, talks and scores, by quality of the agent."""

    def __init__(self, random: Random) -> None:
        self.statuses = [_spread(shares) for shares in _STATUS_SHARES]
        self.talks = [(talk := _talk_seconds(random), cost_cents(talk)) for _ in range(TABLE)]
        self.scores = [[_score(mean, random) for _ in range(TABLE)] for mean in _MEAN_SCORE]


def _spread(shares: dict[str, float]) -> list[str]:
    """Return a table in which each value has its share of the places."""
    whole, table = sum(shares.values()), list[str]()
    for value, share in shares.items():
        table.extend([value] * math.ceil(share / whole * TABLE))
    # Rounding up made it a little too long; the first value is the commonest and can spare some.
    return table[len(table) - TABLE :]


def _talk_seconds(random: Random) -> int:
    """Return a talk of seconds to an hour, half of them under two and a half minutes."""
    return max(8, min(3600, int(random.lognormvariate(math.log(150), 0.85))))


def _score(mean: float, random: Random) -> int:
    return max(0, min(100, round(random.gauss(mean, 21))))
