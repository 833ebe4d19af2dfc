"""Shared fixtures, one file a subject."""

pytest_plugins = ["tests.fix_postgres", "tests.fix_app"]
