"""Expressions that may raise an error on some row: one such row, and every refresh, or every answer with it, fails."""

import re

from views_sql.proof.session import Connection, rows

LITERALS = re.compile(r"'(?:[^']|'')*'(?=::(?:text|\"char\"|character|bpchar))|\"(?:[^\"]|\"\")*\"")
# A divisor is safe when it is NULL in place of zero, or a number other than zero.
UNSAFE_DIVISOR = re.compile(r" [/%] (?!NULLIF\(|\(?'?[-+0.]*[1-9])")
TEXT_TO = re.compile(r":resulttype (\d+) :resultcollid \d+ :coerceformat")
FUNCTIONS = re.compile(r":funcid (\d+)")
NOT_TEXT = "SELECT format_type(t.oid, -1) FROM pg_type t WHERE t.oid = ANY (%s::oid[]) AND t.typcategory <> 'S'"
FROM_JSON = """
SELECT format_type(c.casttarget, -1) FROM pg_cast c
WHERE c.castfunc = ANY (%s::oid[]) AND c.castsource = ANY ('{json,jsonb}'::regtype[])
"""


def may_raise(connection: Connection, tree: str, deparsed: str, fails: str) -> list[str]:
    """Return a warning for each kind of error that a row may raise, with a guarded spelling.

    An expression with CASE of the author's own is taken as guarded.

    :param fails: what such an error ends.
    """
    plain = LITERALS.sub("x", deparsed.partition(" WHEN true THEN")[2])  # as :mod:`expressions` has put it there
    if "CASE" in plain:
        return []
    found = []
    if UNSAFE_DIVISOR.search(plain):
        found.append(f"a row whose divisor is 0 makes {fails} fail: write a / nullif(b, 0)")
    targets = rows(connection, NOT_TEXT, list(map(int, TEXT_TO.findall(tree))))
    targets += rows(connection, FROM_JSON, list(map(int, FUNCTIONS.findall(tree))))
    for (target,) in dict.fromkeys(targets):
        found.append(
            f"a row whose text is no {target} makes {fails} fail: "
            f"write CASE WHEN text ~ '^-?[0-9]{{1,15}}$' THEN text::{target} END, with the pattern that fits"
        )
    return found
