"""The shape of every answer of the reference application; for the documentation only.

Invariant: nothing is serialised through these models: answers are the database's bytes.
"""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Meta(BaseModel):
    """How the data came to be."""

    source: Literal["cache", "materialized_view", "database"] = Field(
        description="cache: the front cache; materialized_view: view rows, patched where stale; "
        "database: base tables only."
    )
    calculated_at: datetime
    expires_at: datetime = Field(description="When the front cache drops it at the latest.")
    age_seconds: float
    patched_days: int = Field(description="Days that were recomputed live because the view was behind.")
    watermark: str = Field(description="Epoch and drain the answer is exact as of.", examples=["3-1842"])
    parameters: dict[str, Any] = Field(description="The parameters as understood, with defaults resolved.")
    stale: bool = Field(False, description="Only there, and true, when the database is gone and old data was allowed.")


class CallCounts(BaseModel):
    """Calls of a period."""

    calls: int
    completed: int
    failed: int
    no_answer: int
    busy: int
    in_progress: int
    duration_seconds: int
    cost_cents: int


class LeadCounts(BaseModel):
    """Leads of a period."""

    leads: int
    qualified: int
    converted: int
    average_score: float | None


class CallPeriods(BaseModel):
    """Calls by period, each ending today."""

    today: CallCounts
    last_7_days: CallCounts
    last_30_days: CallCounts
    all_time: CallCounts


class LeadPeriods(BaseModel):
    """Leads by period, each ending today."""

    today: LeadCounts
    last_7_days: LeadCounts
    last_30_days: LeadCounts
    all_time: LeadCounts


class AgentTotals(BaseModel):
    """How many agents there are."""

    total: int
    active: int


class OverviewDay(BaseModel):
    """One day."""

    day: date
    calls: int
    completed: int
    duration_seconds: int
    cost_cents: int
    leads: int


class Overview(BaseModel):
    """One user's account, calls and leads at a glance."""

    user_id: int
    timezone: str
    today: date
    credits_cents: int
    agents: AgentTotals
    calls: CallPeriods
    leads: LeadPeriods
    daily: list[OverviewDay] = Field(description="30 entries, oldest first.")
    recent_calls: list[dict[str, Any]] = Field(description="At most 10, newest first.")


class SeriesCounts(BaseModel):
    """Calls and leads of a stretch of days."""

    calls: int = Field(description="All of them: the five outcomes add up to it.")
    completed: int
    failed: int
    no_answer: int
    busy: int
    in_progress: int
    duration_seconds: int
    cost_cents: int
    leads: int
    converted: int


class SeriesEntry(SeriesCounts):
    """One day, week or month; those without calls are there, as zeros."""

    period_start: date


class Analytics(BaseModel):
    """Calls and leads as a series."""

    model_config = ConfigDict(populate_by_name=True)

    from_: date = Field(alias="from")
    to: date
    granularity: Literal["day", "week", "month"]
    series: list[SeriesEntry]
    totals: SeriesCounts


class AgentRow(BaseModel):
    """One agent over a range of days."""

    agent_id: int
    name: str
    is_active: bool
    calls: int
    completed: int
    duration_seconds: int
    cost_cents: int
    leads: int
    converted: int
    csat: float | None
    talk_seconds: int
    transfers: int


class ListedAgent(AgentRow):
    """One agent of the list."""

    daily_calls: list[int] = Field(
        default_factory=list,
        description="Only there with `series=calls`: the calls of each day of the range, oldest first.",
    )


class Agents(BaseModel):
    """Every agent of one user."""

    agents: list[ListedAgent]


class AgentDetail(AgentRow):
    """One agent, in total and day by day."""

    daily: list[dict[str, Any]]


class Measures(BaseModel):
    """What a period is judged by; null where nothing was there to divide by."""

    calls: float | None
    success_rate: float | None
    conversion_rate: float | None
    average_duration_seconds: float | None
    cost_per_converted_lead_cents: float | None
    csat: float | None


class Performance(BaseModel):
    """A period beside the equally long one before it."""

    current: Measures
    previous: Measures
    change: Measures = Field(description="Ratio per measure, or null.")


class OverviewAnswer(BaseModel):
    """An overview and how it came to be."""

    data: Overview
    meta: Meta


class AnalyticsAnswer(BaseModel):
    """A series and how it came to be."""

    data: Analytics
    meta: Meta


class AgentsAnswer(BaseModel):
    """Agents and how the list came to be."""

    data: Agents
    meta: Meta


class AgentAnswer(BaseModel):
    """One agent and how the answer came to be."""

    data: AgentDetail
    meta: Meta


class PerformanceAnswer(BaseModel):
    """Two periods and how the answer came to be."""

    data: Performance
    meta: Meta
