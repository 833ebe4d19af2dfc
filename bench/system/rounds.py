"""Rounds in which contenders take turns, so that whatever else the machine does meets all of them.

Invariant: every round measures every contender once, in an order that rotates; the first round is thrown away, unless a
question that takes seconds a round is only tried.
"""

import time
from collections.abc import Callable, Mapping
from statistics import median

Figures = dict[str, list[float]]


def interleave(
    contenders: Mapping[str, Callable[[], float]],
    rounds: int,
    step: Callable[[], None] = lambda: None,
    *,
    thrown_away: int = 1,
) -> Figures:
    """Return one figure a round and contender.

    :param contenders: each returns the figure of one round.
    :param step: called after each round.
    :param thrown_away: rounds before those that count.
    """
    figures: Figures = {name: [] for name in contenders}
    names = list(contenders)
    for turn in range(thrown_away + rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            figure = contenders[name]()
            if turn >= thrown_away:
                figures[name].append(figure)
        step()
    return figures


def milliseconds(action: Callable[[], object], times: int) -> float:
    """Return the median duration of ``times`` actions in a row."""
    durations = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        durations.append((time.perf_counter() - began) * 1000)
    return median(durations)


def interleaved_milliseconds(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    times: Mapping[str, int],
    step: Callable[[], None] = lambda: None,
) -> Figures:
    """Return the median duration of each contender's action, a round.

    :param times: how often a contender's action is repeated in a round.
    """
    return interleave({name: _timed(action, times[name]) for name, action in contenders.items()}, rounds, step)


def _timed(action: Callable[[], object], times: int) -> Callable[[], float]:
    return lambda: milliseconds(action, times)
