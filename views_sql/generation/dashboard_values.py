"""What panels show: measures and metrics, from aggregated rows to JSON.

Invariant: a value is computed once, in a column of its own; a metric has no value where it would divide by 0.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from models.errors import CatalogError
from views_sql.declaration.proven import Formula, MeasureOf, ProvenMeasure, ProvenView, ShownMeasure
from views_sql.generation.dashboard_rows import Source
from views_sql.generation.names import identifier
from views_sql.generation.read_measures import (
    NeverNull,
    change_between,
    has_value,
    is_number,
    json_of,
    json_text,
    sort_value,
    value_of,
)

METRIC_DECIMALS = 4
_NUMBER = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?")


@dataclass(frozen=True)
class Values:
    """The values of one panel.

    :param sources: whose aggregated rows are joined.
    """

    views: Mapping[str, ProvenView]
    shown: tuple[ShownMeasure, ...]
    sources: tuple[Source, ...]

    def columns(self, prefixes: Iterable[str] = ("",)) -> list[str]:
        """Return the columns of the values, ``v_<name>`` behind the prefix of each side."""
        return [
            f"{self._shown(it, prefix)} AS {prefix}v_{identifier(it.name)}" for prefix in prefixes for it in self.shown
        ]

    def members(self, prefix: str = "") -> list[tuple[str, str]]:
        """Return the members of a JSON object with the values of a row ``f``."""
        return [(it.name, self.json(it, f"f.{prefix}v_{it.name}")) for it in self.shown]

    def changes(self, now: str, earlier: str) -> list[tuple[str, str]]:
        """Return the members that say how much each value changed from one side to the other."""
        return [(it.name, self._change(it, now, earlier)) for it in self.shown]

    def sort_values(self) -> dict[str, str]:
        """Return the number by which a row ``f`` is ordered, of each value that has one."""
        numbers = {it.name: self._sort_value(it) for it in self.shown}
        return {name: number for name, number in numbers.items() if number}

    def json(self, shown: ShownMeasure, value: str) -> str:
        """Return the JSON text of a value."""
        if not isinstance(shown.value, MeasureOf):
            return json_text("numeric", value)
        view, measure = self._measure(shown.value)
        json = json_of(view, measure, value)
        return NeverNull(json) if has_value(measure) else json

    def _shown(self, shown: ShownMeasure, prefix: str) -> str:
        if isinstance(shown.value, MeasureOf):
            return self._value(shown.value, prefix)
        decimals = METRIC_DECIMALS if shown.decimals is None else int(shown.decimals)
        return f"round({self._value(shown.value, prefix)}, {decimals})"

    def _value(self, value: Formula | MeasureOf | str, prefix: str) -> str:
        if isinstance(value, MeasureOf):
            view, measure = self._measure(value)
            source = next(it for it in self.sources if it.view.name == view.name and measure in it.measures)
            return value_of(measure, source.alias, prefix + source.prefix)
        if isinstance(value, str):
            if not _NUMBER.fullmatch(value):
                raise CatalogError(f"{value!r} is no number of a formula")
            return f"{value}::numeric"
        if value.operator not in ("+", "-", "*", "/"):
            raise CatalogError(f"{value.operator!r} is no operator of a formula")
        left, right = (f"({self._value(it, prefix)})::numeric" for it in (value.left, value.right))
        return f"({left} {value.operator} {f'NULLIF({right}, 0)' if value.operator == '/' else right})"

    def _measure(self, value: MeasureOf) -> tuple[ProvenView, ProvenMeasure]:
        view = self.views[value.view]
        return view, next(it for it in view.measures if it.name == value.measure)

    def _change(self, shown: ShownMeasure, now: str, earlier: str) -> str:
        if isinstance(shown.value, MeasureOf) and not is_number(*self._measure(shown.value)):
            return "NULL"
        values = (f"f.{prefix}v_{shown.name}::numeric" for prefix in (now, earlier))
        return f"to_json({change_between(*values)})::text"

    def _sort_value(self, shown: ShownMeasure) -> str | None:
        value = f"f.v_{shown.name}"
        if isinstance(shown.value, MeasureOf):
            return sort_value(*self._measure(shown.value), value)
        return value


def wanted(shown: Iterable[ShownMeasure]) -> list[tuple[str, str]]:
    """Return the views and measures that values are computed from, each once."""
    return list(dict.fromkeys((it.view, it.measure) for one in shown for it in one.measures))
