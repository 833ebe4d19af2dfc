"""Fixtures: a browser, a system that the tests of one file share, and visits to its pages that are watched."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import MISSING, chromium_path, launched
from tests.browser.project import running_project
from tests.browser.visit import TIMEOUT_MS, Visit, Visits
from tests.fix_app import System, filled_system, start_everything
from tests.fix_postgres import NEUTRAL, Server
from tests.voice_stage import VOICE, voice_application  # noqa: F401  a fixture

expect.set_options(timeout=TIMEOUT_MS)  # what is promised within a time says so itself

MORE_LEADS = """
    INSERT INTO lead_analytics (call_id, user_id, agent_id, analyzed_at, score, stage)
    SELECT id, user_id, agent_id, started_at, id % 101, (ARRAY['new', 'qualified', 'converted', 'lost'])[1 + id / 9 % 4]
    FROM calls WHERE id % 7 < 4 ON CONFLICT DO NOTHING
"""  # so that everybody has some, converted ones among them


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for these tests; it ends with them, as its event loop would be in the way of others'."""
    path = chromium_path()
    if path is None:
        pytest.skip(MISSING)
    with launched(path) as browser:
        yield browser


@pytest.fixture(scope="module")
def shared(chromium: Browser, embedded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that runs, for tests that look, or write for a user of their own; who stops a part takes ``running``."""
    with filled_system(embedded_server, tmp_path_factory.mktemp("shared"), users=20, application=VOICE) as system:
        system.sql.execute(MORE_LEADS)
        yield start_everything(system)


@pytest.fixture(scope="module")
def project(
    chromium: Browser, embedded_server: Server, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[System]:
    """A declared application that runs; its parameter is the kind of its user keys, by default text."""
    with running_project(
        embedded_server, tmp_path_factory.mktemp("project"), getattr(request, "param", "text")
    ) as system:
        yield system


@pytest.fixture(scope="module")
def library(chromium: Browser, embedded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The application that the tests of the core stand on, with every kind of panel."""
    with filled_system(embedded_server, tmp_path_factory.mktemp("library"), application=NEUTRAL) as system:
        yield start_everything(system)


@pytest.fixture
def visits(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Visits]:
    """Visits of people, each with a context of its own; at the end of the test nothing may have gone wrong in them."""
    for name in {"shared", "system", "running", "link", "project", "library"}.intersection(request.fixturenames):
        request.getfixturevalue(name)  # visits end before what is visited does
    with Visits(chromium) as made:
        yield made


@pytest.fixture
def page(visits: Visits, shared: System) -> Visit:
    """A page whose modules can be called; nobody is signed in."""
    visit = visits.begin(shared)
    visit.open()
    return visit
