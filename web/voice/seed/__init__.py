"""Makes realistic data for the bundled application: who calls whom, when, with what result.

Deciding is pure (a seed, a size and a calendar in; rows out); only :mod:`web.voice.seed.writer` touches a database.
"""

from web.voice.seed.writer import SeedPlan, SeedResult, write_seed

__all__ = ["SeedPlan", "SeedResult", "write_seed"]
