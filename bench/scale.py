"""How large a benchmark's database is and how long its questions measure.

Invariant: goals are stated for ``standard``; ``small`` shows in about two minutes that everything still runs.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """One size of everything.

    :param rounds: interleaved rounds of each comparison.
    :param round_seconds: how long a throughput round lasts.
    :param hold_seconds: how long ``drain_flat`` holds a snapshot or a transaction open.
    :param probes: writes whose way into the cache ``freshness`` follows.
    """

    name: str
    calls: int
    users: int
    days: int
    rounds: int
    round_seconds: float
    hold_seconds: int
    probes: int


SCALES = {
    scale.name: scale
    for scale in (
        Scale("small", 100_000, 300, 365, 5, 1.0, 10, 40),
        Scale("standard", 1_000_000, 2_000, 365, 15, 3.0, 120, 400),
    )
}
