"""What a load generator sends, and what one round of load measured.

Invariant: plain values; the generators import them, and nothing here imports a generator.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """A GET request, sent again and again."""

    path: str
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        """The request as it goes over the wire."""
        fields = {"Host": "localhost", "Accept": "*/*", **self.headers}
        return f"GET {self.path} HTTP/1.1\r\n" + "".join(f"{name}: {it}\r\n" for name, it in fields.items()) + "\r\n"


@dataclass(frozen=True, slots=True)
class Load:
    """The figures of one round of load.

    :param received_bytes: of all answers, heads included.
    :param busy: share of one core that the generator took; near 1, the generator was the limit.
    :param median_ms: from a request's sending to its answer; ``p99_ms`` likewise.
    """

    answers: int
    received_bytes: int
    seconds: float
    busy: float
    median_ms: float
    p99_ms: float

    @property
    def a_second(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds
