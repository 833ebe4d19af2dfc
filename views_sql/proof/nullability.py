"""Whether an expression can never be NULL, as its parse tree says: a dimension of it needs no second key column.

A column may become NULL at any time (``ALTER TABLE … DROP NOT NULL``), so only what the expression itself says counts.
"""

NEVER_NULL = ("{NULLTEST ", "{BOOLEANTEST ", "{DISTINCTEXPR ")


def never_null(tree: str) -> bool:
    """Return whether no row can make an expression NULL; False where it is not obvious.

    :param tree: the tree in which :mod:`views_sql.proof.expressions` has put it: the first result of a CASE.
    """
    node = tree.partition(":result ")[2]
    if node.startswith(NEVER_NULL):
        return True
    if not node.startswith("{COALESCEEXPR "):
        return False
    last = _children(node)[-1]
    return last.startswith(NEVER_NULL) or (last.startswith("{CONST ") and ":constisnull false " in last)


def _children(node: str) -> list[str]:
    """Return the text of the nodes directly below the first node of a text; a brace in a name is escaped there."""
    children, depth, begun, escaped = [], 0, 0, False
    for at, character in enumerate(node):
        if escaped or character == "\\":
            escaped = not escaped
        elif character == "{":
            depth += 1
            begun = at if depth == 2 else begun
        elif character == "}":
            depth -= 1
            if depth == 1:
                children.append(node[begun : at + 1])
            elif depth == 0:
                break
    return children
