"""``/api/v1/view/<view>`` and ``/api/v1/application``: what an installed declaration serves.

Invariant: the caller is verified before any other part of the request is read, and whose data the caller may read is
decided before anything is looked up. Which views there are is no secret of any user. The bundled application has no
views; its description still says who the caller is.
"""

import json
from typing import TYPE_CHECKING

from apiflask import APIBlueprint
from flask import Response, g, request

from views_sql.declaration.questions import question_name
from web.context import context
from web.endpoints.reading import answer_by, answer_read, authenticate
from web.http.application_description import described
from web.http.openapi import BEARER, DOCUMENT_RESPONSES, TOKEN_RESPONSES
from web.http.problems import Problem
from web.http.revalidation import revalidated_for_callers
from web.http.user_keys import user_kind
from web.http.view_parameters import parse_question

if TYPE_CHECKING:
    from web.process.installed_application import Serving

_DESCRIPTION = DOCUMENT_RESPONSES[200] | {"description": "The caller; views, dimensions, measures, labels and units."}


def views_blueprint() -> APIBlueprint:
    """Return the endpoints of declared views; their documentation is made of what is served."""
    blueprint = APIBlueprint("views", __name__, url_prefix="/api/v1", tag="views")
    blueprint.before_request(authenticate)

    @blueprint.get("/view/<name>")
    @blueprint.doc(hide=True)
    def view(name: str) -> Response:
        """Return one user's measures by period and dimensions."""
        return answer_by(lambda serving: _answer(serving, name))

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


def _answer(serving: "Serving", name: str) -> Response:
    if serving.served is None:
        raise Problem(404, "not-found", "The bundled application has no views; /openapi.json says what there is.")
    if (found := serving.served.view(name)) is None:
        names = ", ".join(it.name for it in serving.served.views)
        raise Problem(404, "not-found", f"There is no view of that name; there are {names}.")
    g.rule = f"/api/v1/view/{found.name}"  # Logs and latencies tell views apart; there are as many as declared.
    question = parse_question(found, request.query_string)
    return answer_read(serving, question_name(found.name), question.user_id, question.arguments)
