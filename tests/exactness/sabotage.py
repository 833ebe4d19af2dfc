"""Ways to break what is generated, one statement at a time, for the test that the comparison finds it."""

import re


def margin_of_none(text: str) -> str:
    """Read live rows by the midnights themselves: in autumn the first hour of some zones' days is before them."""
    return text.replace("'3 hours'::interval", "'0 hours'::interval")


def null_as_a_value(text: str) -> str:
    """Group rows whose dimension is NULL with those that have the value that stands in the key for it."""
    return re.sub(r"\(by_\w+ AND v\.n_\w+\) AS n_", "FALSE AS n_", text)


def only_new_keys(text: str) -> str:
    """Log where an UPDATE puts a row, and not where it was."""
    row = text.replace("IF old_user IS NOT NULL AND", "IF FALSE AND")
    return row.replace(", -1 FROM old_rows o", ", -1 FROM old_rows o WHERE FALSE")
