"""What the parameters of questions about a declaration have in common: how they are read, refused and described.

Invariant: unknown, repeated and ill-formed parameters are refused, all of them in one answer, before anything else
happens.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl

from models.user_key import UserKey
from views_sql.declaration.filter_arguments import NULL
from views_sql.declaration.served import ServedDimension
from web.http.filter_values import filter_kind, parse_flag
from web.http.parameters import LONGEST_NAME, parse_date
from web.http.problems import Fault, Problem, invalid_parameters
from web.http.user_keys import SCHEMA, parse_user

MOST_PARAMETERS = 200
MOST_ROWS = 1_000
_LIMIT = re.compile(r"[1-9][0-9]{0,3}")
_DATE = {"type": "string", "format": "date"}
FLAG = {"type": "boolean"}

Values = dict[str, Any]
Disagreements = Callable[[Mapping[str, Any], set[str]], Iterable[Fault]]


class Ranged(Protocol):
    """What is asked for a range of days."""

    @property
    def zone(self) -> str | None:
        """The zone whose days are counted; None: each user's own."""

    @property
    def longest_days(self) -> int:
        """The longest range."""

    @property
    def default_days(self) -> int:
        """The range where a request does not say."""


@dataclass(frozen=True, slots=True)
class QuestionParameter:
    """One parameter.

    :param parse: returns the value, of a list one value of it; raises ValueError.
    :param form: ``one`` value, several separated by commas, or the parameter given several times.
    :param schema: the JSON schema of one value.
    """

    name: str
    parse: Callable[[str], Hashable]
    description: str
    schema: dict[str, Any]
    form: Literal["one", "commas", "repeated"] = "one"


@dataclass(frozen=True, slots=True)
class Question:
    """A parsed request: whose data (None: the caller's), and the question's arguments."""

    user_id: UserKey | None
    arguments: Mapping[str, Hashable]


USER = QuestionParameter("user_id", parse_user, "Whose data; for admins only. Default: the caller.", dict(SCHEMA))


def parse_values(known: Mapping[str, QuestionParameter], query: bytes, disagreements: Disagreements) -> Values:
    """Return the values in a request's query by name.

    :param disagreements: yields what is wrong with values that are well-formed each, given them and the faulty names.
    :raises Problem: 422, with every fault.
    """
    values: Values = {}
    faults: list[Fault] = []
    for name, texts in _by_name(query).items():
        try:
            values[name] = _value(known.get(name), texts)
        except ValueError as error:
            faults.append(fault(name, str(error)))
    faults += disagreements(values, {it["field"] for it in faults})
    if faults:
        raise invalid_parameters(faults)
    return values


def days(asked: Ranged) -> Iterator[QuestionParameter]:
    """Yield the parameters of a range of days."""
    zone = f"in the time zone {asked.zone}" if asked.zone else "in the user's time zone"
    default = f"Default: {asked.default_days - 1} days before `to`."
    yield QuestionParameter("from", parse_date, f"First day, {zone}. {default}", _DATE)
    yield QuestionParameter("to", parse_date, f"Last day, {zone}. Default: today.", _DATE)


def granularity(choices: Iterable[str]) -> QuestionParameter:
    """Return the parameter of the length of periods."""
    text = "Length of a period; weeks begin on Monday; periods are cut at the ends of the range. Default: `day`."
    return choice("granularity", choices, text)


def limit(description: str) -> QuestionParameter:
    """Return the parameter of how many there are at most."""
    schema = {"type": "integer", "minimum": 1, "maximum": MOST_ROWS}
    return QuestionParameter("limit", _limit, description, schema)


def filters(dimensions: Iterable[ServedDimension]) -> Iterator[QuestionParameter]:
    """Yield the parameters of the values of dimensions that count."""
    for it in dimensions:
        kind = filter_kind(it.type)
        text = f"Only rows whose {it.name} is one of the values given."
        yield QuestionParameter(it.name, kind.parse, text, kind.schema, "repeated")
        if it.nullable:
            yield QuestionParameter(it.name + NULL, parse_flag, f"`true`: rows without a {it.name} count too.", FLAG)


def choice(
    name: str, choices: Iterable[str], description: str, form: Literal["one", "commas"] = "one"
) -> QuestionParameter:
    """Return a parameter that is one of some words."""
    known = tuple(choices)

    def parse(text: str) -> str:
        if text not in known:
            shown = ", ".join(it for it in known if not it.startswith("-"))
            raise ValueError(f"expected one of {shown}")
        return text

    return QuestionParameter(name, parse, description, {"type": "string", "enum": list(known)}, form)


def either_way(names: Iterable[str]) -> list[str]:
    """Return the names to order by, ascending and descending."""
    return [sign + name for name in names for sign in ("", "-")]


def faults_of_range(asked: Ranged, values: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong with a range of days."""
    if sentence := _fault_of_range(asked, values.get("from"), values.get("to")):
        yield fault("from", sentence)


def fault(name: str, detail: str) -> Fault:
    """Return what is wrong with a parameter."""
    return {"in": "query", "field": name[:LONGEST_NAME], "detail": detail}


def _limit(text: str) -> int:
    if not _LIMIT.fullmatch(text) or (value := int(text)) > MOST_ROWS:
        raise ValueError(f"expected a whole number from 1 to {MOST_ROWS}")
    return value


def _by_name(query: bytes) -> dict[str, list[str]]:
    """Return the texts that a query gives for each name."""
    try:
        text = query.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except UnicodeDecodeError:
        raise Problem(422, "invalid-parameters", "The query is not UTF-8 in percent-encoding.") from None
    except ValueError:
        raise Problem(422, "invalid-parameters", f"More than {MOST_PARAMETERS} parameters.") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _value(parameter: QuestionParameter | None, texts: list[str]) -> Any:
    """Return the value of a parameter; of a list, its values."""
    if parameter is None:
        raise ValueError("unknown parameter")
    if parameter.form == "repeated":
        return tuple(map(parameter.parse, texts))
    if len(texts) > 1:
        raise ValueError("given more than once")
    if parameter.form == "one":
        return parameter.parse(texts[0])
    names = texts[0].split(",")
    values = tuple(map(parameter.parse, names))
    if len(set(values)) < len(values):
        raise ValueError("a name is given more than once")
    return values


def _fault_of_range(asked: Ranged, first: date | None, last: date | None) -> str | None:
    if first and last and first > last:
        return "from must not be after to"
    if first and last and (last - first).days >= asked.longest_days:
        return f"from and to may span at most {asked.longest_days} days"
    if last and not first and last - date.min < timedelta(days=asked.default_days - 1):
        return "the range begins before the year 1"
    return None
