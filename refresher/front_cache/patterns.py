"""Patterns of invalidations by hand: globs over the labels of cache entries.

Invariant: a pattern that names a user matches no entry of another user, so no other user's entries need be checked.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from urllib.parse import unquote

from models.user_key import UserKey, parse_user_key
from refresher.front_cache.entry import EntryKey, user_in_label

# A feed row whose source begins with this is an invalidation by hand; the rest of the source is the pattern.
CACHE_ONLY = "cache:"
EVERYTHING = "*"
LONGEST_PATTERN = 200  # `frontview.request_invalidation` refuses longer ones.
MOST_COMPILED = 1_024

# In a glob everything but a bracket means itself or any text, so what follows `:user:` is the user.
_NAMES_A_USER = re.compile(r"[^:\[]*:user:([^:*?\[\]]+)(?::[^\[]*)?")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern, compiled.

    :param user: the only user whose entries it can match; None: any user's.
    """

    user: UserKey | None
    _matches: Callable[[str], object]

    def matches(self, key: EntryKey) -> bool:
        """Return whether one of the labels of ``key`` matches; case matters."""
        whose, which = key.labels
        return self._matches(whose) is not None or self._matches(which) is not None


@lru_cache(MOST_COMPILED)
def compile_pattern(text: str) -> Pattern:
    """Return the pattern that ``text`` spells; the same object for the same text."""
    return Pattern(_user_named(text), re.compile(translate(text)).match)


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
    """Return ``text`` without what may name a user, for logs: without digits, and without what follows ``user:``."""
    return re.sub(r"[0-9]+", "*", re.sub(r"(user:)[^:]+", r"\1*", text))


def _user_named(text: str) -> UserKey | None:
    found = _NAMES_A_USER.fullmatch(text)
    try:
        return parse_user_key(unquote(found[1])) if found else None
    except ValueError:
        return None
