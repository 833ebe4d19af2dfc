"""The parameters of a question about a declared view, made from what the view serves.

Invariant: questions that mean the same become equal arguments. Unknown, repeated and ill-formed parameters are refused,
all of them in one answer, before anything else happens.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import parse_qsl

from models.user_key import UserKey
from views_sql.declaration.questions import DEFAULT_LIMIT, NULL, canonical
from views_sql.declaration.served import ServedView
from web.http.filter_values import filter_kind, parse_flag
from web.http.parameters import LONGEST_NAME, parse_date
from web.http.problems import Fault, Problem, invalid_parameters
from web.http.user_keys import SCHEMA, parse_user

MOST_PARAMETERS = 200
MOST_ROWS = 1_000
GRANULARITIES = ("total", "day", "week", "month", "quarter", "year")
COMPARISONS = ("previous_period", "previous_year")
_LIMIT = re.compile(r"[1-9][0-9]{0,3}")
_DATE = {"type": "string", "format": "date"}
_FLAG = {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class ViewParameter:
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
class ViewQuestion:
    """A parsed request: whose data (None: the caller's), and the question's arguments."""

    user_id: UserKey | None
    arguments: Mapping[str, Hashable]


def parse_question(view: ServedView, query: bytes) -> ViewQuestion:
    """Return the question in a request's query.

    :raises Problem: 422, with every fault.
    """
    known = parameters_of(view)
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, texts in _by_name(query).items():
        try:
            values[name] = _value(known.get(name), texts)
        except ValueError as error:
            faults.append(_fault(name, str(error)))
    faults += _disagreements(view, values, {fault["field"] for fault in faults})
    if faults:
        raise invalid_parameters(faults)
    user = values.pop("user_id", None)
    return ViewQuestion(user, canonical(view, values))


@lru_cache(1_024)
def parameters_of(view: ServedView) -> dict[str, ViewParameter]:
    """Return the parameters of questions about a view, by name, in the order in which they are documented."""
    return {it.name: it for it in (*(_of_days(view) if view.daily else ()), *_of_groups(view), *_filters(view), _USER)}


_USER = ViewParameter("user_id", parse_user, "Whose data; for admins only. Default: the caller.", dict(SCHEMA))


def _of_days(view: ServedView) -> Iterator[ViewParameter]:
    zone = f"in the time zone {view.zone}" if view.zone else "in the user's time zone"
    default = f"Default: {view.default_days - 1} days before `to`."
    yield ViewParameter("from", parse_date, f"First day, {zone}. {default}", _DATE)
    yield ViewParameter("to", parse_date, f"Last day, {zone}. Default: today.", _DATE)
    text = "Length of a period; weeks begin on Monday; periods are cut at the ends of the range. Default: `day`."
    yield _choice("granularity", GRANULARITIES, text)
    text = "Each row and the totals also have `previous` and `change`, the share by which they differ."
    yield _choice("compare", COMPARISONS, text)


def _of_groups(view: ServedView) -> Iterator[ViewParameter]:
    if view.dimensions:
        text = "Dimensions of the rows, separated by commas. Default: none."
        yield _choice("group_by", [it.name for it in view.dimensions], text, "commas")
    yield _choice("measures", view.shown, "Measures, separated by commas. Default: all.", "commas")
    names = [*(["period"] if view.daily else []), *(it.name for it in view.dimensions), *view.shown]
    text = "`period`, a dimension of the rows or a measure of the answer; `-` before it: descending."
    yield _choice("order", [sign + name for name in names for sign in ("", "-")], text)
    schema = {"type": "integer", "minimum": 1, "maximum": MOST_ROWS}
    yield ViewParameter("limit", _limit, f"The most groups. Default: {DEFAULT_LIMIT}.", schema)
    yield ViewParameter("other", parse_flag, "`true`: one more group, `other`, has the rest.", _FLAG)


def _filters(view: ServedView) -> Iterator[ViewParameter]:
    for it in view.dimensions:
        kind = filter_kind(it.type)
        text = f"Only rows whose {it.name} is one of the values given."
        yield ViewParameter(it.name, kind.parse, text, kind.schema, "repeated")
        if it.nullable:
            yield ViewParameter(it.name + NULL, parse_flag, f"`true`: rows without a {it.name} count too.", _FLAG)


def _choice(
    name: str, choices: Iterable[str], description: str, form: Literal["one", "commas"] = "one"
) -> ViewParameter:
    known = tuple(choices)

    def parse(text: str) -> str:
        if text not in known:
            shown = ", ".join(it for it in known if not it.startswith("-"))
            raise ValueError(f"expected one of {shown}")
        return text

    return ViewParameter(name, parse, description, {"type": "string", "enum": list(known)}, form)


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


def _value(parameter: ViewParameter | None, texts: list[str]) -> Any:
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


def _disagreements(view: ServedView, values: Mapping[str, Any], faulty: set[str]) -> Iterator[Fault]:
    """Yield what is wrong with parameters that are well-formed each, but do not fit each other."""
    sentence = _fault_of_range(view, values.get("from"), values.get("to"))
    if sentence:
        yield _fault("from", sentence)
    if "order" not in values or faulty & {"group_by", "measures"}:
        return
    able = [*(["period"] if view.daily else []), *values.get("group_by", ()), *values.get("measures", view.shown)]
    if values["order"].removeprefix("-") not in able:
        yield _fault("order", f"the answer can be ordered by {', '.join(able)}")


def _fault_of_range(view: ServedView, first: date | None, last: date | None) -> str | None:
    if first and last and first > last:
        return "from must not be after to"
    if first and last and (last - first).days >= view.longest_days:
        return f"from and to may span at most {view.longest_days} days"
    if last and not first and last - date.min < timedelta(days=view.default_days - 1):
        return "the range begins before the year 1"
    return None


def _fault(name: str, detail: str) -> Fault:
    return {"in": "query", "field": name[:LONGEST_NAME], "detail": detail}
