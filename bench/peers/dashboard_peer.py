"""The overview as one usually builds it with Flask, SQLAlchemy and, if set, Flask-Caching: the realistic peer.

What it does: verifies the bearer token of each request with PyJWT (HS256, ``exp`` and ``sub`` required), as Frontview
does when it has not seen it for a minute; keeps each user's answer as text, ready to send, under a key of its own
(``cached`` with ``make_cache_key``, one round trip to Redis a hit); computes a missing one by one statement on the base
tables. What it does not do: labels, ``ETag``, rate limit, access log, limits by bytes; an answer may be wrong until it
expires, unless the peer listens for the row trigger's notifications; a fill that a change overtakes stays wrong.

Invariant: everything comes from the environment, so that any WSGI server may load it.
"""

import os
import threading
from collections.abc import Callable
from typing import Any

import jwt
import sqlalchemy as sa
from flask import Flask, g, request
from flask_caching import Cache

from bench.peers.constant_peers import CONTENT_TYPE, FOLDER, bodies
from bench.peers.plain_overview import PLAIN_OVERVIEW
from models.engine import connect

URL, SECRET = "FRONTVIEW_BENCH_URL", "FRONTVIEW_BENCH_SECRET"
CACHE = "FRONTVIEW_BENCH_CACHE"  # Its value is none, simple, or the URL of a Redis.
LIFE_SECONDS = "FRONTVIEW_BENCH_LIFE_SECONDS"
CHECKS_TOKENS = "FRONTVIEW_BENCH_CHECKS_TOKENS"
LISTENS = "FRONTVIEW_BENCH_LISTENS"
READY_PATH = "/ready"
POOL_SIZE = 8
USER_PARAMETER = "user"
Answer = tuple[str, dict[str, str]]


def make_app() -> Flask:
    """Return the application that the environment describes."""
    app = Flask("bench")
    engine = sa.create_engine(os.environ[URL].replace("postgresql://", "postgresql+psycopg://"), pool_size=POOL_SIZE)
    identify = _verify if os.environ.get(CHECKS_TOKENS, "yes") == "yes" else _believe
    cached = _caching(app)

    def add(path: str, view: Callable[[], Answer]) -> None:
        answer = cached(view)

        def identified() -> Any:
            identify()
            return answer()

        app.add_url_rule(path, path, identified)

    def overview() -> Answer:
        with engine.connect() as connection:
            body = connection.execute(PLAIN_OVERVIEW, {"user": g.user}).scalar_one()
        return body, {"Content-Type": CONTENT_TYPE}

    add("/overview", overview)
    app.add_url_rule(READY_PATH, view_func=lambda: "")

    for name, body in bodies().items() if FOLDER in os.environ else ():

        def constant(text: str = body.decode()) -> Answer:
            return text, {"Content-Type": CONTENT_TYPE}

        add(f"/{name}", constant)
    return app


def _verify() -> None:
    token = request.headers["Authorization"].removeprefix("Bearer ")
    options: Any = {"require": ["exp", "sub"]}
    claims = jwt.decode(token, os.environ[SECRET], algorithms=["HS256"], options=options, leeway=5)
    g.user = int(claims["sub"])


def _believe() -> None:
    g.user = int(request.args[USER_PARAMETER])


def _caching(app: Flask) -> Callable[[Callable[..., Answer]], Callable[..., Any]]:
    """Return the decorator that caches a view's answers by path and user."""
    kind = os.environ[CACHE]
    if kind == "none":
        return lambda view: view
    config: dict[str, Any] = {"CACHE_TYPE": "SimpleCache", "CACHE_THRESHOLD": 10_000}
    if kind != "simple":
        config = {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": kind}
    cache = Cache(app, config=config)
    if channel := os.environ.get(LISTENS):
        threading.Thread(target=_drop_on_notifications, args=(app, cache, channel), daemon=True).start()
    seconds = int(os.environ.get(LIFE_SECONDS, "600"))
    return cache.cached(timeout=seconds, make_cache_key=_key)


def _key(*_: object, **__: object) -> str:
    return f"{request.path}/{g.user}"


def _drop_on_notifications(app: Flask, cache: Cache, channel: str) -> None:
    """Drop a user's answer when the database notifies about a changed row, until the process ends."""
    with connect(os.environ[URL], "frontview-bench-listener") as connection, app.app_context():
        connection.execute(f"LISTEN {channel}")
        for notification in connection.notifies():
            cache.delete(f"/overview/{notification.payload}")
