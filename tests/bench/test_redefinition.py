"""Which answers the benchmark of redefinition counts as wrong: without a write, or with the other meaning."""

import json

import pytest

from bench.load.steady_readers import Seen
from bench.questions.redefinition import DECLARED, FAILING, MEANINGS, Period
from bench.watching.sightings import Write

USER, OTHERS = 7, {7: (4, 1)}  # Of ten calls before, six are completed in the old meaning, nine in the new one.
BEGAN, ENDED = 10.0, 12.0
WRITES = [Write(USER, 11, 5.0, 5.1), Write(USER, 12, 20.0, 20.1)]


def seen(sent: float, calls: int, completed: int, *, exact: bool = True) -> Seen:
    document = json.dumps({"data": {"calls": {"all_time": {"calls": calls, "completed": completed}}}}).encode()
    return Seen(USER, exact, sent, sent, sent + 0.01, document)


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (seen(4.0, 10, 6), 0),
        (seen(6.0, 11, 7), 0),
        (seen(6.0, 10, 6), 1),  # The call was committed.
        (seen(5.5, 10, 6, exact=False), 0),  # A cached answer may be a second old.
        (seen(6.5, 10, 6, exact=False), 1),
        (seen(4.0, 11, 7), 1),  # Nobody had written it yet.
        (seen(6.0, 11, 10), 1),  # The new meaning before anybody declared it.
        (seen(11.0, 11, 7), 0),
        (seen(11.0, 11, 10), 0),
        (seen(11.0, 11, 8), 1),  # Neither of the two.
        (seen(12.5, 11, 7), 0),
        (seen(13.5, 11, 7), 1),  # The old meaning a second after the change.
        (seen(13.5, 11, 10), 0),
    ],
)
def test_an_answer_is_wrong_or_right(answer: Seen, wrong: int) -> None:
    assert Period([answer], WRITES, BEGAN, ENDED, (0, 1)).wrong(OTHERS) == wrong


def test_the_declarations_are_what_they_are_meant_to_be() -> None:
    assert MEANINGS[0] in DECLARED
    assert FAILING != DECLARED
