"""Fixtures of the refresher's tests."""

from typing import Any

import psycopg
import pytest

from refresher.leader.leadership import Term
from tests.leading import lead


@pytest.fixture
def term(connection: psycopg.Connection[Any]) -> Term:
    """The term of a leader whose lock ``connection`` holds."""
    return lead(connection)
