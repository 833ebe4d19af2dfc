"""Faults of connections: 1, 25, 31.

Invariant: sessions that were opened to be in the way are closed when the fault heals.
"""

import threading
from contextlib import suppress
from time import monotonic
from typing import Any

import psycopg

from tests.faults.faults.fault import Fault, bit
from tests.faults.faults.held_compactions import HeldCompaction, HeldRefresh, work_to_hold
from tests.faults.faults.scene import Scene
from tests.faults.record.history import History
from tests.waiting import until

STRANGER = "stranger"  # may log in and nothing else
FLOODING = 4  # sessions
FULL_SECONDS = 2.5  # How long there are no connections, each time.


class ListenerKilled(Fault):
    """Each time the follower comes back, its backend is killed again."""

    number, name, must_hold = "1", "feed backends killed in a loop", "I1 I2 I3 I4"
    seconds, subset_seconds = 6.0, 3.0
    touches = frozenset({"feed"})

    def strike(self, scene: Scene) -> None:
        self.killed = 0

    def step(self, scene: Scene) -> None:
        self.killed += scene.terminate(scene.ours(application="frontview-feed"))
        scene.wait(0.15)

    def proof(self, scene: Scene) -> str:
        return bit(f"{self.killed} feed backends killed", self.killed >= len(scene.deployment.workers))


class NoConnectionsLeft(Fault):
    """Every slot is taken, including the reserved ones, and all our sessions are ended, inside work of the leader."""

    number, name, must_hold = "25", "no connections left, and every one of Frontview lost", "I8"
    seconds, subset_seconds = 40.0, None
    full_since = 0.0

    def strike(self, scene: Scene) -> None:
        self.crowd: list[psycopg.Connection[Any]] = []
        self.places = work_to_hold(scene)
        self.facts: list[str] = []
        self.refused = self.ended = 0

    def step(self, scene: Scene) -> None:
        if self.places and (not self.facts or monotonic() > self.full_since + FULL_SECONDS):
            self.heal(scene)
            self._end_all(scene, self.places.pop(0))
        self._fill(scene)

    def _end_all(self, scene: Scene, place: HeldRefresh | HeldCompaction) -> None:
        try:
            fact = place.hold_inside(scene.leader())
            self._fill(scene)
            self.ended += scene.terminate(scene.ours())
            self._fill(scene)
        finally:
            place.release()
        self.facts.append(fact)
        self.full_since = monotonic()

    def over(self, scene: Scene) -> bool:
        return not self.places and monotonic() > self.full_since + FULL_SECONDS

    def _fill(self, scene: Scene) -> None:
        while len(self.crowd) < 1000:
            try:
                self.crowd.append(psycopg.connect(scene.deployment.cluster.url(), application_name="crowd"))
            except psycopg.OperationalError as error:
                # a refused connection has no SQLSTATE in psycopg; the server's words are translated in no test
                self.refused += "too many clients" in str(error)
                return

    def proof(self, scene: Scene) -> str:
        fact = f"{len(self.crowd)} sessions of others, {self.ended} of Frontview's ended"
        fact += f" inside {'; '.join(self.facts)}, {self.refused} connections refused"
        return bit(fact, self.refused and self.ended and not self.places)

    def heal(self, scene: Scene) -> None:
        for connection in self.crowd:
            connection.close()
        self.crowd.clear()

    def judge(self, scene: Scene, history: History) -> list[str]:
        reads = [read for read in history.reads if scene.struck_at < read.sent < scene.healed_at]
        refused = sum(read.status == 503 for read in reads)
        self.note = f"{refused} of {len(reads)} reads got 503"
        return []


class NotificationsForged(Fault):
    """Any role may notify any channel: a wake-up proves nothing, and answers are right under a flood of them."""

    number, name, must_hold = "31", "forged and flooded notifications from another role", "I2 I9"
    seconds, subset_seconds = 5.0, None
    touches = frozenset({"notifications"})

    def prepare(self, scene: Scene) -> None:
        if not scene.value("SELECT count(*) FROM pg_roles WHERE rolname = %s", STRANGER):
            scene.sql.execute(f"CREATE ROLE {STRANGER} LOGIN".encode())

    def strike(self, scene: Scene) -> None:
        self.sent = 0
        self.ending = threading.Event()
        self.url = scene.deployment.cluster.url().replace("postgres@", f"{STRANGER}@")
        self.threads = [threading.Thread(target=self._flood, daemon=True) for _ in range(FLOODING)]
        for thread in self.threads:
            thread.start()
        until(lambda: self.sent, "forged notification")

    def _flood(self) -> None:
        forged = "SELECT pg_notify('frontview', json_build_object('drain_id', g)::text) FROM generate_series(1, 100) g"
        with suppress(psycopg.OperationalError), psycopg.connect(self.url, autocommit=True) as connection:
            while not self.ending.is_set():
                self.sent += connection.execute(forged.encode()).rowcount
                self.ending.wait(0.005)

    def proof(self, scene: Scene) -> str:
        return bit(f"{self.sent} notifications by {STRANGER}", self.sent > 1000)

    def heal(self, scene: Scene) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join(10)


FAULTS = (ListenerKilled, NoConnectionsLeft, NotificationsForged)
