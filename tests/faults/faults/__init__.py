"""The faults of the matrix, in its order; one class each, files by subject."""

from tests.faults.faults import (
    caches,
    clocks,
    connections,
    coverage,
    failing_refreshes,
    leader,
    leader_at_work,
    links,
    processes,
    rewrites,
    sealed_days,
    server,
    starts,
    stops,
    transactions,
)
from tests.faults.faults.fault import Fault

_SUBJECTS = (
    caches, clocks, connections, coverage, failing_refreshes, leader, leader_at_work, links, processes, rewrites,
    sealed_days, server, starts, stops, transactions,
)  # fmt: skip


def _place(fault: type[Fault]) -> tuple[int, str]:
    digits = "".join(character for character in fault.number if character.isdigit())
    return int(digits), fault.number


FAULTS: tuple[type[Fault], ...] = tuple(
    sorted((fault for subject in _SUBJECTS for fault in subject.FAULTS), key=_place)
)


def faults_named(numbers: str) -> list[type[Fault]]:
    """Return the faults of these numbers, separated by commas.

    :raises ValueError: there is no such fault.
    """
    by_number = {fault.number: fault for fault in FAULTS}
    chosen = [number for number in numbers.replace(" ", "").split(",") if number]
    if unknown := [number for number in chosen if number not in by_number]:
        raise ValueError(f"there is no fault {', '.join(unknown)}; there are {', '.join(by_number)}")
    return [by_number[number] for number in dict.fromkeys(chosen)]
