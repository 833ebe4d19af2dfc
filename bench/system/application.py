"""The application that the benchmarks' databases have: the bundled one, as its declaration makes it.

Invariant: what a question asks is what is installed in the database that it measures in.
"""

from pathlib import Path

from views_sql.declaration.project import read_project

ROOT = Path(__file__).resolve().parents[2]
REGIONS = read_project(ROOT / "views_sql" / "voice").regions
CALLS = "calls_1"  # The maintained view of calls, with the number of the first declaration.
CALLS_KEY = "user_key, day, d_agent, n_agent"
OUTCOMES = ("completed", "failed", "no_answer", "busy", "in_progress")
CALLS_MEASURES = tuple(f"m_{name}" for name in ("calls", *OUTCOMES, "duration_seconds", "cost_cents"))
# All its rows from base tables, as one statement.
CALLS_SELECT = f"SELECT {CALLS_KEY}, {', '.join(CALLS_MEASURES)} FROM frontview.{CALLS}_live"  # nosec B608  # our own names
CALL_DAY = "(c.started_at AT TIME ZONE u.timezone)::date"  # The day of a call c in the zone of its user u.
