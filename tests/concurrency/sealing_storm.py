"""A storm in which days are sealed, each time later ones, while everything goes on.

An oracle keeps what the base tables had of the sealed days under the very snapshot of each seal. Reads are compared
with that, and of unsealed days with the base tables, as always. And every change of a transaction that had an id when a
seal was requested has to be in what was sealed.
"""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString

import psycopg

from models.engine import connect
from refresher.refreshing.refresh import refresh
from refresher.refreshing.refresh_log import RefreshResult
from tests.concurrency.seals import Seals
from tests.concurrency.storm import BRANCHES, DAYS, USERS
from tests.neutral.catalog import CATALOG
from tests.neutral.reads import ORACLE, READS
from tests.oracle.comparisons import Tally

DAILY = tuple(view for view in CATALOG.views if view.day_column)
SEALS = 6  # How many seals a storm without a difference has at least.
STEP_DAYS = 2  # How many more days a seal seals.

_ORACLE = """
CREATE TABLE storm_seal (view text, before date, asked_xid xid8, snapshot pg_snapshot);
CREATE FUNCTION keep_what_is_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'INSERT INTO public.storm_%1$s SELECT * FROM frontview.%1$s_live WHERE day >= %2$L AND day < %3$L',
        NEW.view, OLD.first_day, NEW.first_day
    );
    INSERT INTO public.storm_seal SELECT NEW.view, NEW.first_day, s.asked_xid, pg_current_snapshot()
    FROM frontview.seal s WHERE s.view = NEW.view;
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_what_is_sealed AFTER UPDATE OF first_day ON frontview.view_state
FOR EACH ROW WHEN (NEW.tier = 'archive' AND NEW.first_day > OLD.first_day) EXECUTE FUNCTION keep_what_is_sealed();
"""
_WANTED: LiteralString = """
SELECT l.* FROM {live} l WHERE l.{key} = {user}
AND l.day >= (SELECT s.first_day FROM frontview.view_state s WHERE s.view = {name} AND s.tier = 'archive')
UNION ALL SELECT o.* FROM {oracle} o WHERE o.{key} = {user}
"""
# A loan that nobody has changed since: its transaction had an id when the seal was requested, and ended after it.
_MISSED = """
SELECT s.before, l.day, l.xmin FROM storm_seal s JOIN loan l ON l.day < s.before
WHERE s.view = 'loans_1' AND l.xmin::text::xid8 < s.asked_xid
AND NOT pg_visible_in_snapshot(l.xmin::text::xid8, s.snapshot)
"""


# The first day that the next seal of the loans seals.
_NEXT = """
SELECT GREATEST(a.first_day, CURRENT_DATE - %s) FROM frontview.view_state a
WHERE a.view = 'loans_1' AND a.tier = 'archive'
"""


class SealingStorm(Seals):
    """A storm whose archives are sealed step by step."""

    least_seals, step_days = SEALS, STEP_DAYS

    def _fill(self) -> None:
        super()._fill()
        with connect(self.url, "storm-fill") as c:
            c.execute(_ORACLE.encode())
            for view in DAILY:
                c.execute(f"CREATE TABLE storm_{view.name} AS SELECT * FROM frontview.{view.name}_live".encode())
                c.execute(f"TRUNCATE storm_{view.name}".encode())
            c.execute("CREATE TABLE storm_account_1 AS SELECT * FROM frontview.account_1_live")
            c.execute("TRUNCATE storm_account_1")

    def _first_sealed(self) -> date:
        return datetime.now(UTC).date() - timedelta(days=DAYS)

    def _hold_open(self, chance: random.Random) -> None:
        """Keep transactions open, as always; but what they write is of the days that are sealed next."""
        with connect(self.url, "storm-sealing-holder") as c:
            while not self.over.is_set():
                with c.transaction():
                    row = c.execute(_NEXT, (DAYS,)).fetchone()
                    assert row is not None
                    self._insert_at(c, chance, row[0])
                    self._await_commits(chance.randint(5, 60))
                self._note_commit()

    def _insert_at(self, c: psycopg.Connection[Any], chance: random.Random, day: Any) -> None:
        c.execute(
            "INSERT INTO loan (member_id, day, branch, fee_cents) VALUES (%s, %s, %s, 7)",
            (self._member(chance), day, chance.choice(BRANCHES)),
        )

    def _one_refresh(self, c: psycopg.Connection[Any], chance: random.Random) -> RefreshResult:
        view = chance.choice(DAILY)
        before, asked = self._seals(c), chance.random() < 0.3
        if asked:
            self._ask(c, view.name)
        # At once after the request, earlier transactions are still open.
        at_once = asked and chance.random() < 0.5
        result = refresh(c, view, ("archive",), 1) if at_once else super()._one_refresh(c, chance)
        for day_before, day, xid in c.execute(_MISSED).fetchall():
            tally = Tally(differences=[f"a loan of {day} by {xid} is missing before {day_before}"])
            self.tallies.append(tally)
        self._note_seals(c, before)
        return result

    def _read(self, chance: random.Random) -> None:
        tally = Tally()
        self.tallies.append(tally)
        with connect(self.url, "storm-reader") as c:
            while not self.over.is_set():
                user = chance.randint(1, USERS)
                if chance.random() < 0.3:
                    ORACLE.compare_read(c, chance.choice(tuple(READS)), user, tally, figures=False)
                    continue
                view = chance.choice(ORACLE.views)
                daily = CATALOG.view(view).day_column is not None
                ORACLE.compare_view(
                    c, view, user, tally, _WANTED.replace("{oracle}", f"storm_{view}") if daily else None
                )
