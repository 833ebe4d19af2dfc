"""Waits for a condition, with a deadline and a reason; never for a length of time."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_tick = threading.Event()


def until(condition: Callable[[], T], what: str, *, seconds: float = 15.0) -> T:
    """Return the first true value of ``condition``; fail, saying what was waited for, at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s there was still no {what}")
        _tick.wait(0.02)
