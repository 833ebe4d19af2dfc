"""The HTTP side of a read: a client's directives to caches, and the response, which says where the answer came from.

Invariant: ``data`` is sent byte for byte as the database wrote it, so integers beyond 2^53 stay integers. Compression
is the client's choice and changes nothing else. A 304 has the same headers as the 200 that it replaces, and an answer
past its trust is never a 304. An ill-formed directive is ignored and the others still apply (RFC 9111); no directive
can make an answer worse than the read path allows.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from flask import Response
from werkzeug.datastructures import Headers

from refresher.front_cache.body import OPENING, Body, Deflated
from web.http.accept_encoding import accepts_gzip
from web.reads.read_path import Reading, ReadPolicy

LONGEST_HEADER = 1024
LARGEST_SECONDS = 2**31 - 1
# No answer is kept as long, so this directive changes nothing. A page that keeps answers itself sends it, because the
# browser would otherwise send `no-cache`.
ANY_AGE_SECONDS = 31_536_000
_ANY_AGE = f"max-age={ANY_AGE_SECONDS}"

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_DIRECTIVE = re.compile(rf'({_WORD})(?:=(?:({_WORD})|"([^"\\]*)"))?')
_MEMBER = re.compile(r'(?:"[^"]*"|[^",])+')
_SECONDS = re.compile(r"[0-9]+")
_ENTITY_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')

_PLAIN = (("Content-Type", "application/json"),)
_GZIPPED = (*_PLAIN, ("Content-Encoding", "gzip"))
Kind = tuple[tuple[str, str], ...]


def read_response(reading: Reading, request_headers: Headers, elapsed_ms: float) -> Response:
    """Return the response with ``reading``, or 304 if the client has the same data.

    :param elapsed_ms: since the request arrived.
    """
    headers = read_headers(reading, elapsed_ms)
    if not reading.stale and matches_etag(request_headers.get("If-None-Match"), reading.etag):
        return Response(status=304, headers=headers)
    body, kind = answer_content(reading, request_headers.get("Accept-Encoding"))
    return Response(body, headers=headers | dict(kind))


def answer_content(reading: Reading, accept_encoding: str | None) -> tuple[bytes, Kind]:
    """Return the bytes of ``{"data": …, "meta": …}`` and the headers that describe their type and coding."""
    before, after = meta_around_age(reading)
    return content(reading.body, b"".join((before, age_text(reading.age_seconds), after)), accept_encoding)


def content(body: Body, rest: bytes, accept_encoding: str | None) -> tuple[bytes, Kind]:
    """Return the bytes of an answer with ``rest`` after its data, and the headers of their type and coding."""
    if not isinstance(body, Deflated):
        return b"".join((OPENING, body, rest)), _PLAIN
    if not accepts_gzip(accept_encoding):
        return body.text() + rest, _PLAIN
    return body.gzip(rest), _GZIPPED


def meta_around_age(reading: Reading) -> tuple[bytes, bytes]:
    """Return the text that follows the data: the part up to the age, and the part after it.

    Every value in it is a number, a fixed word, a time or JSON already, so nothing needs escaping.
    """
    before = (
        f',"meta":{{"source":"{reading.source}","calculated_at":"{utc_text(reading.calculated_at)}",'
        f'"expires_at":"{utc_text(reading.expires_at)}","age_seconds":'
    )
    stale = ',"stale":true' if reading.stale else ""
    after = (
        f',"patched_days":{reading.patched_days},"watermark":"{reading.watermark}",'
        f'"parameters":{reading.parameters}{reading.more}{stale}}}}}'
    )
    return before.encode(), after.encode()


def age_text(seconds: float) -> bytes:
    """Return an age in seconds as ``meta`` has it: to the millisecond."""
    return b"%.3f" % seconds


def read_headers(reading: Reading, elapsed_ms: float) -> dict[str, str]:
    """Return the headers of every answer to a read."""
    return lasting_headers(reading) | {
        "Cache-Status": cache_status(reading),
        "Age": str(int(reading.age_seconds)),
        "Server-Timing": _server_timing(reading, elapsed_ms),
    }


def lasting_headers(reading: Reading) -> dict[str, str]:
    """Return the headers that stay the same as long as the front cache keeps the answer."""
    return {
        "ETag": reading.etag,
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, Accept-Encoding" if isinstance(reading.body, Deflated) else "Authorization",
    }


def hit_headers(age: int, ttl: int) -> tuple[tuple[str, str], ...]:
    """Return the headers of a hit that change every second."""
    return ("Cache-Status", hit_status(ttl)), ("Age", str(age))


def hit_status(ttl: int) -> str:
    """Return the ``Cache-Status`` of a hit."""
    return f"frontview; hit; ttl={ttl}"


def hit_timing(elapsed_ms: float) -> str:
    """Return the ``Server-Timing`` of a hit."""
    return f"cache, total;dur={elapsed_ms:.2f}"


def cache_status(reading: Reading) -> str:
    """Return ``Cache-Status`` (RFC 9211): the front cache, then PostgreSQL if it was queried."""
    if reading.source == "cache":
        return hit_status(int(reading.ttl_seconds))
    front = f"frontview; fwd={reading.miss_reason or 'miss'}" + ("; stored" if reading.stored else "")
    if reading.source == "database":  # No view served it, so nothing was hit.
        return f'{front}, postgresql; fwd=miss; detail="database"'
    return f'{front}, postgresql; hit; detail="{reading.source}; patched={reading.patched_days}"'


def _server_timing(reading: Reading, elapsed_ms: float) -> str:
    if reading.database_ms is None:
        return hit_timing(elapsed_ms)
    return f"db;dur={reading.database_ms:.2f}, total;dur={elapsed_ms:.2f}"


def utc_text(seconds: float) -> str:
    """Return Unix time as RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- what the client asks of caches


def read_policy(headers: Headers) -> ReadPolicy:
    """Return the policy that the request's headers ask for."""
    text = headers.get("Cache-Control")
    if text is None:
        return ReadPolicy(exact=headers.get("Pragma", "").strip().lower() == "no-cache")
    directives = list(_directives(text))
    max_age = _least_seconds(directives, "max-age")
    if max_age is not None and max_age >= ANY_AGE_SECONDS:
        max_age = None
    return ReadPolicy(
        exact=any(name == "no-cache" for name, _ in directives) or max_age == 0,
        max_age_seconds=None if max_age is None else float(max_age),
        stale_if_error_seconds=_least_seconds(directives, "stale-if-error"),
    )


def asks_nothing(cache_control: str | None, pragma: str | None) -> bool:
    """Return whether a request has no directive; if it has one, :func:`read_policy` interprets it."""
    return pragma is None if cache_control is None else cache_control == _ANY_AGE


def matches_etag(if_none_match: str | None, etag: str) -> bool:
    """Return whether an ``If-None-Match`` value names ``etag``, by weak comparison.

    :param etag: quoted, without ``W/``.
    """
    if not if_none_match:
        return False
    return if_none_match.strip() == "*" or etag in _ENTITY_TAG.findall(if_none_match)


def _directives(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield each well-formed directive as (lower-case name, argument)."""
    if len(text) > LONGEST_HEADER or text.count('"') % 2:
        return
    for member in _MEMBER.findall(text):
        if match := _DIRECTIVE.fullmatch(member.strip(" \t")):
            name, plain, quoted = match.groups()
            yield name.lower(), plain if plain is not None else quoted


def _least_seconds(directives: list[tuple[str, str | None]], name: str) -> int | None:
    """Return the strictest value given for ``name``; one too large to count is a very large one."""
    given = [
        min(int(argument[:20]), LARGEST_SECONDS)
        for directive, argument in directives
        if directive == name and argument is not None and _SECONDS.fullmatch(argument)
    ]
    return min(given, default=None)
