"""Fixtures of the refresher's tests."""

from typing import Any

import psycopg
import pytest

from refresher.leader.leadership import Term, try_to_lead


@pytest.fixture
def term(connection: psycopg.Connection[Any]) -> Term:
    """The term of a leader whose lock ``connection`` holds."""
    term = try_to_lead(connection)
    assert term is not None
    return term
