"""What an installed declaration answers: its views with everything that an endpoint needs to know of them."""

from dataclasses import dataclass

from views_sql.declaration.application import UserTable, View
from views_sql.declaration.proven import KeyKind, ProvenView


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the function that reads a view.

    :param name: as a request spells it; ``NAME.null`` asks for rows without a value of a dimension.
    :param type: as PostgreSQL spells it.
    """

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class DeclaredView:
    """A view that can be asked.

    :param declared: labels, units and limits, as the file says.
    :param proven: types; ``longest_days``, region and how long an answer may be kept.
    :param number: of the declaration that made its objects.
    :param function: that answers questions, with its schema.
    :param parameters: of the function, after the user key and before ``p_base boolean``.
    """

    declared: View
    proven: ProvenView
    number: int
    function: str
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Declared:
    """The declaration that a process works with.

    :param user: the table of users, the zone, and the claim of a token that holds the key.
    """

    number: int
    hash: str
    key_kind: KeyKind
    user: UserTable
    views: tuple[DeclaredView, ...]
