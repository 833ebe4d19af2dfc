"""The capture of 0.1: a trigger function made of the template ``capture.sql``, which logs user and stored day."""

from pathlib import Path

from views_sql.declaration.maintained_view import Source
from views_sql.generation.names import identifier, literal
from views_sql.generation.rights import GRANT_RIGHTS, close
from views_sql.loader import fill_in

TEMPLATE = Path(__file__).with_name("capture.sql")
EVENTS = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


def capture_changes(source: Source, schema: str = "public", events: tuple[str, ...] = EVENTS) -> list[str]:
    """Return the trigger function, the triggers on a table, and the registration."""
    name, table = identifier(source.name), f"{schema}.{identifier(source.table)}"
    register = (
        "INSERT INTO frontview.source (source, relation, user_column, day_column, events) VALUES ("  # nosec B608  # names and literals are checked
        f"{literal(name)}, {literal(table)}::regclass, {literal(source.user_column or '')}, "
        f"{literal(source.day_column) if source.day_column else 'NULL'}, ARRAY[{', '.join(map(literal, events))}])"
    )
    return [
        _function(source, table),
        close(f"capture_{name}"),
        register,
        f"SELECT frontview.install_triggers({literal(name)})",
        GRANT_RIGHTS,
    ]


def _function(source: Source, table: str) -> str:
    day = (
        f"COALESCE({{row}}.{identifier(source.day_column)}, '-infinity')" if source.day_column else "'-infinity'::date"
    )
    return fill_in(
        TEMPLATE.read_text(encoding="utf-8"),
        {
            "source": identifier(source.name),
            "table": table,
            "user": identifier(source.user_column or ""),
            "new_day": day.replace("{row}", "n"),
            "old_day": day.replace("{row}", "o"),
        },
    )
