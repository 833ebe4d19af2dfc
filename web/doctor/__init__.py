"""Every precondition of the protocol, checked on a real database: one finding each, and what to do about it."""

from web.doctor.examination import examine
from web.doctor.finding import Finding

__all__ = ["Finding", "examine"]
