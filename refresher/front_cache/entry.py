"""An answer as the front cache keeps it, and the key it is kept under.

Invariant: what an entry answers never changes; what it depends on (user, sources, days) and how far it saw (epoch,
drain_id) are those of the one statement that computed it. Only the store changes its place and use (``read_at``,
``hits``, its neighbours).
"""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date
from struct import Struct
from typing import NamedTuple, cast
from urllib.parse import quote

from models.user_key import UserKey
from refresher.front_cache.body import Body, body_data

# Measured with tracemalloc (test_region): key, entry, the places in region and index; then what its question costs
# when no other entry shares it: arguments, days, parameters.
ENTRY_BYTES = 450
QUESTION_BYTES = 900
NAME_BYTES = 80  # Of the text object alone.
VALUE_CHARACTERS = 8  # A number or day in a list costs about as much as a text of this length.
# began, expires, calculated_at, drain_id, digest: five objects would take twice the memory.
_STAMP = Struct("<dddq12s")
expires_in = Struct("<8xd").unpack_from  # Reads `expires` alone: unpacking all five would slow down a hit.


def user_in_label(user: UserKey) -> str:
    """Return how labels spell a user: percent-encoded, so that no key holds a colon or a wildcard."""
    text = str(user)
    return text if text.isascii() and text.isalnum() else quote(text, safe="")


class EntryKey(NamedTuple):
    """A question: a dashboard, its user and its parameters. At one moment equal keys have equal answers.

    :ivar declaration: the hash of the declaration that says what the question means; empty: the application has none.
    """

    region: str
    user: UserKey
    dashboard: str
    arguments: tuple[Hashable, ...]
    declaration: str = ""

    @property
    def labels(self) -> tuple[str, str]:
        """What patterns of manual invalidations match: ``region:user:ID`` and ``region:user:ID:dashboard``."""
        whose = f"{self.region}:user:{user_in_label(self.user)}"
        return whose, f"{whose}:{self.dashboard}"


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What entries with equal parameters have in common, for any user; kept once for all of them.

    :param arguments: the same objects as in the keys.
    :param parameters: the resolved parameters, a JSON object as text.
    :param first_day: the first day that the answers depend on; None: no bound.
    :param last_day: the last one, likewise.
    :param zone: the user's zone, in which ``today`` is the day; None: the answers show nothing of their user.
    :param live: measures that were computed from base rows.
    """

    arguments: tuple[Hashable, ...]
    epoch: int
    computed_by: str
    patched_days: int
    parameters: str
    sources: frozenset[str]
    first_day: date | None
    last_day: date | None
    zone: str | None = None
    today: date | None = None
    live: tuple[str, ...] = ()


class Dependence(NamedTuple):
    """What an answer depends on; days None: unbounded."""

    key: EntryKey
    sources: frozenset[str]
    first_day: date | None
    last_day: date | None


class Reads(NamedTuple):
    """How an entry was used: how many hits it had between its fill and the second of its last hit (monotonic)."""

    hits: int
    since: float
    last: float

    @property
    def every_seconds(self) -> float:
        """The average time between two hits."""
        return max(0.0, self.last - self.since) / self.hits


class Entry:
    """One computed answer.

    ``user_name``: how its user is called, where answers say so.
    ``stamp``: its times and numbers, packed. Each entry has its own object, so a stamp identifies its entry.
    ``read_at``: the whole second (monotonic) in which it was last hit since its fill; None: never. ``hits``: how often.
    """

    __slots__ = ("body", "hits", "key", "neighbour", "neighbour_before", "question", "read_at", "stamp", "user_name")

    def __init__(
        self,
        key: EntryKey,
        body: Body,
        question: Question,
        digest: bytes,
        drain_id: int,
        *,
        began: float,
        expires: float,
        calculated_at: float,
        user_name: str | None = None,
    ) -> None:
        """Make an entry that no cache holds yet.

        :param digest: of user, question and data, 12 bytes.
        :param began: and ``expires``: monotonic seconds; ``calculated_at``: Unix time. ``began`` and ``calculated_at``
            are taken before the statement was sent, so that no age is understated.
        """
        self.key, self.body, self.question, self.user_name = key, body, question, user_name
        self.stamp = _STAMP.pack(began, expires, calculated_at, drain_id, digest)
        self.read_at: int | None = None
        self.hits = 0
        self.neighbour: Entry | None = None
        self.neighbour_before: Entry | None = None

    @property
    def data(self) -> bytes:
        """What the database wrote, decompressed."""
        return body_data(self.body)

    @property
    def dependence(self) -> Dependence:
        """What its answer depends on."""
        question = self.question
        return Dependence(self.key, question.sources, question.first_day, question.last_day)

    @property
    def reads(self) -> Reads | None:
        """How it was used since its fill; None: it was not."""
        return None if self.read_at is None else Reads(self.hits, self.began, self.read_at)

    @property
    def began(self) -> float:
        """Monotonic seconds, just before the statement was sent."""
        return self._numbers()[0]

    @property
    def expires(self) -> float:
        """Monotonic seconds at which its life is over."""
        return self._numbers()[1]

    @property
    def calculated_at(self) -> float:
        """Unix time just before the statement was sent."""
        return self._numbers()[2]

    @property
    def expires_at(self) -> float:
        """Unix time at which its life is over."""
        began, expires, calculated_at, *_ = self._numbers()
        return calculated_at + (expires - began)

    @property
    def drain_id(self) -> int:
        """The newest drain that its statement saw."""
        return self._numbers()[3]

    @property
    def epoch(self) -> int:
        """The epoch of that drain."""
        return self.question.epoch

    @property
    def watermark(self) -> str:
        """How far its statement saw, in the form that answers show."""
        return f"{self.question.epoch}-{self.drain_id}"

    @property
    def etag(self) -> str:
        """Its strong ``ETag``, quoted."""
        return f'"{self._numbers()[4].hex()}"'

    def _numbers(self) -> tuple[float, float, float, int, bytes]:
        return cast(tuple[float, float, float, int, bytes], _STAMP.unpack(self.stamp))


def entry_bytes(entry: Entry) -> int:
    """Return what keeping ``entry`` costs in memory, including the bookkeeping around it.

    What it shares with other entries is counted in full, because it may be the only one.
    """
    arguments = entry.key.arguments
    texts = sum(_text_length(part) for part in arguments)
    question = QUESTION_BYTES + 8 * texts if arguments else 0
    name = NAME_BYTES + 4 * len(entry.user_name) if entry.user_name is not None else 0
    return len(entry.body) + ENTRY_BYTES + question + name


def _text_length(value: Hashable) -> int:
    """Return the characters of a text; of a list of values those of each, and what another value takes."""
    if isinstance(value, tuple):
        return sum(_text_length(part) or VALUE_CHARACTERS for part in value)
    return len(value) if isinstance(value, str) else 0
