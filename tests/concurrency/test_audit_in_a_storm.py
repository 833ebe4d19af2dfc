"""The audit in a storm: it never reports a right read, and it finds what a missing step makes wrong."""

import random
from collections.abc import Callable

import psycopg
import pytest

from models.engine import connect
from refresher.watch.audit import Audit
from tests.concurrency import sabotage
from tests.concurrency.storm import Storm
from tests.neutral.catalog import CATALOG
from tests.oracle.comparisons import Tally

VISITS = 1500


class AuditedStorm(Storm):
    """A storm whose readers are audits."""

    def _read(self, _: random.Random) -> None:
        tally = Tally()
        self.tallies.append(tally)
        audit = Audit(CATALOG.views)
        with connect(self.url, "storm-audit") as c:
            while not self.over.is_set():
                visit = audit.visit_next(c)
                if visit is None or visit.compared is None:
                    tally.retries += 1
                    continue
                tally.comparisons += visit.compared.from_tiers
                if visit.compared.differences:
                    tally.differences.append(f"{visit.view} of user {visit.user}: {visit.compared.differences}")
            audit.save(c)


def test_no_right_read_is_called_wrong(database_url: str) -> None:
    storm = AuditedStorm(database_url, seconds=120, comparisons=VISITS).run()

    assert storm.differences == []
    assert storm.comparisons >= VISITS
    assert storm.refreshes.get("refreshed", 0) >= 10
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT kind, detail FROM frontview.alarm").fetchall() == []
        checks = connection.execute("SELECT sum(checks), sum(violations) FROM frontview.audit").fetchone()
    assert checks == (storm.comparisons, 0)


@pytest.mark.parametrize("leave_out", [sabotage.log_only_new_keys, sabotage.keep_marks_while_a_refresh_runs])
def test_a_step_left_out_of_the_protocol_is_found(database_url: str, leave_out: Callable[[str], None]) -> None:
    leave_out(database_url)

    storm = AuditedStorm(database_url, seconds=90, comparisons=10**9).run()

    assert storm.differences
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM frontview.alarm WHERE kind = 'exactness'").fetchone() != (0,)
