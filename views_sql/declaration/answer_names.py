"""How an answer calls the measures of a panel."""

from collections import Counter
from collections.abc import Iterable, Iterator

from views_sql.declaration.words import RESERVED

LONGEST = 59  # Of a name in SQL 63; the columns of a panel put up to four characters before it.


def answer_names(measures: Iterable[str]) -> dict[str, str]:
    """Return the name of each measure or metric: its own, or ``<view>_<name>`` where two would have the same."""
    plain = {measure: measure.rpartition(".")[2] for measure in measures}
    often = Counter(plain.values())
    return {it: it.replace(".", "_") if often[name] > 1 else name for it, name in plain.items()}


def unusable(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield names that no answer can have beside each other, each with the reason."""
    seen: set[str] = set()
    for name in names:
        if len(name) > LONGEST:
            yield name, f"{name} would be its name in the answer, which has at most {LONGEST} characters"
        elif name in RESERVED:
            yield name, f"{name} would be its name in the answer, and is reserved"
        elif name in seen:
            yield name, f"two parts of the answer would be called {name}"
        seen.add(name)
