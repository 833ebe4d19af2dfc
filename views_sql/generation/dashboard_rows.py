"""The rows that a dashboard is computed from: each view is read once for all panels that heed the same filters.

Invariant: a reading is one common table expression over all days that its panels need; days in between that no panel
needs are not read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from views_sql.declaration.proven import ProvenMeasure, ProvenView
from views_sql.generation.names import identifier
from views_sql.generation.read_groups import filter_of, unfiltered
from views_sql.generation.read_measures import aggregate_of
from views_sql.generation.read_range import EARLIER
from views_sql.generation.row_view import row_view, rows_of_user
from views_sql.generation.short_text import shortened
from views_sql.generation.stored_columns import (
    argument_type,
    columns_of,
    distinct_measures,
    is_live,
    value_columns,
    values_name,
    view_name,
    zero_of,
)

Interval = tuple[str, str]  # The expressions of the first and of the last day.
EVER: Interval = ("'-infinity'::date", "'infinity'::date")
ASKED: Interval = ("first_day", "last_day")
ASKED_AND_BEFORE: Interval = (EARLIER["previous_period"][0], "last_day")


@dataclass(frozen=True, slots=True)
class Source:
    """Measures of one view that are computed from the same rows.

    :param rows: name of the common table expression.
    :param alias: of the aggregated rows.
    :param prefix: of the columns, where those of several views stand together.
    """

    rows: str
    alias: str
    view: ProvenView
    measures: tuple[ProvenMeasure, ...]
    prefix: str = ""

    @property
    def stored(self) -> bool:
        """Whether the measures are merged from stored columns, so that results can be merged again."""
        return not any(is_live(it) or it.verb == "distinct" for it in self.measures)

    def columns(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the type of each stored column, as base rows give it: whole numbers add up faster."""
        for measure in self.measures:
            kind = argument_type(self.view, measure)
            for it in columns_of(measure):
                if it.merge == "sum":
                    whole = it.expression.startswith("count") or kind in ("smallint", "integer")
                    yield f"{self.prefix}{it.name}", "bigint" if whole else "numeric"
                else:
                    yield f"{self.prefix}{it.name}", kind

    def aggregates(self, sides: Sequence[tuple[str, str]] = (("", ""),)) -> str:
        """Return the aggregates over rows ``c``, of each side: the prefix of its columns, and its condition."""
        if not self.stored:
            return ", ".join(
                f"{aggregate_of(it, condition)} AS {prefix}m_{it.name}"
                for it in self.measures
                for prefix, condition in sides
            )
        return ", ".join(
            f"{it.merge}(c.{self.prefix}{it.name}){f' FILTER (WHERE {condition})' if condition else ''}"
            f" AS {prefix}{self.prefix}{it.name}"
            for measure in self.measures
            for it in columns_of(measure)
            for prefix, condition in sides
        )


@dataclass(frozen=True, slots=True)
class _Key:
    """What tells one reading from another.

    :param kind: ``day``: sums by day, with one row of all earlier days; ``stored``; ``values``: of a distinct measure,
        each value; ``live``.
    """

    kind: str
    view: str
    filters: tuple[str, ...]
    measure: str = ""


@dataclass
class Readings:
    """The readings of a dashboard; panels add to them.

    :param ever: views, with filters, whose sums of all time some panel shows; these are read by day.
    :param maintained: the maintained views that the read begins with.
    """

    views: dict[str, ProvenView]
    numbers: dict[str, int]
    ever: set[tuple[str, tuple[str, ...]]]
    maintained: list[str] = field(default_factory=list)
    _intervals: dict[_Key, list[Interval]] = field(default_factory=dict)
    _by: dict[_Key, set[str]] = field(default_factory=dict)

    def sources(
        self, wanted: Sequence[tuple[str, str]], filters: tuple[str, ...], intervals: Sequence[Interval],
        by: Sequence[str] = (), *, daily: bool = True, every_group: bool = False, prefix: str = "s",
    ) -> list[Source]:  # fmt: skip
        """Return what measures are computed from.

        :param wanted: names of views and measures.
        :param by: the dimensions that rows are grouped by.
        :param daily: whether rows by day will do where ``by`` is empty.
        :param every_group: whether groups of rows that nothing is computed from are needed, too. What is counted of
            distinct measures is in fewer groups than the rows are: a view without others is one more source.
        """
        found: list[Source] = []
        for name in dict.fromkeys(view for view, _ in wanted):
            view = self.views[name]
            measures = tuple(it for it in view.measures if (name, it.name) in wanted)
            stored = tuple(it for it in measures if not is_live(it) and it.verb != "distinct")
            by_day = daily and not by and (name, filters) in self.ever and all(map(is_sum, stored))
            parts = [("day" if by_day else "stored", stored, "")]
            parts += [("values", (it,), it.name) for it in measures if it in distinct_measures(view)]
            parts.append(("live", tuple(it for it in measures if is_live(it)), ""))
            counts_rows = any(them for kind, them, _ in parts if kind != "values")
            for kind, them, of in parts:
                if them or (every_group and kind == "stored" and not counts_rows):
                    rows = self._rows(_Key(kind, name, filters, of), intervals, by)
                    found.append(Source(rows, f"{prefix}{len(found) + 1}", view, them))
        return found

    def _rows(self, key: _Key, intervals: Sequence[Interval], by: Sequence[str]) -> str:
        if self.views[key.view].source.time_kind is not None:
            known = self._intervals.setdefault(key, [])
            known += [it for it in intervals if it not in known]
        else:
            self._intervals.setdefault(key, [])
        self._by.setdefault(key, set()).update(by)
        return f"{key.kind}_row_{list(self._intervals).index(key) + 1}"

    def days(self) -> Interval:
        """Return the days that the whole dashboard depends on."""
        every = [it for them in self._intervals.values() for it in them]
        if not every or EVER in every or any(key.kind == "day" for key in self._intervals):
            return EVER
        firsts, lasts = (dict.fromkeys(it[end] for it in every) for end in (0, 1))
        return f"LEAST({', '.join(firsts)})", f"GREATEST({', '.join(lasts)})"

    def texts(self) -> list[str]:
        """Return the common table expressions."""
        found = []
        for place, (key, known) in enumerate(self._intervals.items(), 1):
            intervals = _needed(known)
            text = {"day": self._by_day, "live": self._live}.get(key.kind, self._merged)(key, intervals)
            found.append(f"{key.kind}_row_{place} AS (\n    {text}\n)")
        return found

    def _merged(self, key: _Key, intervals: list[Interval]) -> str:
        view = self.views[key.view]
        name = view_name(view, self.numbers[key.view])
        columns = [f"v.{it.name}" for it in value_columns(view)]
        if key.measure:
            measure = next(it for it in view.measures if it.name == key.measure)
            name, columns = values_name(view, measure, self.numbers[key.view]), ["v.value"]
        columns = [*_day(view), *self._group(key, of_rows=False), *columns]
        return (
            f"SELECT {', '.join(columns)}\n    FROM {self._item(view, name, intervals)}\n"  # nosec B608  # names are checked
            f"    WHERE TRUE{filter_of(view, of_rows=False, only=key.filters)}"
        )

    def _item(self, view: ProvenView, name: str, intervals: list[Interval]) -> str:
        state = f"state.views[{self._place(name)}]"
        if view.source.time_kind is None:
            return f"frontview.{name}_merged(p_user, {state}) v"
        if len(intervals) == 1:
            ((first, last),) = intervals
            return f"frontview.{name}_merged(p_user, {first}, {last}, {state}) v"
        return (
            f"unnest({_ranges(intervals)}) s (days)\n"
            f"    CROSS JOIN LATERAL frontview.{name}_merged(p_user, lower(s.days), upper(s.days) - 1, {state}) v"
        )

    def _by_day(self, key: _Key, _: list[Interval]) -> str:
        """Return the sums by day, whose cost does not grow with history; with a filter, the rows of all days."""
        view = self.views[key.view]
        name = view_name(view, self.numbers[key.view])
        columns = ", ".join(["v.day", *(f"v.{it.name}" for it in value_columns(view) if it.merge == "sum")])
        firsts = dict.fromkeys(first for first, _ in self._intervals[key] if first != EVER[0])
        since = f"LEAST({', '.join(firsts)})" if firsts else EVER[1]
        state = f"state.views[{self._place(name)}]"
        text = f"SELECT {columns} FROM frontview.{name}_by_day_merged(p_user, {since}, {state}) v"  # nosec B608  # names are checked
        if not key.filters:
            return text
        none = " AND ".join(map(unfiltered, key.filters))
        return (
            f"{text} WHERE {none}\n    UNION ALL\n"
            f"    SELECT {columns} FROM frontview.{name}_merged(p_user, {EVER[0]}, {EVER[1]}, {state}) v\n"  # nosec B608  # names are checked
            f"    WHERE NOT ({none}){filter_of(view, of_rows=False, only=key.filters)}"
        )

    def _live(self, key: _Key, intervals: list[Interval]) -> str:
        view = self.views[key.view]
        number = self.numbers[key.view]
        live = [it for it in view.measures if is_live(it)]
        names = dict.fromkeys(name for it in live for name in (it.argument, it.where) if name)
        columns = ", ".join([*_day(view), *self._group(key, of_rows=True), *(f"v.{identifier(it)}" for it in names)])
        passing = filter_of(view, of_rows=True, only=key.filters)
        if view.source.time_kind is None:
            item = f"{row_view(view, number)} v WHERE v.user_key = p_user"
        elif len(intervals) == 1:
            ((first, last),) = intervals
            item = rows_of_user(view, number, "v", "p_user", first, last, "zone")
        else:
            inner = rows_of_user(view, number, "v", "p_user", "lower(s.days)", "upper(s.days) - 1", "zone")
            item = f"unnest({_ranges(intervals)}) s (days)\n    CROSS JOIN LATERAL (SELECT v.* FROM {inner} OFFSET 0) v"  # nosec B608  # names are checked
            item += " WHERE TRUE"
        return f"SELECT {columns or '1'}\n    FROM {item}{passing}"  # nosec B608  # names are checked

    def _group(self, key: _Key, *, of_rows: bool) -> list[str]:
        """Return the columns that say what group a row ``v`` is in, of the dimensions that some panel groups by."""
        view, columns = self.views[key.view], []
        for name in sorted(self._by[key]):
            column = view.dimensions[name]
            value, unknown = f"v.d_{name}", f"v.n_{name}" if column.nullable else "FALSE"
            if of_rows:
                base = f"v.{identifier(column.name)}"
                value = shortened(view, column, base)
                unknown = f"{base} IS NULL" if column.nullable else "FALSE"
            if column.nullable:  # A tier has the value that stood for NULL when it was declared.
                value = f"CASE WHEN {unknown} THEN {zero_of(column)} ELSE {value} END"
            columns += [f"{value} AS d_{name}", f"{unknown} AS n_{name}"]
        return columns

    def _place(self, name: str) -> int:
        if name not in self.maintained:
            self.maintained.append(name)
        return self.maintained.index(name) + 1


def is_sum(measure: ProvenMeasure) -> bool:
    """Return whether a stored measure is computed from sums alone, which are kept by day."""
    return measure.verb in ("count", "sum", "avg")


def _day(view: ProvenView) -> list[str]:
    return [] if view.source.time_kind is None else ["v.day"]


def _needed(intervals: list[Interval]) -> list[Interval]:
    """Return the intervals that no other one holds."""
    if EVER in intervals:
        return [EVER]
    return [it for it in intervals if it != ASKED or ASKED_AND_BEFORE not in intervals]


def _ranges(intervals: list[Interval]) -> str:
    """Return the expression of the days of intervals, of which those that meet are one."""
    ranges = (f"daterange({first}, {last}, '[]')" for first, last in intervals)
    return f"datemultirange({', '.join(ranges)})"
