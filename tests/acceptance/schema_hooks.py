"""What a fuzzer of the API must know beyond the JSON schemas of its document.

`from` and `to` make one range; and 5.0 is an integer in a body, but in an address 5 has one spelling. Invariant: only
questions whose two days are both well-formed and make no range that is served are left out; everything ill-formed is
asked.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import schemathesis

LONGEST = timedelta(days=399)
DEFAULT = timedelta(days=29)


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None


@schemathesis.hook  # type: ignore[untyped-decorator, unused-ignore]
def filter_query(_context: Any, query: dict[str, Any] | None) -> bool:
    """Return whether to ask this."""
    if not query or not {"from", "to"} & query.keys():
        return True
    today = datetime.now(UTC).date()
    last = _day(query.get("to", today))
    first = _day(query["from"]) if "from" in query else last and last - min(DEFAULT, last - date.min)
    if first is None or last is None:
        return True
    return first <= last <= first + LONGEST and last - date.min > 2 * (last - first)


@schemathesis.hook  # type: ignore[untyped-decorator, unused-ignore]
def before_call(_context: Any, case: Any, _arguments: Any) -> None:
    """Spell integers as integers in the address."""
    for name, value in (case.query or {}).items():
        if isinstance(value, float) and value.is_integer():
            case.query[name] = int(value)
