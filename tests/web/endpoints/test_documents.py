"""The OpenAPI document and the page made from it."""

import base64
import hashlib
import re

import pytest

from tests.web.web_fakes import FakeWorker, make_app

APP = make_app(FakeWorker(served=None))
CLIENT = APP.test_client()
READS = {
    "/api/v1/dashboard/overview": {"user_id"},
    "/api/v1/dashboard/analytics": {"user_id", "from", "to", "granularity", "agent_id"},
    "/api/v1/agents": {"user_id", "from", "to", "series"},
    "/api/v1/agents/{agent_id}": {"user_id", "from", "to"},
    "/api/v1/performance": {"user_id", "from", "to"},
}
DECLARED = {"views.dashboard", "views.listed", "views.view"}  # Documented as what is declared, each by its name.


@pytest.fixture(scope="module")
def document() -> dict:
    return CLIENT.get("/openapi.json").json


def references(node: object) -> set[str]:
    """Return every ``$ref`` below ``node``."""
    if isinstance(node, dict):
        return {node["$ref"]} if "$ref" in node else set().union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def test_it_is_openapi_3_1_and_names_every_route(document):
    assert document["openapi"].startswith("3.1.")
    rules = [rule for rule in APP.url_map.iter_rules() if rule.endpoint not in DECLARED]
    routes = {re.sub(r"<([a-z_]+)>", r"{\1}", rule.rule) for rule in rules}
    assert set(document["paths"]) == {route for route in routes if not route.startswith("/static/")}


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
    parameters = document["paths"]["/api/v1/agents/{agent_id}"]["get"]["parameters"]
    assert [item["in"] for item in parameters if item["name"] == "agent_id"] == ["path"]
    assert next(item for item in parameters if item["name"] == "agent_id")["required"] is True


def test_the_security_scheme_is_a_bearer_jwt(document):
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert document["components"]["securitySchemes"] == {"bearer": scheme}


def test_no_request_can_put_its_own_host_into_the_document():
    client = make_app(FakeWorker(served=None)).test_client()
    assert "evil.example" not in client.get("/openapi.json", headers={"Host": "evil.example"}).text
    assert client.get("/openapi.json").json["servers"] == [{"url": "/"}]


def test_the_page_lists_every_endpoint_and_loads_nothing():
    response = CLIENT.get("/docs")
    assert response.content_type == "text/html; charset=utf-8"
    for path in READS:
        assert f"GET {path}" in response.text
    assert not re.search(r"<script|<link|<img|<iframe|\bsrc=|\bon\w+=|https?://|style=", response.text)


def test_the_page_says_what_a_parameter_with_one_value_may_be():
    assert re.search(r"<code>series</code>.*?<td>query</td>\s*<td>calls</td>", CLIENT.get("/docs").text, re.DOTALL)


def test_the_page_has_a_strict_policy_that_its_style_satisfies():
    response = CLIENT.get("/docs")
    policy = response.headers["Content-Security-Policy"]
    style = re.search(r"<style>(.*?)</style>", response.text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_both_can_be_revalidated(path):
    first = CLIENT.get(path)
    assert CLIENT.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_everything_carries_the_security_headers():
    for path in ("/docs", "/openapi.json", "/healthz", "/nowhere", "/api/v1/agents"):
        headers = CLIENT.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
