"""What a declared dashboard or list is described as: the exact shape of each panel, and what a page needs."""

from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from tests.web.declared.hand_made import APPLICATION, HOME, LATEST
from tests.web.endpoints.test_documents import references
from tests.web.web_fakes import FakeWorker, bearer, make_app
from web.http.panel_documentation import data_of_dashboard, data_of_list
from web.http.panel_parameters import parameters_of_dashboard, parameters_of_list

CLIENT = make_app(FakeWorker(served=APPLICATION)).test_client()
SIDE = {"from": "2026-01-01", "to": "2026-01-30", "loans": 3, "fee_a_loan": 0.5}
BRANCH_ROW = {"branch": None, "branch_city": None, "loans": 3, "fees": 1.5, "sparkline": [1, 2, 0]}
DATA: dict[str, Any] = {
    "account": {"plan": "gold"},
    "glance": {"current": SIDE, "previous": SIDE | {"fee_a_loan": None}, "change": {"loans": 0.25, "fee_a_loan": None}},
    "sums": {"today": {"loans": 1}, "all_time": {"loans": 900}},
    "daily": {"rows": [{"period": "2026-01-01", "loans": 1, "fees": 2.25}], "totals": {"loans": 1, "fees": "NaN"}},
    "branches": {"rows": [BRANCH_ROW, BRANCH_ROW | {"branch": "north", "branch_city": "Ulm"}]},
    "desks": {"rows": [{"desk": 3, "furthest": None, "loans": 1}]},
    "latest": [{"loan": 9007199254740993}],
}
WRONG = [
    ("account", {}),
    ("account", {"plan": "gold", "name": "x"}),
    ("glance", {"current": SIDE, "previous": SIDE}),
    ("sums", {"today": {"loans": 1}}),
    ("sums", {"today": {"loans": 1}, "all_time": {"loans": None}}),
    ("daily", {"rows": []}),
    ("daily", {"rows": [{"loans": 1, "fees": 1}], "totals": {"loans": 1, "fees": 1}}),
    ("branches", {"rows": [{name: it for name, it in BRANCH_ROW.items() if name != "sparkline"}]}),
    ("branches", {"rows": [BRANCH_ROW], "totals": {"loans": 1, "fees": 1}}),
    ("desks", {"rows": [{"desk": None, "furthest": 1, "loans": 1}]}),
    ("latest", {"rows": []}),
    ("latest", [{"loan": "7"}]),
]


def test_each_panel_has_exactly_the_shape_of_its_kind() -> None:
    Draft202012Validator(data_of_dashboard(HOME)).validate(DATA)


@pytest.mark.parametrize(("panel", "value"), WRONG)
def test_another_shape_is_none_of_it(panel: str, value: Any) -> None:
    assert not Draft202012Validator(data_of_dashboard(HOME)).is_valid(DATA | {panel: value})


def test_a_list_is_its_rows() -> None:
    validator = Draft202012Validator(data_of_list(LATEST))

    assert validator.is_valid([{"loan": 1, "at": "2026-01-01T10:00:00+00:00"}])
    assert not validator.is_valid([{"loan": 1, "at": None}])


def test_the_document_names_dashboards_lists_and_exactly_their_parameters() -> None:
    document = CLIENT.get("/openapi.json", headers=bearer()).json
    paths = document["paths"]

    assert {path for path in paths if path.startswith(("/api/v1/dashboard", "/api/v1/list", "/api/v1/view"))} == {
        "/api/v1/dashboard/events", "/api/v1/dashboard/home", "/api/v1/dashboard/analytics", "/api/v1/list/latest",
    }  # fmt: skip
    for path, known in (
        ("/api/v1/dashboard/home", parameters_of_dashboard(HOME)),
        ("/api/v1/list/latest", parameters_of_list(LATEST)),
    ):
        read = paths[path]["get"]
        assert [it["name"] for it in read["parameters"] if it["in"] == "query"] == list(known)
        assert set(read["responses"]) == {"200", "304", "401", "403", "404", "405", "422", "429", "500", "503"}
    assert paths["/api/v1/dashboard/home"]["get"]["summary"] == "One user's Home"
    assert paths["/api/v1/dashboard/analytics"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    names = [it["operationId"] for item in paths.values() for it in item.values()]
    assert len(names) == len(set(names))
    for reference in references(document):
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_the_page_of_it_has_an_example_that_is_served() -> None:
    page = CLIENT.get("/docs", headers=bearer()).text

    assert '/api/v1/dashboard/home"' in page
    assert "<code>GET /api/v1/list/latest</code>" in page


def test_the_description_is_everything_that_a_page_needs() -> None:
    described = CLIENT.get("/api/v1/application", headers=bearer()).json
    home, latest = described["dashboards"]["home"], described["lists"]["latest"]

    assert list(described["dashboards"]) == ["home", "analytics"]
    assert described["regions"] == ["desk", "shelf"]
    assert (home["href"], home["label"], home["zone"]) == ("/api/v1/dashboard/home", "Home", "Europe/Berlin")
    assert (home["longest_days"], home["default_days"]) == (400, 30)
    assert home["granularities"] == ["day", "week", "month", "quarter", "year"]
    assert home["filters"] == {"branch": {"type": "text", "nullable": True}}
    assert {name: it["kind"] for name, it in home["panels"].items()} == {
        "account": "facts", "glance": "compare", "sums": "periods", "daily": "series", "branches": "groups",
        "desks": "groups", "latest": "list",
    }  # fmt: skip
    assert list(home["panels"]) == list(DATA)
    glance = home["panels"]["glance"]
    assert (glance["label"], glance["with"], glance["heeds"]) == (
        "At a glance",
        "previous_year",
        ["from", "to", "branch"],
    )
    assert glance["measures"]["fee_a_loan"] == {
        "kind": "metric", "type": "numeric", "decimals": 4, "unit": "currency:EUR", "label": None, "better": None,
        "live": True,
    }  # fmt: skip
    assert home["panels"]["sums"]["periods"] == ["today", "all_time"]
    assert home["panels"]["daily"]["totals"] is True
    branches, desks = home["panels"]["branches"], home["panels"]["desks"]
    assert branches["columns"] == {"branch_city": {"type": "text", "nullable": True}}
    assert (branches["order"], branches["limit"], list(branches["sparkline"])) == ("-loans", 100, ["loans"])
    assert (desks["order"], desks["limit"], desks["sparkline"]) == ("desk", 5, None)
    assert home["panels"]["account"]["columns"]["plan"] == {"type": "other", "nullable": True}
    assert described["dashboards"]["analytics"]["longest_days"] is None
    assert (latest["href"], latest["label"], latest["limit"]) == ("/api/v1/list/latest", "Latest loans", 10)
    assert latest["columns"]["at"] == {"type": "timestamp with time zone", "nullable": False}
    assert list(latest["filters"]) == ["branch", "desk"]
    assert "shop." not in str(described)
