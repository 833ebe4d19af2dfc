"""A formula means what arithmetic says, and nothing but measures, numbers and four operations is in it."""

import pytest

from views_sql.declaration.formula import MOST_OPERATIONS, Value, parsed
from views_sql.declaration.proven import Formula, MeasureOf

A, B, C = (MeasureOf("v", name) for name in "abc")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("v.a", A),
        ("v.a/v.b", Formula("/", A, B)),
        ("v.a - v.b - v.c", Formula("-", Formula("-", A, B), C)),
        ("v.a / v.b / v.c", Formula("/", Formula("/", A, B), C)),
        ("v.a + v.b * v.c", Formula("+", A, Formula("*", B, C))),
        ("(v.a + v.b) * v.c", Formula("*", Formula("+", A, B), C)),
        ("v.a / (v.b - v.c)", Formula("/", A, Formula("-", B, C))),
        ("-v.a * 2", Formula("*", Formula("-", "0", A), "2")),
        ("v.a - -1.50", Formula("-", A, Formula("-", "0", "1.50"))),
        ("  100*v.a  ", Formula("*", "100", A)),
    ],
)
def test_is_read_as_arithmetic_is(text: str, value: Value) -> None:
    assert parsed(text) == value


BAD = (
    *("", "1", "v.a v.b", "v.a +", "v", "v.a.b", "v.a..b", ".5 * v.a", "1e5 * v.a", "1. * v.a", "v.a % 2", "v.a ^ 2"),
    *(
        "v.a)",
        "(v.a",
        "()",
        "v.a, v.b",
        "V.a",
        "v.A",
        "v.a --",
        "v.a; 1",
        "v.a /* 1 */",
        "'x' + v.a",
        "9" * 20 + "*v.a",
    ),
    *("-" * (MOST_OPERATIONS + 1) + "v.a", "(" * 60 + "v.a" + ")" * 60),
)


@pytest.mark.parametrize("text", BAD)
def test_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+"):
        parsed(text)


def test_may_have_as_many_operations_as_it_says() -> None:
    assert parsed(" + ".join(["v.a"] * (MOST_OPERATIONS + 1)))
    with pytest.raises(ValueError, match="at most 50 operations"):
        parsed(" + ".join(["v.a"] * (MOST_OPERATIONS + 2)))
