"""Users of very different size in many time zones, and their agents.

Invariant: user 0 is the largest; sizes fall like a power law, so that of 2,000 users the largest makes
about a twentieth of all calls.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

_STEEPNESS = 0.78  # 2,000 users: largest 4.9 % of calls; 10,000: 3.3 %; 200: 9.4 %
# (time zone, weight)
ZONES = (
    ("America/New_York", 16), ("America/Chicago", 9), ("America/Denver", 4), ("America/Los_Angeles", 11),
    ("America/Toronto", 4), ("America/Mexico_City", 3), ("America/Sao_Paulo", 5), ("America/Bogota", 2),
    ("America/St_Johns", 1), ("Europe/London", 9), ("Europe/Berlin", 7), ("Europe/Paris", 5),
    ("Europe/Madrid", 3), ("Europe/Warsaw", 2), ("Europe/Helsinki", 1), ("Africa/Lagos", 2),
    ("Africa/Johannesburg", 1), ("Asia/Dubai", 2), ("Asia/Kolkata", 5), ("Asia/Kathmandu", 1),
    ("Asia/Singapore", 3), ("Asia/Tokyo", 3), ("Australia/Sydney", 3), ("Pacific/Auckland", 1), ("UTC", 2),
)  # fmt: skip
_FIRST = (
    "Amina", "Ben", "Carla", "Dmitri", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Keiko",
    "Liam", "Maya", "Noah", "Olga", "Priya", "Quinn", "Rosa", "Samir", "Tara", "Uma", "Viktor",
    "Wanda", "Xavier", "Yara", "Zoe",
)  # fmt: skip
_LAST = (
    "Adler", "Brandt", "Costa", "Diaz", "Evans", "Fischer", "Garcia", "Haddad", "Ito", "Jensen",
    "Khan", "Lopez", "Meyer", "Novak", "Okafor", "Patel", "Quispe", "Rossi", "Silva", "Tanaka",
    "Ueda", "Varga", "Weber", "Yilmaz", "Zhang",
)  # fmt: skip
_VOICES = (
    "Ava", "Leo", "Mia", "Noa", "Kai", "Eve", "Max", "Ida",
)  # fmt: skip
_ROLES = ("Reception", "Sales", "Support", "Bookings", "Follow-up", "After hours")
# Share of users, largest first, up to which a user has this number of agents.
_AGENTS_BY_SIZE = ((0.01, 6), (0.05, 5), (0.15, 4), (0.40, 3), (0.75, 2), (1.0, 1))
KINDS = 3  # The quality of an agent: 0 struggling, 1 usual, 2 excellent.


@dataclass(frozen=True, slots=True)
class Population:
    """Users and agents by index, largest user first; they get ids when they are written.

    :param weights: each user's relative share of calls.
    :param zone_of: each user's index into :data:`ZONES`.
    :param agents_of: a user's agents; ``busy_agents_of`` only those that still work.
    :param kind_of: quality of an agent, 0..2.
    """

    weights: Sequence[float]
    zone_of: Sequence[int]
    agents_of: Sequence[Sequence[int]]
    busy_agents_of: Sequence[Sequence[int]]
    kind_of: Sequence[int]

    def zone_weights(self) -> list[float]:
        """Return the share of calls of each time zone."""
        shares = [0.0] * len(ZONES)
        for zone, weight in zip(self.zone_of, self.weights, strict=True):
            shares[zone] += weight
        whole = sum(shares)
        return [share / whole for share in shares]


def make_population(users: int, random: Random) -> Population:
    """Return ``users`` users, largest first, with one to six agents each."""
    zones = random.choices(range(len(ZONES)), weights=[weight for _, weight in ZONES], k=users)
    agents: list[range] = []
    for rank in range(users):
        first = agents[-1].stop if agents else 0
        agents.append(range(first, first + _agent_count(rank, users)))
    kinds = random.choices(range(KINDS), weights=(2, 5, 3), k=agents[-1].stop)
    # A fifth of those with several agents have retired their last one.
    busy = [own[:-1] if len(own) > 1 and random.random() < 0.2 else own for own in agents]
    return Population([(rank + 1) ** -_STEEPNESS for rank in range(users)], zones, agents, busy, kinds)


def _agent_count(rank: int, users: int) -> int:
    return next(count for share, count in _AGENTS_BY_SIZE if rank / users < share)


def user_lines(population: Population, first_id: int, signed_up_before: int, random: Random) -> Iterator[str]:
    """Yield one COPY line per user: id, email, name, timezone, credits_cents, created_at.

    :param signed_up_before: unix second; every user signed up at most two years earlier.
    """
    for index, zone in enumerate(population.zone_of):
        first, last = random.choice(_FIRST), random.choice(_LAST)
        email = f"{first}.{last}.{first_id + index}@example.com".lower()
        balance = int(random.uniform(500, 20_000) * (1 + 400 * population.weights[index]))
        created = _timestamp(signed_up_before - int(random.random() * 730 * 86_400))
        yield f"{first_id + index}\t{email}\t{first} {last}\t{ZONES[zone][0]}\t{balance}\t{created}\n"


def agent_lines(
    population: Population, first_id: int, first_user_id: int, created_at: int, random: Random
) -> Iterator[str]:
    """Yield one COPY line per agent: id, user_id, name, is_active, created_at."""
    created = _timestamp(created_at)
    for user, agents in enumerate(population.agents_of):
        for place, agent in enumerate(agents):
            name = f"{random.choice(_VOICES)} · {_ROLES[place]}"
            active = "t" if agent in population.busy_agents_of[user] else "f"
            yield f"{first_id + agent}\t{first_user_id + user}\t{name}\t{active}\t{created}\n"


def _timestamp(unix_second: int) -> str:
    """Return the instant as text that PostgreSQL reads correctly in any session time zone."""
    return datetime.fromtimestamp(unix_second, UTC).isoformat()
