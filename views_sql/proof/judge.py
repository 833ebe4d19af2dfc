"""PostgreSQL judges a declaration: every fault at once, or the values from which everything is generated.

Transactions: each table is judged in a short one of its own that is rolled back; nothing stays, and no lock is held
while another table is judged. The connection is in autocommit mode, or in a transaction that the caller began.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg

from views_sql.declaration.application import Application, UserTable, View
from views_sql.declaration.proven import (
    KeyKind,
    ProvenApplication,
    ProvenDashboard,
    ProvenFacts,
    ProvenLabel,
    ProvenList,
    Watched,
)
from views_sql.declaration.references import dimensions_of
from views_sql.proof import keys, rights
from views_sql.proof.dashboards import Accepted, judge_dashboard, judge_labels, judge_metrics
from views_sql.proof.findings import Findings, Place
from views_sql.proof.keys import Users
from views_sql.proof.labels import judge_facts, judge_label
from views_sql.proof.lists import judge_list
from views_sql.proof.prices import price_of
from views_sql.proof.session import Connection, short_transaction
from views_sql.proof.tables import find_table
from views_sql.proof.user_names import user_name
from views_sql.proof.verdict import Verdict
from views_sql.proof.view import Judged, judge_view
from views_sql.proof.zones import Zones


def judge(connection: Connection, application: Application, *, priced: bool = True) -> Verdict:
    """Return what PostgreSQL says about a declaration.

    :param priced: whether samples are read for prices, in transactions of their own.
    :param connection: in autocommit mode, or in a transaction; otherwise one would be begun, and hold locks to its end.
    :raises psycopg.Error: the connection failed.
    """
    if not connection.autocommit and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
        raise ValueError("a declaration is judged on a connection in autocommit mode, or in a transaction")
    findings = Findings()
    if not rights.check_database(connection, findings.at(application.user.file, "user")):
        return _verdict(findings, None, None, application, [], Shown())
    users = _judge_users(connection, application.user, findings.at(application.user.file, "user"))
    judged = [_judge_view(connection, view, users, findings) for view in application.views]
    shown = _judge_shown(connection, application, users, findings)
    with short_transaction(connection):
        kind = keys.agree(connection, users.keys)
    accepted = [one for one in judged if one]
    prices = [price for one in accepted if priced and (price := price_of(connection, one))]
    shown = _judge_dashboards(application, accepted, shown, users, findings)
    verdict = _verdict(findings, users, kind, application, accepted, shown)
    return replace(verdict, prices=tuple(prices))


def _judge_users(connection: Connection, declared: UserTable, place: Place) -> Users:
    """Return whose views these are, as far as it can be said."""
    users = Users(None, None, declared.zone.default, Zones(connection), [], expected=declared.table is not None)
    with short_transaction(connection), _faults_of(place):
        users.zones.check(declared.zone.default, place / "zone" / "default" if declared.zone.column else place / "zone")
        if declared.table is None:
            if declared.key or declared.name:
                named = place / ("key" if declared.key else "name")
                named.refuse("is a column of [user].table, and there is none declared")
        elif table := find_table(connection, declared.table, place / "table"):
            key = keys.user_key(connection, declared, table, place / "key")
            users = replace(users, table=table, key=key, keys=[(key, place / "key")] if key else [])
            if declared.zone.column is not None:
                users = replace(users, zone_column=users.zones.column(table, declared.zone, place / "zone"))
            if declared.name is not None and key is not None:
                users = replace(users, name=user_name(connection, declared, users, place / "name"))
    return users


def _judge_view(connection: Connection, view: View, users: Users, findings: Findings) -> Judged | None:
    """Judge one view in a transaction of its own."""
    place = findings.at(view.file, f"view.{view.name}")
    with short_transaction(connection), _faults_of(place):
        return judge_view(connection, view, users, place)
    return None


@dataclass(frozen=True, slots=True)
class Shown:
    """What was accepted beside views."""

    labels: tuple[ProvenLabel, ...] = ()
    facts: ProvenFacts | None = None
    lists: tuple[ProvenList, ...] = ()
    dashboards: tuple[ProvenDashboard, ...] = ()


def _judge_shown(connection: Connection, of: Application, users: Users, findings: Findings) -> Shown:
    """Judge labels, facts and lists, each in a transaction of its own."""
    labels: list[ProvenLabel] = []
    lists: list[ProvenList] = []
    facts = None
    for dimension in of.dimensions:
        place = findings.at(dimension.file, f"dimension.{dimension.name}")
        with short_transaction(connection), _faults_of(place, "label"):
            labels += filter(None, [judge_label(connection, dimension, users, place)])
    if of.user.facts:
        place = findings.at(of.user.file, "user.facts")
        with short_transaction(connection), _faults_of(findings.at(of.user.file, "user")):
            facts = judge_facts(connection, of.user, users, place)
    declared = {dimension.name: dimension for dimension in of.dimensions}
    for listing in of.lists:
        place = findings.at(listing.file, f"list.{listing.name}")
        with short_transaction(connection), _faults_of(place):
            judged = judge_list(connection, listing, dimensions_of(listing, of), declared, users, place)
            lists += filter(None, [judged])
    return Shown(tuple(labels), facts, tuple(lists))


def _judge_dashboards(of: Application, views: list[Judged], shown: Shown, users: Users, findings: Findings) -> Shown:
    """Judge what is made of accepted views, labels and lists."""
    accepted = Accepted(
        of,
        {one.proven.name: one.proven for one in views},
        {label.dimension: label for label in shown.labels},
        {listing.name: listing for listing in shown.lists},
        users,
    )
    judge_metrics(accepted, findings)
    judge_labels(accepted, findings)
    return replace(shown, dashboards=tuple(judge_dashboard(accepted, it, findings) for it in of.dashboards))


def _watched_of(users: Users) -> tuple[Watched, ...]:
    """Return the columns of the table of users that answers depend on."""
    name = users.name.watched if users.name else ()
    if users.zone_column is None or users.zone_column.name in (it.column for it in name):
        return name
    return (*name, Watched(users.zone_column.name))


@contextmanager
def _faults_of(place: Place, table: str = "table") -> Iterator[None]:
    """Make a fault of a table that others hold locked, and of a missing right."""
    try:
        yield
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
        (place / table).refuse(
            "the table could not be looked at: another session holds it locked, or the server is overloaded; "
            "run check again"
        )
    except psycopg.errors.InsufficientPrivilege as error:
        place.refuse(f"a right is missing: {error.diag.message_primary}")


def _verdict(
    findings: Findings,
    users: Users | None,
    kind: KeyKind | None,
    of: Application,
    accepted: list[Judged],
    shown: Shown,
) -> Verdict:
    proven = None
    if users and kind and not findings.faults:
        proven = ProvenApplication(
            key_kind=kind,
            claim=of.user.claim,
            users=users.table.proven if users.table else None,
            user_key=users.key.name if users.key else None,
            zone=of.user.zone.default,
            users_select=users.name.select if users.name else None,
            users_watched=_watched_of(users),
            zone_column=users.zone_column.name if users.zone_column else None,
            views=tuple(one.proven for one in accepted),
            labels=shown.labels,
            facts=shown.facts,
            lists=shown.lists,
            dashboards=shown.dashboards,
        )
    return Verdict(proven, tuple(findings.faults), tuple(findings.warnings), findings.needed, ())
