"""The bookkeeping's time zones follow the server's, and users whose days that moves are marked."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from refresher.leader.drain import drain_once
from refresher.leader.leadership import try_to_lead
from refresher.refreshing.refresh import refresh
from refresher.watch.comparison import Compared, compare
from refresher.watch.zones import ZoneCheck
from tests.concurrency.zones_storm import install_members
from tests.fix_postgres import Server, migrate
from tests.refresher.leading import drain_in, session_of
from tests.views_sql.roles_stage import cast
from views_sql.operations.catalog import catalog_of
from views_sql.operations.database import active_declaration

MEMBERS = """
INSERT INTO public.member (id, name, timezone) VALUES
(1, 'a', 'Asia/Tokyo'), (2, 'b', 'Eastern Time (US & Canada)'), (3, 'c', 'Mars5'), (4, 'd', NULL)
"""
MARKED = (
    "SELECT user_id FROM frontview.change_log WHERE source = 'existence_1_of_user' AND day = '-infinity' ORDER BY 1"
)


@pytest.fixture
def members_url(embedded_server: Server, tmp_path: Path) -> Iterator[str]:
    def prepare(url: str) -> None:
        migrate(url, "core@head", user_key="integer")
        install_members(url, tmp_path)

    url = embedded_server.create_prepared("members in zones", prepare, None)
    yield url
    embedded_server.drop(url)


@pytest.fixture
def members(members_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(members_url, autocommit=True) as connection:
        connection.execute(MEMBERS)
        yield connection


def load(connection: psycopg.Connection[Any]) -> list[str]:
    connection.execute("DELETE FROM frontview.change_log")
    row = connection.execute("SELECT frontview.load_zones()").fetchone()
    assert row is not None
    return sorted(row[0])


def marked(connection: psycopg.Connection[Any]) -> list[int]:
    return [user for (user,) in connection.execute(MARKED)]


def test_zones_as_they_were_mark_nobody(members: psycopg.Connection[Any]) -> None:
    assert (load(members), load(members), marked(members)) == ([], [], [])
    kept = members.execute("SELECT name FROM frontview.zone WHERE offsets IS NOT NULL ORDER BY name").fetchall()
    assert kept == [("Asia/Tokyo",), ("Eastern Time (US & Canada)",), ("Europe/Lisbon",), ("UTC",)]


def test_other_offsets_mark_the_users_of_that_name(members: psycopg.Connection[Any]) -> None:
    load(members)
    members.execute("UPDATE frontview.zone SET offsets = 1 WHERE name = 'Eastern Time (US & Canada)'")

    assert (load(members), marked(members)) == (["Eastern Time (US & Canada)"], [2])
    assert load(members) == []


@pytest.mark.parametrize("name", ["Europe/Lisbon", "UTC"], ids=["of users without one", "of stored times"])
def test_other_offsets_of_a_declared_zone_mark_every_key(members: psycopg.Connection[Any], name: str) -> None:
    load(members)
    members.execute("UPDATE frontview.zone SET offsets = 1 WHERE name = %s", (name,))

    assert load(members) == [name]
    every = members.execute("SELECT source FROM frontview.change_log WHERE user_id IS NULL ORDER BY source").fetchall()
    assert every == [("visits_1",), ("written_1",)] if name == "Europe/Lisbon" else [("written_1",)]


def test_the_years_that_are_compared_move_on_only_after_they_were(members: psycopg.Connection[Any]) -> None:
    load(members)
    members.execute("UPDATE frontview.zone SET offsets = 1, since = '2019-01-01' WHERE name = 'Asia/Tokyo'")

    assert (load(members), marked(members)) == (["Asia/Tokyo"], [1])
    assert load(members) == []
    row = members.execute("SELECT since > now() - interval '3 years' FROM frontview.zone WHERE name = 'Asia/Tokyo'")
    assert row.fetchone() == (True,)


@pytest.mark.parametrize(
    ("change", "user", "zone"),
    [
        ("INSERT INTO frontview.zone (name, zone) VALUES ('Mars5', 'UTC')", 3, "Europe/Lisbon"),
        ("DELETE FROM frontview.zone WHERE name = 'Asia/Tokyo'", 1, "Asia/Tokyo"),
        ("UPDATE frontview.zone SET zone = 'Asia/Seoul' WHERE name = 'Asia/Tokyo'", 1, "Asia/Tokyo"),
    ],
    ids=["known no more", "known now", "another zone"],
)
def test_a_name_that_means_something_else_marks_its_users(
    members: psycopg.Connection[Any], change: str, user: int, zone: str
) -> None:
    members.execute(change.encode())

    load(members)

    assert marked(members) == [user]
    row = members.execute("SELECT zone FROM frontview.user_1 WHERE user_key = %s", (user,)).fetchone()
    assert row == (zone,)


@pytest.mark.parametrize(
    "name", ["CET", "EST", "posix/Europe/Paris", "Etc/GMT+5", "localtime", "europe/paris", "Factory"]
)
def test_names_without_rules_of_their_own_are_no_zones(members: psycopg.Connection[Any], name: str) -> None:
    assert members.execute("SELECT 1 FROM frontview.zone WHERE name = %s", (name,)).fetchone() is None


def test_the_leader_compares_at_the_beginning_of_its_term_and_in_a_session_of_its_own(
    members: psycopg.Connection[Any], members_url: str
) -> None:
    members.execute("DELETE FROM frontview.zone WHERE name = 'Asia/Tokyo'")
    term = try_to_lead(members)
    session = session_of(drain_in(term), members_url)
    check = ZoneCheck(session)
    check.tick()
    members.execute("DELETE FROM frontview.zone WHERE name = 'Asia/Seoul'")
    check.tick()  # Not due again.
    session.stop()

    assert members.execute("SELECT count(*) FROM frontview.zone WHERE name = 'Asia/Seoul'").fetchone() == (0,)
    assert members.execute("SELECT zone FROM frontview.user_1 WHERE user_key = 1").fetchone() == ("Asia/Tokyo",)


def test_the_refreshers_role_audits_users_in_zones_while_something_is_stale(
    embedded_server: Server, tmp_path: Path
) -> None:
    def install(url: str) -> None:
        migrate(url, "core@head", user_key="integer")
        install_members(url, tmp_path)

    event = "INSERT INTO event (member_id, at, written, amount) VALUES (1, %s, '2025-11-01', 1)"
    with cast(embedded_server, install=install) as roles, roles.session("owner") as owner:
        owner.execute(MEMBERS)
        owner.execute(event, ("2025-11-01 12:00Z",))
        with roles.session("refresher") as refresher:
            term = try_to_lead(refresher)
            installed = active_declaration(refresher)
            assert term is not None
            assert installed is not None
            views = catalog_of(installed).views
            drain_once(refresher, term)
            for view in views:
                assert (
                    refresh(refresher, view, view.tiers, term.epoch, horizon=date(2025, 11, 5)).outcome == "populated"
                )
            owner.execute(event, ("2025-11-09 12:00Z",))
            drain_once(refresher, term)
            compared = [compare(refresher, view, "1") for view in views]

    assert compared == [Compared(0, from_tiers=True)] * len(views)
