"""Applications that return constant bytes and do nothing else: one in bare WSGI, one a Flask route.

They serve the files of one folder by name, without tokens, caches or headers of their own.

Invariant: what they return was in memory before the first request.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, Response

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

FOLDER = "FRONTVIEW_BENCH_BODIES"
CONTENT_TYPE = "application/json"
ENVIRON_PATH = "/environ"


def bodies() -> dict[str, bytes]:
    """Return the bytes of each file in the folder that the environment names."""
    return {file.name: file.read_bytes() for file in Path(os.environ[FOLDER]).iterdir()}


def make_bare() -> "WSGIApplication":
    """Return the WSGI application; ``/environ`` returns the WSGI environ that the server made."""
    by_path = {f"/{name}": body for name, body in bodies().items()}
    headers = {path: [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(it)))] for path, it in by_path.items()}

    def application(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == ENVIRON_PATH:
            body = json.dumps({name: it for name, it in environ.items() if isinstance(it, str | bool | int)}).encode()
            start_response("200 OK", [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(body)))])
            return [body]
        start_response("200 OK", headers[path])
        return [by_path[path]]

    return application


def make_flask() -> Flask:
    """Return the Flask application: a rule without converters for each file."""
    app = Flask("bench")
    for name, body in bodies().items():

        def constant(body: bytes = body) -> Response:
            return Response(body, content_type=CONTENT_TYPE)

        app.add_url_rule(f"/{name}", name, constant)
    return app
