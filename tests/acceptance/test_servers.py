"""The application under each server it supports."""

import sys

import pytest

from tests.acceptance.test_reads import EXACT, OVERVIEW, USER, all_time_calls, hit
from tests.fix_app import System


@pytest.mark.parametrize("options", [[], ["--preload"]])
def test_gunicorn_serves_it_with_and_without_preloading(system: System, options: list[str]) -> None:
    pytest.importorskip("gunicorn")
    system.start_refresher()
    system.wait_for_views()
    bind = f"127.0.0.1:{system.port}"
    system.start(
        "web", sys.executable, "-m", "gunicorn", "web.wsgi:app", "-b", bind, "-w", "2", "--threads", "4",
        "-k", "gthread", *options,
    )  # fmt: skip
    system.wait_for_web()
    with system.client(USER) as client:
        hit(client, OVERVIEW)
        system.add_call(USER)
        calls = system.value("SELECT count(*) FROM calls WHERE user_id = %s", USER)
        assert all_time_calls(client.get(OVERVIEW, headers=EXACT)) == calls
