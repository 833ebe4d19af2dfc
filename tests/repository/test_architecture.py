"""The layout is the architecture: layers import one way, and the core knows nothing of the application.

The application is what somebody else's replaces: its files are listed here, one by one. The entry points put
core and application together, and may import both.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from itertools import takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("models", "views_sql", "refresher", "web")  # Each imports only itself and earlier ones.
# The rooms of the large packages, the lowest first: a room imports only itself and earlier rooms, so no circle can
# arise. A room is a folder, or a module beside the folders.
ROOMS = {
    "views_sql": ("loader", "freeze", "declaration", "proof", "generation", "operations"),
    "refresher": (
        "wall_clock",
        "front_cache",
        "leader",
        "warming",
        "refreshing",
        "operator_tasks",
        "watch",
        "process",
        "__main__",
    ),
    "web": (
        "background",
        "reads",
        "http",
        "telemetry",
        "warming",
        "operators",
        "auth",
        "process",
        "context",
        "doctor",
        "request_hooks",
        "endpoints",
        "front",
        "load",
        "voice",
        "app",
        "cli",
        "wsgi",
    ),
    "tests.faults": (
        "conftest",
        "record",
        "deployment",
        "load",
        "checker",
        "database",
        "faults",
        "runs",
        "bugs",
        "__main__",
    ),
    "bench": (
        "findings",
        "system",
        "load",
        "peers",
        "in_process",
        "watching",
        "replay",
        "questions",
        "report",
        "against",
        "__main__",
    ),
}
APPLICATION = (
    "models/voice.py",
    "web/voice/*.py",
    "web/voice/*/*.py",
    "alembic/bundled/*.py",
)
ENTRY_POINTS = ("web/app.py", "web/wsgi.py", "web/cli/*.py", "refresher/__main__.py", "alembic/env.py")
SPEAKS_TO_OPERATORS = ("web/cli/*.py", "alembic/env.py")
# Words of the application, as parts of identifiers and of strings. "Call" and "lead" alone are common words.
WORDS = {"calls", "leads", "agent", "agents", "csat", "credits", "voice", "converted", "qualified", "transfers"} | {
    "score",
}
NAMES = re.compile(
    r"lead_analytics|agent_|local_day|cost_cents|call_id|public\.users"
    r"|\b(from|join|into|update|table|on) (public\.)?users\b",
    re.IGNORECASE,
)
NOT_THE_APPLICATIONS = re.compile(r"user[-_ ]agent|\bone leads\b|schema-qualified", re.IGNORECASE)
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "core", "misc"}


def python_files(package: str) -> list[Path]:
    return [path for path in (ROOT / package).rglob("*.py") if "__pycache__" not in path.parts]


PYTHON = sorted(path for layer in LAYERS for path in python_files(layer))
ALEMBIC = sorted((ROOT / "alembic").rglob("*.py"))
SQL = sorted((ROOT / "views_sql").rglob("*.sql"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def matches(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(relative(path), pattern) for pattern in patterns)


def module_of(path: Path) -> str:
    return relative(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


APPLICATION_MODULES = {module_of(path) for path in PYTHON if matches(path, APPLICATION)}
CORE_PYTHON = [path for path in [*PYTHON, *ALEMBIC] if not matches(path, APPLICATION)]
CORE_SQL = [path for path in SQL if not matches(path, APPLICATION)]


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield every module that ``tree`` imports, wherever: at the top, in a function, for types only, by name."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                assert level == 0, "imports are absolute"
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.Call(func=ast.Name(id="import_module"), args=[ast.Constant(value=str(module)), *_]):
                yield module


def words(tree: ast.AST) -> Iterator[str]:
    """Yield every identifier and string of ``tree`` but its docstrings; comments are not in it."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str | bytes) and id(node) not in docstrings:
                yield node.value if isinstance(node.value, str) else node.value.decode(errors="replace")
            continue
        for field in ("id", "attr", "arg", "name", "asname"):
            if isinstance(value := getattr(node, field, None), str):
                yield value


def application_words(text: str) -> set[str]:
    """Return what ``text`` holds of the application's vocabulary."""
    text = NOT_THE_APPLICATIONS.sub("", text)
    parts = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", text).lower())
    return WORDS.intersection(parts) | {match.group().lower() for match in NAMES.finditer(text)}


def sql_code(text: str) -> str:
    """Return SQL without its comments."""
    return re.sub(r"--[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)


def by_path(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=relative)


@by_path(PYTHON)
def test_layers_import_one_way(path: Path) -> None:
    layer = LAYERS.index(relative(path).split("/")[0])
    above = set(LAYERS[layer + 1 :]) | {"tests", "bench"}
    imported = {name.split(".")[0] for name in imports(tree_of(path))}
    assert not imported & above


def folder_of(package: str) -> Path:
    return ROOT / package.replace(".", "/")


@by_path([path for package in ROOMS for path in folder_of(package).rglob("*.py") if not path.stem.startswith("test_")])
def test_rooms_import_one_way(path: Path) -> None:
    package = next(package for package in ROOMS if path.is_relative_to(folder_of(package)))
    rest = module_of(path).removeprefix(package).removeprefix(".")
    if not rest:
        assert not list(imports(tree_of(path))), "the face of a package imports nothing"
        return
    room = ROOMS[package].index(rest.split(".")[0])
    for name in imports(tree_of(path)):
        if name.startswith(f"{package}."):
            assert ROOMS[package].index(name.removeprefix(f"{package}.").split(".")[0]) <= room, name


@pytest.mark.parametrize("package", ROOMS)
def test_the_rooms_are_those_listed(package: str) -> None:
    folder = folder_of(package)
    modules = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("test_")} - {"__init__"}
    assert modules | {path.parent.name for path in folder.glob("*/__init__.py")} == set(ROOMS[package])


def test_the_refresher_process_imports_nothing_of_the_front_cache() -> None:
    """The front cache lives in web workers; the two share the words of the protocol, and no code."""
    for path in (ROOT / "refresher").rglob("*.py"):
        if path.parent.name != "front_cache":
            assert not [name for name in imports(tree_of(path)) if name.startswith("refresher.front_cache")]


@by_path([path for path in CORE_PYTHON if not matches(path, ENTRY_POINTS)])
def test_the_core_imports_nothing_of_the_application(path: Path) -> None:
    for name in imports(tree_of(path)):
        assert not APPLICATION_MODULES & {name, name.rpartition(".")[0]}


@by_path([path for path in CORE_PYTHON if not matches(path, SPEAKS_TO_OPERATORS)])
def test_the_core_speaks_no_word_of_the_application(path: Path) -> None:
    found = {text: said for text in words(tree_of(path)) if (said := application_words(text))}
    assert not found


@by_path(CORE_SQL)
def test_the_cores_sql_speaks_no_word_of_the_application(path: Path) -> None:
    assert not application_words(path.name)
    assert not application_words(sql_code(path.read_text()))


@by_path([*PYTHON, *ALEMBIC])
def test_every_module_has_a_docstring(path: Path) -> None:
    assert ast.get_docstring(tree_of(path))


@by_path([*PYTHON, *ALEMBIC])
def test_no_module_has_a_name_that_says_nothing(path: Path) -> None:
    assert not FORBIDDEN_NAMES & {path.stem, *path.relative_to(ROOT).parent.parts}


@pytest.mark.parametrize("package", [*LAYERS, "alembic", "tests", "bench"])
def test_every_package_has_a_readme(package: str) -> None:
    assert (ROOT / package / "README.md").is_file()


def test_alembic_is_no_package() -> None:
    """With an ``__init__.py`` there, ``from alembic import op`` would find our folder."""
    assert not (ROOT / "alembic" / "__init__.py").exists()


def test_every_package_and_sql_file_is_installed() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    packages = re.search(r"^packages = \[(.*?)\]", project, re.MULTILINE | re.DOTALL)
    assert packages is not None
    declared = set(re.findall(r'"([\w.]+)"', packages.group(1)))
    assert declared == {module_of(path) for path in PYTHON if path.name == "__init__.py"}
    assert '"frozen.sha256", "**/*.sql"' in project


@by_path(SQL)
def test_a_sql_file_says_in_its_header_what_it_is(path: Path) -> None:
    header = list(takewhile(lambda line: line.startswith("-- "), path.read_text().splitlines()))
    assert len(header) >= 4
    assert header[-1].startswith("-- change: ")
    name, _, version = path.stem.rpartition("_v")
    named = re.fullmatch(rf"-- (?:{name}|\S*\{{\{{\w+\}}\}}\S*), version {int(version)}(?::.*)?", header[0])
    assert named, "its name (or the pattern of names it makes) and its version"


@pytest.mark.parametrize("pattern", [*APPLICATION, *ENTRY_POINTS])
def test_each_listed_file_is_there(pattern: str) -> None:
    assert list(ROOT.glob(pattern))


class TestTheseTests:
    """The scanner finds what it must find, and ignores common words."""

    @pytest.mark.parametrize(
        "code",
        [
            "import web.app",
            "def f():\n    from web import app",
            "if TYPE_CHECKING:\n    from web.app import create_app",
            "import_module('web.app')",
        ],
    )
    def test_imports_are_found_wherever_they_are(self, code: str) -> None:
        assert {name.split(".")[0] for name in imports(ast.parse(code))} == {"web"}

    @pytest.mark.parametrize(
        "code",
        [
            "agents = 1",
            "x.csat",
            "f(agent_id=1)",
            "def f(leads): ...",
            "class AgentRow: ...",
            "x = 'SELECT 1 FROM calls'",
            "x = f'FROM users WHERE {x}'",
            "x = b'credits_cents'",
            "import models.voice",
        ],
    )
    def test_words_are_found_wherever_they_are(self, code: str) -> None:
        assert any(application_words(text) for text in words(ast.parse(code)))

    @pytest.mark.parametrize(
        "code",
        [
            '"""Calls of agents."""',
            "callable(caller)",
            "try_to_lead(); leader = 1  # calls agents",
            "headers['User-Agent']",
            "x = 'several may run; one leads; every user'",
        ],
    )
    def test_what_is_everybodys_is_let_be(self, code: str) -> None:
        assert not any(application_words(text) for text in words(ast.parse(code)))

    def test_comments_of_sql_may_say_anything(self) -> None:
        assert not application_words(sql_code("SELECT 1 -- calls\n/* agents\nleads */ + 2"))


def test_every_folder_of_tests_is_in_the_order_in_which_they_are_run() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["testpaths"]
    tests = ROOT / "tests"
    assert sorted(asked) == sorted({f"tests/{path.relative_to(tests).parts[0]}" for path in tests.rglob("test_*.py")})
