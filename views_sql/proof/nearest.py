"""Names that a misspelt one may have meant."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return at most three known names that resemble ``name``, about equally; capitals do not count."""
    ranked = sorted(((_likeness(name, candidate), candidate) for candidate in known), reverse=True)
    if not ranked:
        return []
    enough = max(0.6, ranked[0][0] - 0.1)
    return [candidate for likeness, candidate in ranked if likeness >= enough][:3]


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.lower(), other.lower()).ratio()


def there_are(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that says which names there are instead, the nearest if some resemble it."""
    names = list(known)
    if found := nearest(name, names):
        return f"; did you mean {' or '.join(found)}?"
    return f"; there are {', '.join(sorted(names)[:8])}" if names else ""
