"""PostgreSQL's message frames in a server's byte stream, so that one kind of message can be removed.

Invariant: what comes out is what went in, in order, less whole NotificationResponse messages.
"""

NOTIFICATION = ord("A")
_HEADER_BYTES = 5  # type, then the length, which counts itself and not the type
_ANSWERS = b"NSG"  # one byte each, to a request for TLS or GSSAPI, before the first message


class MessageFrames:
    """Follows one connection's stream from its first byte; :meth:`feed` it everything, in order."""

    def __init__(self) -> None:
        self.dropped = 0  # messages so far
        self._header = b""  # of the next message, as far as it has come
        self._left = 0  # bytes of the current message that are still to come
        self._dropping = False  # the current message
        self._begun = False
        self._opaque = False

    def feed(self, chunk: bytes, *, drop_notifications: bool) -> bytes:
        """Return the part of ``chunk`` and of earlier bytes (at most four) that may be passed on."""
        if self._opaque:
            return chunk
        chunk, self._header = self._header + chunk, b""
        place = 0
        kept: list[bytes] = []
        if not self._begun:
            place = self._negotiate(chunk)
            kept.append(chunk[:place])
        while place < len(chunk):
            if not self._left and not self._read_header(chunk, place, drop_notifications):
                break
            end = min(place + self._left, len(chunk))
            if not self._dropping:
                kept.append(chunk[place:end])
            self._left -= end - place
            place = end
        return b"".join(kept)

    def end(self) -> bytes:
        """Return what was kept back, at the end of the stream."""
        rest, self._header = self._header, b""
        return rest

    def _negotiate(self, chunk: bytes) -> int:
        """Return where the first message begins; everything is opaque once encryption was agreed to."""
        place = 0
        while place < len(chunk) and chunk[place] in _ANSWERS:
            self._opaque = chunk[place] != ord("N")
            if self._opaque:
                return len(chunk)
            place += 1
        self._begun = place < len(chunk)
        return place

    def _read_header(self, chunk: bytes, place: int, drop_notifications: bool) -> bool:
        header = chunk[place : place + _HEADER_BYTES]
        if len(header) < _HEADER_BYTES:
            self._header = header
            return False
        self._left = 1 + int.from_bytes(header[1:], "big")
        self._dropping = drop_notifications and header[0] == NOTIFICATION
        self.dropped += self._dropping
        return True
