"""What happened in a run, as a client saw it: commits and reads, stamped by one host's monotonic clock, in seconds.

Invariant: a stamp is taken on the far side of what it bounds. A write was not visible before ``commit_sent``, and was
committed by ``committed``; a request had not arrived before ``sent``, and was answered by ``received``.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Write:
    """The effect of one transaction on one row.

    :param row: names the row; the same in all its writes.
    :param bit: of the row's cost.
    :param user: who has the row after this write, and ``day`` where; None: nobody, it is gone (or was rolled back).
    :param commit_sent: just before COMMIT was sent.
    :param committed: just after it was acknowledged; None: nobody knows whether it committed.
    :param rolled_back: it must never be seen.
    """

    row: str
    bit: int
    user: int | None
    day: int | None
    commit_sent: float
    committed: float | None
    rolled_back: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """One request and what came of it.

    :param client: a keep-alive connection, so always the same ``worker``.
    :param exact: asked with ``no-cache``.
    :param stale_if_error_seconds: what the request allowed.
    :param status: of the response; 0: the connection broke, or the client gave up (``error`` says which).
    :param values: cost in cents by day of the window, of the days asked for.
    :param whole: the sum the answer itself gives for those days, when it gives one.
    :param sent_again: the server hung up on the reused connection without a byte of an answer, and the request went
        out again on another one; ``sent`` is of the first.
    """

    client: str
    worker: str
    user: int
    exact: bool
    sent: float
    received: float
    status: int
    source: str | None = None
    stale: bool = False
    age_seconds: float | None = None
    watermark: tuple[int, int] | None = None
    patched_days: int | None = None
    values: dict[int, int] = field(default_factory=dict)
    whole: int | None = None
    stale_if_error_seconds: int = 0
    error: str | None = None
    sent_again: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One writer's transaction, whatever came of it, for the comparison of captured and uncaptured tables.

    :param captured: it wrote a table with capture triggers; else the same statements went to the twin without.
    :param sqlstate: of its failure, ``""`` for a failure of the connection; None: it went well.
    """

    captured: bool
    began: float
    ended: float
    sqlstate: str | None


@dataclass(slots=True)
class History:
    """A run; lists in no particular order."""

    writes: list[Write] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)

    def extend(self, other: "History") -> None:
        self.writes += other.writes
        self.reads += other.reads
        self.attempts += other.attempts

    def add(self, event: Write | Read | Attempt) -> None:
        match event:
            case Write():
                self.writes.append(event)
            case Read():
                self.reads.append(event)
            case Attempt():
                self.attempts.append(event)


_KINDS = {"write": Write, "read": Read, "attempt": Attempt}
_NAMES = {kind: (name, [field.name for field in fields(kind)]) for name, kind in _KINDS.items()}


def line_of(event: Write | Read | Attempt) -> str:
    """Return the event as one line of JSON; loads and readers append these to files of their own."""
    kind, names = _NAMES[type(event)]
    facts = {"kind": kind} | {name: getattr(event, name) for name in names}  # asdict() costs several times as much
    return json.dumps(facts, separators=(",", ":"))


def event_of(line: str | bytes) -> Write | Read | Attempt:
    """Return the event that such a line tells."""
    facts = json.loads(line)
    kind = facts.pop("kind")
    if kind == "read":
        facts["values"] = {int(day): cents for day, cents in facts["values"].items()}
        facts["watermark"] = tuple(facts["watermark"]) if facts["watermark"] else None
    event: Write | Read | Attempt = _KINDS[kind](**facts)
    return event


def load_history(paths: Iterable[Path]) -> History:
    """Return what the files of a run hold."""
    history = History()
    for path in paths:
        with path.open() as lines:
            for line in lines:
                history.add(event_of(line))
    return history
