"""The API answers as its document says, whoever asks: every check of a fuzzer that reads ``/openapi.json``."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.fix_app import BIN, ROOT, SECRET, System
from web.tokens import issue_token

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = "25"


@pytest.mark.parametrize(("user", "admin"), [(1, False), (2, False), (1, True)], ids=["user", "another", "admin"])
def test_nothing_undocumented_is_answered(system: System, user: int, admin: bool, tmp_path: Path) -> None:
    system.environment["FRONTVIEW_ADMIN_POSTS_PER_MINUTE"] = "10000"
    system.environment["FRONTVIEW_EVENT_STREAM_SECONDS"] = "0.05"  # the fuzzer waits for the end of each answer
    system.start_refresher()
    system.wait_for_views()
    system.start_web()
    token = issue_token(SECRET, user, admin, 3600)
    command = [BIN / "schemathesis", "--config-file", CONFIGURATION, "run", "--no-color", "--workers", "1"]
    command += ["--checks", "all", "--max-examples", EXAMPLES, "--header", f"Authorization: Bearer {token}"]
    command += ["--request-timeout", "20", f"http://127.0.0.1:{system.port}/openapi.json"]

    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )

    (tmp_path / "said.txt").write_text(done.stdout)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert " 0 passed" not in done.stdout
