"""Which types may be dimensions and arguments, and what a declaration writes in place of the others."""

import pytest

from tests.views_sql.proof.conftest import Court, order_view
from views_sql.declaration.application import Measure

EXACT = ["priority", "opened", "dueOn", "status", "id", "total", "weight::numeric(12,2)", "id::uuid", "code::text"]


@pytest.mark.parametrize("expression", EXACT)
def test_a_type_whose_equal_values_are_identical_is_a_dimension(court: Court, expression: str) -> None:
    assert court.dimension(expression) == ""
    assert court.sum_of(expression, "distinct") == ""


@pytest.mark.parametrize(
    ("expression", "spelling"),
    [
        ("weight", 'is of type double precision, and a dimension is one of integers, boolean, uuid, date'),
        ("weight", '; write "weight::numeric(18,2)"'),
        ("fee", 'fee is a numeric without a declared scale'),
        ("fee * 2", '; write "(fee * 2)::numeric(18,2)"'),
        ("code", 'is of type character(3)'),
        ("mail", '; write "mail::text"'),
        ("folded", 'is text of a nondeterministic collation'),
        ("folded", '; write "folded COLLATE \\"C\\""'),
        ("raw", "; write \"raw ->> 'field'\""),
        ("createdAt", '; write "\\"createdAt\\"::date"'),
        ("paidAt", "; write \"(\\\"paidAt\\\" AT TIME ZONE 'UTC')::date\""),
        ("tags", "is of type text[]"),
        ("place", "is of type point"),
        ("took", "is of type interval"),
        ("ROW(1, 2)", "has pseudo-type record"),
    ],
)  # fmt: skip
def test_another_type_is_refused_with_a_spelling(court: Court, expression: str, spelling: str) -> None:
    assert spelling in court.dimension(expression)


@pytest.mark.parametrize(
    ("expression", "nullable"),
    [
        ("priority", True),  # It is NOT NULL until somebody drops that.
        ("coalesce(priority, 0)", False),
        ("productId", True),
        ("coalesce(\"shipCountry\", '}{?')", False),
        ('coalesce("shipCountry", "productId", \'??\')', False),
        ("note IS NULL", False),
        ("opened IS NOT TRUE", False),
        ("opened IS DISTINCT FROM TRUE", False),
        ("coalesce(opened, note IS NULL)", False),
        ('coalesce("shipCountry", "productId")', True),
        ('coalesce("shipCountry", NULL)', True),
        ('coalesce("shipCountry", \'??\') || "productId"', True),
        ("lower(coalesce(\"shipCountry\", '??'))", True),
        ('coalesce("shipCountry", coalesce("productId", \'??\') || NULL)', True),
        ("priority = 1", True),
    ],
)
def test_a_dimension_that_can_never_be_null_is_known(court: Court, expression: str, nullable: bool) -> None:
    verdict = court.judge(order_view(dimensions={"d": expression}))
    assert verdict.proven is not None
    assert verdict.proven.views[0].dimensions["d"].nullable == nullable


@pytest.mark.parametrize("verb", ["sum", "avg"])
@pytest.mark.parametrize(
    ("argument", "spelling"),
    [
        ("weight", 'weight is of type double precision, which has no {} (integers and numeric have exact sums)'),
        ("weight", 'write {} = "weight::numeric"'),
        ("weight * 2", 'write {} = "(weight * 2)::numeric"'),
        ("took", 'write {} = "extract(epoch from took)"'),
        ("opened", "write {{ count = true, where = … }}"),
        ("id", "is of type text, which has no {}"),
    ],
)  # fmt: skip
def test_a_sum_is_of_exact_numbers(court: Court, verb: str, argument: str, spelling: str) -> None:
    assert spelling.format(verb) in court.sum_of(argument, verb)


@pytest.mark.parametrize(
    ("argument", "type_"),
    [("priority", "bigint"), ("priority::bigint", "numeric"), ("total", "numeric"), ("weight::numeric", "numeric")],
)
def test_a_sum_is_of_a_type_that_holds_it(court: Court, argument: str, type_: str) -> None:
    verdict = court.judge(order_view(measures={"m": Measure(verb="sum", argument=argument)}))
    assert verdict.proven is not None
    assert verdict.proven.views[0].measures[0].type == type_


@pytest.mark.parametrize("verb", ["min", "max"])
def test_an_extreme_is_of_a_type_with_one_greatest_value(court: Court, verb: str) -> None:
    for argument in ("priority", "total", "createdAt", "paidAt", "dueOn", "status", "id"):
        assert court.sum_of(argument, verb) == ""
    for argument in ("fee", "weight", "folded", "opened", "raw", "code"):
        assert f"has no {verb}" in court.sum_of(argument, verb)
    assert f'write {verb} = "fee::numeric(18,2)"' in court.sum_of("fee", verb)


def test_a_percentile_is_of_integers_and_of_numeric_with_a_scale(court: Court) -> None:
    assert court.sum_of("total", "percentile") == court.sum_of("priority", "percentile") == ""
    assert "has no percentile" in court.sum_of("fee", "percentile")
    assert "has no percentile" in court.sum_of("dueOn", "percentile")
