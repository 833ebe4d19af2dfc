"""A client of the event stream, in a thread; it keeps everything it received, as bytes and as events."""

import socket
import threading
from types import TracebackType
from typing import NamedTuple, Self

import httpx

from tests.fix_app import SECRET, System
from tests.waiting import until
from web.auth.tokens import issue_token

EVENTS = "/api/v1/dashboard/events"
TRUSTED, UNTRUSTED = '{"cache": "trusted"}', '{"cache": "untrusted"}'


class Event(NamedTuple):
    """One event; ``id`` None: it had none."""

    name: str
    id: str | None
    data: str


class Listener:
    """Opens a stream for ``user`` and keeps what comes until it ends or is cut.

    :param about: whose changes, when not the user's own.
    :param options: of httpx, for another way to the server.
    """

    def __init__(
        self,
        system: System,
        user: int,
        *,
        about: int | None = None,
        last_event_id: str | None = None,
        ttl_seconds: int = 3600,
        base_url: str | None = None,
        verify: bool = True,
    ) -> None:
        token = issue_token(SECRET, user, about is not None, ttl_seconds)
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        self._client = httpx.Client(
            base_url=base_url or f"http://127.0.0.1:{system.port}", headers=headers, timeout=40, verify=verify
        )
        self.events: list[Event] = []
        self.text = ""
        query = {} if about is None else {"user_id": about}
        self.response = self._client.send(self._client.build_request("GET", EVENTS, params=query), stream=True)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        try:
            for piece in self.response.iter_text():
                self.text += piece
                blocks = self.text.split("\n\n")[:-1]
                self.events = [event for block in blocks if (event := _event(block)) is not None]
        except httpx.HTTPError:  # it was cut
            pass

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]

    def wait_for(self, name: str, data: str = "{}", *, after: int = 0) -> Event:
        """Return the first such event beyond the first ``after`` events."""
        found = until(
            lambda: [event for event in self.events[after:] if (event.name, event.data) == (name, data)],
            f"{name} {data} among {self.events}",
        )
        return found[0]

    def wait_for_the_end(self, reason: str) -> None:
        self.wait_for("end", f'{{"reason": "{reason}"}}')
        self._thread.join(10)
        assert not self._thread.is_alive()

    @property
    def last_id(self) -> str:
        return [event.id for event in self.events if event.id is not None][-1]

    def cut(self) -> None:
        """Break the connection, as a network does."""
        if self._thread.is_alive():
            self.response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
            self._thread.join(10)
        self.response.close()
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()


def _event(block: str) -> Event | None:
    """Return the event of some lines; None: a comment, or how soon to come back."""
    fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
    return Event(fields["event"], fields.get("id"), fields["data"]) if "event" in fields else None
