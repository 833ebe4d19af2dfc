"""Gunicorn's settings for Frontview: gunicorn --config deploy/gunicorn.conf.py web.wsgi:app.

As `frontview serve`, it refuses to start, in one sentence, what could not answer. `--bind` and `--workers` on the
command line win over what is here. It works with `--preload` as well; a reload takes new code in only without.
"""

import os
import signal
import sys

import click

from models.errors import FrontviewError
from models.settings import load_settings
from web.cli.serve import STOP_SECONDS, check_database, default_workers, worker_environment
from web.process.termination import end_children_that_start
from web.process.worker import BEYOND_TIMEOUT_SECONDS, threads_for


def or_exit(action):
    """Return what `action` does; end with its fault's own words when it has one."""
    try:
        return action()
    except (FrontviewError, click.ClickException) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


settings = or_exit(load_settings)

bind = "127.0.0.1:8000"
workers = default_workers()
worker_class = "gthread"  # a front cache and a pool for each process: threads share them
threads = threads_for(settings.pool_size, settings.event_streams)  # some are free while the database does not answer
preload_app = False

timeout = 60  # of a worker that gives no sign of life; a thread that waits for the database is none
graceful_timeout = max(STOP_SECONDS, int(settings.statement_timeout_seconds) + BEYOND_TIMEOUT_SECONDS + 1)
keepalive = 75  # longer than the proxy keeps a connection, so that it is never closed under a request

limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190
accesslog = None  # the application writes its own line, without user data
errorlog = "-"
control_socket_disable = True  # a file nobody needs, where the file system is read-only


def on_starting(_server):
    """Check, before any worker is there, what would fail in each of them; a stop need not wait for one that starts."""
    if settings.database_url is None:
        sys.exit("FRONTVIEW_DATABASE_URL: unset; the embedded PostgreSQL is for `frontview serve`.")
    or_exit(lambda: worker_environment(settings))
    or_exit(lambda: check_database(settings.database_url, settings.direct_url or settings.database_url))
    end_children_that_start()


def worker_int(worker):
    """End a worker that still starts at once: amid its imports gunicorn's SystemExit may pass for a fault of theirs."""
    if not worker.booted:
        os._exit(0)


def post_worker_init(worker):
    """Have streams of events end with the process, which would wait for them; a quick stop comes between requests."""
    from web.wsgi import end_streams_when_asked_to_end  # noqa: PLC0415  in the worker, where the application is

    end_streams_when_asked_to_end()
    if hasattr(worker, "method_queue"):
        for number in (signal.SIGQUIT, signal.SIGINT):
            signal.signal(number, lambda *signalled: quit_between_requests(worker, signalled))


def quit_between_requests(worker, signalled):
    """Have gunicorn's own handler called by the worker's loop.

    It takes the lock of the thread pool: called amid the loop's handing over of a request, which holds that lock, it
    would wait for itself.
    """
    worker.method_queue.defer(worker.handle_quit, *signalled)
