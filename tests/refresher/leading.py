"""A drain that leads without its thread, and a session as its leader."""

import pytest

from models.engine import connect
from refresher.leader.drain import Drain
from refresher.leader.leader_session import LeaderSession
from refresher.leader.leadership import Term


def drain_in(term: Term | None) -> Drain:
    """Return a drain that leads as long as its ``term`` is not None."""
    drain = Drain(pytest.fail, pause_seconds=1, keep_feed_seconds=60)
    drain.term = term
    return drain


def session_of(drain: Drain, url: str) -> LeaderSession:
    """Return the session of ``drain``'s maintenance; the caller stops it."""
    return LeaderSession("maintenance", lambda: connect(url, "frontview-maintenance"), drain)
