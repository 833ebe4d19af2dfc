"""A fault: how it strikes, how it proves that it took effect, how it heals, and what must hold meanwhile.

Invariant: a fault that cannot be made here says why, and one that did not bite is never taken for survived.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.faults.faults.scene import Scene
from tests.faults.record.history import History


class DidNotBite(Exception):
    """The fault had no effect that could be seen, so its run proves nothing; says what was missing."""


@dataclass(frozen=True)
class Stage:
    """What the deployment of a fault must be like; faults of equal stages follow each other on one deployment.

    :param settings: environment variables of our processes; :param cluster_settings: of the server.
    :param server: how web workers are run.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    cluster_settings: Mapping[str, str] = field(default_factory=dict)
    fake_clocks: bool = False
    server: str = "granian"


PLAIN = Stage()
COMPUTING_SECONDS = 3.5  # statements end after 3 s in these runs; the rest is for the way to the worker


class Fault(ABC):
    """One row of the matrix; an instance is used for one run.

    ``seconds``: how long it holds at most. ``subset_seconds``: the same in the suite; None: not part of it.
    ``failover_seconds``: within which another leader must drain; None: not judged. ``answer_seconds``: within which
    requests must be answered. ``touches``: what it needs to itself; two faults may strike together if they touch
    nothing alike; empty: it strikes alone. ``spoils``: the deployment is not used again afterwards. The rates are
    those of the load; ``load``: further arguments of :class:`tests.faults.load.Load`. ``computing_seconds``: the
    longest that the statement of one answer may take.
    """

    number: ClassVar[str]
    name: ClassVar[str]
    must_hold: ClassVar[str]
    seconds: ClassVar[float] = 5.0
    subset_seconds: ClassVar[float | None] = None
    stage: ClassVar[Stage] = PLAIN
    touches: ClassVar[frozenset[str]] = frozenset()
    failover_seconds: ClassVar[float | None] = None
    answer_seconds: ClassVar[float] = 15.0
    converge_seconds: ClassVar[float] = 60.0
    spoils: ClassVar[bool] = False
    writes_per_second: ClassVar[float] = 60
    reads_per_second: ClassVar[float] = 150
    load: ClassVar[Mapping[str, Any]] = {}
    computing_seconds: ClassVar[float] = COMPUTING_SECONDS

    def __init__(self) -> None:
        self.failover: float | None = None
        self.note = ""
        self.crashes: list[tuple[float, float]] = []  # from when to when the server was down or replaced
        self.breaks: set[str] = set()  # workers whose connections may break
        self.struck_worker: str | None = None  # which must have been asked while it held
        self.held: tuple[float, float] = (0.0, 0.0)  # from the strike to the healing, monotonic; the runner's

    def length(self, *, short: bool) -> float:
        """Return how many seconds it holds at most; ``short``: as in the suite, where it is part of that."""
        return self.subset_seconds if short and self.subset_seconds is not None else self.seconds

    def unavailable(self) -> str | None:
        """Return why it cannot be made on this machine, None if it can."""
        return None

    def prepare(self, scene: Scene) -> None:  # noqa: B027  most need nothing
        """Do what must be done before the load begins."""

    @abstractmethod
    def strike(self, scene: Scene) -> None:
        """Make it happen, or begin to."""

    def step(self, scene: Scene) -> None:  # noqa: B027  most just last
        """Go on with it; called again and again while it holds."""

    def over(self, scene: Scene) -> bool:
        """Return whether it need not hold any longer."""
        return False

    @abstractmethod
    def proof(self, scene: Scene) -> str:
        """Return the fact, read from the system, that shows it took effect; asked just before it heals.

        :raises DidNotBite: there is none.
        """

    def heal(self, scene: Scene) -> None:  # noqa: B027  some are over by themselves
        """Undo it; after a failed strike, too."""

    def judge(self, scene: Scene, history: History) -> list[str]:
        """Return violations beyond those of every run, each naming its invariant; after the load has ended."""
        return []


def bit(fact: str, condition: object) -> str:
    """Return ``fact`` if ``condition`` is true.

    :raises DidNotBite: it is not.
    """
    if not condition:
        raise DidNotBite(fact)
    return fact
