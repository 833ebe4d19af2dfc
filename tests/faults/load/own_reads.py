"""Reads that a fault sends itself, each on a fresh connection, checked like those of the load.

Invariant: they ask what the load asks most, so that what a worker has cached for the load is what they would get.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import count

from tests.faults.deployment.deployment import Deployment
from tests.faults.load.readers import KeepAlive, ask, questions
from tests.faults.record.history import Read


class OwnReads:
    """Sends plain reads and notes in ``reads`` what came of them.

    :param token_of: what a user identifies with.
    """

    def __init__(self, deployment: Deployment, token_of: Callable[[int], str], reads: list[Read]) -> None:
        self._urls, self._token_of, self._reads = deployment.worker_urls, token_of, reads
        self._question = next(iter(questions(deployment.window, 0)))  # about the whole window, whatever the seed
        self._numbers = count(1)
        self._sent: list[Future[Read]] = []

    def ask(self, worker: str, user: int) -> Read:
        """Ask and wait for the answer."""
        name = f"own-{next(self._numbers)}"
        with closing(KeepAlive(self._urls[worker])) as connection:
            head = f"Authorization: Bearer {self._token_of(user)}\r\n"
            return self._note(ask(connection, self._question, head, (name, worker, user, False)))

    def send(self, worker: str, users: Sequence[int]) -> None:
        """Send one request for each of the users, all at once; :meth:`receive` waits for the answers."""
        threads = ThreadPoolExecutor(len(users))
        self._sent += [threads.submit(self.ask, worker, user) for user in users]
        threads.shutdown(wait=False)

    def receive(self) -> list[Read]:
        """Return what came of everything that was sent, when all of it is known."""
        sent, self._sent = self._sent, []
        return [future.result() for future in sent]

    def _note(self, read: Read) -> Read:
        self._reads.append(read)
        return read
