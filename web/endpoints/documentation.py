"""``/openapi.json`` and ``/docs``: the description of the endpoints, for programs and for people.

Invariant: the description has no script and loads nothing. Swagger UI, the usual choice, cannot run under such a
policy: it needs inline styles and asks validator.swagger.io by default. What is served is told only to those who have a
token; a browser, which sends none, gets a shell that signs in and asks again with one.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

from apiflask import APIBlueprint, APIFlask
from flask import Response, current_app, render_template_string, request

from views_sql.declaration.served import ServedApplication
from web.context import context, context_of, settle_caller
from web.endpoints.admin import PREFIX as ADMIN
from web.endpoints.shells import Shells
from web.http.openapi import BEARER, DOCUMENT_RESPONSES, PAGE_RESPONSES, TOKEN_RESPONSES
from web.http.revalidation import for_callers, revalidated_for_callers
from web.http.served_documentation import with_served

_WITH_OR_WITHOUT: list[str | dict[str, list[Any]]] = [{}, {BEARER: []}]  # Without a token the page can sign in.
_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ info.title }} API</title>
</head>
<body>
<h1>{{ info.title }} API</h1>
<p>{{ info.description }} Version {{ info.version }}. The same for programs:
<a href="openapi.json">openapi.json</a> (OpenAPI {{ openapi }}).</p>
<pre tabindex="0">curl -H "Authorization: Bearer $TOKEN" "$HOST{{ prefix }}/api/v1/{{ example }}"</pre>
{% for operation in operations %}
<h2 id="{{ operation.operationId }}"><code>{{ operation.method }} {{ operation.path }}</code></h2>
<p>{{ operation.summary }}{% if operation.security %} Needs a bearer token.{% endif %}</p>
{% if operation.parameters %}
<table>
<tr><th>Parameter</th><th>In</th><th>Type</th><th>Meaning</th></tr>
{% for parameter in operation.parameters %}
<tr><td><code>{{ parameter.name }}</code>{% if parameter.required %} (required){% endif %}</td>
<td>{{ parameter.in }}</td>
<td>{% set schema = parameter.schema.get("items", parameter.schema) -%}
{{ schema.enum|join(" | ") or schema.const or schema.format or schema.type }}</td>
<td>{{ parameter.description }}</td></tr>
{% endfor %}
</table>
{% endif %}
{% if operation.requestBody %}
<p>Body, for example: <code>{{ operation.requestBody.content["application/json"].example|tojson }}</code></p>
{% endif %}
<table>
<tr><th>Status</th><th>Meaning</th></tr>
{% for status, response in operation.responses.items() %}
<tr><td>{{ status }}</td><td>{{ response.description }}</td></tr>
{% endfor %}
</table>
{% endfor %}
</body>
</html>
"""


def documentation_blueprint(shells: Shells) -> APIBlueprint:
    """Return the endpoints that describe the others."""
    blueprint = APIBlueprint("documentation", __name__, tag="documentation")

    @blueprint.get("/openapi.json")
    @blueprint.doc(summary="This document", security=BEARER, responses=DOCUMENT_RESPONSES | TOKEN_RESPONSES)
    def document() -> Response:
        """Return the OpenAPI document."""
        settle_caller()
        text = _document_text(_app(), context().worker.served)
        return revalidated_for_callers(Response(text, content_type="application/json"))

    @blueprint.get("/docs")
    @blueprint.doc(summary="The same, to read", security=_WITH_OR_WITHOUT, responses=PAGE_RESPONSES | TOKEN_RESPONSES)
    def page() -> Response:
        """Return the OpenAPI document as a page, or the shell that asks for it with a token."""
        if "Authorization" not in request.headers:
            return for_callers(shells.response("docs"))
        settle_caller()
        response = Response(_page_text(_app(), context().worker.served), content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = _POLICY
        return revalidated_for_callers(response)

    return blueprint


def _app() -> APIFlask:
    return cast(APIFlask, current_app._get_current_object())  # type: ignore[attr-defined]


@lru_cache(maxsize=4)
def _document_text(app: APIFlask, served: ServedApplication) -> str:
    return json.dumps(with_served(cast(dict[str, Any], app.spec), served))


@lru_cache(maxsize=4)
def _page_text(app: APIFlask, served: ServedApplication) -> str:
    document = json.loads(_document_text(app, served))
    return render_template_string(
        _PAGE,
        prefix=context_of(app).settings.url_prefix,
        info=document["info"],
        openapi=document["openapi"],
        example=_example(served),
        operations=list(_operations(document)),
    )


def _example(served: ServedApplication) -> str:
    """Return the address of a read that is served, behind the version's."""
    return f"dashboard/{served.dashboards[0].name}" if served.dashboards else f"view/{served.views[0].name}"


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each operation with its method and path, reads first, then what operators ask."""

    def place(path: str) -> tuple[bool, bool, str]:
        return not path.startswith("/api/"), path.startswith(ADMIN), path

    for path in sorted(document["paths"], key=place):
        operations = document["paths"][path]
        for method, operation in operations.items():
            yield operation | {"method": method.upper(), "path": path}
