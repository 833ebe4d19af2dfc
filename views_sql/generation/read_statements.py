"""The statements of a grouped read: one that groups by nothing, one by dimensions, one that compares as well.

Invariant: a statement reads the merged rows of the view once for each side, and every other relation once at most, and
only if a measure that needs it was asked for.
"""

from dataclasses import dataclass
from textwrap import indent

from views_sql.declaration.proven import ProvenView
from views_sql.generation.names import identifier
from views_sql.generation.read_groups import (
    filter_of,
    group_columns,
    group_members,
    key_names,
    order_of_groups,
    same_group,
    zero_groups,
)
from views_sql.generation.read_measures import (
    SIDES,
    Counted,
    counted_measures,
    members,
    merged_columns,
    sided_columns,
    sort_value,
    value_of,
)
from views_sql.generation.read_range import ReadRange
from views_sql.generation.row_view import row_view, rows_of_user
from views_sql.generation.stored_columns import (
    TEMPLATE_VERSION,
    distinct_measures,
    is_live,
    value_columns,
    values_name,
    view_name,
)
from views_sql.loader import fill_in, select_of


def statements(view: ProvenView, number: int, days: ReadRange) -> str:
    """Return the statements that put the answer into ``body``, one of which runs."""
    cases = [("NOT grouped AND p_compare IS NULL", _Statement(view, number, days, grouped=False, compared=False))]
    if view.dimensions:
        cases.append(("p_compare IS NULL", _Statement(view, number, days, grouped=True, compared=False)))
    if days.compared:
        cases.append(("TRUE", _Statement(view, number, days, grouped=True, compared=True)))
    text = "\n    ELSIF ".join(f"{case} THEN\n{indent(it.text(), ' ' * 8)}" for case, it in cases)
    return f"IF {text}\n    END IF;"


@dataclass(frozen=True)
class _Statement:
    """One statement.

    :param grouped: rows have the group and the side that they are on, and groups have places.
    :param compared: the rows of the earlier range are read as well.
    """

    view: ProvenView
    number: int
    days: ReadRange
    grouped: bool
    compared: bool

    @property
    def counted(self) -> list[Counted]:
        return counted_measures(self.view)

    @property
    def sides(self) -> tuple[tuple[str, str], ...]:
        return SIDES if self.compared else SIDES[:1]

    def text(self) -> str:
        template = "read_of_groups" if self.grouped else "read_of_periods"
        return fill_in(select_of(template, TEMPLATE_VERSION), self.names() | self.days.names) + ";"

    def names(self) -> dict[str, str]:
        """Return what the templates leave open."""
        view, sided = self.view, [sided_columns(self.view, "b", *side) for side in SIDES]
        place = "{0}.place = s.place AND {0}.period = s.period" if self.grouped else "{0}.period = s.period"
        return {
            "read_rows": self._read_rows(),
            "merged_of_r": merged_columns(view, "r"),
            "merged_of_p": merged_columns(view, "p"),
            "now_of_b": sided[0] if self.compared else merged_columns(view, "b"),
            "sides_of_b": "".join(sided) if self.compared else merged_columns(view, "b"),
            **{f"keys_of_{rows}": "".join(f", {rows}.{key}" for key in key_names(view)) for rows in "rbgo"},
            "order_of_o": order_of_groups(view),
            "sort_of_groups": self._sort_value("g", of_groups=True),
            "sort_of_rows": self._sort_value("f", of_groups=False),
            "joined_for_order": "".join(self._join_for_order(it) for it in self.counted),
            "same_group_of_b": same_group(view, "b", "k"),
            "counted": "".join(self._result(it) for it in self.counted),
            "joined_to_shown": "".join(f" LEFT JOIN {it.result} ON {place.format(it.result)}" for it in self.counted),
            "values_of_s": self._values(),
            "group_members": ", ".join(group_members(view)),
            "members": members(view, compared=self.compared),
        }

    def _read_rows(self) -> str:
        """Return the common table expressions of the rows that are read, each before a comma."""
        stored = [column.name for column in value_columns(self.view)]
        zeros = (*(("0", *zero_groups(self.view)) if self.grouped else ()), *("NULL" for _ in stored))
        none = f"SELECT {self.days.names['period_of_start']}{_listed(zeros)} FROM {self.days.starts}"  # nosec B608  # names are checked
        if self.grouped:
            none += " WHERE NOT grouped"
        name = view_name(self.view, self.number)
        parts = [("read_row", [*self._merged(name, "1", stored, "TRUE"), none])]
        hidden = distinct_measures(self.view)
        for place, it in enumerate(self.counted, 1):
            if is_live(it.measures[0]):
                parts.append((it.rows, self._base_rows(it)))
            else:
                values = values_name(self.view, hidden[place - 1], self.number)
                parts.append((it.rows, self._merged(values, f"place_{place}", list(it.columns), it.wanted)))
        both = "\n    UNION ALL\n    "
        return "\n".join(f"{it} AS (\n    {both.join(selects)}\n)," for it, selects in parts)

    def _merged(self, name: str, place: str, columns: list[str], condition: str) -> list[str]:
        """Return the SELECT of each side from a merged read.

        :param place: of the view among those that the read began with.
        """
        return [
            f"SELECT {period} AS period{self._group(side, of_rows=False)}{_listed(f'v.{it}' for it in columns)}\n"  # nosec B608  # names are checked
            f"    FROM frontview.{name}_merged(p_user, {f'{first}, {last}, ' if first else ''}state.views[{place}]) v\n"
            f"    WHERE {condition}{filter_of(self.view, of_rows=False)}"
            for (_, side), (first, last, period) in zip(self.sides, self.days.sides, strict=False)
        ]

    def _base_rows(self, counted: Counted) -> list[str]:
        columns = _listed(f"v.{identifier(it)}" for it in counted.columns)
        return [
            f"SELECT {period} AS period{self._group(side, of_rows=True)}{columns}\n"  # nosec B608  # names are checked
            f"    FROM {self._rows_of_user(first, last)} AND {counted.wanted}{filter_of(self.view, of_rows=True)}"
            for (_, side), (first, last, period) in zip(self.sides, self.days.sides, strict=False)
        ]

    def _rows_of_user(self, first: str, last: str) -> str:
        if not first:
            return f"{row_view(self.view, self.number)} v WHERE v.user_key = p_user"
        return rows_of_user(self.view, self.number, "v", "p_user", first, last, "zone")

    def _group(self, side: str, *, of_rows: bool) -> str:
        return _listed((f"{side} AS side", *group_columns(self.view, of_rows=of_rows))) if self.grouped else ""

    def _result(self, counted: Counted) -> str:
        """Return the common table expression of counted measures, after a comma."""
        if not self.grouped:
            return (
                f", {counted.result} AS MATERIALIZED (\n"  # nosec B608  # names are checked
                f"    SELECT COALESCE(c.period, '-infinity') AS period{counted.aggregates(())}\n"
                f"    FROM {counted.rows} c GROUP BY GROUPING SETS ((c.period), ())\n)"
            )
        columns = _listed(f"r.{column}" for column in counted.columns)
        return (
            f", {counted.result} AS MATERIALIZED (\n"  # nosec B608  # names are checked
            "    SELECT\n        COALESCE(c.place, 0) AS place, COALESCE(c.period, '-infinity') AS period"
            f"{counted.aggregates(self.sides)}\n    FROM (\n"
            f"        SELECT LEAST(k.place, p_limit + 1) AS place, r.period, r.side{columns}\n"
            f"        FROM {counted.rows} r INNER JOIN ranked k ON {same_group(self.view, 'r', 'k')}\n    ) c\n"
            "    GROUP BY GROUPING SETS ((c.place, c.period), ())\n)"
        )

    def _join_for_order(self, counted: Counted) -> str:
        """Return the join that gives each group the values of counted measures, if the answer is ordered by one."""
        keys = [f"c.{key}" for key in key_names(self.view)]
        return (
            f" LEFT JOIN (SELECT {', '.join(['0 AS every_group', *keys])}{counted.aggregates(SIDES[:1])}"  # nosec B608  # names are checked
            f" FROM {counted.rows} c WHERE {counted.ordered_by} GROUP BY {', '.join(['every_group', *keys])}"
            f") {counted.result} ON {same_group(self.view, 'g', counted.result)}"
        )

    def _result_of(self, name: str) -> str | None:
        """Return the result that holds a measure, None if it is merged from stored columns."""
        return next((it.result for it in self.counted if any(measure.name == name for measure in it.measures)), None)

    def _sort_value(self, rows: str, *, of_groups: bool) -> str:
        """Return the number by which groups, or rows of an answer that is not grouped, are ordered."""
        cases = []
        for measure in self.view.measures:
            value = f"f.v_{measure.name}"
            if of_groups:
                value = value_of(measure, self._result_of(measure.name) or rows)
            if number := sort_value(self.view, measure, value):
                cases.append(f"WHEN '{measure.name}' THEN {number}")
        return f"CASE sort_by {' '.join(cases)} END" if cases else "NULL::numeric"

    def _values(self) -> str:
        """Return what the answer shows of each measure, of each side, each after a comma."""
        return "".join(
            f", {value_of(measure, self._result_of(measure.name) or 's', prefix)} AS {prefix or 'v_'}{measure.name}"
            for measure in self.view.measures
            for prefix, _ in self.sides
        )


def _listed(columns: object) -> str:
    return "".join(f", {column}" for column in columns)  # type: ignore[attr-defined]
