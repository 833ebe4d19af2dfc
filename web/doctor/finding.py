"""The result of one check."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One precondition and whether it is met.

    :param outcome: ``pass``, ``warn`` or ``fail``.
    :param detail: what was found.
    :param remedy: what to do; empty for a pass.
    """

    subject: str
    outcome: str
    detail: str
    remedy: str = ""


def passed(subject: str, detail: str) -> Finding:
    """Return a finding about a precondition that is met."""
    return Finding(subject, "pass", detail)


def warned(subject: str, detail: str, remedy: str) -> Finding:
    """Return a finding that is no failure but needs an operator's attention."""
    return Finding(subject, "warn", detail, remedy)


def failed(subject: str, detail: str, remedy: str) -> Finding:
    """Return a finding about a precondition without which Frontview breaks a promise."""
    return Finding(subject, "fail", detail, remedy)


def listed(names: list[str], most: int = 5) -> str:
    """Return at most ``most`` names as a phrase that says how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
