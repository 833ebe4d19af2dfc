"""Leads in a database that has no refresher, so that a test can drain and refresh as its leader does."""

from typing import Any

import psycopg

from refresher.leader.leadership import Term, try_to_lead
from tests.waiting import until


def lead(connection: psycopg.Connection[Any]) -> Term:
    """Return the term of a connection that leads from now on; one that led before may take a moment to end."""
    return until(lambda: try_to_lead(connection), "end of the leader before")  # type: ignore[return-value]  # a true value
