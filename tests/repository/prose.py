"""Finds phrases that do not belong to plain English in docstrings, comments and documents.

``python -m tests.repository.prose [PATH ...]`` prints those of the given files and folders, or of all.

Quoted code (backquotes, fenced blocks of Markdown) is not prose and may hold any word.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("models", "views_sql", "refresher", "web", "alembic", "deploy", "bench", ".ci")
FILES = ("Makefile", "compose.yaml", "pyproject.toml")
PLANTING = (Path(__file__), Path(__file__).with_name("test_prose.py"))  # They hold the phrases on purpose.
LONGEST_LINE = 120
# What a comment looks like, by the ending of a file; other endings are those of files with `#` comments.
SQL = re.compile(r"--+ ?([^\n]*)")
BLOCK = re.compile(r"/\*(.*?)\*/|(?:^|(?<=\s))//([^\n]*)", re.DOTALL | re.MULTILINE)
MARKUP = re.compile(r"<!--(.*?)-->|\{#(.*?)#\}", re.DOTALL)
HASH = re.compile(r"(?:^|(?<=\s))[#;]([^\n]*)", re.MULTILINE)
COMMENTS = {".sql": SQL, ".js": BLOCK, ".css": BLOCK, ".html": MARKUP}
NOT_READ = {".py", ".md", ".svg", ".png", ".sha256", ".pyc", ".json"}
# A comment on the line of a constant begins a sentence of its own, or is a directive to a tool.
CONSTANT = re.compile(r"^[A-Z][A-Z0-9_]*\s*(?::[^=]+)?=(?!=)")
CONSTANT_OF_JAVASCRIPT = re.compile(r"^(?:export )?const [A-Z][A-Z0-9_]* = .*?(?<=\s)// ?(.*)", re.MULTILINE)
SENTENCE = re.compile(r"\s*(?:[A-Z0-9`]|noqa\b|nosec\b|type:|pragma\b|fmt:)")

# Each is a regular expression of whole words, where a space stands for any white space, with its plain replacement.
BANNED = {
    r"amid": "while, during",
    r"anew": "again",
    r"of late": "recently",
    r"so many": "the number itself: `count` rounds",
    r"(nobody|somebody|everybody|anybody)'s": "every user's, no other code's, someone else's",
    r"of (ours|nobody's)": "our, Frontview's",
    r"of (theirs|his|hers)": "their",
    r"(\A|(?<=[.;:(]\s)|(?<=,\sbut\s))who (waits|loses|lost|left|cannot|does not|is late|knows)": "a client that",
    r"who waits?( \w+)* (is|are) freed": "waiting requests stop waiting",
    r"(is|are) freed": "is released, stops waiting",
    r"lets? (it |them )?be": "leaves unchanged",
    r"for want of": "without",
    r"of yore": "earlier",
    r"(whither|whence|hither|hitherto|thither|thence|henceforth|hence)": "where, from where, therefore, until now",
    r"(thereof|thereby|therein|thereupon|whereby|wherein|whereupon|forthwith)": "of it, by which, in which, then",
    r"(upon|unto|lest|albeit|whilst|amongst)": "on, to, so that … not, although, while, among",
    r"(nought|naught|aught|seldom|oft)": "nothing, anything, rarely, often",
    r"at the (most|least) (?!recent)": "at most, at least",
    r"once more": "again, one more time",
    r"as ever": "as always",
    r"(is|are|was|were) to be": "must be, should be, will be",
    r"what it (is|has) to": "what it must",
    r"what becomes? of": "the result of",
    r"what became of": "the result of",
    r"(comes?|came) to (be|rest|itself)": "begins, becomes idle",
    r"stands? back": "pauses, gives way to requests",
    r"stands? (before|behind|beside|apart|in between)": "is before, is behind, is next to",
    r"(go|goes|gone|going|went) by( unseen)?": "pass, is missed",
    r"and the like": "and similar ones",
    r"all the same": "anyway, nevertheless",
    r"all told": "in total",
    r"besides": "also, in addition",
    r"at hand": "available",
    r"of itself": "about itself",
    r"whoever": "anyone who, no matter who",
    r"told (of|in|by|with|what|as)": "called with, receives, written to, informed by",
    r"(says?|said|knows?|known|tells?) of": "says about, knows about",
    r"(takes?|took|taken) in": "reads, accepts",
    r"(turns?|turned) away": "refuses, rejects",
    r"(falls?|fell|fallen) silent": "stops answering",
    r"of anybody": "of any user",
    r"of before": "previous, earlier",
    r"(those|the ones|what was) before": "the earlier ones",
    r"goes? back behind": "returns something older than",
    r"what there is": "what exists, the current state",
    r"that there is not": "that does not exist",
    r"for ever": "forever, without limit",
    r"in bites": "in batches",
    r"every so often": "periodically",
    r"as soon as (it )?may( be)?": "as soon as it can",
    r"just then": "exactly when, in that case",
    r"(thrown|throw|throws) away": "discarded",
    r"lets? go|let go": "releases, drops",
    r"lets? in": "admits",
    r"reigns?|reigned": "term",
    r"puts? right|mend(s|ed|ing)?": "corrects, fixes, repairs",
    r"as things stand": "at present",
    r"(the|an?|its|each|last|next|every|no|this|one|earlier|later) look": "snapshot (drain), check (periodic)",
    r"(the|its|two|between|leader's|drain's) looks": "snapshots (of drains), checks (periodic)",
    r"looks? at the (change )?log": "reads the change log, drains",
    r"(finds?|found) back": "recovers",
    r"the very (?!same)": "exactly the, the same",
    r"none of it was|nothing of it is": "it is not",
}
PHRASES = "|".join(f"(?P<phrase_{number}>{phrase})" for number, phrase in enumerate(BANNED)).replace(" ", r"\s+")
WORDS = re.compile(rf"(?<![\w-])(?:{PHRASES})(?![\w-])", re.IGNORECASE)


@dataclass(frozen=True)
class Passage:
    """A piece of prose and the line that it begins in."""

    text: str
    line: int


@dataclass(frozen=True)
class Violation:
    """What is wrong in one line of a file, and what to write instead."""

    path: str
    line: int
    found: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.found!r}: {self.instead}"


@cache
def prose_files() -> tuple[Path, ...]:
    """Return the files whose prose is read: those of the product and its tests, and every document of the project."""
    read = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file() and _has_comments(path)]
    read += [path for path in (ROOT / "tests").rglob("*.py") if path not in PLANTING]
    documents = [path for folder in ("", *FOLDERS, "docs", "tests") for path in _documents(ROOT / folder)]
    return (*sorted(read), *(ROOT / name for name in FILES), *documents)


@cache
def violations(path: Path) -> list[Violation]:
    """Return what is wrong in a file, in the order of its lines."""
    text, name = path.read_text(), path.relative_to(ROOT).as_posix()
    return violations_of(text, name)


def violations_of(text: str, name: str) -> list[Violation]:
    """Return what is wrong in ``text``, which is read as its file's ending says."""
    found = [
        _violation(name, passage, match, plain) for passage in passages(text, name) for match, plain in _banned(passage)
    ]
    if name.endswith((".py", ".js")) and not name.startswith("tests/"):
        found += [
            Violation(
                name, line, comment.strip(), "a comment on a constant is a sentence and begins with a capital letter"
            )
            for line, comment in _continued_constants(text, name)
        ]
    if name.endswith(".md"):
        found += [
            Violation(name, number, f"{len(line)} characters", f"at most {LONGEST_LINE} in a line of prose")
            for number, line in enumerate(_without_fences(text).splitlines(), 1)
            if len(line) > LONGEST_LINE and not _is_table_or_link(line)
        ]
    return sorted(found, key=lambda violation: violation.line)


def passages(text: str, name: str) -> Iterator[Passage]:
    """Return the prose of a file: comments that follow each other are one passage."""
    if name.endswith(".py"):
        yield from _docstrings(text)
        yield from _joined(_python_comments(text))
    elif name.endswith(".md"):
        yield Passage(_without_fences(text), 1)
    else:
        pattern = COMMENTS.get(Path(name).suffix, HASH)
        found = (
            (match, next(group for group in match.groups() if group is not None)) for match in pattern.finditer(text)
        )
        yield from _joined((text.count("\n", 0, match.start()) + 1, comment) for match, comment in found)


def _has_comments(path: Path) -> bool:
    return (path.suffix == ".py" or path.suffix not in NOT_READ) and "__pycache__" not in path.parts


def _documents(folder: Path) -> list[Path]:
    """Return the Markdown files of a folder, those of packages that npm installed there excepted."""
    found = folder.glob("*.md") if folder == ROOT else folder.rglob("*.md")
    return sorted(path for path in found if "node_modules" not in path.parts)


def _is_table_or_link(line: str) -> bool:
    return line.lstrip().startswith("|") or re.fullmatch(r"\W*!?\[[^\]]*\](\([^)]*\)|: \S+)\W*", line) is not None


def _without_fences(text: str) -> str:
    """Return Markdown with the lines of fenced code blocks empty."""
    return re.sub(r"^( *)```.*?^ *```", lambda match: "\n" * match[0].count("\n"), text, flags=re.DOTALL | re.MULTILINE)


def _docstrings(text: str) -> Iterator[Passage]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node
        ):
            first = node.body[0]
            assert isinstance(first, ast.Expr)
            assert isinstance(first.value, ast.Constant)
            yield Passage(str(first.value.value), first.lineno)


@cache
def _python_comments(text: str) -> list[tuple[int, str]]:
    return [
        (token.start[0], token.string.lstrip("#"))
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    ]


def _joined(comments: Iterable[tuple[int, str]]) -> Iterator[Passage]:
    """Join comments of adjacent lines, so that a phrase is found that crosses lines."""
    lines: list[str] = []
    begun = after = 0
    for line, comment in comments:
        if lines and line != after:
            yield Passage("\n".join(lines), begun)
            lines = []
        begun = begun if lines else line
        lines.append(comment.strip(" "))
        after = line + comment.count("\n") + 1
    if lines:
        yield Passage("\n".join(lines), begun)


def _continued_constants(text: str, name: str) -> Iterator[tuple[int, str]]:
    """Return the comments on lines of constants that continue the constant's name instead of beginning a sentence."""
    if name.endswith(".js"):
        found = CONSTANT_OF_JAVASCRIPT.finditer(text)
        return ((text.count("\n", 0, match.start()) + 1, match[1]) for match in found if not SENTENCE.match(match[1]))
    return (
        (line, comment)
        for line, comment in _python_comments(text)
        if CONSTANT.match(text.splitlines()[line - 1]) and not SENTENCE.match(comment)
    )


def _banned(passage: Passage) -> Iterator[tuple[re.Match[str], str]]:
    text = re.sub(r"``[^`]*``|`[^`]*`", lambda match: re.sub(r"[^\n]", "`", match[0]), passage.text)
    replacements = list(BANNED.values())
    for match in WORDS.finditer(text):
        yield match, replacements[int(str(match.lastgroup).removeprefix("phrase_"))]


def _violation(name: str, passage: Passage, match: re.Match[str], plain: str) -> Violation:
    line = passage.line + passage.text.count("\n", 0, match.start())
    return Violation(name, line, " ".join(match[0].split()), plain)


def main(arguments: list[str]) -> int:
    """Print the violations under the given paths, or everywhere; return the exit code."""
    wanted = [Path(argument).resolve() for argument in arguments] or [ROOT]
    found = [
        violation
        for path in prose_files()
        if any(path.is_relative_to(part) for part in wanted)
        for violation in violations(path)
    ]
    sys.stdout.writelines(f"{violation}\n" for violation in found)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
