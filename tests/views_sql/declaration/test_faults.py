"""Each thing that may be wrong with a declaration has its sentence, with file and place, and all come at once.

``faults.txt`` has most of them: lines of a file, and behind ``>`` what is said about them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.views_sql.declaration.declaring import LEAST, USER, faults, project, read
from views_sql.declaration.fault import DeclarationError
from views_sql.declaration.project import read_project
from views_sql.declaration.toml_text import ONE_LINE

# Beside the least file: a view without a time, dimensions, a hidden measure, a metric.
BARE = LEAST.replace('measures = { orders = "count" }\n', "")
MORE = """dimensions = { x = "productId" }
[view.orders.measures]
orders = "count"
revenue = { sum = "total" }
secret = { sum = "fee", hidden = true }
[view.total]
table = "t"
dimensions = { n = "n" }
measures = { sum = { sum = "n" } }
[metric.both]
formula = "(orders.secret + total.sum) * -2"
"""
PLACES = {  # Where the lines of a section of faults.txt stand.
    "in [user]": lambda lines: LEAST.replace(USER, USER + lines),
    "in [view.orders]": lambda lines: LEAST + lines,
    "a measure m of [view.orders]": lambda lines: LEAST.replace('orders = "count"', lines.strip()),
    "after the least file": lambda lines: LEAST + lines,
    "[dimension.x]": lambda lines: f"{BARE}{MORE}[dimension.x]\n{lines}".replace("[dimension.x]\n[dim", "[dim"),
    "[metric.x]": lambda lines: f"{BARE}{MORE}[metric.x]\n{lines}",
    "[list.x]": lambda lines: f"{BARE}{MORE}[list.x]\n{lines}",
    "[dashboard.x]": lambda lines: f"{BARE}{MORE}[dashboard.x]\n{lines}",
    "panels of [dashboard.x]": lambda lines: f"{BARE}{MORE}[dashboard.x.panels]\n{lines}",
    "a file": lambda lines: lines,
}


def cases() -> Iterator[tuple[str, list[str]]]:
    """Return each text of a file with what is said about it."""
    sections = Path(__file__).with_name("faults.txt").read_text().split("== ")
    for section in sections[1:]:
        place, _, rest = section.partition("\n")
        for block in re.findall(r"((?:(?!>).*\n)+)((?:>.*\n)+)", rest):
            yield PLACES[place](block[0].lstrip("\n")), re.findall(r"^> (.*)$", block[1], re.MULTILINE)


LONG = [
    ("in [user]", f"key = '{'k' * 201}'", "user.key: at most 200 characters are possible, and these are 201"),
    (
        "in [user]",
        f"name = '{'n' * 4001}'",
        "user.name: an expression has at most 4,000 characters, and this one has 4,001",
    ),
    (
        "in [view.orders]",
        "longest_days = 0x" + "f" * 5000,
        "view.orders.longest_days: expected a number that is at most 4,000, and found a number of more than 15 digits",
    ),
    (
        "in [user]",
        f"'{'k' * 90}' = 1",
        f'user."{"k" * 59}…": there is no field "{"k" * 59}…"; there are claim, facts, key, name, table, zone',
    ),
]

NOT_TOML = {
    "[user\n": "line 1, column 6: this is not TOML: expected ']' at the end of a table declaration",
    "[user]\nkey : 'id'\n": "line 2, column 5: this is not TOML: expected '=' after a key in a key/value pair",
    "a = 1\na = 2\n": "line 2, column 6: this is not TOML: a name is given a second time in its table",
    "[view.x]\n[view.x]\n": "line 2, column 8: this is not TOML: the table [view.x] is declared a second time",
    "a = ": "line 1, the end of the file: this is not TOML: invalid value",
    "a = b": "line 1, column 5: this is not TOML: a value is expected here; text stands in quotes, true and false in "
    "lower case",
    "ttl = 10m": "line 1, column 9: this is not TOML: the value ends before this; is a quote missing, or one too many?",
    "a = {\n b = 1 }": f"line 1, column 6: this is not TOML: {ONE_LINE}",
    "a = { b = 1\n }": f"line 1, column 12: this is not TOML: {ONE_LINE}",
    "a = { b = 1, }": "line 1, column 14: this is not TOML: no comma may stand before the closing brace",
    b"\n\xff": "line 2, byte 1: this is not UTF-8",
    "a = " + "[" * 20_000: "file: tables or lists are nested too deeply",
    "a = " + "9" * 5000: "file: a number has too many digits",
    "#" * 500_001: "file: it is larger than 500,000 bytes",
}


@pytest.mark.parametrize(("text", "sentences"), list(cases()))
def test_is_said_in_its_sentence(tmp_path: Path, text: str, sentences: list[str]) -> None:
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "y_v01.sql").write_text("SELECT 1")
    assert faults(tmp_path, text) == [f"frontview.toml: {sentence}" for sentence in sentences]


def test_a_good_file_has_none(tmp_path: Path) -> None:
    assert faults(tmp_path, LEAST) == []


@pytest.mark.parametrize(("place", "line", "sentence"), LONG, ids=lambda text: text[:12])
def test_that_is_long_is_said_shortly(tmp_path: Path, place: str, line: str, sentence: str) -> None:
    assert faults(tmp_path, PLACES[place](line + "\n")) == [f"frontview.toml: {sentence}"]


@pytest.mark.parametrize("text", NOT_TOML, ids=lambda text: repr(text[:12]))
def test_in_a_file_that_cannot_be_read(tmp_path: Path, text: str | bytes) -> None:
    assert faults(tmp_path, text) == [f"frontview.toml: {NOT_TOML[text]}"]


def test_a_view_has_at_most_fifty_measures(tmp_path: Path) -> None:
    text = LEAST.replace("{ orders =", "{" + ", ".join(f"m{number} = 'count'" for number in range(50)) + ", orders =")
    sentence = "view.orders.measures: a view has at most 50 measures, and this one has 51"
    assert faults(tmp_path, text) == [f"frontview.toml: {sentence}"]


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        LEAST + "mesures = 1\nttl = 3\n",
        broken="[view",
        more="[user]\n[view.orders]\n[view.x]\ntable = 3\nregion = 'y'\nmeasures = { a = 'x', b = 'count' }\n",
    )
    assert [fault.split(": ")[:2] for fault in found] == [
        ["views/broken.toml", "line 1, the end of the file"],
        ["views/more.toml", "user"],
        ["views/more.toml", "view.orders"],
        ["frontview.toml", "view.orders.mesures"],
        ["frontview.toml", "view.orders.ttl"],
        ["views/more.toml", "view.x.measures.a"],
        ["views/more.toml", "view.x.table"],
    ]


def test_a_name_that_two_files_declare_names_both(tmp_path: Path) -> None:
    found = faults(tmp_path, LEAST, again="[view.orders]\n")
    assert found == ["views/again.toml: view.orders: it is declared in frontview.toml too; keep one of them"]


def test_a_folder_without_a_declaration_is_a_fault(tmp_path: Path) -> None:
    project(tmp_path, LEAST)
    (tmp_path / "frontview.toml").unlink()
    with pytest.raises(DeclarationError, match=r"frontview\.toml: file: there is no such file"):
        read_project(tmp_path)


def test_a_file_that_cannot_be_opened_is_a_fault(tmp_path: Path) -> None:
    project(tmp_path, LEAST)
    (tmp_path / "views" / "folder.toml").mkdir()
    with pytest.raises(DeclarationError, match=r"views/folder\.toml: file: it cannot be read: Is a directory"):
        read_project(tmp_path)


def test_many_unknown_fields_are_counted_after_the_first_twenty(tmp_path: Path) -> None:
    found = faults(tmp_path, LEAST + "".join(f"unknown_{number} = 1\n" for number in range(5000)))
    assert len(found) == 21
    assert found[-1] == "frontview.toml: view.orders: there are 4,980 more unknown fields"


@pytest.mark.parametrize(("more", "refused"), [(0, False), (1, True)])
def test_a_name_in_an_answer_leaves_room_for_its_columns(tmp_path: Path, more: int, refused: bool) -> None:
    """PostgreSQL cuts longer names, and two that begin alike would be one column."""
    view, name = "v" * 40, "m" * (18 + more)
    measures = f'{name} = "count"\n'
    text = "".join(
        f'[view.{it}]\ntable = "public.orders"\ntime = "at"\n[view.{it}.measures]\n{measures}' for it in (view, "w")
    )
    panel = f'x = {{ kind = "compare", measures = ["{view}.{name}", "w.{name}"], with = "previous_year" }}\n'
    text = f'[user]\ntable = "public.users"\n{text}[dashboard.d.panels]\n{panel}'
    said = " ".join(faults(tmp_path, text)) if refused else str(read(tmp_path, text))
    assert ("at most 59 characters" in said) is refused
