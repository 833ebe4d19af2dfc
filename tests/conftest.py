"""Shared fixtures, one file a subject; and which tests belong to ``make test``, which to ``make proof``.

Invariant: each test belongs to exactly one of the two. The marker ``proof`` is on all tests of the folders in ``PROOF``
that are not marked ``every_change``, on those that use the machine's own PostgreSQL, and on long ones elsewhere.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from models import logs

pytest_plugins = [
    "tests.fix_postgres",
    "tests.fix_app",
    "tests.views_sql.generation.stage",
    "tests.views_sql.roles_stage",
    "tests.views_sql.shop_stage",
]
TESTS = Path(__file__).parent
PROOF = {"acceptance", "browser", "concurrency", "faults", "simulation"}


def pytest_configure() -> None:
    """Log as production does: lines for debugging cost next to nothing there, and a simulation writes many."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of the folders of ``make proof``, so that no file there has to do it."""
    for item in items:
        if item.path.relative_to(TESTS).parts[0] in PROOF and item.get_closest_marker("every_change") is None:
            item.add_marker("proof")


@pytest.fixture(autouse=True)
def _logs_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take back what a test configures of the logs: commands and servers configure them in the test's own process."""
    monkeypatch.setattr(logs, "_request_lines", None)
    configured, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**configured)
    root.handlers[:], root.level = handlers, level
