"""What is told about an installed declaration: the application's description, OpenAPI, and only to who has a token."""

import pytest

from tests.web.declared.conftest import Site
from tests.web.endpoints.test_documents import references
from tests.web.web_fakes import FakeWorker, bearer, make_app
from views_sql.declaration.served import from_json, to_json
from web.http.view_parameters import parameters_of

PATHS = ("/openapi.json", "/docs", "/api/v1/application")


@pytest.mark.parametrize("path", PATHS)
def test_it_is_told_only_to_who_has_a_token_and_once(site: Site, path: str) -> None:
    assert site.client.get(path).status_code == 401

    first = site.get(path)

    assert first.status_code == 200
    assert (first.headers["Cache-Control"], first.headers["Vary"]) == ("private, no-cache", "Authorization")
    assert site.get(path, **{"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_the_description_has_what_pages_show_and_nothing_hidden(site: Site) -> None:
    described = site.get("/api/v1/application").json
    purchases = described["views"]["purchases"]

    assert sorted(described["views"]) == ["lifetime", "purchases", "week"]
    assert purchases["longest_days"] == 500
    assert purchases["dimensions"]["state"] == {"type": "enum", "nullable": True}
    assert purchases["dimensions"]["gift"] == {"type": "boolean", "nullable": False}
    assert list(purchases["measures"]) == ["purchases", "revenue", "mean", "middle", "latest_state"]
    revenue = purchases["measures"]["revenue"]
    assert (revenue["kind"], revenue["unit"], revenue["label"]) == ("sum", "currency:EUR", "Revenue")
    assert [name for name, it in purchases["measures"].items() if it["live"]] == ["middle"]
    assert "shop." not in site.get("/api/v1/application").text


def test_the_document_names_every_view_and_parameter_and_no_dashboard_that_is_not_served(site: Site) -> None:
    document = site.get("/openapi.json").json
    served = site.worker.served
    assert served is not None

    assert "/api/v1/dashboard/overview" not in document["paths"]
    assert site.get("/api/v1/dashboard/overview").status_code == 404
    for view in served.views:
        read = document["paths"][f"/api/v1/view/{view.name}"]["get"]
        assert [it["name"] for it in read["parameters"] if it["in"] == "query"] == list(parameters_of(view))
        assert set(read["responses"]) == {"200", "304", "401", "403", "404", "405", "422", "429", "500", "503"}
    for reference in references(document):
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
    users = [it["schema"] for it in read["parameters"] if it["name"] == "user_id"]
    assert users[0]["type"] == "string"  # The keys of this database are texts.


def test_the_page_has_an_example_that_is_served(site: Site) -> None:
    assert '/api/v1/view/purchases"' in site.get("/docs").text


def test_what_is_served_goes_through_json_unchanged(site: Site) -> None:
    served = site.worker.served
    assert served is not None
    assert from_json(to_json(served)) == served


@pytest.mark.parametrize("path", ["/api/v1/application", "/api/v1/view/orders"])
def test_the_bundled_application_serves_no_views(path: str) -> None:
    client = make_app(FakeWorker(served=None)).test_client()

    assert client.get(path).status_code == 401
    assert client.get(path, headers=bearer()).status_code == 404
