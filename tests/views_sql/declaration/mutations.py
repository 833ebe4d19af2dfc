"""Good declarations, spoilt: keys renamed, values of other types, emptied, huge, nested; lines deleted or doubled."""

import json
import tomllib
from datetime import date, datetime, time
from typing import Any

from hypothesis import strategies as st

from tests.views_sql.declaration.declaring import WHOLE
from views_sql.declaration.application import VERBS, Measure, Region, UserTable, View
from views_sql.declaration.dashboards import Dashboard, LabelledDimension, Listing, Metric, Panel
from views_sql.declaration.files import KINDS
from views_sql.declaration.words import RESERVED

TOGETHER = 4
TEXT = WHOLE
GOOD = tomllib.loads(TEXT)
ODD_TEXTS = (
    "",
    " ",
    "\0",
    "x" * 41,
    "x" * 5000,
    "count",
    "10m",
    "50 MB",
    "now()",
    "'",
    '"',
    "ß",
    "\u202e",
    "😀",
    "product",
    "orders.orders",
    "orders.p95 /",
    "((((",
    "createdAt desc",
    "today",
    "user",
)
TEXTS = st.one_of(st.text(max_size=12), st.sampled_from(ODD_TEXTS))
MODELS = (UserTable, View, Measure, Region, LabelledDimension, Metric, Listing, Dashboard, Panel)
FIELDS = {name for model in MODELS for name in (*model.model_fields, *model.fields_in_file())}
KEYS = st.one_of(TEXTS, st.sampled_from(sorted({*KINDS, *VERBS, *RESERVED, *FIELDS, "via", "function"})))
INSERTED = ("[", "]", "=", '"', "\n[view.orders]\n", "[[view]]\n")
PLAIN = st.one_of(
    TEXTS,
    st.integers(),
    st.sampled_from([0, -1, 2**63, 16**3000]),
    st.floats(),
    st.booleans(),
    st.dates(date(1, 1, 1)),
    st.datetimes(datetime(1, 1, 1)),
    st.times(),
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)


@st.composite
def spoilt_files(draw: st.DrawFn) -> list[str]:
    """Return the texts of :data:`TOGETHER` files: a good one after more and more mutations, and a spoilt text."""
    tree = json.loads(json.dumps(GOOD))
    texts = []
    for _ in range(TOGETHER - 1):
        _spoil(draw, tree)
        texts.append("".join(f"{_text(key)} = {toml(value)}\n" for key, value in tree.items()))
    return [*texts, _spoil_text(draw, draw(st.sampled_from([TEXT, texts[0]])))]


def _spoil(draw: st.DrawFn, tree: dict[str, Any]) -> None:
    """Change one place of a tree."""
    places = list(_places(tree))
    if not places:
        return
    table, key = draw(st.sampled_from(places))
    match draw(st.sampled_from(["rename", "replace", "empty", "nest", "delete", "add", "copy"])):
        case "rename":
            table[draw(KEYS)] = table.pop(key)
        case "replace":
            table[key] = draw(VALUES)
        case "empty":
            table[key] = draw(st.sampled_from(["", [], {}, 0, False]))
        case "nest":
            table[key] = draw(st.sampled_from([{key: table[key]}, [table[key]]]))
        case "delete":
            del table[key]
        case "add":
            table[draw(KEYS)] = draw(VALUES)
        case "copy":
            other, _ = draw(st.sampled_from(places))
            other[draw(KEYS)] = json.loads(json.dumps(table[key], default=str))


def _places(table: dict[str, Any]) -> Any:
    for key, value in table.items():
        yield table, key
        if isinstance(value, dict):
            yield from _places(value)


def _spoil_text(draw: st.DrawFn, text: str) -> str:
    lines = text.splitlines(keepends=True)
    number = draw(st.integers(0, max(len(lines) - 1, 0)))
    position = draw(st.integers(0, len(text)))
    inserted = draw(
        st.one_of(st.text(max_size=5), st.sampled_from(["[", "]", "=", '"', "\n[view.orders]\n", "[[view]]\n"]))
    )
    return draw(
        st.sampled_from(
            [
                "".join(lines[:number] + lines[number + 1 :]),
                "".join(lines[: number + 1] + lines[number:]),
                text[:position],
                text[:position] + inserted + text[position:],
                text[:position] + inserted + text[position + 1 :],
            ]
        )
    )  # fmt: skip


def toml(value: Any) -> str:
    """Return a value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, date | time):
        return value.isoformat()
    return hex(value) if isinstance(value, int) and value > 10**20 else str(value).lower()


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
