"""Faults of sealed days: 52. Their rows go, and their numbers stay.

Invariant: the rows are put back as they were, and the days are unsealed, before tiers and rows are compared.
"""

import json
from datetime import timedelta
from typing import Any

import psycopg

from refresher.leader.alarms import SEALED_CHANGED
from refresher.refreshing.sealing import unseal
from tests.faults.faults.failing_refreshes import alarms
from tests.faults.faults.fault import Fault, bit
from tests.faults.faults.scene import Scene
from tests.faults.record.history import History
from views_sql.operations.catalog import load_application
from web.reads.exact_read import ReadQuestion, statement_of

# Its day is a date: what is sealed depends on no zone.
VIEW, TABLE, CHILD = "quality_1", "agent_analytics", "quality_sealed"
SEAL_DAYS, ROW_DAYS, ROWS, LATE = 80, 100, 12, 3
LEAST_READS = 40
_INSERT = """
INSERT INTO {table} (id, agent_id, user_id, day, talk_seconds) OVERRIDING SYSTEM VALUE
SELECT {first_id} - g, min(id), user_id, CURRENT_DATE - 100 - g, 1
FROM agents CROSS JOIN generate_series(1, {rows}) g WHERE user_id = %s GROUP BY user_id, g
"""
_INSTALL = (
    "SELECT frontview.install_triggers(source) FROM frontview.source WHERE relation = 'agent_analytics'::regclass"
)
_SEALED = "SELECT first_day = CURRENT_DATE - %s FROM frontview.view_state WHERE view = 'quality_1' AND tier = 'archive'"
_CHANGES = "SELECT sealed_changes FROM frontview.seal WHERE view = 'quality_1'"
_OLD = f"user_id = %s AND day < CURRENT_DATE - {ROW_DAYS}"
_PUT_BACK = """
DELETE FROM agent_analytics WHERE id BETWEEN -3000 AND -2000;
INSERT INTO agent_analytics OVERRIDING SYSTEM VALUE SELECT * FROM kept_quality;
DROP TABLE kept_quality;
ALTER TABLE quality_sealed INHERIT agent_analytics;
"""


class SealedRowsGo(Fault):
    """They are deleted, detached and changed late; every answer stays what it was when the days were sealed."""

    number, name, must_hold = "52", "rows of sealed days are deleted, detached and changed late", "I7, counted, alarm"
    seconds, subset_seconds = 120.0, None
    touches = frozenset({"quality"})

    def prepare(self, scene: Scene) -> None:
        self.user = scene.deployment.add_users(1)[0]
        scene.sql.execute(f"CREATE TABLE {CHILD} () INHERITS ({TABLE})".encode())
        scene.sql.execute(_INSTALL)
        for table, first_id in ((TABLE, -1000), (CHILD, -4000)):
            scene.sql.execute(_INSERT.format(table=table, first_id=first_id, rows=ROWS).encode(), (self.user,))
        scene.sql.execute("SELECT frontview.request_seal(%s, CURRENT_DATE - %s::int)", (VIEW, SEAL_DAYS))
        scene.until(lambda: scene.value(_SEALED, SEAL_DAYS), "seal", seconds=60)

    def strike(self, scene: Scene) -> None:
        self.reads = self.wrong = 0
        self.alarms: list[Any] = []
        self.wanted = self._talk(scene, base=False)
        scene.sql.execute(
            f"CREATE TABLE kept_quality AS SELECT * FROM ONLY {TABLE} WHERE {_OLD}".encode() % (b"%d" % self.user)
        )
        scene.sql.execute("DELETE FROM agent_analytics WHERE id IN (SELECT id FROM kept_quality)")
        scene.sql.execute(f"ALTER TABLE {CHILD} NO INHERIT {TABLE}".encode())
        scene.sql.execute(_INSERT.format(table=TABLE, first_id=-2000, rows=LATE).encode(), (self.user,))

    def _talk(self, scene: Scene, *, base: bool) -> int | None:
        """Return the seconds of talk that the user's answer has; each row is one."""
        question = load_application(scene.sql).dashboard("view.quality")
        last = scene.value("SELECT CURRENT_DATE")
        given = dict(question.defaults) | {"from": last - timedelta(days=200), "to": last, "granularity": "total"}
        arguments = [given.get(name) for name in question.arguments]
        statement, values = statement_of([ReadQuestion(question, self.user, arguments)], base)
        try:
            return int(json.loads(scene.query(statement, *values)[0][1])["totals"]["talk_seconds"])
        except psycopg.errors.SerializationFailure:  # The archive was rebuilt under the read.
            return None

    def step(self, scene: Scene) -> None:
        given = self._talk(scene, base=self.reads % 2 == 1)
        self.reads += given is not None
        self.wrong += given not in (None, self.wanted)
        self.alarms = self.alarms or [it for it in alarms(scene) if it[:2] == (SEALED_CHANGED, VIEW)]

    def over(self, scene: Scene) -> bool:
        return bool(self.alarms) and self.reads >= LEAST_READS

    def proof(self, scene: Scene) -> str:
        self.changes = scene.value(_CHANGES)
        rows = scene.value(f"SELECT count(*) FROM {TABLE} WHERE {_OLD}", self.user)
        fact = f"{self.wanted} rows sealed and shown, {rows} of {2 * ROWS} old rows there, all written late"
        return bit(fact, rows == LATE and self.wanted is not None and self.wanted >= 2 * ROWS)

    def heal(self, scene: Scene) -> None:
        for statement in _PUT_BACK.split(";"):
            if statement.strip():
                scene.sql.execute(statement.encode())
        self.differing = unseal(scene.sql, [VIEW], None)
        scene.sql.execute(f"DELETE FROM {TABLE} WHERE tableoid = '{CHILD}'::regclass".encode())
        scene.sql.execute(f"DROP TABLE {CHILD}".encode())

    def judge(self, scene: Scene, history: History) -> list[str]:
        self.note = f"{self.reads} reads, {self.changes} keys changed late, alarms {self.alarms}"
        faults = {
            f"{self.wrong} reads of sealed days were wrong": self.wrong,
            "late changes were not counted": not self.changes,
            f"no alarm {SEALED_CHANGED} was raised": not self.alarms,
            f"{self.differing} keys differed once the rows were back": self.differing,
        }
        return [sentence for sentence, found in faults.items() if found]


FAULTS = (SealedRowsGo,)
