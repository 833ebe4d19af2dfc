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
def test_nothing_undocumented_is_answered(running: System, user: int, admin: bool, tmp_path: Path) -> None:
    token = issue_token(SECRET, user, admin, 3600)
    command = [BIN / "schemathesis", "--config-file", CONFIGURATION, "run", "--no-color", "--workers", "2"]
    command += ["--checks", "all", "--max-examples", EXAMPLES, "--header", f"Authorization: Bearer {token}"]
    command += ["--request-timeout", "20", f"http://127.0.0.1:{running.port}/openapi.json"]

    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "No issues found" in done.stdout
