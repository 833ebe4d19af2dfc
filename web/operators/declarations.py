"""Which declarations have objects, what happens next to each, and how far that is.

Invariant: it only reads, and shows hashes, numbers and times, nothing of what is declared.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, LiteralString

from pydantic import Field

from models.connection import Connection
from web.operators.system_state import read_rows

DECLARATIONS: LiteralString = """
SELECT d.number, d.hash,
    CASE WHEN d.active THEN 'active' WHEN d.retired_at IS NULL THEN 'waiting' ELSE 'retired' END AS state,
    round(extract(epoch FROM now() - d.retired_at))::bigint AS retired_seconds_ago,
    count(v.view) AS tiers, count(v.through) AS populated_tiers, (
        SELECT count(*) FROM frontview.worker w
        WHERE w.seen_at > now() - interval '1 minute' AND w.statistics ->> 'declaration' = d.number::text
    ) AS workers
FROM frontview.declaration d LEFT JOIN frontview.view_state v ON v.view IN (
    SELECT jsonb_array_elements_text(o -> 'views') FROM jsonb_array_elements(d.resolved -> 'objects') o
)
WHERE d.gone_at IS NULL GROUP BY d.number ORDER BY d.number
"""
RETIRED_HOURS = 24


@dataclass(frozen=True, slots=True)
class DeclarationStatus:
    """A declaration that has its objects."""

    number: int
    hash: str
    state: Literal["waiting", "active", "retired"]
    retired_seconds_ago: Annotated[int | None, Field(description="Null: it is not retired.")]
    tiers: int
    populated_tiers: int
    workers: Annotated[int, Field(description="Web processes that have reported in the last minute to serve it.")]

    @property
    def what_next(self) -> str:
        """What happens next to it, in words."""
        if self.state == "active":
            return "answers"
        if self.state == "waiting":
            return (
                f"waits: {self.populated_tiers} of its {self.tiers} tiers have contents; a refresher makes the others, "
                "and then it answers"
            )
        left = max(0, RETIRED_HOURS - (self.retired_seconds_ago or 0) // 3600)
        return (
            f"is retired: for {left} more hours `frontview migrate` goes over to it at once; then it is dropped, once "
            "no web process serves it"
        )


def declarations(connection: Connection) -> list[DeclarationStatus]:
    """Return the declarations that stand, the oldest first."""
    return read_rows(connection, DeclarationStatus, DECLARATIONS)
