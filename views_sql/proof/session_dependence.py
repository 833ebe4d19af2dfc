"""Why an expression is not immutable, in words: which function it is, and what to write in its place."""

import re

from views_sql.proof.session import Connection, rows

LITERAL = (
    "holds a literal whose value depends on the session (now, today, tomorrow or yesterday; "
    "a time without its zone, or with an abbreviation; a date in another order than year, month, day): "
    "write it out, for example '2026-01-31 00:00:00+00'"
)
FUNCTIONS = re.compile(r":(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)")
# The type that is first named within the argument is the argument's own, or one of the same kind.
BY_TEXT = re.compile(r"\{COERCEVIAIO :arg \{(?:SUBSCRIPTINGREF .*?:refrestype|[^}]*?type) (\d+) .*?:resulttype (\d+)")
SESSION_CASTS = """
SELECT DISTINCT format_type(c.source, -1), format_type(c.target, -1)
FROM unnest(%s::oid[], %s::oid[]) c (source, target)
JOIN pg_type s ON s.oid = c.source JOIN pg_type t ON t.oid = c.target
JOIN pg_proc o ON o.oid = s.typoutput JOIN pg_proc i ON i.oid = t.typinput
WHERE o.provolatile <> 'i' OR i.provolatile <> 'i'
"""
CULPRITS = """
SELECT DISTINCT p.oid::regprocedure::text, p.proname::text FROM pg_proc p
WHERE p.oid = ANY (%s::oid[]) AND p.provolatile <> 'i' AND p.prokind = 'f' ORDER BY 1
"""
MOMENT = frozenset({"now", "transaction_timestamp", "statement_timestamp", "clock_timestamp", "timeofday", "age"})
CHANCE = frozenset({"random", "gen_random_uuid", "uuidv4", "uuidv7", "nextval", "currval", "lastval", "txid_current"})
# Of functions that are refused although they look harmless: what to write in their place.
INSTEAD = {
    "concat": "write a || b, with coalesce where a value may be NULL",
    "concat_ws": "write a || ', ' || b, with coalesce where a value may be NULL",
    "format": "write a || b",
    "to_char": "write the number as it is, or number::text",
    "array_to_string": "name one element, for example tags[1]",
    "to_date": "write make_date(year, month, day), or keep a date column",
    "to_timestamp": "name a column that is a time already",
    "jsonb_path_exists_tz": "use jsonb_path_exists",
    "date_in": "a date in text depends on DateStyle: keep a date column, or use make_date(year, month, day)",
}
SINCE_18 = "date_trunc(text,timestamp with time zone,text)"


def sentences(connection: Connection, tree: str, zone: str) -> list[str]:
    """Return a sentence for each function in a parse tree whose answer is not always the same."""
    found = [_moment("a word such as current_date")] if "{SQLVALUEFUNCTION " in tree else []
    numbers = list(dict.fromkeys(int(number) for number in FUNCTIONS.findall(tree)))
    for signature, name in rows(connection, CULPRITS, numbers):
        found.append(_sentence(connection, signature.replace('"', ""), name, zone))
    return list(dict.fromkeys(found))


def casts_by_text(connection: Connection, tree: str) -> list[str]:
    """Return a sentence for each cast to or from text in a parse tree whose outcome depends on the session."""
    casts = [(int(source), int(target)) for source, target in BY_TEXT.findall(tree)]
    found = rows(connection, SESSION_CASTS, [source for source, _ in casts], [target for _, target in casts])
    return [
        f"casts {source} to {target} by its text, which depends on the session's settings: keep the value as it is"
        for source, target in found
    ]


def _sentence(connection: Connection, signature: str, name: str, zone: str) -> str:
    if signature == SINCE_18:
        version = rows(connection, "SELECT current_setting('server_version')")[0][0].split()[0]
        return (
            f"date_trunc with a zone is good from PostgreSQL 18 on, and this server is {version}: "
            f"write date_trunc('month', \"time\" AT TIME ZONE '{zone}')"
        )
    if name in MOMENT:
        return _moment(signature)
    if name in CHANCE:
        return f"{signature} has another value each time: name a column"
    if "with time zone" in signature or "timestamptz" in name:
        return (
            f"{signature} depends on the session's TimeZone: name the column, the day is taken in the declared zone; "
            f"within an expression write \"column\" AT TIME ZONE '{zone}'"
        )
    return f"{signature} depends on the session or on other rows (it is not immutable); " + INSTEAD.get(
        name, "name a column, or use an immutable function"
    )


def _moment(what: str) -> str:
    return f"{what} depends on the moment or the session that asks: a stored row would be wrong later; compare columns"
