"""Every answer equals a full recomputation in its own snapshot, whatever runs beside it."""

from collections.abc import Iterator

import psycopg
import pytest

from refresher.refreshing import compaction
from tests.concurrency.sabotage import mark_backlogs_of_few_changes
from tests.concurrency.storm import Storm
from tests.fix_postgres import Server

pytestmark = pytest.mark.every_change
COMPARISONS, COMPARISONS_IN_PROOF = 400, 700


@pytest.fixture(params=[False, True], ids=["few at once", "in backlogs and chunks"])
def stormy_url(any_server: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    url = any_server.create(any_server.template)
    if request.param:
        mark_backlogs_of_few_changes(url)
        monkeypatch.setattr(compaction, "CHUNK_KEYS", 3)
    yield url
    any_server.drop(url)


def test_merged_answers_equal_a_recomputation_in_the_same_snapshot(
    stormy_url: str, request: pytest.FixtureRequest
) -> None:
    wanted = COMPARISONS_IN_PROOF if request.node.get_closest_marker("proof") else COMPARISONS

    storm = Storm(stormy_url, seconds=150, comparisons=wanted).run()

    assert storm.differences == []
    assert storm.comparisons >= wanted
    assert sum(tally.undrained for tally in storm.tallies) > 25
    assert sum(tally.patched for tally in storm.tallies) > 250
    assert storm.refreshes.get("refreshed", 0) >= 10
    assert storm.refreshes.get("moved", 0) >= 5
    with psycopg.connect(stormy_url) as connection:
        drains = connection.execute("SELECT max(drain_id) FROM frontview.drain").fetchone()
    assert drains is not None
    assert drains[0] >= 100
