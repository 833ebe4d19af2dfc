"""The HTML of the pages: shells for scripts that read from the JSON API, under one policy.

Invariant: a shell is the same for every user and contains no user's data. It loads nothing from another host, and runs
no script that is not one of the pages' files. Its addresses are relative, so that it works under any path of a proxy.
"""

from flask import Response, render_template

from web.context import context
from web.endpoints.assets import CHART_LIBRARY, Assets
from web.http.revalidation import revalidated

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)


class Shells:
    """The shells by name, each rendered once: it stays the same as long as the web server runs."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self._texts: dict[str, str] = {}

    def response(self, name: str) -> Response:
        """Return a shell, or 304 when the client has it."""
        if name not in self._texts:
            self._texts[name] = self._text(name)
        response = Response(self._texts[name], content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = POLICY
        return revalidated(response)

    def _text(self, name: str) -> str:
        return render_template(
            f"{name}.html",
            static=f"./static/{self.assets.version}",
            modules=self.assets.modules(name),
            chart_library=CHART_LIBRARY,
            trust_seconds=context().settings.trust_seconds,
        )
