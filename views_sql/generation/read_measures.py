"""The measures in a grouped read: the values that an answer shows, from sums of stored columns or from rows.

Invariant: what is computed of the range that was asked for has the measure's plain name behind its prefix; what is
computed of the earlier range has ``e_`` before it.
"""

from dataclasses import dataclass

from views_sql.declaration import ranking
from views_sql.declaration.proven import ProvenMeasure, ProvenView
from views_sql.declaration.ranking import ranks
from views_sql.generation.names import identifier
from views_sql.generation.stored_columns import argument_type, distinct_measures, is_live, value_columns

SIDES = (("", "0"), ("e_", "1"))  # The range, and the earlier range: the prefix of columns, and how rows are marked.
AVERAGE_DECIMALS = 2


class NeverNull(str):
    """The expression of a JSON text that is never NULL; any other one may be."""

    __slots__ = ()


def or_null(json: str) -> str:
    """Return the expression of a JSON text, null where it would be NULL."""
    return json if isinstance(json, NeverNull) else f"COALESCE({json}, 'null')"


def concatenated(json: str) -> str:
    """Return the same as an argument of ``concat``, which prints numbers and JSON as a cast to text does."""
    return json.removesuffix("::text") if isinstance(json, NeverNull) else or_null(json)


@dataclass(frozen=True, slots=True)
class Counted:
    """Measures that are no sums of tiers' columns, and the rows that they are computed from.

    :param rows: name of the common table expression of the rows.
    :param result: name of the one of the results: a row for each place and period, and the totals.
    :param columns: the columns of a row ``v`` that are read in addition to its group.
    """

    rows: str
    result: str
    measures: tuple[ProvenMeasure, ...]
    columns: tuple[str, ...]

    def aggregates(self, sides: tuple[tuple[str, str], ...]) -> str:
        """Return the aggregates of each side over rows ``c``, each after a comma; no sides: over all rows."""
        return "".join(
            f", {aggregate_of(measure, f'c.side = {side}' if side else '')} AS {prefix}m_{measure.name}"
            for measure in self.measures
            for prefix, side in (sides or (("", ""),))
        )

    @property
    def wanted(self) -> str:
        """The condition that one of the measures was asked for."""
        return "(" + " OR ".join(f"want_{measure.name}" for measure in self.measures) + ")"

    @property
    def ordered_by(self) -> str:
        """The condition that the answer is ordered by one of them."""
        return "sort_by IN (" + ", ".join(f"'{measure.name}'" for measure in self.measures) + ")"


def counted_measures(view: ProvenView) -> list[Counted]:
    """Return the distinct measures, each with its hidden view's rows, then all live ones with rows of the row view."""
    counted = [
        Counted(f"value_row_{place}", f"counted_{place}", (measure,), ("value",))
        for place, measure in enumerate(distinct_measures(view), 1)
    ]
    live = tuple(measure for measure in view.measures if is_live(measure))
    columns = (name for measure in live for name in (measure.argument, measure.where) if name)
    return counted + ([Counted("live_row", "counted_live", live, tuple(dict.fromkeys(columns)))] if live else [])


def merged_columns(view: ProvenView, rows: str) -> str:
    """Return the stored columns merged over rows of either side, each after a comma."""
    return "".join(f", {it.merge}({rows}.{it.name}) AS {it.name}" for it in value_columns(view))


def sided_columns(view: ProvenView, rows: str, prefix: str, side: str) -> str:
    """Return the stored columns merged over the rows of one side, each after a comma."""
    return "".join(
        f", {it.merge}({rows}.{it.name}) FILTER (WHERE {rows}.side = {side}) AS {prefix}{it.name}"
        for it in value_columns(view)
    )


def value_of(measure: ProvenMeasure, rows: str, prefix: str = "") -> str:
    """Return what an answer shows of a measure, from merged columns of ``rows`` or, if it is counted, its result."""
    column = f"{rows}.{prefix}m_{measure.name}"
    if has_value(measure):
        return f"COALESCE({column}, 0)"
    if measure.verb == "avg" and not is_live(measure):
        return _average(f"{rows}.{prefix}s_{measure.name}", f"{rows}.{prefix}c_{measure.name}", measure)
    return column


def has_value(measure: ProvenMeasure) -> bool:
    """Return whether a measure has a value where there are no rows: 0."""
    return measure.verb in ("count", "sum", "distinct")


def sort_value(view: ProvenView, measure: ProvenMeasure, value: str) -> str | None:
    """Return the number by which a value of a measure is ordered; None: it cannot be."""
    kind = kind_of(view, measure)
    if not ranks(measure.verb, kind):
        return None
    return f"({value})::numeric" if ranking.is_number(kind) else f"extract(epoch FROM {value})"


def members(view: ProvenView, *, compared: bool) -> str:
    """Return the members of a JSON object with the measures of a row ``f``, and what they are compared with."""
    now = [_member(measure, json_of(view, measure, f"f.v_{measure.name}")) for measure in view.measures]
    if not compared:
        return ", ".join(now)
    earlier = ", ".join(_member(it, json_of(view, it, f"f.e_{it.name}")) for it in view.measures)
    change = ", ".join(_member(it, f"to_json({_change(view, it)})::text") for it in view.measures)
    both = f"""'"previous":{{' || concat_ws(',', {earlier}) || '}},"change":{{' || concat_ws(',', {change}) || '}}'"""
    return ", ".join([*now, both])


def _member(measure: ProvenMeasure, json: str) -> str:
    name = identifier(measure.name)
    return f"""CASE WHEN want_{name} THEN '"{name}":' || COALESCE({json}, 'null') END"""


def json_of(view: ProvenView, measure: ProvenMeasure, value: str) -> str:
    """Return the JSON text of a value. Measured, to_json takes most of the time of an answer of numbers."""
    if measure.verb in ("count", "distinct"):
        return json_text("bigint", value)
    return json_text(argument_type(view, measure) if measure.verb in ("sum", "avg") else kind_of(view, measure), value)


def json_text(kind: str, value: str) -> str:
    """Return the JSON text of a value of a type, NULL where it is NULL."""
    if kind in ("smallint", "integer", "bigint"):
        return f"{value}::text"
    if kind == "numeric":  # NaN, which is greater than infinity, is no number in JSON.
        finite = f"{value} > '-Infinity' AND {value} < 'Infinity'"
        return f"CASE WHEN {finite} THEN {value}::text ELSE to_json({value})::text END"
    return f"to_json({value})::text"


def _change(view: ProvenView, measure: ProvenMeasure) -> str:
    """Return how much a measure changed, as a share of what it was; NULL where there is no such number."""
    if not is_number(view, measure):
        return "NULL::numeric"
    return change_between(f"f.v_{measure.name}::numeric", f"f.e_{measure.name}::numeric")


def change_between(now: str, earlier: str) -> str:
    """Return how much a number changed, as a share of what it was."""
    return f"trim_scale(round(({now} - {earlier}) / NULLIF({earlier}, 0), 4))"


def is_number(view: ProvenView, measure: ProvenMeasure) -> bool:
    """Return whether what an answer shows of a measure is a number."""
    return ranking.is_number(kind_of(view, measure))


def aggregate_of(measure: ProvenMeasure, condition: str) -> str:
    """Return the aggregate of a counted measure over rows ``c`` that a condition, if there is one, holds for."""
    conditions = [condition] if condition else []
    if is_live(measure) and measure.where:
        conditions.append(f"c.{identifier(measure.where)}")
    only = f"FILTER (WHERE {' AND '.join(conditions)})" if conditions else ""
    argument = f"c.{identifier(measure.argument)}" if measure.argument else "*"
    if measure.verb == "distinct":
        return f"count(DISTINCT {argument if is_live(measure) else 'c.value'}) {only}"
    if measure.verb == "percentile":
        return f"percentile_disc({float(measure.at or 0)!r}) WITHIN GROUP (ORDER BY {argument}) {only}"
    if measure.verb == "avg":
        return _average(f"sum({argument}) {only}", f"count({argument}) {only}", measure)
    if measure.verb == "sum":
        return f"COALESCE(sum({argument}) {only}, 0)"
    return f"{measure.verb}({argument}) {only}"


def _average(total: str, count: str, measure: ProvenMeasure) -> str:
    decimals = AVERAGE_DECIMALS if measure.decimals is None else int(measure.decimals)
    return f"round(({total})::numeric / NULLIF({count}, 0), {decimals})"


def kind_of(view: ProvenView, measure: ProvenMeasure) -> str:
    """Return the type of what an answer shows of a measure, without its modifier."""
    if measure.verb not in ("min", "max", "percentile"):
        return "numeric"
    return argument_type(view, measure)
