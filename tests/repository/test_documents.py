"""Documents that repeat what the code says are what the code says, and every link of a document leads somewhere."""

import re
from pathlib import Path

import pytest

from docs.generate import BEGIN, END, PACKAGES, documents, with_tables

ROOT = Path(__file__).resolve().parents[2]
GENERATED = documents()
DOCUMENTS = sorted(path for path in ROOT.glob("**/*.md") if not {".venv", "node_modules"} & set(path.parts))
LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", GENERATED, ids=name)
def test_a_generated_document_is_what_the_code_says(path: Path) -> None:
    assert path.read_text() == GENERATED[path], "run `make documents`"


@pytest.mark.parametrize("package", PACKAGES)
def test_the_readme_of_every_package_lists_its_files(package: str) -> None:
    assert ROOT / package / "README.md" in GENERATED


def test_a_file_that_is_missing_from_a_readme_is_found(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"# It\n{BEGIN}\n{END}\nrest\n")
    (tmp_path / "one.py").write_text('"""What one does. And more."""')
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "__init__.py").write_text('"""What a room is for."""')
    (tmp_path / "room" / "two_v01.sql").write_text("-- two, version 1: what two does\n-- grain\n")
    expected = "| `one.py` | What one does |\n\n### room/\nWhat a room is for.\n"
    table = "| file | holds |\n|---|---|\n"
    expected = f"# It\n{BEGIN}\n{table}{expected}\n{table}| `two_v01.sql` | what two does |\n{END}\nrest\n"
    assert with_tables(tmp_path / "README.md") == expected


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target, anchor in LINK.findall(path.read_text()):
        if target.startswith(("http:", "https:")):
            continue
        found = (path.parent / target) if target else path
        assert found.exists(), target
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found.read_text()), f"{target}{anchor}"


def anchors(text: str) -> set[str]:
    """Return the anchors that a document's headings have on a forge."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
