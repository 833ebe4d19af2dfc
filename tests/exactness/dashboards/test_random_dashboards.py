"""Answers of random dashboards and lists equal plain SQL over the host's own tables, in one snapshot each."""

from pathlib import Path

import pytest

from tests.exactness.dashboards.installation import installed_dashboards
from tests.fix_postgres import Server

SEEDS, COMPARISONS, AT_ONCE = range(3), 60, 4


@pytest.mark.parametrize("seed", SEEDS)
def test_random_dashboards_answer_exactly(embedded_server: Server, tmp_path: Path, seed: int) -> None:
    with installed_dashboards(embedded_server, seed, tmp_path) as made:
        made.run(COMPARISONS, AT_ONCE)

    assert made.compared.total() >= COMPARISONS
