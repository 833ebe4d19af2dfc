"""``/openapi.json`` and ``/docs``: the description of the endpoints, for programs and for people.

Invariant: the description has no script and loads nothing. Swagger UI, the usual choice, cannot run under such a
policy: it needs inline styles and asks validator.swagger.io by default. What a declaration serves is told only to those
who have a token; a browser, which sends none, gets a shell that signs in and asks again with one.
"""

import base64
import hashlib
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
from web.http.openapi import DOCUMENT_RESPONSES, PAGE_RESPONSES
from web.http.revalidation import for_callers, revalidated, revalidated_for_callers
from web.http.served_documentation import with_served

APPLICATION_ENDPOINTS = "reads."  # The dashboards of an application that is not declared.
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem;
  padding: 0 1rem; color: #1c2430; }
h2 { margin-top: 2.5rem; border-top: 1px solid #d5dbe3; padding-top: 1.5rem; font-size: 1.15rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
code { background: #eef1f5; padding: .1em .35em; border-radius: 4px; }
pre { background: #eef1f5; padding: .8rem; border-radius: 6px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top;
  padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #e6eaf0; }
@media (prefers-color-scheme: dark) {
  body { background: #12161c; color: #dde3ea; } a { color: #8ab8ff; }
  code, pre { background: #1f2630; } h2, th, td { border-color: #2c3540; }
}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ info.title }} API</title>
{% if style %}<style>{{ style|safe }}</style>{% endif %}
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
    @blueprint.doc(summary="This document", responses=DOCUMENT_RESPONSES)
    def document() -> Response:
        """Return the OpenAPI document."""
        return _answer(Response(_document_text(_app(), _served()), content_type="application/json"))

    @blueprint.get("/docs")
    @blueprint.doc(summary="The same, to read", responses=PAGE_RESPONSES)
    def page() -> Response:
        """Return the OpenAPI document as a page, or the shell that asks for it with a token."""
        if context().worker.served is not None and "Authorization" not in request.headers:
            return for_callers(shells.response("docs"))
        response = Response(_page_text(_app(), _served()), content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = _POLICY
        return _answer(response)

    return blueprint


def _app() -> APIFlask:
    return cast(APIFlask, current_app._get_current_object())  # type: ignore[attr-defined]


def _served() -> ServedApplication | None:
    """Return what is served beside the endpoints of the core.

    :raises Problem: 401, 429: what an installed declaration serves is told only to those who have a token.
    """
    served = context().worker.served
    if served is not None:
        settle_caller()
    return served


def _answer(response: Response) -> Response:
    return revalidated(response) if context().worker.served is None else revalidated_for_callers(response)


@lru_cache(maxsize=4)
def _document_text(app: APIFlask, served: ServedApplication | None) -> str:
    if served is None:
        return json.dumps(app.spec)
    rules = (rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith(APPLICATION_ENDPOINTS))
    replaced = {rule.rule.replace("<", "{").replace(">", "}") for rule in rules}
    return json.dumps(with_served(cast(dict[str, Any], app.spec), served, replaced))


@lru_cache(maxsize=4)
def _page_text(app: APIFlask, served: ServedApplication | None) -> str:
    document = json.loads(_document_text(app, served))
    return render_template_string(
        _PAGE,
        style=_STYLE if served is None else "",  # The shell that shows it has styles of its own.
        prefix=context_of(app).settings.url_prefix,
        info=document["info"],
        openapi=document["openapi"],
        example=_example(served),
        operations=list(_operations(document)),
    )


def _example(served: ServedApplication | None) -> str:
    """Return the address of a read that is served, behind the version's."""
    if served is None:
        return "dashboard/overview"
    return f"dashboard/{served.dashboards[0].name}" if served.dashboards else f"view/{served.views[0].name}"


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each operation with its method and path, reads first, then what operators ask."""

    def place(path: str) -> tuple[bool, bool, str]:
        return not path.startswith("/api/"), path.startswith(ADMIN), path

    for path in sorted(document["paths"], key=place):
        operations = document["paths"][path]
        for method, operation in operations.items():
            yield operation | {"method": method.upper(), "path": path}
