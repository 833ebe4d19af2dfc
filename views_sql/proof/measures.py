"""Which expressions may be a dimension, or the argument of a measure, and of which type the measure is."""

import json

from views_sql.declaration.application import Measure
from views_sql.declaration.proven import ProvenMeasure
from views_sql.proof.expressions import Expression
from views_sql.proof.findings import Place
from views_sql.proof.value_types import (
    INTEGERS,
    SUM_TYPES,
    TEXTS,
    ValueType,
    group_spelling,
    sum_spelling,
)

# Types of which equal values are identical.
GROUPS = "integers, boolean, uuid, date, enum, text of a deterministic collation, numeric with a declared scale"
ORDERED = "integers, dates, times, enum, text of a deterministic collation, numeric with a declared scale"


def check_dimension(of: Expression, place: Place) -> bool:
    """Return whether an expression may be a dimension; otherwise a fault was added."""
    if of.type.groups:
        return True
    place.refuse(f"{of.spelled} {_is(of.type)}, and a dimension is one of {GROUPS}{_write(of, '')}")
    return False


def check_argument(measure: Measure, of: Expression, place: Place) -> bool:
    """Return whether an expression may be the argument of a measure's verb; otherwise a fault was added."""
    verb = measure.verb
    if verb in {"sum", "avg"}:
        fits, allowed = of.type.base in SUM_TYPES, "integers and numeric have exact sums"
    elif verb == "percentile":
        fits, allowed = of.type.base in INTEGERS or of.type.scaled, "integers or numeric with a declared scale"
    elif verb == "distinct":
        fits, allowed = of.type.groups, GROUPS
    else:
        fits, allowed = of.type.ordered, ORDERED
    if not fits:
        place.refuse(f"{of.spelled} {_is(of.type)}, which has no {verb} ({allowed}){_write(of, verb)}")
    return fits


def _is(of: ValueType) -> str:
    if of.base in TEXTS and not of.deterministic:
        return "is text of a nondeterministic collation"
    return "is a numeric without a declared scale" if of.base == "numeric" else f"is of type {of.name}"


def _write(of: Expression, verb: str) -> str:
    """Return the end of a sentence with the spelling to use, if there is one."""
    if verb in {"sum", "avg"}:
        spelling = sum_spelling(of.type, _operand(of))
        if of.type.base == "bool":
            return "; write { count = true, where = … }"
    elif verb in {"min", "max"} and of.type.base in {"timestamp", "timestamptz"}:
        spelling = None
    else:
        spelling = group_spelling(of.type, _operand(of))
    if spelling is None:
        return ""
    return f"; write {verb + ' = ' if verb else ''}{json.dumps(spelling, ensure_ascii=False)}"


def _operand(of: Expression) -> str:
    if of.column is None:
        return f"({of.text})"
    name = of.column.name
    return name if name.isidentifier() and name.islower() and name.isascii() else of.text


def check_condition(of: Expression, place: Place) -> bool:
    """Return whether an expression is a condition; otherwise a fault was added."""
    if of.type.base != "bool":
        place.refuse(f"{of.spelled} is of type {of.type.name}, and a condition is true or false: write a comparison")
    return of.type.base == "bool"


def proven_measure(name: str, measure: Measure, argument: Expression | None, *, filtered: bool) -> ProvenMeasure:
    """Return a measure as a proven declaration has it, with the type of its answer."""
    return ProvenMeasure(
        name=name,
        verb=measure.verb,
        argument=f"m_{name}" if argument else None,
        where=f"w_{name}" if filtered else None,
        type=_answer_type(measure, argument),
        at=measure.at,
        decimals=measure.decimals,
        live=measure.live,
    )


def _answer_type(measure: Measure, argument: Expression | None) -> str:
    if argument is None or measure.verb in {"count", "distinct"}:
        return "bigint"
    if measure.verb == "avg":
        return "numeric"
    return SUM_TYPES[argument.type.base] if measure.verb == "sum" else argument.type.name
