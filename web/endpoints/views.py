"""``/api/v1/dashboard/<dashboard>``, ``/api/v1/list/<list>``, ``/api/v1/view/<view>`` and ``/api/v1/application``: what
an installed declaration serves.

Invariant: the caller is verified before any other part of the request is read, and whose data the caller may read is
decided before anything is looked up. What is declared is no secret of any user.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from apiflask import APIBlueprint
from flask import Response, g, request

from views_sql.declaration.panel_questions import list_name
from views_sql.declaration.questions import question_name
from views_sql.declaration.served import ServedDashboard, ServedList, ServedView
from web.context import context
from web.endpoints.reading import answer_by, answer_read, authenticate
from web.http.application_description import described
from web.http.openapi import BEARER, DOCUMENT_RESPONSES, TOKEN_RESPONSES
from web.http.panel_parameters import parse_dashboard_question, parse_list_question
from web.http.problems import Problem
from web.http.question_parameters import Question
from web.http.revalidation import revalidated_for_callers
from web.http.user_keys import user_kind
from web.http.view_parameters import parse_question

if TYPE_CHECKING:
    from web.process.installed_application import Serving

_DESCRIPTION = DOCUMENT_RESPONSES[200] | {
    "description": "The caller; dashboards, panels, lists, views, dimensions, measures, labels and units."
}
Asked = TypeVar("Asked", ServedDashboard, ServedList, ServedView)


def views_blueprint() -> APIBlueprint:
    """Return the endpoints of what is declared; their documentation is made of what is served."""
    blueprint = APIBlueprint("views", __name__, url_prefix="/api/v1", tag="views")
    blueprint.before_request(authenticate)

    @blueprint.get("/dashboard/<name>")
    @blueprint.doc(hide=True)
    def dashboard(name: str) -> Response:
        """Return one user's panels."""
        return answer_by(lambda serving: _dashboard(serving, name))

    @blueprint.get("/list/<name>")
    @blueprint.doc(hide=True)
    def listed(name: str) -> Response:
        """Return one user's newest, largest or next rows."""
        return answer_by(lambda serving: _list(serving, name))

    @blueprint.get("/view/<name>")
    @blueprint.doc(hide=True)
    def view(name: str) -> Response:
        """Return one user's measures by period and dimensions."""
        return answer_by(lambda serving: _view(serving, name))

    @blueprint.get("/application")
    @blueprint.doc(
        summary="What the application serves, and to whom",
        security=BEARER,
        responses=DOCUMENT_RESPONSES | TOKEN_RESPONSES | {200: _DESCRIPTION},
    )
    def application() -> Response:
        """Return what pages and clients need of the application."""
        caller = {"id": g.caller.user_id, "admin": g.caller.admin}
        description = {"caller": caller} | described(context().worker.served, user_kind())
        text = json.dumps(description, ensure_ascii=False)
        return revalidated_for_callers(Response(text, content_type="application/json"))

    return blueprint


def _dashboard(serving: "Serving", name: str) -> Response:
    found = _found("dashboard", name, serving.served.dashboards)
    return _read(serving, found.name, parse_dashboard_question(found, request.query_string))


def _list(serving: "Serving", name: str) -> Response:
    found = _found("list", name, serving.served.lists)
    return _read(serving, list_name(found.name), parse_list_question(found, request.query_string))


def _view(serving: "Serving", name: str) -> Response:
    found = _found("view", name, serving.served.views)
    return _read(serving, question_name(found.name), parse_question(found, request.query_string))


def _found(kind: str, name: str, among: Sequence[Asked]) -> Asked:
    found = next((it for it in among if it.name == name), None)
    if found is None:
        names = ", ".join(it.name for it in among)
        says = f"there are {names}" if names else "none is declared"
        raise Problem(404, "not-found", f"There is no {kind} of that name; {says}.")
    g.rule = f"/api/v1/{kind}/{found.name}"  # Logs and latencies tell them apart; there are as many as declared.
    return found


def _read(serving: "Serving", dashboard: str, question: Question) -> Response:
    return answer_read(serving, dashboard, question.user_id, question.arguments)
