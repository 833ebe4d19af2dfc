"""Builds the WSGI application around a worker.

Invariant: building it opens no connection and starts no thread; the worker starts on the first request of
each process.
"""

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from apiflask import APIFlask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from models.settings import Settings
from web.auth.verifier import TokenVerifier, make_verifier
from web.context import WebContext, set_context
from web.endpoints.admin import admin_blueprint
from web.endpoints.assets import Assets
from web.endpoints.documentation import documentation_blueprint
from web.endpoints.events import events_blueprint
from web.endpoints.health import ReadinessCheck, health_blueprint
from web.endpoints.metrics import metrics_blueprint
from web.endpoints.pages import pages_blueprint
from web.endpoints.shells import Shells
from web.endpoints.sign_in import sign_in_blueprint
from web.endpoints.views import views_blueprint
from web.front import Front
from web.http.openapi import configure_openapi
from web.http.problems import register_problems
from web.http.rate_limit import RateLimit
from web.http.user_keys import set_user_kind
from web.request_hooks import register_request_hooks

if TYPE_CHECKING:
    from web.process.worker import Worker
    from web.telemetry.tracing import Tracing


def create_app(
    worker: "Worker",
    settings: Settings,
    *,
    verifier: TokenVerifier | None = None,
    readiness: ReadinessCheck | None = None,
    tracing: "Tracing | None" = None,
) -> APIFlask:
    """Return the application that serves ``worker``'s reads.

    :param verifier: finds the caller of a request from its token; by default the one that the settings describe.
    :param readiness: checks the database for ``/readyz``.
    :param tracing: makes traces of requests; None: no traces are made.
    :raises ConfigurationError: the settings describe no way to verify a token.
    """
    app = APIFlask(
        "web",
        title="Frontview",
        version=_version(),
        spec_path=None,
        docs_path=None,
        json_errors=False,
        static_folder=None,  # type: ignore[arg-type]  # The pages' own assets are served with their version in the address.
    )
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = True
    verifier = verifier or make_verifier(settings, worker.user_kind)
    rate_limit = RateLimit(settings.rate_limit_per_second, settings.rate_limit_burst)
    set_context(app, WebContext(worker, settings, verifier, rate_limit))
    set_user_kind(app, worker.user_kind)
    configure_openapi(app, settings.url_prefix)
    register_request_hooks(app)
    register_problems(app)
    app.register_blueprint(views_blueprint())
    app.register_blueprint(events_blueprint())
    app.register_blueprint(admin_blueprint(settings.admin_posts_per_minute))
    app.register_blueprint(sign_in_blueprint())
    app.register_blueprint(health_blueprint(readiness))
    app.register_blueprint(metrics_blueprint())
    shells = Shells(Assets())
    app.register_blueprint(documentation_blueprint(shells))
    app.register_blueprint(pages_blueprint(shells))
    if tracing is not None:
        tracing.trace_requests(app)
    if settings.front_layer:
        app.wsgi_app = Front(  # type: ignore[method-assign]
            app.wsgi_app,
            worker,
            verifier,
            rate_limit,
            access_log=settings.access_log,
            on_hit=tracing.hit if tracing is not None else None,
        )
    if settings.url_prefix:  # Requests arrive with it or, if the proxy removes it, without.
        inner = app.wsgi_app
        app.wsgi_app = DispatcherMiddleware(inner, {settings.url_prefix: inner})  # type: ignore[method-assign]
    return app


def _version() -> str:
    try:
        return version("frontview")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0+checkout"
