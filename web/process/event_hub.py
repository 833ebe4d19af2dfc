"""The hub of one process: the open streams of events, and which of them a change concerns.

Invariant: a subscription learns of every change to its user's data after the position at which it began. It
occupies a place from :meth:`EventHub.subscribe` until its first release; further releases do nothing.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from itertools import chain

from models.errors import FrontviewError
from models.user_key import UserKey
from refresher.front_cache.feed import Poll, Position
from web.telemetry.worker_statistics import EventStreamStatistics

KINDS = ("changed", "state", "end", "alive")
PROBE_SECONDS = 0.2  # How long a new stream waits until streams whose clients have left are found.
LEAST_SECONDS_BETWEEN_PROBES = 1.0


class TooManyStreams(FrontviewError):
    """This process, or the caller, has as many streams open as allowed."""


class Subscription:
    """The changes that one stream has yet to send; made by the hub.

    :param user: whose changes it follows.
    :param since: the position of the feed when it began; None: the feed had none yet.
    """

    def __init__(self, hub: "EventHub", caller: UserKey, user: UserKey, since: Position | None) -> None:
        self.caller, self.user, self.since = caller, user, since
        self._hub = hub
        self.latest: Position | None = None  # Of a change that was not taken yet; the hub's lock guards it.
        self._probed = False
        self._wake = threading.Event()

    @property
    def stopping(self) -> bool:
        """Whether the process is asked to end."""
        return self._hub.stopping

    def wait(self, seconds: float) -> bool:
        """Return when something may have to be sent (True), or after that time."""
        return self._wake.wait(seconds)

    def take(self) -> tuple[Position | None, Position | None]:
        """Return the position of the newest change for its user since the last call, and the position of the feed."""
        self._wake.clear()
        return self._hub.hand_over(self)

    def note_change(self, position: Position) -> None:
        """Note a change of its user's data, and wake the stream."""
        self.latest = position
        self._wake.set()

    def take_probe(self) -> bool:
        """Return whether the stream must send something, so that a client that has left is noticed."""
        probed, self._probed = self._probed, False
        return probed

    def probe(self) -> None:
        """Make the stream send something."""
        self._probed = True
        self._wake.set()

    def wake(self) -> None:
        """Make the stream check whether something has to be sent."""
        self._wake.set()

    def sent(self, kind: str) -> None:
        """Count an event that was sent."""
        self._hub.count(kind)

    def release(self) -> None:
        """Give its place back; further calls do nothing."""
        self._hub.forget(self)


class EventHub:
    """The open streams by user; the feed follower's thread wakes them.

    :param most: how many streams may be open; ``most_per_caller``: how many of them for one token's user.
    """

    def __init__(self, most: int, most_per_caller: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most, self._most_per_caller, self._monotonic = most, most_per_caller, monotonic
        self._lock = threading.Lock()
        self._released = threading.Condition(self._lock)
        self._probed_at: dict[UserKey | None, float] = {}
        self._by_user: defaultdict[UserKey, set[Subscription]] = defaultdict(set)
        self._callers: Counter[UserKey] = Counter()
        self._counts: Counter[str] = Counter()
        self._sent: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
        self.position: Position | None = None
        self.stopping = False

    def subscribe(self, caller: UserKey, user: UserKey) -> Subscription:
        """Return a new subscription to changes of ``user``; the caller must release it.

        A client that has left occupies its place until something is sent to it. If no place is free, something is sent
        to the streams that could give up theirs, once a second at most.

        :raises TooManyStreams: no place is free.
        """
        with self._lock:
            if not self._has_place(caller) and not self._place_after_a_probe(caller):
                self._counts["refused"] += 1
                raise TooManyStreams
            subscription = Subscription(self, caller, user, self.position)
            self._by_user[user].add(subscription)
            self._callers[caller] += 1
            self._counts["opened"] += 1
            return subscription

    def forget(self, subscription: Subscription) -> None:
        """Remove a subscription, if it is there."""
        user, caller = subscription.user, subscription.caller
        with self._lock:
            if subscription not in self._by_user.get(user, ()):
                return
            self._by_user[user].remove(subscription)
            if not self._by_user[user]:
                del self._by_user[user]
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]
            self._released.notify_all()

    def applied(self, poll: Poll, flushed: bool) -> None:
        """Wake the streams of the users whom ``poll`` concerns, after the cache has applied it."""
        position = poll.newest
        if position is None:  # Without the feed there is no trust, and clients poll by themselves.
            return
        with self._lock:
            if self._by_user and (flushed or poll.rows or poll.bulks):
                for user in self._concerned(poll, flushed):
                    for subscription in self._by_user[user]:
                        subscription.note_change(position)
            self.position = position

    def hand_over(self, subscription: Subscription) -> tuple[Position | None, Position | None]:
        """Return the position of a subscription's newest change since the last call, and the position of the feed."""
        with self._lock:
            latest, subscription.latest = subscription.latest, None
            return latest, self.position

    def stop(self) -> None:
        """End all streams, and those that are opened later."""
        with self._lock:
            self.stopping = True
            for subscriptions in self._by_user.values():
                for subscription in subscriptions:
                    subscription.wake()

    def count(self, kind: str) -> None:
        """Count an event that was sent."""
        with self._lock:
            self._sent[kind] += 1

    def statistics(self) -> EventStreamStatistics:
        """Return how many streams are open, were opened and were refused, and what was sent."""
        with self._lock:
            return EventStreamStatistics(
                limit=self._most,
                open=self._callers.total(),
                opened=self._counts["opened"],
                refused=self._counts["refused"],
                sent=dict(self._sent),
            )

    # --- the lock is held in everything below

    def _has_place(self, caller: UserKey) -> bool:
        return self._callers.total() < self._most and self._callers[caller] < self._most_per_caller

    def _place_after_a_probe(self, caller: UserKey) -> bool:
        now = self._monotonic()
        self._probed_at = {who: at for who, at in self._probed_at.items() if now - at < LEAST_SECONDS_BETWEEN_PROBES}
        full = (
            None if self._callers.total() >= self._most else caller
        )  # A caller that keeps asking causes no probes of other callers' streams.
        if full in self._probed_at:
            return False
        self._probed_at[full] = now
        for subscription in chain.from_iterable(self._by_user.values()):
            if subscription.caller == caller or self._callers.total() >= self._most:
                subscription.probe()
        return self._released.wait_for(lambda: self._has_place(caller), PROBE_SECONDS)

    def _concerned(self, poll: Poll, flushed: bool) -> Collection[UserKey]:
        """Return the users with open streams whom ``poll`` concerns."""
        users = {row.user for row in poll.rows}
        if flushed or None in users:
            return self._by_user
        return self._by_user.keys() & users.union(*(self._by_user.keys() & bulk.users for bulk in poll.bulks))
