"""From a reading to an HTTP response: the body around ready bytes, and headers that say where it came from.

Invariant: ``data`` goes out byte for byte as the database wrote it, so integers beyond 2^53 stay integers; whether
compressed or not is the client's choice and changes nothing else. A 304 carries the same headers as the 200 it stands
for; an answer past its trust is never a 304.
"""

import json
from datetime import UTC, datetime
from typing import Any

from flask import Response
from werkzeug.datastructures import Headers

from refresher.body import OPENING, Deflated
from web.accept_encoding import accepts_gzip
from web.read_path import Reading
from web.request_directives import matches_etag


def read_response(reading: Reading, request_headers: Headers, elapsed_ms: float) -> Response:
    """Return the response that carries ``reading``, or 304 when the client has that very data.

    :param elapsed_ms: since the request came in.
    """
    headers = read_headers(reading, elapsed_ms)
    if not reading.stale and matches_etag(request_headers.get("If-None-Match"), reading.etag):
        return Response(status=304, headers=headers)
    body, content = answer_content(reading, request_headers.get("Accept-Encoding"))
    return Response(body, headers=headers | content)


def answer_content(reading: Reading, accept_encoding: str | None) -> tuple[bytes, dict[str, str]]:
    """Return the bytes of ``{"data": …, "meta": …}`` and the headers that tell how they are to be read."""
    meta = json.dumps(answer_meta(reading), separators=(",", ":")).encode()
    rest = b"".join((b',"meta":', meta, b"}"))
    body, headers = reading.body, {"Content-Type": "application/json"}
    if not isinstance(body, Deflated):
        return b"".join((OPENING, body, rest)), headers
    if not accepts_gzip(accept_encoding):
        return body.text() + rest, headers
    return body.gzip(rest), headers | {"Content-Encoding": "gzip"}


def answer_meta(reading: Reading) -> dict[str, Any]:
    """Return the part of the answer that says how the data came to be."""
    meta: dict[str, Any] = {
        "source": reading.source,
        "calculated_at": utc_text(reading.calculated_at),
        "expires_at": utc_text(reading.expires_at),
        "age_seconds": max(0.0, round(reading.age_seconds, 3)),
        "patched_days": reading.patched_days,
        "watermark": reading.watermark,
        "parameters": reading.parameters,
    }
    if reading.stale:
        meta["stale"] = True
    return meta


def read_headers(reading: Reading, elapsed_ms: float) -> dict[str, str]:
    """Return the headers that every answer to a read carries."""
    return {
        "ETag": reading.etag,
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, Accept-Encoding" if isinstance(reading.body, Deflated) else "Authorization",
        "Cache-Status": cache_status(reading),
        "Age": str(max(0, int(reading.age_seconds))),
        "Server-Timing": _server_timing(reading, elapsed_ms),
    }


def cache_status(reading: Reading) -> str:
    """Return ``Cache-Status`` (RFC 9211): the front cache, then what PostgreSQL did when it was asked."""
    if reading.source == "cache":
        return f"frontview; hit; ttl={int(reading.ttl_seconds)}"
    front = f"frontview; fwd={reading.miss_reason or 'miss'}" + ("; stored" if reading.stored else "")
    if reading.source == "database":  # no view served it, so nothing was hit
        return f'{front}, postgresql; fwd=miss; detail="database"'
    return f'{front}, postgresql; hit; detail="{reading.source}; patched={reading.patched_days}"'


def _server_timing(reading: Reading, elapsed_ms: float) -> str:
    first = "cache" if reading.database_ms is None else f"db;dur={reading.database_ms:.2f}"
    return f"{first}, total;dur={elapsed_ms:.2f}"


def utc_text(seconds: float) -> str:
    """Return a time of the epoch as RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
