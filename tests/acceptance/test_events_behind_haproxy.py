"""Server-sent events through a proxy that compresses: it would hold them back if it were allowed to."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.listening import TRUSTED, Listener
from tests.fix_app import System, free_port
from tests.waiting import until

USER = 1
HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
CONFIGURATION = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen frontview
    bind 127.0.0.1:{port}
    compression algo gzip
    server web 127.0.0.1:{behind}
"""


@pytest.fixture
def behind(system: System, tmp_path: Path) -> Iterator[str]:
    """The address of a proxy that compresses everything that it may, before one worker."""
    if HAPROXY is None:
        pytest.skip("this machine has no haproxy: install the package haproxy")
    system.start_refresher()
    system.wait_for_views()
    system.start_web(workers=1)
    port, path = free_port(), tmp_path / "haproxy.cfg"
    path.write_text(CONFIGURATION.format(port=port, behind=system.port))
    system.start("haproxy", HAPROXY, "-db", "-f", path)
    yield f"http://127.0.0.1:{port}"
    system.end("haproxy", signal.SIGKILL)


def listen(system: System, address: str) -> Listener | None:
    try:
        return Listener(system, USER, base_url=address)
    except httpx.ConnectError:  # It has not begun yet.
        return None


def test_events_come_at_once_through_a_proxy_that_compresses(system: System, behind: str) -> None:
    with until(lambda: listen(system, behind), f"answer of haproxy; log: {system.log('haproxy')}") as listener:
        listener.wait_for("state", TRUSTED)
        for seen in (0, 1):
            system.add(USER)
            until(lambda seen=seen: len(listener.named("changed")) > seen, "change")
        assert "Content-Encoding" not in listener.response.headers
    page = httpx.get(behind)
    assert page.headers["Content-Encoding"] == "gzip", "this proxy compresses what it may"
