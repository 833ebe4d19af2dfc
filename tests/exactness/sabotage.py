"""Ways to break what is generated or what runs, for the test that the comparison finds each.

Invariant: each leaves out one thing, and what stays is what is installed otherwise.
"""

import re

from tests.exactness.installation import Installation

ZONED_DAY = re.compile(r"THEN \((.*) AT TIME ZONE '[^']+'\)::date END")
MOVED = re.compile(r"IF (frontview\.captured_moved_\w+\(old, new\)|old\.[^\n]* IS DISTINCT FROM [^\n]*) THEN")
GUARDED_DAY = re.compile(r"CASE WHEN .* THEN (\(.* AT TIME ZONE '[^']+'\)::date) END")


def _captures(text: str) -> bool:
    return "captured_day_" in text or "named_capture_" in text


def margin_of_none(text: str) -> str:
    """Read live rows by the midnights themselves: in autumn the first hour of some zones' days is before them."""
    return text.replace("'3 hours'::interval", "'0 hours'::interval")


def null_as_a_value(text: str) -> str:
    """Group rows whose dimension is NULL with those that have the value that stands in the key for it."""
    return re.sub(r"\(by_\w+ AND v\.n_\w+\) AS n_", "FALSE AS n_", text)


def only_new_keys(text: str) -> str:
    """Log where an UPDATE puts a row, and not where it was."""
    row = MOVED.sub("IF FALSE THEN", text) if _captures(text) else text
    return row.replace(", -1 FROM old_rows r", ", -1 FROM old_rows r WHERE FALSE")


def day_of_the_session(text: str) -> str:
    """Log a row's day in the writer's time zone."""
    return ZONED_DAY.sub(r"THEN (\1)::date END", text) if _captures(text) else text


def unguarded_day(text: str) -> str:
    """Convert each time, also those that no other time zone can hold."""
    return GUARDED_DAY.sub(r"\1", text) if _captures(text) else text


def truncate_logs_nothing(text: str) -> str:
    """Let TRUNCATE pass."""
    return re.sub(r"SELECT '\w+', NULL, '-infinity'\n *WHERE", r"\g<0> FALSE AND", text)


def names_are_trusted(text: str) -> str:
    """Capture by names that the host has changed."""
    return re.sub(r"\n        OR [^\n]*?(?= THEN\n|\n)", "", text) if _captures(text) else text


def nothing_is_watched(text: str) -> str:
    """Overlook changes of what is measured."""
    text = re.sub(r" OR record_image_ne\(ROW\([^\n]*\), ROW\([^\n]*?\)\)", "", text)
    return re.sub(r"ARRAY\['[^\]]*\]::text\[\]", "ARRAY[]::text[]", text)


def replica_role_is_silent(text: str) -> str:
    """Let triggers rest while a bulk load says that it is a replica."""
    if "install_triggers" not in text:
        return text
    return f"""{text}; DO $do$ DECLARE t record; BEGIN
        FOR t IN SELECT tgrelid::regclass AS relation, tgname FROM pg_trigger WHERE tgname LIKE '%things_1%' LOOP
            EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', t.relation, t.tgname);
        END LOOP; END $do$"""


def everybody_exists(text: str) -> str:
    """Answer for users that are not there."""
    return text.replace(
        "IF NOT EXISTS (SELECT FROM frontview.user_1", "IF FALSE AND NOT EXISTS (SELECT FROM frontview.user_1"
    )


def nobody_adopts(made: Installation) -> None:
    """Leave new partitions to themselves."""
    made.writer.partitions.adopt = lambda: None


def the_worker_keeps_everything(made: Installation) -> None:
    """Keep a web worker's answers when rows of their user have changed."""
    made.visitor.worker.cache._drop_concerned = lambda *_: None  # type: ignore[method-assign]
