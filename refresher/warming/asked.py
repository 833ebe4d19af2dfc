"""Warming by hand: writes the answers that an operator asked for into the warm plan.

Invariant: these rows stay for five minutes and come before all others; they never exceed what the plan may hold.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from models.connection import Connection
from models.user_key import UserKind, read_user_kind
from refresher.warming.plan import MOST_ACTIVE, add_to_plan, read_now
from refresher.warming.policy import Capacity, Wanted, bounded, priority

ASKED = timedelta(minutes=5)


def plan_asked(connection: Connection, argument: Mapping[str, Any], capacity: Capacity) -> str:
    """Plan ``{"user_ids": [...]}`` or ``{"most_active": N}``; return the outcome in words.

    :param capacity: users beyond it are left out, and the outcome says so.
    """
    match argument:
        case {"user_ids": [*ids]}:
            users = _users(ids, read_user_kind(connection))
            if users is None:
                return "refused: a user id is ill-formed"
        case {"most_active": int(count)} if count > 0 and not isinstance(count, bool):
            users = _most_active(connection, count, capacity)
        case _:
            return "refused: neither user_ids nor most_active"
    now = read_now(connection)
    # users in the order they were asked for, all dashboards of one user before those of the next
    wanted = [
        Wanted(user, dashboard, now, now + ASKED, priority("asked", 0) + len(users) - place, "asked")
        for place, user in enumerate(users)
        for dashboard in capacity.regions
    ]
    kept = bounded(wanted, capacity)
    add_to_plan(connection, kept)
    return _outcome(len({row.user for row in kept}), len(users))


def _users(ids: Sequence[object], kind: UserKind) -> list[str] | None:
    """Return each user key once, in its canonical form; None: one of them is no user key."""
    try:
        return list(dict.fromkeys(str(kind.parse(str(user))) for user in ids))
    except ValueError:
        return None


def _most_active(connection: Connection, count: int, capacity: Capacity) -> list[str]:
    dashboards = list(capacity.regions)
    most = min(count, capacity.users) * max(1, len(dashboards))
    values = {"now": read_now(connection), "dashboards": dashboards, "most": most}
    rows = connection.execute(MOST_ACTIVE.encode(), values).fetchall()
    return list(dict.fromkeys(user for user, *_ in rows))[:count]


def _outcome(planned: int, asked: int) -> str:
    words = f"planned {planned} user{'' if planned == 1 else 's'}"
    return words if planned == asked else f"{words} of {asked}: there is no room for more"
