"""Shared fixtures, one file a subject."""

import logging

import structlog

pytest_plugins = ["tests.fix_postgres", "tests.fix_app"]


def pytest_configure() -> None:
    """Log as production does: lines for debugging cost next to nothing there, and a simulation writes many."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
