"""Writes calls while the demo runs, as any SQL client would: it uses nothing of Frontview.

Invariant: writes only to users that ``frontview seed`` made (their addresses end in ``@example.com``, a reserved
domain), so that a demo on a database in use adds no calls to real customers.
"""

import threading
from collections.abc import Callable
from itertools import accumulate
from random import Random

import psycopg

from models.connection import Connection
from web.voice.seed.outcome import CSAT_ANSWER_SHARE, LEAD_SHARE, TABLE, TRANSFER_SHARE, Outcomes, stage_of

CALLS_A_SECOND = 1.5
RETRY_SECONDS = 1.0
USUAL = 1  # The quality of agents whose calls the demo writes: see KINDS of the seed.
MOST_USERS = 2000
DEMO_USERS = """
    SELECT u.id, array_agg(a.id) FROM users u JOIN agents a ON a.user_id = u.id AND a.is_active
    WHERE u.email LIKE '%@example.com' GROUP BY u.id ORDER BY u.id LIMIT %s
"""
ADD_CALL = """
    INSERT INTO calls AS c (user_id, agent_id, status, duration_seconds, cost_cents) VALUES (%s, %s, %s, %s, %s)
    RETURNING c.id, (SELECT (c.started_at AT TIME ZONE u.timezone)::date FROM users u WHERE u.id = c.user_id)
"""
ADD_LEAD = "INSERT INTO lead_analytics (call_id, user_id, agent_id, score, stage) VALUES (%s, %s, %s, %s, %s)"
DEBIT = "UPDATE users SET credits_cents = GREATEST(credits_cents - %s, 0) WHERE id = %s"
ADD_QUALITY = """
    INSERT INTO agent_analytics AS q (agent_id, user_id, day, csat_points, csat_answers, talk_seconds, transfers)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (agent_id, day) DO UPDATE SET
        csat_points = q.csat_points + excluded.csat_points, csat_answers = q.csat_answers + excluded.csat_answers,
        talk_seconds = q.talk_seconds + excluded.talk_seconds, transfers = q.transfers + excluded.transfers
"""


def demo_users(connection: Connection) -> list[tuple[int, list[int]]]:
    """Return (user, active agents) of the users that seeds made, largest first."""
    return [(row[0], row[1]) for row in connection.execute(DEMO_USERS.replace("'%@", "'%%@"), (MOST_USERS,))]


class Callers:
    """A thread that writes some calls a second, most of them for the large users."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        users: list[tuple[int, list[int]]],
        report: Callable[[str], None],
    ) -> None:
        self._connect, self._users, self._report = connect, users, report
        self._random = Random()  # noqa: S311  not for secrets
        self._shares = list(accumulate((rank + 1) ** -0.78 for rank in range(len(users))))
        self._outcomes = Outcomes(self._random)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="frontview-demo-callers", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the call that is being written."""
        self._stopping.set()
        self._thread.join(5)

    def _run(self) -> None:
        broken = False
        while not self._stopping.is_set():
            try:
                with self._connect() as connection:
                    if broken:
                        self._report("The demo's callers are back.")
                    broken = False
                    while not self._stopping.wait(self._random.expovariate(CALLS_A_SECOND)):
                        self.add_call(connection)
            except psycopg.Error as error:
                if not broken and not self._stopping.is_set():
                    self._report(f"The demo's callers cannot write: {' '.join(str(error).split())}")
                broken = True
                self._stopping.wait(RETRY_SECONDS)

    def add_call(self, connection: Connection) -> None:
        """Write one call with its lead and quality figures, in one transaction."""
        random, outcomes = self._random, self._outcomes
        [(user, agents)] = random.choices(self._users, cum_weights=self._shares)
        agent, status = random.choice(agents), random.choice(outcomes.statuses[USUAL])
        duration, cost = random.choice(outcomes.talks) if status == "completed" else (0, 0)
        with connection.transaction():
            row = connection.execute(ADD_CALL, (user, agent, status, duration, cost)).fetchone()
            assert row is not None  # noqa: S101  INSERT … RETURNING of one row
            if status != "completed":
                return
            answered = int(random.random() < CSAT_ANSWER_SHARE)
            moved = int(random.random() < TRANSFER_SHARE[USUAL])
            points = random.randint(3, 5) if answered else 0
            connection.execute(ADD_QUALITY, (agent, user, row[1], points, answered, duration, moved))
            connection.execute(DEBIT, (cost, user))
            if random.random() < LEAD_SHARE[USUAL]:
                score = outcomes.scores[USUAL][int(random.random() * TABLE)]
                connection.execute(ADD_LEAD, (row[0], user, agent, score, stage_of(score, random.random())))
