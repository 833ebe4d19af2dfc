"""Names that a misspelt one may have meant."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return at most three known names that resemble ``name``, the nearest first; capitals do not count."""
    by_folded: dict[str, list[str]] = {}
    for candidate in known:
        by_folded.setdefault(candidate.lower(), []).append(candidate)
    found = difflib.get_close_matches(name.lower(), by_folded, n=3, cutoff=0.55)
    return [candidate for folded in found for candidate in by_folded[folded]][:3]


def there_are(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that says which names there are instead, the nearest if some resemble it."""
    names = list(known)
    if found := nearest(name, names):
        return f"; did you mean {' or '.join(found)}?"
    return f"; there are {', '.join(sorted(names)[:8])}" if names else ""
