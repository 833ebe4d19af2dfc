"""The one thread of a process that fetches the published key set.

Invariant: a request whose key is known never waits. A request whose key is unknown waits for a fetch that began after
it arrived, at most :data:`WAIT_SECONDS`; at most :data:`MOST_WAITING` requests wait at once, so that tokens that name
keys which do not exist can neither hold the server's threads nor make it fetch more than once a second.

The set is fetched every :data:`REFRESH_SECONDS`. A fetched set replaces the previous one as a whole, so a key that is
no longer published is refused at once. A fetch that fails changes nothing: the keys of the last success are used for
:data:`LONGEST_USE_SECONDS`. A set without a usable key counts as a failure, because an issuer that answers with one has
far more often broken its endpoint than withdrawn every key.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import NamedTuple

import jwt
import structlog

from models.backoff import Backoff
from models.errors import FrontviewError
from models.event_counter import EventCounter
from web.auth.key_set import KeySet, KeySetUnusable
from web.telemetry.worker_statistics import KeyStatistics

REFRESH_SECONDS = 300.0
LONGEST_USE_SECONDS = 24 * 3600.0  # How long keys are used after the last successful fetch.
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 1.0, 60.0  # Pauses after failures, while no request waits.
REQUESTED_FETCH_PAUSE_SECONDS = 1.0  # Between a fetch and one that a token with an unknown key causes.
WAIT_SECONDS = 3.0
MOST_WAITING = 4


class KeysUnavailable(FrontviewError):
    """It cannot be said now whether the token's key is published, so the token cannot be verified."""


class _Held(NamedTuple):
    """The keys of the last successful fetch.

    :ivar until: when they are too old to be used, as monotonic time.
    """

    keys: KeySet
    until: float


class KeyFetcher:
    """Holds the published keys and keeps them fresh; its thread starts when a key is first looked up.

    :param fetch: returns the key set that is published now, or raises :class:`KeySetUnusable`.
    """

    def __init__(self, fetch: Callable[[], KeySet], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._held = _Held({}, float("-inf"))  # Replaced as a whole, so it is read without the lock.
        self._backoff = Backoff(RETRY_SECONDS, LONGEST_RETRY_SECONDS, floor_seconds=RETRY_SECONDS)
        self._counter = EventCounter()
        self._logged: tuple[str, bool] | None = None
        self._reason = ""  # Why the last fetch failed; empty if it did not.
        self._due = self._ended_at = float("-inf")
        self._fresh_at: float | None = None  # The last success; before the first one, when the thread started.
        self._begun = self._ended = self._wanted = 0  # Fetches are numbered in the order in which they begin.
        self._waiting = 0
        self._stopping = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        forget = weakref.WeakMethod(self._forget_inherited)
        os.register_at_fork(after_in_child=lambda: (method := forget()) and method())

    def start(self) -> None:
        """Start the thread of this process, which ends with it; further calls do nothing."""
        if self._thread is not None:
            return
        with self._changed:
            if self._thread is None:
                if self._fresh_at is None:
                    self._fresh_at = self._clock()
                thread = threading.Thread(target=self._run, name="frontview-keys", daemon=True)
                thread.start()
                self._thread = thread

    def stop(self) -> None:
        """End the thread after the fetch that it may be making; for a process that goes on without it."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def find(self, name: str) -> jwt.PyJWK | None:
        """Return the published key of that name; None: there is none.

        :raises KeysUnavailable: no fetch that could tell succeeded in time, or too many requests wait for one.
        """
        if (key := self._known(name)) is None:
            return self._wait_for(name)
        self.start()  # A forked child inherits keys, but not the thread.
        return key

    def statistics(self) -> KeyStatistics:
        """Return what was counted, and how old the keys are."""
        return KeyStatistics(
            age_seconds=None if self._fresh_at is None else self._clock() - self._fresh_at,
            fetched=self._counter["fetched"],
            fetch_failed=self._counter["fetch_failed"],
            unknown=self._counter["unknown"],
            unavailable=self._counter["unavailable"],
        )

    def _known(self, name: str) -> jwt.PyJWK | None:
        return self._held.keys.get(name) if self._is_usable() else None

    def _is_usable(self) -> bool:
        return self._clock() < self._held.until

    def _wait_for(self, name: str) -> jwt.PyJWK | None:
        with self._changed:
            self._wanted = wanted = self._begun + 1
            self.start()
            self._changed.notify_all()
            if self._waiting < MOST_WAITING:
                self._waiting += 1
                self._changed.wait_for(lambda: self._ended >= wanted or self._known(name), WAIT_SECONDS)
                self._waiting -= 1
            key = self._known(name)
            fails = self._ended < wanted or self._reason
        if key is None:
            self._counter.add("unavailable" if fails else "unknown")
            if fails:
                raise KeysUnavailable("the key set was not fetched")
        return key

    def _forget_inherited(self) -> None:
        """Start again in a forked child, which has no thread: the inherited lock may be held forever."""
        self._changed, self._thread, self._counter = threading.Condition(), None, EventCounter()
        self._ended, self._waiting = self._begun, 0

    # --- in the thread

    def _run(self) -> None:
        while self._wait_until_due():
            keys, reason = self._try_to_fetch()
            self._note(keys, reason)

    def _wait_until_due(self) -> bool:
        """Wait until the next fetch is due; return False to end the thread."""
        with self._changed:
            while not self._stopping and (pause := self._pause()) > 0:
                self._changed.wait(pause)
            if not self._stopping:
                self._begun += 1
            return not self._stopping

    def _pause(self) -> float:
        due = self._due
        if self._wanted > self._begun:
            due = min(due, self._ended_at + REQUESTED_FETCH_PAUSE_SECONDS)
        return due - self._clock()

    def _try_to_fetch(self) -> tuple[KeySet | None, str]:
        try:
            return self._fetch(), ""
        except KeySetUnusable as error:
            return None, str(error)
        except Exception as error:  # A defect must not end the only thread.
            return None, f"a defect: {type(error).__name__}"

    def _note(self, keys: KeySet | None, reason: str) -> None:
        now = self._clock()
        self._counter.add("fetch_failed" if reason else "fetched")
        with self._changed:
            if keys is None:
                self._due = now + self._backoff.delay()
            else:
                self._held, self._fresh_at = _Held(keys, now + LONGEST_USE_SECONDS), now
                self._backoff.reset()
                self._due = now + REFRESH_SECONDS
            self._reason, self._ended, self._ended_at = reason, self._begun, now
            self._log(reason)
            self._changed.notify_all()

    def _log(self, reason: str) -> None:
        """Log the outcome of a fetch if it is another than that of the fetch before."""
        usable = self._is_usable()
        if self._logged == (reason, usable):
            return
        self._logged = reason, usable
        log = structlog.get_logger(__name__)
        if not reason:
            log.info("keys_fetched", keys=len(self._held.keys))
        elif usable:
            seconds = round(self._held.until - self._clock())
            log.warning("keys_not_fetched", reason=reason, usable_seconds=seconds)
        else:
            log.error("keys_not_fetched", reason=reason, usable_seconds=0)
