"""A host's database is served from one file: exactly, from each source, before, while and after its tables change."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fix_postgres import Server
from tests.hosts.applications import Applications
from tests.hosts.django.host import host as django
from tests.hosts.host import Host
from tests.hosts.partitions.host import host as partitions
from tests.hosts.prisma.host import host as prisma
from tests.hosts.rails.host import host as rails
from tests.hosts.site import Site, site_of
from tests.schema_snapshot import schema_snapshot

NAMED = {make.__module__.split(".")[2]: make for make in (prisma, django, partitions, rails)}
HOSTS = pytest.mark.parametrize("make", NAMED.values(), ids=NAMED)
ONE_EACH_CHANGE = pytest.mark.parametrize(
    "make",
    [pytest.param(make, id=name, marks=[] if make is prisma else pytest.mark.proof) for name, make in NAMED.items()],
)
KINDS = {
    *("total", "day", "week", "month", "quarter", "year", "filter", "null filter", "group_by", "order", "other"),
    *("compare previous_period", "compare previous_year"),
}


@ONE_EACH_CHANGE
def test_a_host_gets_capture_and_views_and_keeps_its_schema(
    embedded_server: Server, tmp_path: Path, make: Callable[[], Host]
) -> None:
    with site_of(embedded_server, make(), tmp_path) as site:
        site.run_advised_statements()
        before = schema_snapshot(site.system.url)
        assert site.command("check").endswith("Next: frontview plan --write.\n")
        site.command("plan", "--write")
        site.command("migrate")
        assert "there is nothing to do" in site.command("plan")
        site.command("migrate", "--back")
        assert [line for line in schema_snapshot(site.system.url) if "frontview" not in line] == before


@pytest.mark.proof
@HOSTS
def test_every_figure_is_that_of_sql_whatever_its_source(
    any_server: Server, tmp_path: Path, make: Callable[[], Host]
) -> None:
    with site_of(any_server, make(), tmp_path) as site:
        applications = Applications(site.system.url, site.host)
        site.run_advised_statements()
        site.command("check")
        site.command("plan", "--write")
        with applications.running():
            applications.wait_for_more()
            site.command("migrate")
            applications.wait_for_more()
        site.system.start_web(workers=2)
        assert site.compare_exact("no view is populated", 10) == {"database"}
        site.system.start_refresher()
        site.system.wait_for_views()
        assert site.compare_exact("populated", 30) == {"materialized_view"}
        site.compare_cached("populated", 10)
        assert {kind for kind in KINDS if site.asked[kind]} == KINDS
        change_while_applications_write(site, applications)
        if site.host.changes:
            site.wait_until_partitions_are_noticed()
        assert "materialized_view" in site.compare_exact("changed", 30)
        site.compare_cached("changed", 10)


def change_while_applications_write(site: Site, applications: Applications) -> None:
    with applications.running():
        applications.wait_for_more()
        for change in site.host.changes:
            site.system.sql.execute(change.encode(), site.host.keys)
            applications.wait_for_more()
        for rename in site.host.renames:
            applications.rename(site.system.sql, rename)
            applications.wait_for_more()


@pytest.mark.proof
@HOSTS
def test_tokens_name_users_by_the_declared_claim(
    embedded_server: Server, tmp_path: Path, make: Callable[[], Host]
) -> None:
    with site_of(embedded_server, make(), tmp_path) as site:
        site.command("plan", "--write")
        site.command("migrate")
        site.system.start_web(workers=1)
        user, view = site.host.users[-2], next(iter(site.host.views))
        token = site.command("token", "--user", user).strip()
        response = site.get_with(token, view)
        assert response.status_code == 200
        assert str(response.json()["meta"]["user"]["id"]) == user
