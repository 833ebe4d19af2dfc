"""One declared list: its table, its user, what it shows, and an order that is total."""

from collections.abc import Mapping

from views_sql.declaration.dashboards import LabelledDimension, Listing
from views_sql.declaration.proven import ProvenList, ProvenOrder
from views_sql.declaration.references import label_columns, label_of
from views_sql.declaration.words import ordered
from views_sql.proof import keys, measures, origins, rights
from views_sql.proof.columns import Column
from views_sql.proof.expressions import Expression, Probe
from views_sql.proof.findings import Place
from views_sql.proof.indexes import advise_ordered
from views_sql.proof.keys import Users
from views_sql.proof.row_view import row_column
from views_sql.proof.session import Connection, rows
from views_sql.proof.shown import FAILS, ShownRows, check_shown, shown_rows
from views_sql.proof.tables import Table, find_table, no_column

# The columns of each plain unique index, that of the primary key first.
UNIQUE_KEYS = """
SELECT (i.indkey::int2[]::int[])[0:i.indnkeyatts - 1] FROM pg_index i
WHERE i.indrelid = %s AND i.indisunique AND i.indisvalid AND i.indisready AND i.indimmediate
    AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid
"""
Order = list[tuple[Column, bool]]


def judge_list(
    connection: Connection,
    listing: Listing,
    dimensions: Mapping[str, str],
    labels: Mapping[str, LabelledDimension],
    users: Users,
    place: Place,
) -> ProvenList | None:
    """Return what is proven of a list, or None after faults were added; in an open transaction.

    :param dimensions: its expressions by name, declared there or by the views over the table.
    :param labels: the declared ones by their dimension.
    """
    before = len(place.findings.faults)
    table = find_table(connection, listing.table, place / "table")
    if table is None:
        return None
    rights.check_owner(connection, table, place / "table")
    origins.check_trust(connection, listing.trust, place / "trust")
    user = keys.user_column(connection, listing.user, table, users, place / "user")
    if user:
        users.keys.append((user, place / "user"))
    probe = Probe(connection, table, users.zone, listing.trust, FAILS)
    columns, where = _expressions(probe, listing, dimensions, labels, place)
    order = _order(connection, listing, table, place / "order")
    if user is None or order is None or len(place.findings.faults) > before:
        return None
    declared, total = order
    advise_ordered(connection, table, user, declared, place / "order")
    for number, (column, _) in enumerate(total, 1):
        if (of := probe.expression(column.name, place / "order")) is None:
            return None
        columns[f"o_{number}"] = of
    found = shown_rows(connection, listing.name, table, user, columns, where, place)
    return _proven(listing, found, columns, total, labels) if found else None


def _proven(
    listing: Listing,
    found: ShownRows,
    columns: Mapping[str, Expression],
    order: Order,
    labels: Mapping[str, LabelledDimension],
) -> ProvenList:
    return ProvenList(
        name=listing.name,
        source=found.source,
        select=found.select,
        columns=tuple(row_column(name, of) for name, of in columns.items() if name.startswith("c_")),
        shown=tuple(_shown(name, text, labels) for name, text in listing.columns.items()),
        dimensions={
            name.removeprefix("d_"): row_column(name, of) for name, of in columns.items() if name.startswith("d_")
        },
        order=tuple(ProvenOrder(f"o_{number}", descending) for number, (_, descending) in enumerate(order, 1)),
        limit=listing.limit,
        region=listing.region,
        ttl_seconds=listing.ttl_seconds,
    )


def _shown(name: str, text: str, labels: Mapping[str, LabelledDimension]) -> tuple[str, str]:
    if label := label_of(text, frozenset(labels)):
        dimension, column = label
        return name, f"{dimension}.{label_columns(labels[dimension])[column]}"
    return name, f"c_{name}"


def _expressions(
    probe: Probe,
    listing: Listing,
    dimensions: Mapping[str, str],
    labels: Mapping[str, LabelledDimension],
    place: Place,
) -> tuple[dict[str, Expression], list[Expression]]:
    """Return the columns that PostgreSQL accepts, by their name, and the condition; others have added their faults."""
    columns: dict[str, Expression] = {}
    where = []
    if listing.where is not None:
        at = place / "where"
        where = [of for of in [probe.expression(listing.where, at)] if of and measures.check_condition(of, at)]
    for name, text in listing.columns.items():
        at = place / "columns" / name
        if label_of(text, frozenset(labels)):
            continue
        if (of := probe.expression(text, at)) and check_shown(probe.connection, of, at):
            columns[f"c_{name}"] = of
    for name, text in dimensions.items():
        at = place / "dimensions" / name
        if (of := probe.expression(text, at)) and measures.check_dimension(of, at):
            columns[f"d_{name}"] = of
    return columns, where


def _order(connection: Connection, listing: Listing, table: Table, place: Place) -> tuple[Order, Order] | None:
    """Return the columns that decide the order, and the total one; None after faults were added."""
    found: Order = []
    for name, descending in ordered(listing.order):
        column = table.columns.get(name)
        if column is None:
            place.refuse(no_column(table, name))
        elif not column.type.sorted:
            place.refuse(f"{name} is of type {column.type.name}, by which no list is ordered")
        elif column in (it for it, _ in found):
            place.refuse(f"{name} is named twice")
        else:
            found.append((column, descending))
    if len(found) < len(ordered(listing.order)):
        return None
    key = _key(connection, table, [column for column, _ in found])
    if key is None:
        place.refuse(
            f"{table.spelled} has no primary key or unique index of columns that are NOT NULL, so nothing says which "
            "of two equal rows comes first"
        )
        return None
    deciding = next((number for number, (column, _) in enumerate(found) if column in key), len(found))
    more = [(column, found[-1][1]) for column in key if column not in (it for it, _ in found)]
    return found[: max(deciding, 1)], [*found, *more]


def _key(connection: Connection, table: Table, chosen: list[Column]) -> list[Column] | None:
    """Return the columns of a unique key, one that is all chosen if there is such, else the primary one."""
    if table.kind == "inherited":
        return None
    by_number = {column.number: column for column in table.columns.values()}
    keys_there = [[by_number[number] for number in row[0]] for row in rows(connection, UNIQUE_KEYS, table.oid)]
    usable = [key for key in keys_there if not any(column.nullable for column in key)]
    return next((key for key in usable if all(column in chosen for column in key)), next(iter(usable), None))
