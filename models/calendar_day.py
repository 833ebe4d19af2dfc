"""Days of the database that Python may not be able to hold: PostgreSQL's dates go further, and can be infinite.

Invariant: each query that loads a day of users' rows selects it by :func:`python_day`; otherwise one such row makes the
whole statement fail.
"""

from typing import LiteralString


def python_day(day: LiteralString) -> LiteralString:
    """Return SQL for ``day``, and for NULL where it lies outside of Python's calendar, the years 1 to 9999.

    As a bound, NULL stands for "no bound": more is taken as concerned than is, never less.
    """
    return f"CASE WHEN {day} BETWEEN '0001-01-01' AND '9999-12-31' THEN {day} END"
