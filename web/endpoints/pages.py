"""``/`` and ``/ops``: pages that are clients of the JSON API, and the files that they load.

Invariant: a page holds nothing of an application or a user; its script makes it of what the API says.
"""

from apiflask import APIBlueprint
from flask import Response, abort, request

from web.endpoints.shells import Shells
from web.http.accept_encoding import accepts_gzip
from web.http.openapi import PAGE_RESPONSES

YEAR_SECONDS = 31_536_000


def pages_blueprint(shells: Shells) -> APIBlueprint:
    """Return the pages and their files."""
    pages = APIBlueprint("pages", __name__, tag="pages")

    @pages.get("/")
    @pages.doc(summary="One user's dashboard, for people", responses=PAGE_RESPONSES)
    def dashboard() -> Response:
        """One user's dashboard."""
        return shells.response("dashboard")

    @pages.get("/ops")
    @pages.doc(summary="How the system does, for operators", responses=PAGE_RESPONSES)
    def ops() -> Response:
        """The page for operators."""
        return shells.response("ops")

    @pages.get("/static/<version>/<path:name>")
    @pages.doc(hide=True)
    def asset(version: str, name: str) -> Response:
        """Return one file of the pages."""
        found = shells.assets.by_name.get(name)
        if found is None or version != shells.assets.version:
            abort(404)
        compressed = accepts_gzip(request.headers.get("Accept-Encoding"))
        response = Response(found.content if compressed else found.plain(), content_type=found.content_type)
        if compressed:
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
        return response

    return pages
