"""Merged reads that name the days they read live, and that skip what is not there when nothing is stale."""

from alembic import op

revision = "app_0007"
down_revision = "app_0006"
branch_labels = None
depends_on = None

DAILY_KEY = ("user_id", "day", "agent_id")
OUTCOMES = ("completed", "failed", "no_answer", "busy", "in_progress")
VIEWS = (
    ("call_daily", "calls", ("calls", *OUTCOMES, "duration_seconds", "cost_cents")),
    ("lead_daily", "lead_analytics", ("leads", "qualified", "converted", "score_points")),
    ("agent_quality_daily", "agent_analytics", ("csat_points", "csat_answers", "talk_seconds", "transfers")),
)


def replace_reads(*, before: int, after: int) -> None:
    for name, source, measures in VIEWS:
        op.replace_merged_reads(name, 1, (source,), DAILY_KEY, measures, reads=after, replaces=before)


def upgrade() -> None:
    replace_reads(before=1, after=2)


def downgrade() -> None:
    replace_reads(before=2, after=1)
