"""A worker without a database behind it, for tests of pure HTTP behaviour."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from apiflask import APIFlask

from models.schema_version import SchemaState
from models.settings import load_settings
from models.user_key import INTEGER, UserKey, UserKind
from refresher.front_cache.body import Body
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.entry import Entry, EntryKey, Question
from refresher.front_cache.statistics import FollowerStatistics
from tests.neutral.catalog import SERVED
from views_sql.declaration.served import ServedApplication
from web.app import create_app
from web.auth.tokens import issue_token
from web.endpoints.health import DatabaseState, ReadinessCheck
from web.process.event_hub import EventHub
from web.reads.read_path import Reading, ReadPolicy, cached_reading
from web.telemetry.latency import Latency

SECRET = "a-secret-of-more-than-thirty-two-bytes"
CALCULATED_AT = 1_790_000_000.25

CALCULATED = time.monotonic()  # when the other clock says CALCULATED_AT
NOW = CALCULATED + 16.98765


def make_held(body: Body = b'{"user_id":7,"fees":9007199254740993}', drain_id: int = 1842) -> Entry:
    """Return what a front cache holds when it answers :data:`HIT`."""
    return Entry(
        EntryKey("dashboard", 7, "view.loans", ()),
        body,
        Question((), 3, "materialized_view", 1, '{"granularity":"day"}', frozenset({"loans_1"}), None, None),
        b"of 12 bytes.",
        drain_id,
        began=CALCULATED,
        expires=CALCULATED + 600,
        calculated_at=CALCULATED_AT,
    )


HELD = make_held()
HIT = cached_reading(HELD, NOW)
MISS = replace(
    HIT, source="materialized_view", age_seconds=0.0, ttl_seconds=600.0, miss_reason="miss", database_ms=0.314
)


@dataclass
class FakeReadPath:
    """Answers every read with ``outcome``, or raises it; remembers what was asked."""

    outcome: Reading | Exception = HIT
    asked: list[tuple[str, int, dict[str, Any], ReadPolicy]] = field(default_factory=list)
    held: Entry | None = None  # what the front cache has, whatever the key

    def read(self, dashboard: str, user_id: int, parameters: Any, policy: ReadPolicy) -> Reading:
        self.asked.append((dashboard, user_id, dict(parameters), policy))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def key(self, dashboard: str, user_id: int, parameters: Any) -> EntryKey:
        return EntryKey("a region", user_id, dashboard, tuple(parameters.values()))

    def hit(self, _key: EntryKey, _arrived: float) -> Entry | None:
        return self.held

    def monotonic(self) -> float:
        return NOW


@dataclass
class FakeFollower:
    trusted: bool = True

    def status(self) -> FollowerStatistics:
        return FollowerStatistics(trusted=self.trusted)

    def database_answers(self) -> bool:
        return False


@dataclass
class FakeWorker:
    read_path: FakeReadPath = field(default_factory=FakeReadPath)
    cache: FrontCache = field(default_factory=lambda: FrontCache(()))
    event_hub: EventHub = field(default_factory=lambda: EventHub(most=4, most_per_caller=2))
    follower: FakeFollower = field(default_factory=FakeFollower)
    latency: Latency = field(default_factory=Latency)
    engine: None = None
    regions: tuple[str, ...] = ("dashboard",)
    starts: int = 0
    failure: Exception | None = None
    served: ServedApplication = SERVED
    kind: UserKind = INTEGER

    @property
    def claim(self) -> str:
        return self.served.claim

    @property
    def serving(self) -> "FakeWorker":
        return self

    def reread(self) -> "FakeWorker":
        return self

    def user_kind(self) -> UserKind:
        return self.kind

    def ensure_started(self) -> None:
        self.starts += 1
        if self.failure:
            raise self.failure


def make_app(worker: FakeWorker, look: Callable[[Any], SchemaState | None] | None = None, **settings: Any) -> APIFlask:
    """Return the application over ``worker``; its database is as ``look`` says, by default in order."""
    check = ReadinessCheck(lambda engine: DatabaseState(look(engine) if look else SchemaState(True), alarms=()))
    return create_app(worker, load_settings(jwt_secret=SECRET, **settings), readiness=check)


def bearer(user_id: UserKey = 7, *, admin: bool = False, **more: Any) -> dict[str, str]:
    """Return the request header of a good token."""
    return {"Authorization": f"Bearer {issue_token(SECRET, user_id, admin, **more)}"}
