"""Server-sent events through the example proxy: each arrives at once, and the server notices when a client is gone."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.listening import TRUSTED, Listener
from tests.fix_app import System, free_port
from tests.nginx_example import NGINX, example
from tests.waiting import until

USER = 1


@pytest.fixture
def behind(system: System, tmp_path: Path) -> Iterator[str]:
    """The address of a proxy before one worker that has room for one stream."""
    if NGINX is None:
        pytest.skip("this machine has no nginx")
    system.environment |= {"FRONTVIEW_EVENT_STREAMS": "1", "FRONTVIEW_EVENT_STREAMS_PER_USER": "1"}
    system.start_refresher()
    system.wait_for_views()
    system.start_web(workers=1)
    port, folder = free_port(), tmp_path / "nginx"
    folder.mkdir()
    path = example(folder, nodes=(system.port, system.port), tls_port=port, plain_port=free_port())
    system.start("nginx", NGINX, "-c", path, "-p", folder, "-g", "daemon off;")
    yield f"https://127.0.0.1:{port}"
    system.end("nginx")


def listen(system: System, address: str) -> Listener | None:
    try:
        return Listener(system, USER, base_url=address, verify=False)
    except httpx.ConnectError:  # it has not begun yet
        return None


def test_events_come_through_one_by_one_and_a_client_that_is_gone_is_noticed(system: System, behind: str) -> None:
    listener = until(lambda: listen(system, behind), f"answer of nginx; log: {system.log('nginx')}")
    with listener:
        listener.wait_for("state", TRUSTED)
        last_id = listener.last_id
        for seen in (0, 1):
            system.add(USER)
            until(lambda seen=seen: len(listener.named("changed")) > seen, "change")

    def again() -> Listener | None:
        with Listener(system, USER, base_url=behind, verify=False, last_event_id=last_id) as back:
            return back if back.response.status_code == 200 and back.wait_for("changed") else None

    until(again, "free place")
