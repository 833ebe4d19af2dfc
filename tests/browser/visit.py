"""Visits to pages: each has its own browser context and is watched from beginning to end.

Invariant: a visit whose page went wrong fails its test at the end, whatever the test itself found.
"""

from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from models.user_key import UserKey
from tests.browser.watch import Watch
from tests.fix_app import SECRET, System
from web.auth.tokens import issue_token

TIMEOUT_MS = 15_000  # of what a test does; for a busy machine
DESKTOP = {"width": 1280, "height": 900}
USUAL: dict[str, Any] = {"viewport": DESKTOP, "locale": "en-US", "timezone_id": "Asia/Tokyo", "color_scheme": "light"}


class Visit:
    """One person's tab."""

    def __init__(self, page: Page, watch: Watch, system: System, address: str) -> None:
        self.page, self.watch, self.system, self.address = page, watch, system, address

    def open(self, path: str = "/") -> None:
        """Go to a page of the system."""
        self.page.goto(self.address + path)

    def sign_in(self, user: UserKey = 1, *, admin: bool = False, seconds: int = 3600) -> None:
        """Sign in with a token, by the form."""
        self.give(issue_token(SECRET, user, admin, seconds, claim=self.system.claim))

    def give(self, token: str) -> None:
        """Send the form with ``token``."""
        self.page.get_by_label("Your token").fill(token)
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    def shown(self) -> None:
        """Return once every panel shows its numbers."""
        expect(self.page.locator("#page")).to_be_visible()
        expect(self.page.locator(".panel[aria-busy=true]")).to_have_count(0)
        expect(self.page.locator(".panel .skeleton")).to_have_count(0)
        expect(self.page.locator(".panel-fault:visible")).to_have_count(0)

    def show_dates(self, first: str, last: str) -> None:
        """Ask for dates of one's own."""
        self.choose("Dates")
        self.page.get_by_label("From", exact=True).fill(first)
        self.page.get_by_label("To", exact=True).fill(last)
        self.page.get_by_role("button", name="Show", exact=True).click()

    def choose(self, name: str) -> None:
        """Choose a range or a granularity."""
        self.page.get_by_role("radio", name=name, exact=True).check()

    @property
    def state(self) -> Locator:
        """The state of the connection, as the page says it."""
        return self.page.locator("#live-state")

    def figure(self, name: str) -> Locator:
        """One number of the page."""
        return self.page.locator(f'[data-figure="{name}"]')

    def panel(self, name: str) -> Locator:
        """One panel of the page: of the application or of the operators' page."""
        return self.page.locator(f"#panel-{name}, #{name}.panel")

    def tab(self, name: str) -> Locator:
        """The link to one dashboard of the application."""
        return self.page.get_by_role("navigation", name="Dashboards").get_by_role("link", name=name, exact=True)

    def notice(self, name: str) -> Locator:
        """One sentence above the panels."""
        return self.page.locator(f"#notice-{name}")

    def module(self, name: str, body: str, argument: object = None) -> Any:
        """Return what JavaScript does with one of the page's own modules, which it gets as ``module``."""
        static = self.page.locator("html").get_attribute("data-static")
        load = "async ([address, argument]) => { const module = await import(address); " + body + " }"
        return self.page.evaluate(load, [f"{static}/{name}", argument])

    def call(self, name: str, function: str, *arguments: object) -> Any:
        """Return what a function of one of the page's own modules returns."""
        return self.module(name, f"return module.{function}(...argument);", list(arguments))


class Visits:
    """The visits of one test."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._visits: list[Visit] = []

    def __enter__(self) -> "Visits":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """End all visits; fail if anything went wrong in one."""
        for visit in self._visits:
            visit.page.context.close()
        if faults := [fault for visit in self._visits for fault in visit.watch.faults]:
            raise AssertionError("what went wrong in the pages:\n" + "\n".join(faults))

    def begin(self, system: System, *, port: int | None = None, **options: Any) -> Visit:
        """Return a new visitor's empty tab.

        :param port: where the visitor finds the system, when it is not asked directly.
        :param options: those of a browser context.
        """
        host = f"127.0.0.1:{port or system.port}"
        context = self._browser.new_context(**USUAL | options)
        context.set_default_timeout(TIMEOUT_MS)
        watch = Watch(context, host)
        visit = Visit(context.new_page(), watch, system, f"http://{host}")
        self._visits.append(visit)
        return visit

    def dashboard(
        self, system: System, user: UserKey = 1, path: str = "/", *, admin: bool = False, **options: Any
    ) -> Visit:
        """Return a visitor who is signed in and sees the numbers."""
        visit = self.begin(system, **options)
        visit.open(path)
        visit.sign_in(user, admin=admin)
        visit.shown()
        return visit
