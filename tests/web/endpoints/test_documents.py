"""The OpenAPI document and the page made from it."""

import re

import pytest

from tests.web.web_fakes import FakeWorker, bearer, make_app

APP = make_app(FakeWorker())
CLIENT = APP.test_client()
READS = {
    "/api/v1/dashboard/counter": {"user_id", "from", "to", "granularity", "desk", "desk.null", "order", "limit"},
    "/api/v1/list/renewed": {"user_id", "desk", "desk.null", "limit"},
    "/api/v1/view/account": {"user_id", "measures", "order", "limit", "other"},
}
DECLARED = {"views.dashboard", "views.listed", "views.view"}  # Documented as what is declared, each by its name.


@pytest.fixture(scope="module")
def document() -> dict:
    return CLIENT.get("/openapi.json", headers=bearer()).json


def references(node: object) -> set[str]:
    """Return every ``$ref`` below ``node``."""
    if isinstance(node, dict):
        return {node["$ref"]} if "$ref" in node else set().union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def test_it_is_openapi_3_1_and_names_every_route(document):
    assert document["openapi"].startswith("3.1.")
    rules = [rule for rule in APP.url_map.iter_rules() if rule.endpoint not in DECLARED]
    routes = {re.sub(r"<([a-z_]+)>", r"{\1}", rule.rule) for rule in rules}
    served = {f"/api/v1/view/{it}" for it in ("loans", "renewals", "account")} | set(READS)
    assert set(document["paths"]) == served | {route for route in routes if not route.startswith("/static/")}


def test_every_reference_leads_somewhere(document):
    for reference in references(document):
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_every_operation_has_an_id_of_its_own_and_a_summary(document):
    operations = [item for path in document["paths"].values() for item in path.values()]
    assert len({item["operationId"] for item in operations}) == len(operations)
    assert all(item["summary"] for item in operations)


@pytest.mark.parametrize("path", READS)
def test_a_read_is_documented_completely(document, path):
    read = document["paths"][path]["get"]
    assert read["security"] == [{"bearer": []}]
    assert set(read["responses"]) == {"200", "304", "401", "403", "404", "405", "422", "429", "500", "503"}
    in_query = {item["name"] for item in read["parameters"] if item["in"] == "query"}
    assert in_query == READS[path]
    assert all(item["description"] and "anyOf" not in item["schema"] for item in read["parameters"])
    assert {item["name"] for item in read["parameters"] if item["in"] == "header"} == {
        "If-None-Match",
        "Cache-Control",
    }
    for status in ("200", "304"):
        assert read["responses"][status]["headers"].keys() >= {
            "ETag",
            "Cache-Status",
            "Age",
            "Vary",
            "Server-Timing",
        }
    for status in ("401", "403", "404", "405", "422", "500", "503"):
        problem = read["responses"][status]["content"]["application/problem+json"]
        assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert problem["example"]["status"] == int(status)


def test_the_path_parameter_is_described_once(document):
    parameters = document["paths"]["/api/v1/admin/tasks/{task_id}"]["get"]["parameters"]
    assert [(item["in"], item["required"]) for item in parameters if item["name"] == "task_id"] == [("path", True)]


def test_the_security_scheme_is_a_bearer_jwt(document):
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert document["components"]["securitySchemes"] == {"bearer": scheme}


def test_no_request_can_put_its_own_host_into_the_document():
    client = make_app(FakeWorker()).test_client()
    assert "evil.example" not in client.get("/openapi.json", headers=bearer() | {"Host": "evil.example"}).text
    assert client.get("/openapi.json", headers=bearer()).json["servers"] == [{"url": "/"}]


def test_both_are_told_to_who_has_a_token_and_the_page_can_sign_in(document):
    assert CLIENT.get("/openapi.json").status_code == 401
    for path, security in (("/openapi.json", [{"bearer": []}]), ("/docs", [{}, {"bearer": []}])):
        operation = document["paths"][path]["get"]
        assert operation["security"] == security
        assert set(operation["responses"]) == {"200", "304", "401", "405", "429", "503"}
        assert CLIENT.get(path, headers={"Authorization": "Bearer a.b.c"}).status_code == 401


def test_the_page_lists_every_endpoint_and_loads_nothing():
    response = CLIENT.get("/docs", headers=bearer())
    assert response.content_type == "text/html; charset=utf-8"
    for path in READS:
        assert f"GET {path}" in response.text
    assert not re.search(r"<script|<link|<img|<iframe|<style|\bsrc=|\bon\w+=|https?://|style=", response.text)
    policy = response.headers["Content-Security-Policy"]
    assert policy == "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def test_the_page_says_what_a_parameter_may_be():
    said = r"<code>granularity</code>.*?<td>query</td>\s*<td>day \| week \| month"
    assert re.search(said, CLIENT.get("/docs", headers=bearer()).text, re.DOTALL)


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_both_can_be_revalidated(path):
    first = CLIENT.get(path, headers=bearer())
    again = CLIENT.get(path, headers=bearer() | {"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)


def test_everything_carries_the_security_headers():
    for path in ("/docs", "/openapi.json", "/healthz", "/nowhere", "/api/v1/dashboard/counter"):
        headers = CLIENT.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
