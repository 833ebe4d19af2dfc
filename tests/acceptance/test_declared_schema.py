"""The endpoints of a declared application answer as its document says: all checks of a fuzzer that reads it."""

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from tests.acceptance.test_schema import CONFIGURATION, EXAMPLES
from tests.fix_app import BIN, ROOT
from tests.fix_postgres import Server
from tests.web.declared.conftest import installed_site
from tests.web.web_fakes import SECRET
from web.auth.tokens import issue_token


@pytest.fixture(scope="module")
def address(embedded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with installed_site(embedded_server, tmp_path_factory.mktemp("project")) as site:
        server = make_server("127.0.0.1", 0, site.client.application, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_nothing_undocumented_is_answered(address: str, tmp_path: Path) -> None:
    token = f"Authorization: Bearer {issue_token(SECRET, 'ann', False, 3600)}"
    command = [BIN / "schemathesis", "--config-file", CONFIGURATION, "run", "--no-color", "--workers", "1"]
    command += ["--checks", "all", "--max-examples", EXAMPLES, "--header", token, "--request-timeout", "20"]
    paths = "^/(api/v1/(view|list|application|dashboard/(home|analytics))|openapi.json|docs)"
    command += ["--include-path-regex", paths]

    done = subprocess.run(
        [*command, f"{address}/openapi.json"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    (tmp_path / "said.txt").write_text(done.stdout)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " 0 passed" not in done.stdout
