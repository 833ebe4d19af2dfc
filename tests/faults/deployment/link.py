"""The network between one process and the database, and the faults that it can have.

Invariant: a fault is in force when the method that asked for it returns, and over when :meth:`Link.heal` does.
"""

import asyncio
import math
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tests.faults.deployment.flow import End, Flow, reset
from tests.faults.deployment.message_frames import MessageFrames
from tests.faults.deployment.ports import stable_port

T = TypeVar("T")
ANSWER_SECONDS = 10


@dataclass(frozen=True, slots=True)
class _Conditions:
    silent: bool = False
    stalled: bool = False
    cut: bool = False
    dropping: bool = False
    delay_seconds: float = 0.0

    def seconds_left(self, waited: float, from_server: bool) -> float:
        """Return how much longer bytes have to wait that arrived ``waited`` seconds ago."""
        if self.silent or (from_server and self.stalled):
            return math.inf
        return self.delay_seconds - waited if from_server else 0.0


class Link:
    """Listens on :attr:`port` and forwards to ``upstream_port``, both on 127.0.0.1, in a thread of its own.

    Faults add up until :meth:`heal`. The counters prove that they took effect, and only grow.
    """

    def __init__(self, upstream_port: int) -> None:
        self.port = stable_port()
        self.connections = 0  # passed on to the server
        self.refused = 0  # because the link is cut or nobody listens behind it
        self.held_bytes = 0  # arrived while they could not be passed on at once
        self.dropped_notifications = 0
        self._upstream_port = upstream_port
        self._conditions = _Conditions()
        self._flows: set[Flow] = set()
        self._handlers: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"link-{self.port}", daemon=True)
        self._thread.start()
        self._listener = self._run(asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=256))

    # --- faults

    def silence(self) -> None:
        """Forward nothing in either direction; connections stay, new ones are accepted, no keepalive notices."""
        self._add(silent=True)

    def delay(self, seconds: float) -> None:
        """Let everything from the server arrive that much later, in order."""
        self._add(delay_seconds=seconds)

    def stall(self) -> None:
        """Hold everything from the server until :meth:`heal` lets it burst out."""
        self._add(stalled=True)

    def drop_notifications(self) -> None:
        """Take notifications out of what the server sends."""
        self._add(dropping=True)

    def cut(self) -> None:
        """Reset every connection, and each new one as soon as it is made."""
        self._add(cut=True)
        self.reset_connections()

    def reset_connections(self) -> None:
        """Reset every connection towards both ends, once; new ones are welcome."""
        self._run(self._reset_all())

    def heal(self) -> None:
        """Go back to plain forwarding; what was held is delivered."""
        self._run(self._change(_Conditions()))

    # --- what can be seen, and where it leads

    @property
    def open_connections(self) -> int:
        """How many connections to the server there are now."""
        return len(self._flows)

    def upstream_ports(self) -> set[int]:
        """Return the client ports by which the server knows these connections."""
        return {flow.upstream_port for flow in self._flows.copy()}

    def lead_to(self, upstream_port: int) -> None:
        """Let new connections go to another server."""
        self._upstream_port = upstream_port

    def close(self) -> None:
        """End every connection and stop listening; may be called twice."""
        if self._loop.is_closed():
            return
        self._listener.get_loop().call_soon_threadsafe(self._listener.close)
        self._run(self._reset_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # --- rules for flows

    def note_arrival(self, chunk: bytes, *, from_server: bool) -> None:
        if self._conditions.seconds_left(0.0, from_server) > 0:
            self.held_bytes += len(chunk)

    def take_out(self, frames: MessageFrames, chunk: bytes) -> bytes:
        before = frames.dropped
        kept = frames.feed(chunk, drop_notifications=self._conditions.dropping)
        self.dropped_notifications += frames.dropped - before
        return kept

    async def wait_until_due(self, arrived: float, *, from_server: bool) -> None:
        while (left := self._conditions.seconds_left(self._loop.time() - arrived, from_server)) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), None if math.isinf(left) else left)

    # --- in the thread

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_SECONDS)

    def _add(self, **fault: Any) -> None:
        self._run(self._change(replace(self._conditions, **fault)))

    async def _change(self, conditions: _Conditions) -> None:
        self._conditions = conditions
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _reset_all(self) -> None:
        handlers = list(self._handlers)
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        await asyncio.sleep(0)  # lets the transports close their sockets

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.current_task()
        assert handler is not None
        self._handlers.add(handler)
        try:
            await self._serve((reader, writer))
        except (OSError, asyncio.CancelledError):
            reset(writer)
        finally:
            writer.close()
            self._handlers.discard(handler)

    async def _serve(self, client: End) -> None:
        if not self._conditions.cut:
            await self.wait_until_due(self._loop.time(), from_server=False)
        if client[0]._eof:  # type: ignore[attr-defined]  # gone meanwhile: on a network it would never have connected
            return
        try:
            if self._conditions.cut:
                raise ConnectionRefusedError
            server = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        except OSError:
            self.refused += 1
            raise
        self.connections += 1
        flow = Flow(self, client, server)
        self._flows.add(flow)
        try:
            await flow.run()
        except asyncio.CancelledError:
            reset(server[1])
            raise
        finally:
            self._flows.discard(flow)
            server[1].close()
