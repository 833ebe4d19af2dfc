"""The watch over a page: it records everything that goes wrong there.

Invariant: an error or a warning on the console (the browser tells there of what its Content-Security-Policy blocked and
of requests that failed), an exception that nobody caught, and a request to any other host are faults, unless the test
said beforehand that it causes them.
"""

import re
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, WebError

TOLD = ("error", "warning", "assert")
LOCAL = ("data", "blob", "about")


class Watch:
    """Everything that went wrong in the pages of one context.

    :param host: with its port, the only one that may be asked.
    """

    def __init__(self, context: BrowserContext, host: str) -> None:
        self._host = host
        self._allowed: list[re.Pattern[str]] = []
        self._seen: list[str] = []
        self.requests: list[Request] = []
        context.on("console", self._console)
        context.on("weberror", self._web_error)
        context.on("request", self._request)
        context.on("page", self._page)

    def allow(self, *patterns: str) -> None:
        """Allow messages that the test itself causes, by a pattern of their text."""
        self._allowed += map(re.compile, patterns)

    @property
    def faults(self) -> list[str]:
        """What went wrong and was not allowed."""
        return [told for told in self._seen if not any(pattern.search(told) for pattern in self._allowed)]

    def _page(self, page: Page) -> None:
        page.on("crash", lambda: self._seen.append("the page crashed"))
        page.on("dialog", lambda dialog: (self._seen.append(f"dialog: {dialog.message}"), dialog.dismiss()))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in TOLD:
            self._seen.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _web_error(self, error: WebError) -> None:
        self._seen.append(f"uncaught: {error.error.stack or error.error}")

    def _request(self, request: Request) -> None:
        self.requests.append(request)
        address = urlsplit(request.url)
        if address.scheme not in LOCAL and address.netloc != self._host:
            self._seen.append(f"asked another host: {request.url}")
