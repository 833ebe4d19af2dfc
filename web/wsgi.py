"""``web.wsgi:app`` for any WSGI server, and :func:`started_app` for ``frontview serve``.

Invariant: importing this module opens no connection and starts no thread, so it may happen before a fork
(``gunicorn --preload``). A configuration that cannot work raises here, naming every fault.
"""

from multiprocessing.util import Finalize

from apiflask import APIFlask

from models.errors import FrontviewError
from models.logs import configure_logs, logger
from models.settings import load_settings
from views_sql.operations.catalog import load_application
from web.app import create_app
from web.auth.verifier import make_verifier
from web.context import context_of
from web.process.own_core import keep_to_own_core
from web.process.termination import on_termination
from web.process.worker import Worker


def make_app() -> APIFlask:
    """Return the application that the environment describes.

    :raises ConfigurationError: the environment has faults; the error names all of them.
    """
    settings = load_settings()
    configure_logs(settings)
    tracing = None
    if settings.otel_enabled:
        from web.telemetry.tracing import make_tracing  # noqa: PLC0415  OpenTelemetry is loaded only with the setting

        tracing = make_tracing()
    worker = Worker(
        settings,
        load_application,
        on_engine=None if tracing is None else tracing.trace_statements,
        key_statistics=lambda: verifier.key_statistics(),  # noqa: PLW0108  the verifier is made after the worker
    )
    verifier = make_verifier(settings, worker.user_kind, claim=worker.claim)
    return create_app(worker, settings, verifier=verifier, tracing=tracing)


def end_streams_when_asked_to_end() -> None:
    """Make the signal that ends this process close :data:`app`'s event streams, for which it would otherwise wait.

    To be called only from the main thread of a process that will not fork again.
    """
    on_termination(context_of(app).worker.end_event_streams)


def started_app() -> APIFlask:
    """Return :data:`app` with its worker started; only for a process that will not fork again.

    ``frontview serve`` uses it as the factory of its workers, so that the first user does not wait for a connection or
    for the keys of tokens; if these cannot be fetched, the log says why, and the thread tries again.
    """
    worker = context_of(app).worker
    context_of(app).verifier.start()
    try:
        worker.ensure_started()
        worker.user_kind()
    except FrontviewError as error:  # The first request tries again.
        logger().warning("worker not started yet", reason=type(error).__name__)
    end_streams_when_asked_to_end()
    Finalize(None, worker.stop, exitpriority=10)
    return app


def started_app_on_own_core() -> APIFlask:
    """Return :func:`started_app` after pinning the process to a core that no other worker uses."""
    keep_to_own_core()
    return started_app()


app = make_app()
