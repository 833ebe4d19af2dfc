"""One caching system, written to and watched for some seconds at a time: a round of ``freshness``.

Invariant: every system gets the same number of writes a second in a round, probes and others together.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from time import monotonic, sleep, time

from bench.findings.finding import percentile
from bench.load.pgbench import insert_call, steady_load
from bench.load.python_load import Connection
from bench.load.request import Request
from bench.peers.servers import bearer
from bench.system.dashboards import an_agent_of
from bench.system.stand import Stand
from bench.watching.open_loop import Prober, WakeUps, watching
from bench.watching.sightings import Sighting, Stages, Write, sightings, stages
from models.engine import connect

WRITES_A_SECOND = 200
PROBES_A_SECOND, EXACT_A_SECOND = 10, 2
WORKERS = 2
EVERY_SECONDS = 0.004
SETTLE_SECONDS = 1.0
LATE_SECONDS = 1.5  # Long enough for the cache of one second to show a round's last write.
LEAST_RATE = 0.95
_DRAINS = """
SELECT f.user_id::text::bigint, EXTRACT(EPOCH FROM d.drained_at)::float8
FROM frontview.feed f JOIN frontview.drain d USING (drain_id)
WHERE f.user_id::text = ANY(%s) AND d.drained_at >= to_timestamp(%s) ORDER BY d.drain_id
"""


@dataclass(slots=True)
class Round:
    """The figures of one round.

    :param every_ms: time between two requests of one connection.
    :param exact: of each exact answer, whether the write was in it and how many milliseconds it took.
    """

    seen: list[Sighting]
    left_out: int
    a_second: float
    seconds: float
    every_ms: float
    stages: list[Stages] = field(default_factory=list)
    exact: list[tuple[bool, float]] = field(default_factory=list)

    def at(self, share: float) -> float:
        """Return the milliseconds within which ``share`` of the writes were seen."""
        return percentile([it.milliseconds for it in self.seen], share)


class WatchedSystem:
    """One caching system and its database.

    :param users: two that are watched and one that is read exactly.
    :param path: of the answer that shows each user's calls; :param ours: whether it is Frontview.
    """

    def __init__(self, stand: Stand, url: str, port: int, users: Sequence[int], path: str, *, ours: bool) -> None:
        self._stand, self._url, self._port, self._ours = stand, url, port, ours
        self._path, self._watched, self._exact_user = path, users[:2], users[2]
        self._asked = {user: Request(path, bearer(user)) for user in self._watched}
        with connect(url, "frontview-bench-agent") as connection:
            agent = an_agent_of(connection, stand.people.largest)
        anyone = _anyone_but(users, stand.people.largest, stand.scale.users)
        self._script = insert_call("public.calls", 1, agent).replace(":user", anyone)

    def round(self, seconds: float) -> Round:
        """Write and watch for some seconds."""
        background = WRITES_A_SECOND - PROBES_A_SECOND - (EXACT_A_SECOND if self._ours else 0)
        with ExitStack() as stack:
            stack.enter_context(
                steady_load(
                    self._stand.server, self._url, self._script, clients=4, seconds=seconds + 60, a_second=background
                )
            )
            wake_ups = stack.enter_context(_wake_ups(self._url))
            sleep(SETTLE_SECONDS)
            return self._watch(seconds, wake_ups)

    def _watch(self, seconds: float, wake_ups: WakeUps) -> Round:
        exact = _Exact(self._port, self._path, self._exact_user)
        plain = Prober(self._url, self._watched, a_second=PROBES_A_SECOND, seconds=seconds)
        others = Prober(self._url, [self._exact_user], a_second=EXACT_A_SECOND, seconds=seconds, then=exact.check)
        probers = (plain, others) if self._ours else (plain,)
        workers = WORKERS if self._ours else 1
        with watching(self._port, self._asked, workers=workers, every_seconds=EVERY_SECONDS) as end:
            began, before = monotonic(), self._written()
            for prober in probers:
                prober.start()
            writes = plain.finish()
            for prober in probers:
                prober.finish()
            passed = monotonic() - began
            rate = (self._written() - before) / passed
            sleep(LATE_SECONDS)
            notes = end()
        seen, left_out = sightings(writes, notes)
        gaps = [1000 * (b.asked - a.asked) for shown in notes for a, b in pairwise(shown)]
        found = Round(seen, left_out, rate, passed, median(gaps), exact=exact.found)
        if self._ours:
            found.stages = self._stages(seen, wake_ups.arrived, began)
        return found

    def _written(self) -> int:
        with connect(self._url, "frontview-bench-rate") as connection:
            row = connection.execute("SELECT last_value FROM public.calls_id_seq").fetchone()
        assert row is not None
        return int(row[0])

    def _stages(self, seen: list[Sighting], arrived: list[float], began: float) -> list[Stages]:
        difference = time() - monotonic()
        with connect(self._url, "frontview-bench-stages") as connection:
            users = [str(user) for user in self._watched]
            rows = connection.execute(_DRAINS, (users, began + difference)).fetchall()
        drains = [(user, at - difference) for user, at in rows]
        found = [stages(it, drains, arrived, difference) for it in seen]
        return [it for it in found if it is not None]


class _Exact:
    """Checks by an exact read, right after each write, whether the write is there."""

    def __init__(self, port: int, path: str, user: int) -> None:
        headers = {**bearer(user), "Cache-Control": "no-cache"}
        self._port, self._request = port, Request(path, headers).text.encode()
        self.found: list[tuple[bool, float]] = []

    def check(self, write: Write) -> None:
        """Read over a new connection, which any worker may get."""
        began = monotonic()
        connection = Connection(self._port)
        with connection.socket:
            answer = connection.answer_to(self._request)
        there = f'"all_time":{{"calls":{write.calls},'.encode() in answer
        self.found.append((there, 1000 * (monotonic() - began)))


@contextmanager
def _wake_ups(url: str) -> Iterator[WakeUps]:
    listener = WakeUps(url, "frontview")
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()


def check_rate(rounds: list[Round]) -> None:
    """Raise unless all rounds together reached the rate of writes; ``pgbench`` draws its times at random."""
    seconds = sum(it.seconds for it in rounds)
    written = sum(it.a_second * it.seconds for it in rounds)
    expected = LEAST_RATE * WRITES_A_SECOND * seconds
    if written < expected - 3 * expected**0.5:
        raise RuntimeError(f"only {written / seconds:.0f} writes a second were reached")


def _anyone_but(probed: Sequence[int], instead: int, users: int) -> str:
    """Return SQL for the id of a random user; ``instead`` replaces the probed users."""
    among = ", ".join(map(str, probed))
    any_id = f"SELECT 1 + floor(random() * {users})::bigint AS r"
    return f"(SELECT CASE WHEN r IN ({among}) THEN {instead} ELSE r END FROM ({any_id}) one)"
