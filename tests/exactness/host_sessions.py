"""The host's own sessions: with settings that a role or a client may have, and plans kept between writes.

Invariant: nothing that is captured or counted may depend on a writer's session.
"""

from random import Random
from typing import Any

import psycopg

from tests.exactness.pools import SCHEMA, ZONES

SETTINGS: dict[str, tuple[str, ...]] = {
    "TimeZone": (*ZONES, "Asia/Kathmandu"),
    "DateStyle": ("ISO, DMY", "German, DMY", "SQL, MDY"),
    "IntervalStyle": ("sql_standard", "iso_8601"),
    "search_path": (SCHEMA, "pg_temp, public"),
    "default_transaction_isolation": ("repeatable read", "serializable"),
    "plan_cache_mode": ("force_generic_plan", "force_custom_plan"),
    "standard_conforming_strings": ("off",),
    "extra_float_digits": ("-5",),
    "work_mem": ("64kB",),
    "temp_file_limit": ("10MB",),  # An INSERT of long texts has to keep its rows for the triggers, as the limits say.
}


def host_session(url: str, chance: Random) -> psycopg.Connection[Any]:
    """Open a session of the host that prepares each statement, with some settings at random."""
    connection = psycopg.connect(url, autocommit=True, prepare_threshold=0)
    for name, values in SETTINGS.items():
        if chance.random() < 0.4:
            connection.execute("SELECT set_config(%s, %s, FALSE)", (name, chance.choice(values)))
    return connection
