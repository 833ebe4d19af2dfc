"""How soon does a browser with an empty cache show the dashboard, and what does it fetch for that?

Chromium, driven by Playwright, on this machine; ``frontview serve`` with two workers and the real refresher. Each round
is a browser context of its own, so nothing is cached, and another user, who is signed in already and whose numbers no
cache of the server holds. Measured by the page's own clock from the beginning of the navigation: first contentful paint
(frame and skeletons), the moment when every panel shows its numbers, and the largest contentful paint. Bytes are those
that came over the network, heads included, by kind.

Limits: loopback, so bytes cost next to nothing: they are listed for networks where they do. One process of the browser
serves all rounds; the first, which warms it, is discarded.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ViewportSize

from bench.findings.finding import Absence, Finding, Goal, spread
from bench.system.processes import SECRET, refresher, web_server
from bench.system.stand import Stand
from tests.browser.chromium import MISSING, chromium_path, launched
from web.auth.tokens import issue_token

GOAL = Goal("<=", 1000)
SIZE: ViewportSize = {"width": 1280, "height": 900}
KINDS = {
    "document": "page",
    "style": "styles",
    "icon": "icon",
    "module": "our scripts",
    "library": "chart library",
    "json": "numbers (JSON)",
}
# Runs before the page's own scripts: notes when the last panel has its numbers, and the largest paint so far.
NOTE = """(token) => {
  sessionStorage.setItem("frontview.token", token);
  window.noted = {};
  new PerformanceObserver((list) => { noted.largest = list.getEntries().at(-1).startTime; })
    .observe({ type: "largest-contentful-paint", buffered: true });
  new MutationObserver((_, observer) => {
    if (!document.querySelector(".grid > .panel") || document.querySelector("[aria-busy=true]")) return;
    observer.disconnect();
    requestAnimationFrame(() => { noted.numbers = performance.now(); });
  }).observe(document, { subtree: true, childList: true, attributeFilter: ["aria-busy"] });
}"""
DRAWN = "() => noted.numbers && [...document.querySelectorAll('canvas[role=img]')].every((it) => it.style.height)"
PAINTS = """() => ({ ...noted, first: performance.getEntriesByName("first-contentful-paint")[0].startTime })"""


class Visit(NamedTuple):
    """One visit: milliseconds until each event; bytes and files by kind."""

    paints: dict[str, float]
    bytes: Counter[str]
    files: Counter[str]


def measure(stand: Stand) -> Iterator[Finding | Absence]:
    """Yield how soon a browser with an empty cache paints, and what it fetched."""
    path = chromium_path()
    if path is None:
        yield Absence("visits with a cold cache", "the dashboard", MISSING)
        return
    stand.expect(stand.scale.system_rounds + 1)
    with (
        stand.database() as url,
        refresher(url, refresh_min_seconds="5"),
        web_server(url, 2) as (port, _),
        launched(path) as browser,
    ):
        visits = []
        for _, user in zip(range(stand.scale.system_rounds + 1), reversed(stand.people.everyone), strict=False):
            visits.append(_visit(browser, port, user))
            stand.step()
    yield from _findings(visits[1:])


def _visit(browser: Browser, port: int, user: int) -> Visit:
    """Open the dashboard of a user until its charts are drawn."""
    context = browser.new_context(viewport=SIZE, locale="en-US", timezone_id="UTC")
    page = context.new_page()
    page.add_init_script(f"({NOTE})({issue_token(SECRET, user)!r})")
    fetched, counted = Counter[str](), Counter[str]()
    kinds: dict[str, str] = {}
    network = context.new_cdp_session(page)
    network.send("Network.enable")

    def responded(event: dict[str, Any]) -> None:
        kinds[event["requestId"]] = _kind_of(urlsplit(event["response"]["url"]).path)

    def finished(event: dict[str, Any]) -> None:
        kind = kinds[event["requestId"]]
        fetched[kind] += int(event["encodedDataLength"])
        counted[kind] += 1

    network.on("Network.responseReceived", responded)
    network.on("Network.loadingFinished", finished)
    page.goto(f"http://127.0.0.1:{port}/")
    page.wait_for_function(DRAWN)
    paints = page.evaluate(PAINTS)
    context.close()
    return Visit(paints, fetched, counted)


def _kind_of(path: str) -> str:
    if path.startswith("/api/"):
        return "json"
    if path.endswith("/chart.js"):
        return "library"
    return {"css": "style", "js": "module", "svg": "icon"}.get(path.rpartition(".")[2], "document")


def _findings(visits: list[Visit]) -> Iterator[Finding]:
    case = f"{len(visits)} visits with a cold cache"
    for name, words in (
        ("first", "first contentful paint"),
        ("numbers", "all panels show numbers"),
        ("largest", "largest contentful paint"),
    ):
        goal = GOAL if name != "largest" else None
        yield Finding(case, words, spread([visit.paints[name] for visit in visits]), "ms", goal=goal)
    for kind, words in KINDS.items():
        files = max(visit.files[kind] for visit in visits)
        yield Finding(
            "transferred", f"{words}, {files} files", _kilobytes([visit.bytes[kind] for visit in visits]), "kB"
        )
    yield Finding("transferred", "everything", _kilobytes([visit.bytes.total() for visit in visits]), "kB")


def _kilobytes(counts: list[int]) -> Any:
    return spread([count / 1000 for count in counts])
