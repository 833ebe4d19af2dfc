"""Formulas of metrics: a small grammar over measures and numbers, read into a tree.

Invariant: a tree holds nothing of the text but numbers and names that match a pattern; nothing is ever evaluated here.
"""

import re
from collections.abc import Iterator
from typing import Literal

from views_sql.declaration.proven import Formula, MeasureOf, measures_in

MOST_OPERATIONS = 50  # And parentheses within each other: trees are walked by recursion.
_TOKEN = re.compile(r"\s*(?:([0-9]{1,15}(?:\.[0-9]{1,15})?(?![\w.]))|([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)|(\S))")
_OPERATORS: dict[str, Literal["+", "-", "*", "/"]] = {it: it for it in ("+", "-", "*", "/")}
Value = Formula | MeasureOf | str


def parsed(text: str) -> MeasureOf | Formula:
    """Return what a formula says.

    :raises ValueError: with the sentence that says why it is none.
    """
    tokens = [token.group(1) or token.group(2) or token.group(3) for token in _TOKEN.finditer(text.rstrip())]
    if sum(token in {*_OPERATORS, "("} for token in tokens) > MOST_OPERATIONS:
        raise ValueError(f"a formula has at most {MOST_OPERATIONS} operations and parentheses")
    reader = _Reader([*tokens, ""])
    value = reader.sum()
    if reader.ahead:
        raise ValueError(f"expected +, -, *, / or the end, and found {reader.ahead}")
    if isinstance(value, str) or not any(measures_in(value)):
        raise ValueError("it names no measure; for example orders.revenue / orders.orders")
    return value


class _Reader:
    """Reads tokens from the first on; the last one is empty."""

    def __init__(self, tokens: list[str]) -> None:
        self._rest: Iterator[str] = iter(tokens)
        self.ahead = next(self._rest)

    def _next(self) -> str:
        token, self.ahead = self.ahead, next(self._rest, "")
        return token

    def sum(self) -> Value:
        value = self._product()
        while self.ahead in {"+", "-"}:
            value = Formula(_OPERATORS[self._next()], value, self._product())
        return value

    def _product(self) -> Value:
        value = self._operand()
        while self.ahead in {"*", "/"}:
            value = Formula(_OPERATORS[self._next()], value, self._operand())
        return value

    def _operand(self) -> Value:
        token = self._next()
        if token == "-":  # noqa: S105  # nosec B105  # a sign
            return Formula("-", "0", self._operand())
        if token == "(":  # noqa: S105  # nosec B105  # a parenthesis
            value = self.sum()
            if self._next() != ")":
                raise ValueError("a parenthesis is not closed")
            return value
        if token[:1].isdigit():
            return token
        if "." in token[1:]:
            view, _, measure = token.partition(".")
            return MeasureOf(view, measure)
        if token[:1].isalpha():
            raise ValueError(f"{token} is no measure: a formula has measures as view.measure, and no other metrics")
        raise ValueError(f"expected a measure, a number or (, and found {token or 'the end'}")
