"""Waiting for something to become true, with a deadline and without guessing how long it takes."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PAUSE_SECONDS = 0.01  # between two looks, so that two cores are left to what is being waited for
_NEVER = threading.Event()


def eventually(look: Callable[[], T], *, seconds: float = 10.0, what: str = "") -> T:
    """Return the first true value that ``look`` returns.

    :raises AssertionError: it returned none in time; says what it returned last.
    """
    deadline = time.monotonic() + seconds
    while not (value := look()):
        assert time.monotonic() < deadline, f"{what or 'it'} did not happen within {seconds} s; last: {value!r}"
        _NEVER.wait(PAUSE_SECONDS)
    return value
