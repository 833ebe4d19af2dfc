"""Shared fixtures, one file a subject."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from models import logs

pytest_plugins = ["tests.fix_postgres", "tests.fix_app"]


def pytest_configure() -> None:
    """Log as production does: lines for debugging cost next to nothing there, and a simulation writes many."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))


@pytest.fixture(autouse=True)
def _logs_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take back what a test configures of the logs: commands and servers configure them in the test's own process."""
    monkeypatch.setattr(logs, "_request_lines", None)
    configured, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**configured)
    root.handlers[:], root.level = handlers, level
