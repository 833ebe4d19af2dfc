"""One declared view: its table, its keys, its expressions, its row view; faults in the order of the declaration."""

import re
from dataclasses import dataclass

from views_sql.declaration.application import Measure, View
from views_sql.declaration.proven import ProvenMeasure, ProvenSource, ProvenView, Watched
from views_sql.proof import keys, measures, origins, rights
from views_sql.proof.columns import Column
from views_sql.proof.expressions import Expression, Probe
from views_sql.proof.findings import Place
from views_sql.proof.indexes import advise_indexes
from views_sql.proof.keys import Users
from views_sql.proof.row_view import RowView, deparsed, row_column
from views_sql.proof.session import Connection
from views_sql.proof.tables import Table, find_table, no_column
from views_sql.proof.value_types import TIMES

NAME = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Judged:
    """A view in which PostgreSQL found no fault, with what its price is computed from."""

    proven: ProvenView
    rows: RowView
    place: Place


@dataclass(frozen=True, slots=True)
class Parts:
    """The accepted expressions of a view: columns of the row view by name, and its own condition."""

    columns: dict[str, Expression]
    where: tuple[Expression, ...]
    measures: tuple[ProvenMeasure, ...]

    @property
    def all(self) -> list[Expression]:
        """Every expression on which a row of the view depends."""
        return [*self.columns.values(), *self.where]


def judge_view(connection: Connection, view: View, users: Users, place: Place) -> Judged | None:
    """Return a view's proven values, or None after faults were added; in an open transaction."""
    before = len(place.findings.faults)
    table = find_table(connection, view.table, place / "table")
    zone = view.zone or users.zone
    for name, declared in (("zone", view.zone), ("stored_zone", view.stored_zone)):
        if declared is not None:
            users.zones.check(declared, place / name)
    if view.select is not None:
        (place / "select").refuse("a SELECT of one's own comes with a later version; declare the table itself")
    if table is None:
        return None
    rights.check_owner(connection, table, place / "table")
    user = keys.user_column(connection, view.user, table, users, place / "user")
    if user:
        users.keys.append((user, place / "user"))
    time = time_column(table, view.time, zone, place / "time") if view.time is not None else None
    origins.check_trust(connection, view.trust, place / "trust")
    parts = _parts(Probe(connection, table, zone, view.trust), view, place)
    if user is None or len(place.findings.faults) > before or not users.zones.known(zone):
        return None
    advise_indexes(connection, table, user, time, place)
    own = view.zone is None and users.zone_column is not None and time is not None and time.type.base != "date"
    rows = RowView(table, user, time, zone, view.stored_zone, parts.columns, parts.where, own)
    return _judged(connection, view, rows, parts, place)


def time_column(table: Table, declared: str, zone: str, place: Place) -> Column | None:
    """Return the column of a row's time, or None after a fault was added."""
    column = table.columns.get(declared)
    if column is None:
        meant = [name for name in NAME.findall(declared) if name in table.columns]
        if NAME.fullmatch(declared) or not meant:
            place.refuse(no_column(table, declared))
        else:
            place.refuse(
                f"{declared} is an expression, which may depend on the session's TimeZone: "
                f"name the column {meant[0]}, its day is taken in {zone}"
            )
    elif column.type.base not in TIMES:
        place.refuse(f"{column.name} is of type {column.type.name}: a time is a date, timestamp or timestamptz")
    elif column.generated == "v":
        place.refuse(f"{column.name} is a virtual generated column, which triggers see as NULL; name a stored column")
    else:
        return column
    return None


def _parts(probe: Probe, view: View, place: Place) -> Parts:
    """Return what of a view's expressions PostgreSQL accepts; each of the others has added its fault."""
    columns: dict[str, Expression] = {}
    where = _condition(probe, view.where, place / "where")
    for name, text in view.dimensions.items():
        at = place / "dimensions" / name
        if (of := probe.expression(text, at)) and measures.check_dimension(of, at):
            columns[f"d_{name}"] = of
    found = [_measure(probe, name, of, columns, place / "measures" / name) for name, of in view.measures.items()]
    return Parts(columns, (where,) if where else (), tuple(found))


def _condition(probe: Probe, text: str | None, place: Place) -> Expression | None:
    of = probe.expression(text, place) if text is not None else None
    return of if of and measures.check_condition(of, place) else None


def _measure(probe: Probe, name: str, of: Measure, columns: dict[str, Expression], place: Place) -> ProvenMeasure:
    """Return a measure, and add its argument and its condition to the row view's columns."""
    at = place / of.verb
    argument = probe.expression(of.argument, at) if of.argument is not None else None
    argument = argument if argument and measures.check_argument(of, argument, at) else None
    if argument:
        columns[f"m_{name}"] = argument
    where = _condition(probe, of.where, place / "where")
    if where:
        columns[f"w_{name}"] = where
    return measures.proven_measure(name, of, argument, filtered=where is not None)


def _judged(connection: Connection, view: View, rows: RowView, parts: Parts, place: Place) -> Judged | None:
    text, shown = deparsed(connection, rows)
    days = ["at"] if rows.own_zones else ["at", "day"]
    expected = ["user_key", *(days if rows.time else []), *parts.columns]
    if list(shown) != expected:
        place.refuse(f"its expressions do not fit together: the row view has the columns {', '.join(shown)}")
        return None
    dimensions = {name: row_column(f"d_{name}", parts.columns[f"d_{name}"]) for name in view.dimensions}
    proven = ProvenView(
        name=view.name,
        source=_source(view, rows, parts),
        row_select=text,
        dimensions=dimensions,
        columns=tuple(row_column(name, of) for name, of in parts.columns.items()),
        measures=parts.measures,
        longest_days=view.longest_days,
        region=view.region,
        ttl_seconds=view.ttl_seconds,
        trusted=tuple(dict.fromkeys(name for of in parts.all for name in of.trusted)),
    )
    return Judged(proven, rows, place)


def _source(view: View, rows: RowView, parts: Parts) -> ProvenSource:
    kind = TIMES[rows.time.type.base] if rows.time else None
    return ProvenSource(
        name=view.name,
        table=rows.table.proven,
        user_column=rows.user.name,
        time_column=rows.time.name if rows.time else None,
        time_kind=kind,
        zone=None if kind in {None, "date"} else "UTC" if rows.own_zones else rows.zone,
        stored_zone=rows.stored_zone,
        watched=_watched(rows.table, parts.all),
        long_keys=rows.user.type.long,
        default_zone=rows.zone if rows.own_zones else None,
    )


def _watched(table: Table, expressions: list[Expression]) -> tuple[Watched, ...]:
    """Return the columns on which a row's part in the view depends, in the table's order."""
    read = {name for of in expressions for name in of.reads}
    return tuple(
        Watched(name, as_text=column.type.compared_as_text) for name, column in table.columns.items() if name in read
    )
