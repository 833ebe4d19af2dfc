"""Checks every precondition of the protocol on a real database; each finding says what to do about it."""

from web.doctor.examination import examine, variables
from web.doctor.finding import Finding

__all__ = ["Finding", "examine", "variables"]
