"""A plot as plain values: lines of figures against a growing amount of work.

Invariant: plots are plain values, as findings are. Only :mod:`bench.findings.pictures` draws, so no question needs a
drawing library.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.findings.finding import Spread

Point = tuple[float, Spread]


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over one axis.

    :param name: of the picture's file, without its ending.
    :param across: the growing quantity, with its unit; :param up: its cost, with its unit.
    :param lines: points by contender, in the order of the growing quantity.
    :param logarithmic: axes that count in powers: ``""``, ``"x"``, ``"y"`` or ``"xy"``.
    """

    name: str
    title: str
    across: str
    up: str
    lines: Mapping[str, Sequence[Point]]
    logarithmic: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """One bar a contender, for figures that do not grow with anything.

    :param name: of the picture's file, without its ending; :param up: what the bars show, with its unit.
    """

    name: str
    title: str
    up: str
    bars: Mapping[str, Spread]
    logarithmic: bool = False


Picture = Plot | Bars
