"""One connection through a link: data of either end waits in a queue until it may go on to the other.

Invariant: within one direction bytes keep their order, and none is lost before a reset. To cancel is to reset.
"""

import asyncio
import socket
import struct
from typing import Protocol

from tests.faults.deployment.message_frames import MessageFrames

CHUNK_BYTES = 65_536
HELD_CHUNKS = 256  # a direction; beyond that the sender's buffers fill, as they do on a real network
_LINGER_NOT = struct.pack("ii", 1, 0)  # closing then sends RST instead of FIN

End = tuple[asyncio.StreamReader, asyncio.StreamWriter]
# When it came, and what: bytes, b"" for the end of the stream, None for a reset.
Line = asyncio.Queue[tuple[float, bytes | None]]


class Rules(Protocol):
    """What a link says about bytes on their way."""

    def note_arrival(self, chunk: bytes, *, from_server: bool) -> None: ...

    def take_out(self, frames: MessageFrames, chunk: bytes) -> bytes: ...

    async def wait_until_due(self, arrived: float, *, from_server: bool) -> None: ...


class Flow:
    """Forwards between ``client`` and ``server`` as ``rules`` say."""

    def __init__(self, rules: Rules, client: End, server: End) -> None:
        self._rules, self._client, self._server = rules, client, server
        self.upstream_port: int = server[1].get_extra_info("sockname")[1]

    async def run(self) -> None:
        """Return when either end has closed and the other one has got all that came before."""
        up: Line = asyncio.Queue(HELD_CHUNKS)
        down: Line = asyncio.Queue(HELD_CHUNKS)
        takers = [self._take_from_client(up), self._take_from_server(down)]
        givers = [
            self._give(up, self._server[1], from_server=False),
            self._give(down, self._client[1], from_server=True),
        ]
        giving = [asyncio.create_task(giver) for giver in givers]
        tasks = [*giving, *(asyncio.create_task(taker) for taker in takers)]
        try:
            await asyncio.wait(giving, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take_from_client(self, line: Line) -> None:
        reader = self._client[0]
        while chunk := await _read(reader):
            self._rules.note_arrival(chunk, from_server=False)
            await line.put((_now(), chunk))
        await line.put((_now(), chunk))

    async def _take_from_server(self, line: Line) -> None:
        reader, frames = self._server[0], MessageFrames()
        while chunk := await _read(reader):
            if kept := self._rules.take_out(frames, chunk):
                self._rules.note_arrival(kept, from_server=True)
                await line.put((_now(), kept))
        if rest := frames.end():
            await line.put((_now(), rest))
        await line.put((_now(), chunk))

    async def _give(self, line: Line, writer: asyncio.StreamWriter, *, from_server: bool) -> None:
        while True:
            arrived, chunk = await line.get()
            await self._rules.wait_until_due(arrived, from_server=from_server)
            if not chunk:
                if chunk is None:
                    reset(writer)
                return
            writer.write(chunk)
            await writer.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST; what is still to be sent is lost."""
    line = writer.get_extra_info("socket")
    if line is not None and line.fileno() >= 0:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> bytes | None:
    try:
        return await reader.read(CHUNK_BYTES)
    except OSError:
        return None


def _now() -> float:
    return asyncio.get_running_loop().time()
