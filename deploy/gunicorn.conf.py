"""Gunicorn's settings for Frontview: gunicorn --config deploy/gunicorn.conf.py web.wsgi:app.

Like `frontview serve`, it checks the preconditions first and reports a fault in one sentence. `--bind` and `--workers`
on the command line override the values here. `--preload` works, too, but then a reload does not load new code.
"""

import os
import signal
import sys

import click

from models.errors import FrontviewError
from models.logs import configure_logs, warn_of_variables
from models.settings import load_settings
from web.cli.serve import STOP_SECONDS, check_database, default_workers, worker_environment
from web.process.termination import end_children_that_start
from web.process.worker import BEYOND_TIMEOUT_SECONDS, threads_for


def or_exit(action):
    """Return the result of `action`; if it raises an expected error, print its message and exit."""
    try:
        return action()
    except (FrontviewError, click.ClickException) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


settings = or_exit(load_settings)

bind = "127.0.0.1:8000"
workers = default_workers()
worker_class = "gthread"  # The threads of a process share its front cache and its pool.
threads = threads_for(settings.pool_size, settings.event_streams)  # Some are free while the database does not answer.
preload_app = False

timeout = 60  # For a worker without a heartbeat; a thread that waits for the database does not stop the heartbeat.
graceful_timeout = max(STOP_SECONDS, 2 * int(settings.statement_timeout_seconds) + BEYOND_TIMEOUT_SECONDS + 1)
keepalive = 75  # Longer than the proxy keeps a connection, so that it is never closed during a request.

limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190
accesslog = None  # The application writes its own access log, without user data.
errorlog = "-"
control_socket_disable = True  # The file is not needed, and the file system may be read-only.


def on_starting(_server):
    """Check the preconditions before any worker starts; make workers end at signals also while they start."""
    configure_logs(settings)
    warn_of_variables()
    if settings.database_url is None:
        sys.exit("FRONTVIEW_DATABASE_URL: unset; the embedded PostgreSQL is for `frontview serve`.")
    or_exit(lambda: worker_environment(settings))
    or_exit(lambda: check_database(settings.database_url, settings.direct_url or settings.database_url))
    end_children_that_start()


def worker_int(worker):
    """End a worker immediately while it starts: gunicorn's SystemExit during imports may look like an import error."""
    if not worker.booted:
        os._exit(0)


def post_worker_init(worker):
    """Close event streams at a signal to end, which would wait for them; do a quick stop between two requests."""
    from web.wsgi import end_streams_when_asked_to_end  # noqa: PLC0415  the application exists only in the worker

    end_streams_when_asked_to_end()
    if hasattr(worker, "method_queue"):
        for number in (signal.SIGQUIT, signal.SIGINT):
            signal.signal(number, lambda *signalled: quit_between_requests(worker, signalled))


def quit_between_requests(worker, signalled):
    """Make the worker's loop call gunicorn's own handler.

    The handler takes the lock of the thread pool. Called while the loop hands over a request, which holds that lock, it
    would wait for itself.
    """
    worker.method_queue.defer(worker.handle_quit, *signalled)
