"""``/`` and ``/ops``: pages that are clients of the JSON API, and the files that they load.

Invariant: a page is the same for every user and contains no user's data; its scripts read that from the API with the
user's token. A page loads nothing from another host, and runs no script that is not one of these files. Its addresses
are relative, so that it works under any path of a proxy.
"""

from functools import cache, partial

from apiflask import APIBlueprint
from flask import Response, abort, render_template, request

from web.context import context
from web.endpoints.assets import CHART_LIBRARY, Assets
from web.http.accept_encoding import accepts_gzip
from web.http.openapi import PAGE_RESPONSES
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
YEAR_SECONDS = 31_536_000


def pages_blueprint(assets: Assets) -> APIBlueprint:
    """Return the pages and their files."""
    pages = APIBlueprint("pages", __name__, tag="pages")
    text = cache(partial(_text, assets=assets))  # A page stays the same as long as the application runs.

    @pages.get("/")
    @pages.doc(summary="One user's dashboard, for people", responses=PAGE_RESPONSES)
    def dashboard() -> Response:
        """One user's dashboard."""
        return _page(text("dashboard"))

    @pages.get("/ops")
    @pages.doc(summary="How the system does, for operators", responses=PAGE_RESPONSES)
    def ops() -> Response:
        """The page for operators."""
        return _page(text("ops"))

    @pages.get("/static/<version>/<path:name>")
    @pages.doc(hide=True)
    def asset(version: str, name: str) -> Response:
        """Return one file of the pages."""
        found = assets.by_name.get(name)
        if found is None or version != assets.version:
            abort(404)
        compressed = accepts_gzip(request.headers.get("Accept-Encoding"))
        response = Response(found.content if compressed else found.plain(), content_type=found.content_type)
        if compressed:
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
        return response

    return pages


def _text(name: str, assets: Assets) -> str:
    return render_template(
        f"{name}.html",
        static=f"./static/{assets.version}",
        modules=assets.modules(name),
        chart_library=CHART_LIBRARY,
        trust_seconds=context().settings.trust_seconds,
    )


def _page(text: str) -> Response:
    """Return a page, or 304 when the client has it."""
    response = Response(text, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = POLICY
    return revalidated(response)
