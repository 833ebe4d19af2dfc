"""How large a benchmark's database is and how long its questions measure.

Invariant: goals are stated for ``full``; ``small`` shows in a few minutes, anywhere, that everything still runs, and
``standard`` is for comparisons during an afternoon's work.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """One size of everything.

    :param rounds: interleaved rounds of each comparison.
    :param system_rounds: the same where a round takes seconds: many servers in turn, open pages, a browser.
    :param round_seconds: how long a throughput round lasts.
    :param hold_seconds: how long ``drain_flat`` holds a snapshot or a transaction open.
    :param probes: writes that ``freshness`` follows into the cache.
    :param trace_hours: how long the trace is that ``warming`` replays.
    :param late_seconds: how long ``bloat`` changes calls older than the horizon.
    :param late_keys: how many keys ``bloat`` then changes at once.
    :param copies: how many copies of seeded calls there are, on days of their own; the first is the seed.
    :param discarded: rounds at the start that do not count, where a round takes seconds.
    """

    name: str
    calls: int
    users: int
    days: int
    rounds: int
    system_rounds: int
    round_seconds: float
    hold_seconds: int
    probes: int
    trace_hours: int
    late_seconds: int = 0
    late_keys: int = 0
    copies: int = 1
    discarded: int = 1


GOALS_ARE_FOR = "full"
SCALES = {
    scale.name: scale
    for scale in (
        Scale("small", 50_000, 200, 365, 3, 1, 0.25, 2, 10, 1, 60, 100_000, discarded=0),
        Scale("standard", 1_000_000, 2_000, 365, 15, 15, 3.0, 120, 400, 2, 600, 250_000, 10),
        Scale("full", 5_000_000, 10_000, 365, 9, 9, 2.0, 60, 200, 2, 3600, 1_000_000, 10),
    )
}
