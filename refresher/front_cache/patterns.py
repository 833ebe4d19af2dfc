"""Patterns of invalidations by hand: globs over the labels of cache entries.

Invariant: a pattern that names a user matches no entry of another user, so no other user's entries need be checked.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from urllib.parse import unquote

from models.user_key import LONGEST_TEXT, UserKey, UserKind
from refresher.front_cache.entry import EntryKey, user_in_label

# A feed row whose source begins with this is an invalidation by hand; the rest of the source is the pattern.
CACHE_ONLY = "cache:"
EVERYTHING = "*"
# `frontview.request_invalidation` refuses longer ones. A label spells a character of a user key as at most four bytes
# of three characters each; the rest is for the names of region and dashboard.
LONGEST_PATTERN = 12 * LONGEST_TEXT + 140
MOST_COMPILED = 1_024

# In a glob everything but a bracket means itself or any text, so what follows `:user:` is the user.
_NAMES_A_USER = re.compile(r"[^:\[]*:user:([^:*?\[\]]+)(?::[^\[]*)?")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern, compiled."""

    _matches: Callable[[str], object]

    def matches(self, key: EntryKey) -> bool:
        """Return whether one of the labels of ``key`` matches; case matters."""
        whose, which = key.labels
        return self._matches(whose) is not None or self._matches(which) is not None


@lru_cache(MOST_COMPILED)
def compile_pattern(text: str) -> Pattern:
    """Return the pattern that ``text`` spells; the same object for the same text."""
    return Pattern(re.compile(translate(text)).match)


def is_by_hand(source: str) -> bool:
    """Return whether a feed row of that source is an invalidation by hand."""
    return source.startswith(CACHE_ONLY)


def pattern_of(source: str) -> Pattern:
    """Return the pattern of an invalidation by hand, from the source of its feed row."""
    return compile_pattern(source.removeprefix(CACHE_ONLY))


def pattern_for_user(user: UserKey) -> str:
    """Return the pattern of everything of one user."""
    return f"*:user:{user_in_label(user)}"


def pattern_for_region(region: str) -> str:
    """Return the pattern of everything in one region."""
    return f"{region}:*"


def shape(text: str) -> str:
    """Return ``text`` without what may name a user, for logs: only a region that stands for itself remains."""
    region, mark, rest = text.partition(":")
    is_region = bool(mark and re.fullmatch(r"[a-z_*]+", region))
    head = f"{region}:" if is_region else ""
    if rest.startswith("user:"):
        head, rest = f"{head}user:", rest.removeprefix("user:")
    return head + re.sub(r"[^*?:]+", "*", rest if is_region else text)


def user_named(source: str, kind: UserKind) -> UserKey | None:
    """Return the only user whose entries an invalidation by hand can match; None: any user's.

    :param source: of its feed row.
    """
    found = _NAMES_A_USER.fullmatch(source.removeprefix(CACHE_ONLY))
    try:
        return kind.parse(unquote(found[1])) if found else None
    except ValueError:
        return None
