"""The API answers every caller as its document says: all checks of a fuzzer that reads ``/openapi.json``."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fix_app import BIN, ROOT, SECRET, System, filled_system, start_everything
from tests.fix_postgres import Server
from tests.voice_stage import VOICE
from web.auth.tokens import issue_token

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = "25"


@pytest.fixture(scope="module")
def asked(embedded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that runs and refuses nobody for asking often."""
    with filled_system(embedded_server, tmp_path_factory.mktemp("asked"), application=VOICE) as system:
        system.environment["FRONTVIEW_ADMIN_POSTS_PER_MINUTE"] = "10000"
        system.environment["FRONTVIEW_EVENT_STREAM_SECONDS"] = "0.05"  # the fuzzer waits for the end of each answer
        yield start_everything(system)


@pytest.mark.parametrize("admin", [False, True], ids=["user", "admin"])
def test_nothing_undocumented_is_answered(asked: System, admin: bool, tmp_path: Path) -> None:
    token = issue_token(SECRET, 1, admin, 3600)
    command = [BIN / "schemathesis", "--config-file", CONFIGURATION, "run", "--no-color", "--workers", "1"]
    command += ["--checks", "all", "--max-examples", EXAMPLES, "--header", f"Authorization: Bearer {token}"]
    command += ["--request-timeout", "20", f"http://127.0.0.1:{asked.port}/openapi.json"]

    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )

    (tmp_path / "said.txt").write_text(done.stdout)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert " 0 passed" not in done.stdout
