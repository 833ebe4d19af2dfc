"""Answers of random applications equal plain SQL over the host's own table, in one snapshot, in every state."""

from pathlib import Path

import pytest

from tests.exactness.installation import installed
from tests.fix_postgres import Server

SEEDS, COMPARISONS = range(4), 100


@pytest.mark.parametrize("seed", SEEDS)
def test_random_applications_answer_exactly(any_server: Server, tmp_path: Path, seed: int) -> None:
    with installed(any_server, seed, tmp_path) as made:
        made.run(COMPARISONS)
        assert made.compared.total() >= COMPARISONS
