"""Parameters of the reference application's reads; those that all reads share are in :mod:`web.http.parameters`."""

from typing import Literal

from pydantic import Field

from web.http.parameters import Identifier, Period


class AnalyticsParameters(Period):
    """Parameters of the analytics series."""

    granularity: Literal["day", "week", "month"] = Field("day", description="Length of one entry of the series.")
    agent_id: Identifier | None = Field(None, description="Only this agent's calls and leads.")


class AgentsParameters(Period):
    """Parameters of the list of agents."""

    series: Literal["calls"] | None = Field(
        None, description="`calls`: each agent has its calls of every day, as `daily_calls`. Default: none."
    )


class AgentParameters(Period):
    """Parameters of one agent's read; ``agent_id`` is part of the path."""

    agent_id: Identifier = Field(description="The agent.")
