"""What a benchmark found that is best seen: lines of figures against growing work.

Invariant: plain values, as findings are; drawing is :mod:`bench.pictures`' business, so that no question needs a
drawing library.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.finding import Spread

Point = tuple[float, Spread]


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over one axis.

    :param name: of the picture's file, without its ending.
    :param across: what grows, with its unit; :param up: what it costs, with its unit.
    :param lines: by contender, points in the order of what grows.
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
