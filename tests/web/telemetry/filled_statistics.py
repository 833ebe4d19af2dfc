"""A worker's statistics in which every number is there and no two are equal."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from itertools import count
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from web.telemetry.worker_statistics import LatencyStatistics, SeriesStatistics, WorkerStatistics


def filled_statistics() -> WorkerStatistics:
    """Return statistics of which no number equals its default, nor another one."""
    numbers = count(1)
    found: WorkerStatistics = _filled(WorkerStatistics, numbers)
    series = SeriesStatistics("/a", "region", "cache", 200, (next(numbers), next(numbers)), next(numbers) + 0.5)
    return replace(found, latency=LatencyStatistics((0.25,), (series,)))


def _filled(kind: Any, numbers: "count[int]") -> Any:
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{it.name: _filled(hints[it.name], numbers) for it in fields(kind)})  # type: ignore[operator]
    if get_origin(kind) in (Union, UnionType):
        return _filled(get_args(kind)[0], numbers)
    if get_origin(kind) is Mapping:
        return {name: _filled(get_args(kind)[1], numbers) for name in ("one", "other")}
    if get_origin(kind) is tuple:
        return ()
    return {int: next(numbers), float: next(numbers) + 0.5, bool: True, str: "text"}[kind]
