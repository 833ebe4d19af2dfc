"""A client's directives to caches: the headers ``Cache-Control``, ``Pragma`` and ``If-None-Match``.

Invariant: an ill-formed directive is ignored and the others still apply (RFC 9111). No directive can make an answer
worse than the read path allows.
"""

import re
from collections.abc import Iterator

from werkzeug.datastructures import Headers

from web.reads.read_path import ReadPolicy

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
