"""The reference application's reads: each is one function that names its dashboard and its parameters.

Invariant: the caller is verified before any other part of the request is read, and whose data the caller may read is
decided before anything is looked up.
"""

from apiflask import APIBlueprint
from flask import Response, abort, request

from models.errors import NotFound
from web.context import context
from web.endpoints.reading import answer_read, authenticate
from web.endpoints.views import declared_dashboard
from web.http.openapi import documented_read
from web.http.parameters import Parameters, PeriodBesideEarlier, takes
from web.voice.answer_models import (
    AgentAnswer,
    AgentsAnswer,
    AnalyticsAnswer,
    OverviewAnswer,
    PerformanceAnswer,
)
from web.voice.parameters import AgentParameters, AgentsParameters, AnalyticsParameters

PREFIX = "/api/v1"
dashboards_blueprint = APIBlueprint("reads", __name__, url_prefix=PREFIX, tag="dashboards")


dashboards_blueprint.before_request(authenticate)


@dashboards_blueprint.before_request
def _only_of_this_application() -> Response | None:
    """Answer with the dashboard of that name, or 404, where an installed declaration serves its own."""
    if context().worker.served is None:
        return None
    place, _, name = request.path.rpartition("/")
    return declared_dashboard(name) if place == f"{PREFIX}/dashboard" else abort(404)


@dashboards_blueprint.get("/dashboard/overview")
@documented_read(dashboards_blueprint, OverviewAnswer)
@takes(dashboards_blueprint, Parameters)
def overview(parameters: Parameters) -> Response:
    """One user's account, calls and leads at a glance."""
    return answer("overview", parameters)


@dashboards_blueprint.get("/dashboard/analytics")
@documented_read(dashboards_blueprint, AnalyticsAnswer)
@takes(dashboards_blueprint, AnalyticsParameters)
def analytics(parameters: AnalyticsParameters) -> Response:
    """One user's calls and leads as a series of days, weeks or months."""
    return answer("analytics", parameters)


@dashboards_blueprint.get("/agents")
@documented_read(dashboards_blueprint, AgentsAnswer)
@takes(dashboards_blueprint, AgentsParameters)
def agents(parameters: AgentsParameters) -> Response:
    """Every agent of one user, with its calls, leads and quality."""
    return answer("agents", parameters)


@dashboards_blueprint.get("/agents/<agent_id>")
@documented_read(dashboards_blueprint, AgentAnswer)
@takes(dashboards_blueprint, AgentParameters)
def agent(parameters: AgentParameters, **_path: str) -> Response:
    """One agent, in total and day by day."""
    try:
        return answer("agent", parameters)
    except NotFound:
        raise NotFound(f"There is no agent {parameters.agent_id} of this user.") from None


@dashboards_blueprint.get("/performance")
@documented_read(dashboards_blueprint, PerformanceAnswer)
@takes(dashboards_blueprint, PeriodBesideEarlier)
def performance(parameters: PeriodBesideEarlier) -> Response:
    """A period and the equally long one before it."""
    return answer("performance", parameters)


def answer(dashboard: str, parameters: Parameters) -> Response:
    """Return the response to a read of ``dashboard`` by the current caller."""
    return answer_read(context().worker.serving, dashboard, parameters.user_id, parameters.arguments())
