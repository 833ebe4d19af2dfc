"""What is told about an installed declaration: the application's description, OpenAPI, and only to who has a token."""

import pytest

from tests.web.declared.conftest import Site
from tests.web.endpoints.test_documents import references
from tests.web.web_fakes import bearer
from web.endpoints.shells import POLICY
from web.http.view_parameters import parameters_of

PATHS = ("/openapi.json", "/docs", "/api/v1/application")


@pytest.mark.parametrize("path", PATHS)
def test_it_is_told_only_to_who_has_a_token_and_once(site: Site, path: str) -> None:
    assert site.client.get(path).status_code == (200 if path == "/docs" else 401)
    assert site.client.get(path, headers={"Authorization": "Bearer a.b.c"}).status_code == 401

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
    dashboards = {path for path in document["paths"] if path.startswith("/api/v1/dashboard/")}

    assert dashboards == {f"/api/v1/dashboard/{name}" for name in ("home", "analytics", "events")}
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
    assert '/api/v1/dashboard/home"' in site.get("/docs").text


def test_a_browser_without_a_token_gets_a_shell_that_tells_nothing_and_can_sign_in(site: Site) -> None:
    shell = site.client.get("/docs")

    assert (shell.headers["Vary"], shell.headers["Content-Security-Policy"]) == ("Authorization", POLICY)
    assert not [word for word in ("purchases", "lifetime", "/api/v1/view") if word in shell.text]
    assert 'id="sign-in-form"' in shell.text
    again = {"If-None-Match": shell.headers["ETag"]}
    assert site.client.get("/docs", headers=again).status_code == 304
    assert site.get("/docs", **again).status_code == 200  # The description is another page than its shell.


def test_the_users_page_is_the_one_of_the_declaration(site: Site) -> None:
    page = site.client.get("/")

    assert 'id="panels"' in page.text
    assert "purchases" not in page.text
    assert page.headers["Content-Security-Policy"] == POLICY


def test_it_says_who_the_caller_is_in_the_kind_of_keys_that_there_are(site: Site) -> None:
    assert site.get("/api/v1/application", user="Bob'; --").json["caller"] == {"id": "Bob'; --", "admin": False}
    admin = site.client.get("/api/v1/application", headers=bearer("ann", admin=True)).json
    assert (admin["caller"], admin["user"]["key"]) == ({"id": "ann", "admin": True}, "text")


def test_an_unknown_user_is_named_and_nothing_else_is_told(site: Site) -> None:
    unknown = site.get("lifetime", user="nobody")
    assert unknown.json["detail"] == "There is no user nobody: the application's table of users has no such key."
    asked = site.client.get("/api/v1/view/week?user_id=no%20one", headers=bearer("root", admin=True))
    assert asked.json["detail"].startswith("There is no user no one: ")
