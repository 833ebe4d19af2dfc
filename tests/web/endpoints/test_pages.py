"""The pages as they are served: the same for everybody, with nothing in them that their policy would refuse."""

import gzip
import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest

from models.errors import DatabaseUnavailable
from tests.web.web_fakes import FakeWorker, bearer, make_app
from web.endpoints.assets import CHART_LIBRARY, Assets
from web.endpoints.shells import POLICY

WORKER = FakeWorker()
CLIENT = make_app(WORKER).test_client()
ASSETS = Assets()
PAGES = ("/", "/ops")
LOANS = "/api/v1/view/loans"
OURS = sorted(name for name in ASSETS.by_name if name != CHART_LIBRARY)


class Elements(HTMLParser):
    """Every element of a page, with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def elements(path: str) -> list[tuple[str, dict[str, str | None]]]:
    return Elements(CLIENT.get(path, headers=bearer()).text).found


def addresses(path: str) -> set[str]:
    return {
        value
        for tag, attributes in elements(path)
        for name, value in attributes.items()
        if name in ("src", "href", "data-chart-library") and tag != "a" and value
    }


@pytest.mark.parametrize("path", PAGES)
def test_a_page_comes_under_a_policy_that_lets_only_our_own_files_in(path):
    answer = CLIENT.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert "unsafe" not in POLICY
    assert "http" not in POLICY


def test_until_the_application_is_known_there_is_a_page_that_finds_out():
    class Unreached(FakeWorker):
        @property
        def served(self):
            raise DatabaseUnavailable("It was never reached.")

        @served.setter
        def served(self, value):
            pass

    page = make_app(Unreached()).test_client().get("/")
    assert (page.status_code, 'src="./static' in page.text, "/dashboard/main.js" in page.text) == (200, True, True)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_script_and_no_style_of_its_own(path):
    for tag, attributes in elements(path):
        assert tag != "style"
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        assert tag != "script" or attributes["src"]


@pytest.mark.parametrize("path", PAGES)
def test_every_file_that_a_page_names_is_there(path):
    assert {address.rpartition(".")[2] for address in addresses(path)} == {"css", "js", "svg"}
    for address in addresses(path):
        assert urljoin(path, address).startswith(f"/static/{ASSETS.version}/")
        assert CLIENT.get(urljoin(path, address)).status_code == 200


@pytest.mark.parametrize("path", [*PAGES, "/docs"])
def test_a_page_stays_below_the_path_under_which_it_was_reached(path):
    found = elements(path)
    linked = [attributes["href"] for tag, attributes in found if tag in ("a", "link")]
    assert linked
    assert not [address for address in linked if address.startswith("/")]


def test_below_a_path_the_server_answers_whether_or_not_the_proxy_removes_it():
    below = make_app(FakeWorker(), url_prefix="/team/frontview/").test_client()
    for path in ("/ops", LOANS, LOANS):  # The second time from the front layer.
        for prefix in ("", "/team/frontview"):
            assert below.get(prefix + path, headers=bearer()).status_code == 200
    assert below.get("/team/frontviewers/ops").status_code == 404
    assert below.get("/team/frontview").headers["Location"] == "/team/frontview/"
    assert below.get("/openapi.json", headers=bearer()).json["servers"] == [{"url": "/team/frontview"}]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_the_same_for_everybody_and_is_not_sent_twice(path):
    first = CLIENT.get(path)
    as_somebody = {"Authorization": "Bearer x", "If-None-Match": first.headers["ETag"]}
    assert first.headers["Cache-Control"] == "no-cache"
    assert CLIENT.get(path, headers=as_somebody).status_code == 304


def test_pages_need_no_database():
    assert WORKER.starts == 0


@pytest.mark.parametrize("name", ASSETS.by_name)
def test_a_file_is_the_same_compressed_or_not_and_is_kept_for_ever(name):
    address = f"/static/{ASSETS.version}/{name}"
    small, plain = CLIENT.get(address, headers={"Accept-Encoding": "gzip"}), CLIENT.get(address)
    assert (small.headers["Content-Encoding"], plain.headers.get("Content-Encoding")) == ("gzip", None)
    assert gzip.decompress(small.data) == plain.data
    assert small.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert "immutable" in plain.headers["Cache-Control"]


@pytest.mark.parametrize("name", ["../app.py", "README.md", "dashboard", "", "base.css/x", "..%2fapp.py", "//etc"])
def test_nothing_else_is_served(name):
    assert CLIENT.get(f"/static/{ASSETS.version}/{name}").status_code == 404


def test_files_of_another_version_are_not_mixed_in():
    assert CLIENT.get("/static/0000000000000000/base.css").status_code == 404


@pytest.mark.parametrize("name", [name for name in OURS if name.endswith(".js")])
def test_a_module_imports_only_what_is_there_and_makes_no_markup_of_text(name):
    text = ASSETS.by_name[name].plain().decode()
    folder = name.rpartition("/")[0]
    for imported in re.findall(r'from "([^"]+)"', text):
        path = imported.removeprefix("./") if imported.startswith("./") else imported.removeprefix("../")
        below = f"{folder}/" if imported.startswith("./") and folder else ""
        assert below + path in ASSETS.by_name
    assert not re.search(r"(inner|outer|insertAdjacent)HTML|document\.write|\beval\(|new Function|localStorage", text)


@pytest.mark.parametrize("name", OURS)
def test_no_file_names_another_host(name):
    hosts = set(re.findall(r"https?://([^/\s\"']+)", ASSETS.by_name[name].plain().decode()))
    assert hosts <= {"www.w3.org"}  # the name of SVG


def test_a_page_loads_only_the_modules_it_needs():
    assert not [name for name in ASSETS.modules("dashboard") if name.startswith("ops/")]
    assert {"live.js", "dashboard/main.js"} <= set(ASSETS.modules("dashboard"))
