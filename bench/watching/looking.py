"""Looks at a database from outside, again and again, in a thread of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from models.connection import Connection
from models.engine import connect

LOOK_SECONDS = 0.005


@contextmanager
def looking(url: str, name: str, look: Callable[[Connection], None]) -> Iterator[None]:
    """Call ``look`` every :data:`LOOK_SECONDS` while the block runs.

    :param name: of the thread; its session is called ``frontview-bench-<name>``.
    """
    over = threading.Event()

    def run() -> None:
        with connect(url, f"frontview-bench-{name}") as connection:
            while not over.wait(LOOK_SECONDS):
                look(connection)

    thread = threading.Thread(target=run, name=name)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
