"""Where the users of a captured source can be looked up by their key.

Invariant: of a declared source it is a view of Frontview's own, which follows a column of the host that is renamed.
"""

from typing import LiteralString

# Of each source whose rows have users: its table, the relation with its users, and that relation's column.
USER_PLACES: LiteralString = """
SELECT s.source, s.relation::oid AS captured, COALESCE(r.view, s.relation)::oid AS relation,
    CASE WHEN r.view IS NULL THEN s.user_column ELSE 'user_key' END AS user_column
FROM frontview.source s CROSS JOIN LATERAL (SELECT frontview.rows_of_source(s.source) AS view) r
WHERE s.user_column IS NOT NULL
"""
