"""One declared view: its table, its keys, its expressions, its row view; faults in the order of the declaration."""

from dataclasses import dataclass, replace

from views_sql.declaration.application import Measure, View
from views_sql.declaration.proven import ProvenMeasure, ProvenSource, ProvenView
from views_sql.proof import keys, measures, origins, rights
from views_sql.proof.columns import Column
from views_sql.proof.expressions import Expression, Probe
from views_sql.proof.findings import Place
from views_sql.proof.indexes import advise_indexes
from views_sql.proof.keys import Users
from views_sql.proof.row_view import RowView, deparsed, row_column
from views_sql.proof.select import Selected, judge_select, same_column
from views_sql.proof.session import Connection
from views_sql.proof.sources import ViewZones, source_of, time_column
from views_sql.proof.tables import Table, find_table


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
    before, zone = len(place.findings.faults), view.zone or users.zone
    table = find_table(connection, view.table, place / "table")
    for name, declared in (("zone", view.zone), ("stored_zone", view.stored_zone)):
        if declared is not None:
            users.zones.check(declared, place / name)
    if table is None:
        return None
    rights.check_owner(connection, table, place / "table")
    user = keys.user_column(connection, view.user, table, users, place / "user")
    if user:
        users.keys.append((user, place / "user"))
    time = time_column(table, view.time, zone, place / "time") if view.time is not None else None
    origins.check_trust(connection, view.trust, place / "trust")
    selected = None
    if view.select_text is not None:
        selected = judge_select(connection, view, (table, user), users, place) if user else None
        if selected is None:
            return None
    parts = _parts(Probe(connection, selected.rows if selected else table, zone, view.trust), view, place)
    if user is None or len(place.findings.faults) > before or not users.zones.known(zone):
        return None
    advise_indexes(connection, table, user, time, place)
    zones = ViewZones(zone, view.stored_zone, view.zone is None and users.zone_column is not None)
    source = source_of(view.name, table, user, time, zones, _read(parts, selected))
    rows = _row_view(view, table, (user, time), zone, parts, selected, place)
    if rows is not None and source.default_zone is not None:
        rows = replace(rows, own_zones=True)
    return _judged(connection, view, rows, parts, source, selected, place) if rows else None


def _row_view(
    view: View,
    table: Table,
    columns: tuple[Column, Column | None],
    zone: str,
    parts: Parts,
    selected: Selected | None,
    place: Place,
) -> RowView | None:
    """Return what the row view is made of, or None after faults were added."""
    user, time = columns
    if selected is None:
        return RowView(table, user, time, zone, view.stored_zone, parts.columns, parts.where)
    shown, at = same_column(selected, user, place / "user"), None
    if time is not None:
        at = same_column(selected, time, place / "time")
    if shown is None or (time is not None and at is None):
        return None
    return RowView(selected.rows, shown, at, zone, view.stored_zone, parts.columns, parts.where, selected.text)


def _read(parts: Parts, selected: Selected | None) -> list[str]:
    """Return the columns of the view's table on which a row's part in the view depends."""
    return [*selected.read] if selected else [name for of in parts.all for name in of.reads]


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


def _judged(
    connection: Connection,
    view: View,
    rows: RowView,
    parts: Parts,
    source: ProvenSource,
    selected: Selected | None,
    place: Place,
) -> Judged | None:
    text, shown = deparsed(connection, rows)
    days = ["at"] if rows.own_zones else ["at", "day"]
    expected = ["user_key", *(days if rows.time else []), *parts.columns]
    if list(shown) != expected:
        place.refuse(f"its expressions do not fit together: the row view has the columns {', '.join(shown)}")
        return None
    trusted = [name for of in parts.all for name in of.trusted]
    dimensions = {name: row_column(f"d_{name}", parts.columns[f"d_{name}"]) for name in view.dimensions}
    proven = ProvenView(
        name=view.name,
        source=source,
        row_select=text,
        dimensions=dimensions,
        columns=tuple(row_column(name, of) for name, of in parts.columns.items()),
        measures=parts.measures,
        longest_days=view.longest_days,
        region=view.region,
        ttl_seconds=view.ttl_seconds,
        trusted=tuple(dict.fromkeys([*(selected.trusted if selected else ()), *trusted])),
        more_sources=selected.more if selected else (),
        select=view.select,
    )
    return Judged(proven, rows, place)
