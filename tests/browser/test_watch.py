"""The watch itself: each thing that can go wrong in a page is reported at the end of the visit.

Invariant: a watch that sees nothing proves nothing, so each kind of harm is done here once.
"""

import pytest
from playwright.sync_api import Browser

from tests.browser.axe import violations
from tests.browser.visit import Visits
from tests.fix_app import System

POLICY_BROKEN = "const it = document.createElement('style'); it.textContent = 'p {}'; document.head.append(it)"
ADDED_SCRIPT = "try { document.head.append(Object.assign(document.createElement('script'), {src: '/x.js'})) } catch {}"


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("setTimeout(() => { throw new Error('a defect') })", "uncaught: .*a defect"),
        ("Promise.reject(new Error('a defect'))", "uncaught: .*a defect"),
        ("console.error('a defect')", "error: a defect"),
        ("console.warn('a defect')", "warning: a defect"),
        ("fetch('/nothing').catch(() => null)", "status of 404"),
        ("fetch('http://another.example/').catch(() => null)", "asked another host|Content Security Policy"),
        (POLICY_BROKEN, "Content Security Policy"),
        (ADDED_SCRIPT, "TrustedScriptURL"),
        ("alert('a defect')", "dialog: a defect"),
    ],
    ids=["exception", "rejection", "error", "warning", "failed request", "other host", "style", "script", "dialog"],
)
def test_what_goes_wrong_in_a_page_fails_the_test(chromium: Browser, shared: System, harm: str, told: str) -> None:
    visits = Visits(chromium)
    visit = visits.begin(shared)
    visit.open()
    visit.page.evaluate(f"() => {{ {harm} }}")
    visit.page.wait_for_function("new Promise((done) => setTimeout(() => done(true)))")
    with pytest.raises(AssertionError, match=told):
        visits.end()


def test_what_a_test_causes_itself_is_allowed_and_nothing_else(chromium: Browser, shared: System) -> None:
    visits = Visits(chromium)
    visit = visits.begin(shared)
    visit.watch.allow("^error: my defect")
    visit.open()
    visit.page.evaluate("console.error('my defect'), console.error('another defect')")
    with pytest.raises(AssertionError, match="another defect") as failure:
        visits.end()
    assert "my defect" not in str(failure.value)


def test_axe_finds_what_is_not_accessible(visits: Visits, shared: System) -> None:
    visit = visits.begin(shared)
    visit.open()
    assert not violations(visit.page)
    visit.page.evaluate("document.querySelector('label[for=token]').remove()")
    assert any(line.startswith("label: ") for line in violations(visit.page))
