"""The shape of every answer of the reference application, for the documentation only.

Invariant: no answer is serialised through these models; answers are the database's bytes.
"""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Meta(BaseModel):
    """Where the data came from and how fresh it is."""

    source: Literal["cache", "materialized_view", "database"] = Field(
        description="cache: the front cache; materialized_view: view rows, patched where stale; "
        "database: base tables only."
    )
    calculated_at: datetime
    expires_at: datetime = Field(description="When the front cache drops it at the latest.")
    age_seconds: float
    patched_days: int = Field(description="Days that were recomputed live because the view was behind.")
    watermark: str = Field(description="Epoch and drain as of which the answer is exact.", examples=["3-1842"])
    parameters: dict[str, Any] = Field(description="The parameters of the answer, with defaults resolved.")
    stale: bool = Field(False, description="Present, and true, only without a database and if old data was allowed.")


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
    """Calls and leads of a range of days."""

    calls: int = Field(description="All calls: the five outcomes add up to this number.")
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
    """One day, week or month; those without calls are present, with zeros."""

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
        description="Present only with `series=calls`: the calls of each day of the range, oldest first.",
    )


class Agents(BaseModel):
    """Every agent of one user."""

    agents: list[ListedAgent]


class AgentDetail(AgentRow):
    """One agent, in total and day by day."""

    daily: list[dict[str, Any]]


class Measures(BaseModel):
    """The measures by which periods are compared; null where the divisor is zero."""

    calls: float | None
    success_rate: float | None
    conversion_rate: float | None
    average_duration_seconds: float | None
    cost_per_converted_lead_cents: float | None
    csat: float | None


class Performance(BaseModel):
    """A period and the equally long one before it."""

    current: Measures
    previous: Measures
    change: Measures = Field(description="Ratio per measure, or null.")


class OverviewAnswer(BaseModel):
    """An overview, and where it came from."""

    data: Overview
    meta: Meta


class AnalyticsAnswer(BaseModel):
    """A series, and where it came from."""

    data: Analytics
    meta: Meta


class AgentsAnswer(BaseModel):
    """Agents, and where the list came from."""

    data: Agents
    meta: Meta


class AgentAnswer(BaseModel):
    """One agent, and where the answer came from."""

    data: AgentDetail
    meta: Meta


class PerformanceAnswer(BaseModel):
    """Two periods, and where the answer came from."""

    data: Performance
    meta: Meta
