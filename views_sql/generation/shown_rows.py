"""The row views of labels, facts and lists: rows that answers show as they are, and how statements read them.

Invariant: rows are found by an index on a key or on user and order; a label is looked up for each row that is shown,
never for all rows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from views_sql.declaration.proven import (
    ProvenApplication,
    ProvenFacts,
    ProvenLabel,
    ProvenList,
    ProvenView,
    RowColumn,
)
from views_sql.generation.names import identifier
from views_sql.generation.read_groups import passes
from views_sql.generation.read_measures import concatenated, json_text
from views_sql.generation.short_text import forms


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of the declarations that made the parts of an application, by their names."""

    views: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)
    lists: Mapping[str, int] = field(default_factory=dict)
    facts: int | None = None


Shown = ProvenLabel | ProvenFacts | ProvenList
_MOST_MEMBERS = 49  # A function has at most 100 arguments: two a member, and the end.


def rows_name(shown: Shown, number: int) -> str:
    """Return the name of the row view."""
    match shown:
        case ProvenLabel():
            return identifier(f"{shown.dimension}_{number}_label")
        case ProvenList():
            return identifier(f"{shown.name}_{number}_listed")
        case ProvenFacts():
            return f"user_{int(number)}_facts"


def captured_name(shown: Shown, number: int) -> str:
    """Return the name of the source that its table is captured as."""
    match shown:
        case ProvenLabel():
            return identifier(f"{shown.dimension}_{number}_label")
        case ProvenList():
            return identifier(f"{shown.name}_{number}_list")
        case ProvenFacts():
            return f"facts_{int(number)}_of_user"


def create_rows(shown: Shown, number: int) -> list[str]:
    """Return the DDL of the row view; only its owner may read it."""
    return [f"CREATE VIEW frontview.{rows_name(shown, number)} AS\n{shown.select.strip().rstrip(';')}"]


def drop_rows(shown: Shown, number: int) -> list[str]:
    """Return the DDL that drops it."""
    return [f"DROP VIEW IF EXISTS frontview.{rows_name(shown, number)}"]


def object_of(members: Iterable[tuple[str, str]]) -> str:
    """Return the text of a JSON object from names and the expressions of their JSON, which may be NULL.

    One call takes less than half the time of an operator for each part, which copies all that is before it.
    """
    parts, before = list[str](), "{"
    for name, json in members:
        parts.append(f"""'{before}"{identifier(name)}":', {concatenated(json)}""")
        before = ","
    if not parts:
        return "'{}'"
    texts = [parts[at : at + _MOST_MEMBERS] for at in range(0, len(parts), _MOST_MEMBERS)]
    texts[-1].append("'}'")
    return " || ".join(f"concat({', '.join(them)})" for them in texts)


def facts_object(facts: ProvenFacts, number: int) -> str:
    """Return the expression of the JSON object of the user's facts."""
    members = object_of((it.name, json_text(_kind(it), f"f.f_{identifier(it.name)}")) for it in facts.columns)
    return f"COALESCE((SELECT {members} FROM frontview.{rows_name(facts, number)} f WHERE f.user_key = p_user), 'null')"  # nosec B608  # names are checked


def joined_label(label: ProvenLabel, number: int, key: str, known: str = "TRUE") -> str:
    """Return the join of the label's row as ``l_<dimension>``; LIMIT keeps it a look-up for each row.

    It uses the key's unique index: IS TRUE keeps the planner from an index of all rows of the user.

    :param key: the expression of the dimension's value.
    :param known: the condition that it is no NULL.
    """
    own = "" if label.source.user_column is None else " AND (l.user_key = p_user) IS TRUE"
    return (
        f"\n        LEFT JOIN LATERAL (SELECT l.* FROM frontview.{rows_name(label, number)} l"  # nosec B608  # names are checked
        f" WHERE {known} AND l.label_key = {key}{own} LIMIT 1) l_{identifier(label.dimension)} ON TRUE"
    )


def label_members(label: ProvenLabel) -> list[tuple[str, str]]:
    """Return the members of a JSON object that show a joined label."""
    return [(f"{label.dimension}_{it.name}", label_json(label, it.name)) for it in label.columns]


def label_json(label: ProvenLabel, name: str) -> str:
    """Return the JSON of one column of a joined label."""
    column = next(it for it in label.columns if it.name == name)
    return json_text(_kind(column), f"l_{identifier(label.dimension)}.{identifier(f'l_{name}')}")


def list_array(
    application: ProvenApplication, listed: ProvenList, numbers: Numbers, filters: Mapping[str, Iterable[ProvenView]],
    limit: str,
) -> str:  # fmt: skip
    """Return the expression of the JSON array of a list.

    :param filters: the dimensions that have parameters, and the views by whose groups a long text may be named, too.
    """
    labels = {it.dimension: it for it in application.labels}
    columns = {it.name: it for it in listed.columns}
    members, joined = [], dict[str, str]()
    for name, place in listed.shown:
        dimension, _, column = place.partition(".")
        if column:
            label = labels[dimension]
            key = f"v.{identifier(listed.dimensions[dimension].name)}"
            joined[dimension] = joined_label(label, numbers.labels[dimension], key)
            members.append((name, label_json(label, column)))
        else:
            members.append((name, json_text(_kind(columns[place]), f"v.{identifier(place)}")))
    passing = "".join(
        f" AND ({' OR '.join(passes(name, it, form, f'{value} IS NULL') for form in forms(views, it, value))})"
        for name, views in filters.items()
        if (it := listed.dimensions.get(name)) and (value := f"v.{identifier(it.name)}")
    )
    order = ", ".join(f"v.{identifier(it.column)}{' DESC' if it.descending else ''}" for it in listed.order)
    rows = f"frontview.{rows_name(listed, numbers.lists[listed.name])} v WHERE v.user_key = p_user{passing}"
    return (
        f"(SELECT '[' || COALESCE(string_agg({object_of(members)}, ',' ORDER BY {order}), '') || ']'\n"  # nosec B608  # names are checked
        f"    FROM (SELECT v.* FROM {rows} ORDER BY {order} LIMIT {limit}) v{''.join(joined.values())})"
    )


def _kind(column: RowColumn) -> str:
    return column.type.partition("(")[0]
