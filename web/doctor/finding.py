"""What a check found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One precondition and how it stands.

    :param outcome: ``pass``, ``warn`` or ``fail``.
    :param detail: what was found.
    :param remedy: what to do; empty for a pass.
    """

    subject: str
    outcome: str
    detail: str
    remedy: str = ""


def passed(subject: str, detail: str) -> Finding:
    """Return a finding of which nothing needs doing."""
    return Finding(subject, "pass", detail)


def warned(subject: str, detail: str, remedy: str) -> Finding:
    """Return a finding that somebody should look at."""
    return Finding(subject, "warn", detail, remedy)


def failed(subject: str, detail: str, remedy: str) -> Finding:
    """Return a finding that breaks a promise of Frontview's."""
    return Finding(subject, "fail", detail, remedy)


def listed(names: list[str], most: int = 5) -> str:
    """Return some names in words; how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
