"""Read statistics: whatever the read path counts is reported."""

import re
from pathlib import Path

import web.reads
from web.reads.statistics import READ_EVENTS

COUNTED = re.compile(r'_(?:counter\.add|note)\("(\w+)"')


def test_every_event_that_reads_count_is_a_field_of_their_statistics() -> None:
    (folder,) = web.reads.__path__
    counted = {event for path in Path(folder).glob("*.py") for event in COUNTED.findall(path.read_text())}
    assert {"unavailable", "read_again"} <= counted
    assert counted <= set(READ_EVENTS)
