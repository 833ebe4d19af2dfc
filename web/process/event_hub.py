"""The hub of one process: which streams of events are open, and whom a change concerns.

Invariant: every change of its user's after the position that a subscription began with reaches it. It counts from
:meth:`EventHub.subscribe` until its release, whoever releases it, and how often.
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
PROBE_SECONDS = 0.2  # for those who are gone to be noticed
LEAST_SECONDS_BETWEEN_PROBES = 1.0


class TooManyStreams(FrontviewError):
    """This process, or the caller, has as many streams open as allowed."""


class Subscription:
    """What one stream is told; made by the hub.

    :param user: whose changes it is about.
    :param since: what the feed had told when it began; None: nothing yet.
    """

    def __init__(self, hub: "EventHub", caller: UserKey, user: UserKey, since: Position | None) -> None:
        self.caller, self.user, self.since = caller, user, since
        self._hub = hub
        self.told: Position | None = None  # not handed over yet; the hub's lock guards it
        self._probed = False
        self._wake = threading.Event()

    @property
    def stopping(self) -> bool:
        """Whether the process is asked to end."""
        return self._hub.stopping

    def wait(self, seconds: float) -> None:
        """Return when there is something to look at, or after that time."""
        self._wake.wait(seconds)

    def take(self) -> tuple[Position | None, Position | None]:
        """Return the newest position with a change for its user since the last call, and how far the feed has told."""
        self._wake.clear()
        return self._hub.hand_over(self)

    def tell(self, position: Position) -> None:
        """Note a change of its user's."""
        self.told = position
        self._wake.set()

    def take_probe(self) -> bool:
        """Return whether it is to send something, so that a client that is gone is noticed."""
        probed, self._probed = self._probed, False
        return probed

    def probe(self) -> None:
        """Have it send something."""
        self._probed = True
        self._wake.set()

    def wake(self) -> None:
        """Make it look around."""
        self._wake.set()

    def sent(self, kind: str) -> None:
        """Count what was sent."""
        self._hub.count(kind)

    def release(self) -> None:
        """Give its place back; again and again without effect."""
        self._hub.forget(self)


class EventHub:
    """The open streams by user, told by the follower's thread.

    :param most: streams at once; ``most_per_caller``: of those, one token's user.
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
        """Return a new subscription to changes of ``user``; whoever has it must release it.

        A page that was left has its place until something is sent to it; where there is none, that is done now.

        :raises TooManyStreams: there is no place.
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
        """Take a subscription out, if it is there."""
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
        """Tell whom it concerns that the cache has applied ``poll``; on the path of every poll."""
        position = poll.newest
        if position is None:  # no feed, no trust: clients ask by themselves
            return
        with self._lock:
            if self._by_user and (flushed or poll.rows or poll.bulks):
                for user in self._concerned(poll, flushed):
                    for subscription in self._by_user[user]:
                        subscription.tell(position)
            self.position = position

    def hand_over(self, subscription: Subscription) -> tuple[Position | None, Position | None]:
        """Return what a subscription was told since the last call, and how far the feed has told."""
        with self._lock:
            told, subscription.told = subscription.told, None
            return told, self.position

    def stop(self) -> None:
        """End all streams, and those that come."""
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
        full = None if self._callers.total() >= self._most else caller  # one who keeps asking costs the others no probe
        if full in self._probed_at:
            return False
        self._probed_at[full] = now
        for subscription in chain.from_iterable(self._by_user.values()):
            if subscription.caller == caller or self._callers.total() >= self._most:
                subscription.probe()
        return self._released.wait_for(lambda: self._has_place(caller), PROBE_SECONDS)

    def _concerned(self, poll: Poll, flushed: bool) -> Collection[UserKey]:
        """Return the users with streams whom ``poll`` is about."""
        users = {row.user for row in poll.rows}
        if flushed or None in users:
            return self._by_user
        return self._by_user.keys() & users.union(*(self._by_user.keys() & bulk.users for bulk in poll.bulks))
