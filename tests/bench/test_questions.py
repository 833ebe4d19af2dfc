"""Every question can be measured: its module, which nothing else imports, can be imported."""

import pytest

from bench.questions.registry import QUESTIONS, measure_of


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_can_be_measured(question: str) -> None:
    assert callable(measure_of(question))
