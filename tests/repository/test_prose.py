"""Docstrings, comments and documents are written in plain words, which the checker in ``prose.py`` holds them to."""

import pytest

from tests.repository.prose import ROOT, prose_files, violations, violations_of

PLANTED = {
    "a docstring of a module": (
        "web/a.py",
        '"""Looks for rows.\n\nInvariant: none is lost amid a drain.\n"""\n',
        3,
        "amid",
    ),
    "a docstring of a function": ("a.py", 'def f() -> None:\n    """Begin Anew."""\n', 2, "Anew"),
    "a comment of Python": ("a.py", "x = f()  # read of late\n", 1, "of late"),
    "a phrase that crosses lines of a docstring": ("a.py", '"""Reads it once\nmore."""\n', 1, "once more"),
    "a phrase that crosses lines of comments": ("a.py", "# nothing here is an error of\n# ours\n", 1, "of ours"),
    "a comment of SQL": ("a.sql", "SELECT 1;\n-- this look comes first\n", 2, "this look"),
    "a block comment of JavaScript": ("a.js", "let a = 1;\n/** Returns what there\n * is. Amid it.\n */\n", 3, "Amid"),
    "a line comment of JavaScript": ("a.js", "let a = 1;  // for want of a better one\n", 1, "for want of"),
    "a comment of a shell": ("a.sh", "echo 1\n# whoever calls\n", 2, "whoever"),
    "a comment of an ini file": ("a.ini", "; who waits longer is refused\n", 1, "who waits"),
    "a comment of HTML": ("a.html", "<p></p>\n<!-- amid the page -->\n", 2, "amid"),
    "a line of a document": ("a.md", "# A\n\nNothing is to be done.\n", 3, "is to be"),
    "a cell of a document's table": ("a.md", "| a | nobody's |\n", 1, "nobody's"),
    "a constant's comment that continues its name": (
        "a.py",
        "LOOK_SECONDS = 1.0  # at the trust\n",
        1,
        "at the trust",
    ),
    "a comment of JavaScript's constant": ("a.js", "const A = 1; // of all\n", 1, "of all"),
    "a typed constant's comment": ("a.py", "A: dict[str, int] = {}  # by name\n", 1, "by name"),
    "a long line of a document": ("a.md", "a\n" + "long " * 30 + "\n", 2, "150 characters"),
}
PLAIN = {
    "plain words": (
        "a.py",
        '"""Return what a drain invalidated."""\n\nA = 1.0  # How often each worker checks its trust.\n',
    ),
    "words that contain a banned one": ("a.py", '"""Of latency, pyramids and a besides-less name."""\n'),
    "quoted code": ("a.md", "The field `of ours` holds it.\n\n```\namid " + "long " * 30 + "\n```\n"),
    "quoted code that is double": ("a.py", '"""Return ``anew``."""\n'),
    "strings": ("a.py", 'print("amid")\n'),
    "directives": ("a.py", "A = 1  # noqa: S101\nB = 2  # type: ignore[misc]\nC = 3  # nosec B101\n"),
    "an address": ("a.js", 'const a = "https://amid.example";\n'),
    "a long row of a table": ("a.md", "| " + "long " * 30 + "|\n"),
    "a long link alone in its line": ("a.md", "[a](https://example.org/" + "long" * 30 + ")\n"),
}


def test_every_file_is_written_in_plain_words() -> None:
    found = [str(violation) for path in prose_files() for violation in violations(path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", ["models", "views_sql", "refresher", "web", "alembic", "deploy", "bench", "docs"])
def test_every_part_of_the_project_is_read(folder: str) -> None:
    assert any(path.is_relative_to(ROOT / folder) for path in prose_files())


@pytest.mark.parametrize("case", PLANTED)
def test_it_is_found_in(case: str) -> None:
    name, text, line, found = PLANTED[case]
    assert [(violation.line, violation.found) for violation in violations_of(text, name)] == [(line, found)]


@pytest.mark.parametrize("case", PLAIN)
def test_nothing_is_found_in(case: str) -> None:
    name, text = PLAIN[case]
    assert violations_of(text, name) == []


def test_a_violation_names_place_phrase_and_replacement() -> None:
    (violation,) = violations_of("-- amid a drain\n", "views_sql/a.sql")
    assert str(violation) == "views_sql/a.sql:1: 'amid': while, during"
