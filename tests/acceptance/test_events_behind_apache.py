"""Server-sent events through a proxy that compresses: it would hold them back if it were allowed to."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.listening import TRUSTED, Listener
from tests.fix_app import System, free_port
from tests.waiting import until

USER = 1
APACHE = shutil.which("apache2", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
MODULES = ("mpm_event", "authz_core", "filter", "deflate", "proxy", "proxy_http")
CONFIGURATION = """
PidFile "{folder}/apache.pid"
ErrorLog "{folder}/apache.error.log"
Listen 127.0.0.1:{port}
ServerName 127.0.0.1
{modules}
{user}
SetOutputFilter DEFLATE
ProxyPass "/" "http://127.0.0.1:{behind}/"
"""


@pytest.fixture
def behind(system: System, tmp_path: Path) -> Iterator[str]:
    """The address of a proxy that compresses everything that it may, before one worker."""
    if APACHE is None:
        pytest.skip("this machine has no apache2: the Debian package apache2-bin has it")
    system.start_refresher()
    system.wait_for_views()
    system.start_web(workers=1)
    port, path = free_port(), tmp_path / "apache.conf"
    folder = Path(APACHE).resolve().parents[1] / "lib" / "apache2" / "modules"
    modules = "\n".join(f'LoadModule {name}_module "{folder}/mod_{name}.so"' for name in MODULES)
    user = "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""  # It refuses to serve as root.
    path.write_text(CONFIGURATION.format(folder=tmp_path, port=port, modules=modules, user=user, behind=system.port))
    system.start("apache", APACHE, "-D", "FOREGROUND", "-f", path)
    yield f"http://127.0.0.1:{port}"
    system.end("apache")


def listen(system: System, address: str) -> Listener | None:
    try:
        return Listener(system, USER, base_url=address)
    except httpx.ConnectError:  # It has not begun yet.
        return None


def test_events_come_at_once_through_a_proxy_that_compresses(system: System, behind: str) -> None:
    with until(lambda: listen(system, behind), f"answer of apache; log: {system.log('apache')}") as listener:
        listener.wait_for("state", TRUSTED)
        for seen in (0, 1):
            system.add_call(USER)
            until(lambda seen=seen: len(listener.named("changed")) > seen, "change")
        assert "Content-Encoding" not in listener.response.headers
    page = httpx.get(behind)
    assert page.headers["Content-Encoding"] == "gzip", "this proxy compresses what it may"
