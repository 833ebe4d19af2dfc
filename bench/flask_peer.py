"""``python -m bench.flask_peer PORT FILE``: a Flask route that returns a file's bytes, served as Frontview is.

Invariant: granian's settings are those of ``frontview serve``; the route does nothing else at all.
"""

import os
import sys
from pathlib import Path

from flask import Flask, Response

from models.settings import Settings
from web.worker import threads_for

BODY_FILE = "FRONTVIEW_BENCH_BODY"


def make_app() -> Flask:
    """Return the peer's application."""
    body = Path(os.environ[BODY_FILE]).read_bytes()
    app = Flask("bench")

    @app.get("/constant")
    def constant() -> Response:
        return Response(body, content_type="application/json")

    return app


def main() -> None:
    """Serve it with one worker until a signal comes."""
    from granian import Granian  # noqa: PLC0415
    from granian.constants import Interfaces  # noqa: PLC0415

    os.environ[BODY_FILE] = sys.argv[2]
    Granian(
        "bench.flask_peer:make_app",
        factory=True,
        port=int(sys.argv[1]),
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=threads_for(Settings.model_fields["pool_size"].default, 0),
        websockets=False,
        respawn_failed_workers=True,
        log_access="--access-log" in sys.argv,
    ).serve()


if __name__ == "__main__":
    main()
