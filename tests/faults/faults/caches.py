"""Faults of caches and of the notifications that wake them: 23, 24.

Invariant: how many computations a flush costs is counted by asking one question many times at once.
"""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import httpx
import psycopg

from tests.faults.faults.fault import Fault, Stage, bit
from tests.faults.faults.scene import Scene
from tests.faults.record.history import History

ASKING = 40  # clients that ask one question of one worker at once
MOST_COMPUTATIONS = 4  # of that question: those who wait share one; a refused or distrusted one is begun again
SMALL_QUEUE = Stage(cluster_settings={"max_notify_queue_pages": "64"})
QUEUE_FULL = 0.9
WARNING = "wake_up_failed"  # what the leader says when its NOTIFY failed


class CachesFlushed(Fault):
    """A new epoch empties every cache at once, and everybody asks for everything."""

    number, name, must_hold = "23", "every cache flushed at peak load", "I8 I9"
    seconds, subset_seconds, reads_per_second = 3.0, None, 400

    def strike(self, scene: Scene) -> None:
        self.epoch = scene.observer.epoch
        feeds = scene.ours(application="frontview-feed")
        drains = scene.ours(process=scene.leader(), application="frontview-refresher-drain")
        self.at = monotonic()
        self.ended = scene.terminate(feeds + drains)
        scene.until(lambda: scene.observer.epoch > self.epoch, "new epoch")
        self.answers = self._ask_at_once(scene)

    def _ask_at_once(self, scene: Scene) -> list[httpx.Response]:
        path, worker, user = scene.question(), scene.some_worker, scene.users[-1]
        clients = [scene.client(worker, user) for _ in range(ASKING)]
        with ThreadPoolExecutor(ASKING) as threads:
            answers = list(threads.map(lambda client: client.get(path), clients))
        for client in clients:
            client.close()
        return answers

    def proof(self, scene: Scene) -> str:
        return bit(f"{self.ended} sessions ended, epoch {self.epoch} became {scene.observer.epoch}", self.ended >= 3)

    def judge(self, scene: Scene, history: History) -> list[str]:
        statuses = {answer.status_code for answer in self.answers}
        computed = {answer.json()["meta"]["calculated_at"] for answer in self.answers if answer.status_code == 200}
        refused = sum(read.status == 503 for read in history.reads)
        self.note = f"{ASKING} equal questions at once: {len(computed)} computations"
        found = [f"I8: equal questions got {sorted(statuses)}"] if statuses != {200} else []
        found += [f"I9: {self.note}"] if len(computed) > MOST_COMPUTATIONS else []
        return found + ([f"I8: {refused} reads got 503 for a flush"] if refused else [])


class NotificationQueueFull(Fault):
    """A listener that never listens keeps all that is sent; then every NOTIFY of everybody fails."""

    number, name, must_hold = "24", "notification queue full: a stopped listener and a small queue", "I2 I6"
    seconds, subset_seconds, stage = 6.0, None, SMALL_QUEUE
    fill = "SELECT pg_notify('of_others', repeat('x', 7000) || g) FROM generate_series(1, 20) g"

    def strike(self, scene: Scene) -> None:
        self.listener = scene.deployment.connect()
        self.listener.execute("LISTEN of_others")
        self.listener.execute("BEGIN")
        self.listener.execute("SELECT 1")
        self.filler = scene.deployment.connect()
        self.failed, self.usage, self.drain_id = 0, 0.0, scene.observer.drain_id
        self.said = {name: len(it.log()) for name, it in scene.deployment.refreshers.items()}
        self.step(scene)

    def step(self, scene: Scene) -> None:
        try:
            for _ in range(50):
                self.filler.execute(self.fill.encode())
        except psycopg.errors.ProgramLimitExceeded:
            self.failed += 1
        self.usage = max(self.usage, scene.value("SELECT pg_notification_queue_usage()"))

    def proof(self, scene: Scene) -> str:
        self.drains = scene.observer.drain_id - self.drain_id
        ours = sum(it.log()[self.said[name] :].count(WARNING) for name, it in scene.deployment.refreshers.items())
        attempts = f"{self.failed} attempts of others and {ours} of Frontview's to notify failed"
        return bit(f"queue {self.usage:.0%} full, {attempts}", self.usage > QUEUE_FULL and self.failed and ours)

    def heal(self, scene: Scene) -> None:
        self.listener.close()
        self.filler.close()

    def judge(self, scene: Scene, history: History) -> list[str]:
        self.note = f"{self.drains} drains meanwhile"
        return [] if self.drains > 20 else [f"I2: only {self.drains} drains while the queue was full"]


FAULTS = (CachesFlushed, NotificationQueueFull)
