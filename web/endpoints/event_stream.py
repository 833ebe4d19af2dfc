"""One stream of server-sent events: what it sends, and when.

Invariant: no data of a user is sent, only that something changed. The last ``id`` sent never covers a change that was
not sent, so a client that reconnects with it misses nothing.
"""

import json
import time
from collections.abc import Callable, Iterator

from refresher.front_cache.feed import Position
from web.process.event_hub import Subscription

RETRY_MS = 2000
LEAST_SECONDS_BETWEEN_CHANGES = 0.25
HEARTBEAT_SECONDS = 15.0
TRUST_CHECK_SECONDS = 1.0  # How often each stream checks whether the cache is trusted.
ALIVE = b": alive\n\n"


def frame(event: str, data: dict[str, str], position: Position | None = None) -> bytes:
    """Return one event in the format of server-sent events.

    :param position: the one that its ``id`` names; None: it has no ``id``.
    """
    lines = [f"event: {event}"]
    if position is not None:
        lines.append(f"id: {position.epoch}-{position.drain_id}")
    lines.append(f"data: {json.dumps(data)}")
    return ("\n".join(lines) + "\n\n").encode()


class EventStream:
    """Yields the pieces of one response, each when it is due.

    :param trusted: returns whether the cache of this worker is trusted at a monotonic time.
    :param expires_at: when the token expires, as Unix time.
    :param claim_holds: returns whether the token's user is still named by the claim that named them at first.
    :param changed: whether the client may have missed a change already.
    """

    def __init__(
        self,
        subscription: Subscription,
        trusted: Callable[[float], bool],
        *,
        expires_at: float,
        longest_seconds: float,
        claim_holds: Callable[[], bool] = lambda: True,
        changed: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._subscription, self._trusted, self._claim_holds = subscription, trusted, claim_holds
        self._expires_at, self._monotonic, self._wall = expires_at, monotonic, wall
        self._ends = monotonic() + longest_seconds
        self._changed = subscription.since if changed else None  # The position of a change that was not sent yet.
        self._changed_sent = self._sent = float("-inf")
        self._trust: bool | None = None
        self._over = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield each piece when it is due, until the stream ends."""
        yield f"retry: {RETRY_MS}\n\n".encode() + self.due()
        while not self._over:
            self._subscription.wait(self.seconds_to_wait())
            if piece := self.due():
                yield piece

    def due(self) -> bytes:
        """Return the piece that is due now; empty: none is."""
        now = self._monotonic()
        latest, position = self._subscription.take()
        self._changed = latest or self._changed
        reason = self._reason_to_end(now)
        pieces = [*self._state(now), *self._change(now, at_once=reason is not None)]
        if reason is not None:
            self._over = True
            pieces.append(self._event("end", {"reason": reason}, position))
        elif not pieces and (self._subscription.take_probe() or now - self._sent >= HEARTBEAT_SECONDS):
            self._subscription.sent("alive")
            pieces.append(ALIVE)
        if pieces:
            self._sent = now
        return b"".join(pieces)

    def seconds_to_wait(self) -> float:
        """Return how long nothing is due unless a change comes."""
        now = self._monotonic()
        due = [now + TRUST_CHECK_SECONDS, self._ends, now + self._expires_at - self._wall()]
        if self._changed is not None:
            due.append(self._changed_sent + LEAST_SECONDS_BETWEEN_CHANGES)
        return max(0.0, min(due) - now)

    def _reason_to_end(self, now: float) -> str | None:
        if self._subscription.stopping:
            return "stopping"
        if self._wall() >= self._expires_at:
            return "token-expired"
        if not self._claim_holds():
            return "claim-changed"
        return "longest-life" if now >= self._ends else None

    def _state(self, now: float) -> Iterator[bytes]:
        trusted = self._trusted(now)
        if trusted is not self._trust:
            first = self._trust is None
            self._trust = trusted
            # A client that has seen no change reconnects with the `id` of this first event.
            position = self._subscription.since if first and self._changed is None else None
            yield self._event("state", {"cache": "trusted" if trusted else "untrusted"}, position)

    def _change(self, now: float, *, at_once: bool) -> Iterator[bytes]:
        position = self._changed
        if position is not None and (at_once or now - self._changed_sent >= LEAST_SECONDS_BETWEEN_CHANGES):
            self._changed, self._changed_sent = None, now
            yield self._event("changed", {}, position)

    def _event(self, name: str, data: dict[str, str], position: Position | None = None) -> bytes:
        self._subscription.sent(name)
        return frame(name, data, position)
