"""Rounds in which contenders take turns, so that other work of the machine affects all of them alike.

Invariant: every round measures every contender once, in an order that rotates; the first round is discarded, except at
the small scale in questions whose rounds take seconds.
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
    discarded: int = 1,
) -> Figures:
    """Return one figure a round and contender.

    :param contenders: each returns the figure of one round.
    :param step: called after each round.
    :param discarded: rounds at the start that do not count.
    """
    figures: Figures = {name: [] for name in contenders}
    names = list(contenders)
    for turn in range(discarded + rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            figure = contenders[name]()
            if turn >= discarded:
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
