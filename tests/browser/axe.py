"""Runs axe-core over a page, with its rules for WCAG 2.2 AA and its best practices.

Invariant: no rule is left out. axe goes in through the debugging protocol, since the page's policy admits no script.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

FILE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
MISSING = "axe-core is not there: install npm (and Node.js), then: npm ci --prefix tests/browser"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = f"axe.run(document, {json.dumps({'runOnly': TAGS})}).then(JSON.stringify)"


@cache
def _source() -> str:
    if not FILE.exists():
        pytest.skip(MISSING)
    return FILE.read_text()


def audit(page: Page) -> dict[str, Any]:
    """Return what axe found in the page as it is now."""
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": _source() + ";undefined"})
    told = session.send("Runtime.evaluate", {"expression": RUN, "awaitPromise": True})
    session.detach()
    if "exceptionDetails" in told:
        raise RuntimeError(told["exceptionDetails"])
    return dict(json.loads(told["result"]["value"]))


def violations(page: Page) -> list[str]:
    """Return what breaks a rule, one line for each place."""
    found = audit(page)
    assert found["passes"], "no rule applied: there is no page"
    return [
        f"{rule['id']}: {node['html'][:200]}: {node.get('failureSummary', '')}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
