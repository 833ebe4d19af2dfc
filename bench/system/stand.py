"""What a question gets: databases to measure in, users to read for, and a progress bar.

Invariant: every database handed out is a fresh clone of the scale's seeded one, dropped afterwards.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from bench.system.scale import Scale
from bench.system.seeded import People, clone, drop
from bench.system.server import Server


@dataclass(slots=True)
class Stand:
    """Where one run measures.

    :param template: name of the seeded database.
    :param on_total: called with the number of a question's steps; :param on_step: called after each.
    """

    server: Server
    scale: Scale
    template: str
    people: People
    on_total: Callable[[int], None] = lambda _: None
    on_step: Callable[[], None] = lambda: None
    _numbers: Iterator[int] = field(default_factory=count)

    @contextmanager
    def database(self) -> Iterator[str]:
        """Hand out the URL of a fresh clone."""
        name = f"bench_{os.getpid()}_{next(self._numbers)}"  # runs may share a kept server
        drop(self.server.url, name)
        clone(self.server.url, self.template, name)
        try:
            yield self.server.at(name)
        finally:
            drop(self.server.url, name)

    def expect(self, steps: int) -> None:
        """Say how many steps there will be."""
        self.on_total(steps)

    def step(self) -> None:
        """Say that one of them is done."""
        self.on_step()
