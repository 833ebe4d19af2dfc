"""The rate limit of requests: a token bucket for each verified user id, or one for all callers, in this process alone.

Invariant: memory is bounded. The bucket that was used least recently is dropped, and is full when it is needed again. A
refused request takes no token, so a client that waits as long as the answer says is served.
"""

import math
import threading
import time
from collections.abc import Callable, Hashable

from web.http.problems import Problem

MOST_USERS = 10_000


class RateLimit:
    """Token buckets, each kept as one number: the time when it would be full again.

    :param per_second: how many tokens return in a second; 0: no limit.
    :param burst: how many tokens a full bucket has, at least 1.
    """

    def __init__(
        self,
        per_second: float,
        burst: int,
        *,
        most_users: int = MOST_USERS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds_a_token = 1 / per_second if per_second > 0 else 0.0
        # A thousandth of a token is added against rounding.
        self._depth_seconds = (burst - 1 + 0.001) * self._seconds_a_token
        self._most_users, self._monotonic = most_users, monotonic
        self._full_at: dict[Hashable, float] = {}  # In the order of use, the least recently used first.
        self._lock = threading.Lock()

    def take(self, user: Hashable) -> float:
        """Take a token of ``user``'s bucket; return 0, or the seconds after which there will be one."""
        seconds_a_token = self._seconds_a_token
        if not seconds_a_token:
            return 0.0
        full_at_of, now = self._full_at, self._monotonic()
        with self._lock:
            full_at = full_at_of.pop(user, now)  # It is added again at the end, as the most recently used.
            earliest = full_at - self._depth_seconds
            if earliest > now:
                full_at_of[user] = full_at
                return earliest - now
            full_at_of[user] = (full_at if full_at > now else now) + seconds_a_token  # max() takes longer.
            if len(full_at_of) > self._most_users:
                del full_at_of[next(iter(full_at_of))]
        return 0.0

    def __len__(self) -> int:
        """Return how many buckets are kept."""
        return len(self._full_at)


def too_many_requests(
    wait_seconds: float, detail: str = "You ask too often; Retry-After says when to go on."
) -> Problem:
    """Return the 429 that says when to try again, in whole seconds as the header requires."""
    seconds = max(1, math.ceil(wait_seconds))
    return Problem(
        429,
        "too-many-requests",
        detail,
        headers={"Retry-After": str(seconds)},
    )
