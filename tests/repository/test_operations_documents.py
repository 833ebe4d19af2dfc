"""The operator's documents: rules, dashboard and runbook parse, and name each other and what exists."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.settings import load_settings
from refresher.leader.alarms import KINDS
from tests.fix_postgres import ROOT
from web.telemetry.metric_families import COUNTER, FAMILIES

DOCS = ROOT / "docs"
RULES = DOCS / "prometheus-alerts.yml"
OPERATIONS = (DOCS / "operations.md").read_text()
# log.info("…"), logger().warning("…"), and report("…") of the maintenance
EVENT = re.compile(
    r"\b(?:log|logger\(\)|get_logger\(__name__\)|report)(?:\.(?:info|warning|error))?\(\s*\"([a-z][a-z_ ]+)\""
)
NOTE = re.compile(r"self\._note\(\"([a-z_]+)\", error\)")


def rules() -> list[dict[str, Any]]:
    parsed = yaml.safe_load(RULES.read_text())
    return [rule for group in parsed["groups"] for rule in group["rules"]]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as its readers' programs make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_is_and_where_its_answer_stands(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    notes = rule["annotations"]
    assert notes["summary"].endswith(".")
    assert notes["description"]
    page, _, anchor = notes["runbook"].partition("#")
    assert page == "docs/operations.md"
    assert anchor == rule["alert"].lower()
    assert anchor in anchors(OPERATIONS)


def test_alerts_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) > 20


def test_every_answer_of_the_runbook_belongs_to_an_alert() -> None:
    answers = set(re.findall(r"^### (Frontview\w+)$", OPERATIONS, re.MULTILINE))
    assert answers == {rule["alert"] for rule in rules()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_alarm_has_a_first_answer(kind: str) -> None:
    assert re.search(rf"^\| `{kind}` \| \[Frontview", OPERATIONS, re.MULTILINE)


def test_links_within_the_page_lead_somewhere() -> None:
    for anchor in re.findall(r"\]\(#([\w-]+)\)", OPERATIONS):
        assert anchor in anchors(OPERATIONS)
    for page in re.findall(r"\]\((?!#|https?:)([^)#]+)", OPERATIONS):
        assert (DOCS / page).exists(), page


def test_promtool_accepts_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool (of Prometheus) is not installed")
    done = subprocess.run([promtool, "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_can_be_imported() -> None:
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
    assert dashboard["title"]
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        if panel["type"] != "row":
            assert all(target["expr"] and target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    cells = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(cells) == len(set(cells)), "no panel lies on another"


def test_promtool_accepts_the_dashboards_queries(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool (of Prometheus) is not installed")
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    expressions = [query.replace("$__rate_interval", "5m").replace("$job", ".*") for query in queries]
    recorded = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(expressions)]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    done = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_every_metric_of_the_web_server_is_explained(family: Any) -> None:
    told = f"{family.name}_total" if family.kind == COUNTER else family.name
    assert f"`{told}`" in OPERATIONS


def test_every_logged_event_is_explained() -> None:
    code = [path.read_text() for layer in ("models", "refresher", "web") for path in (ROOT / layer).rglob("*.py")]
    events = {event for text in code for event in [*EVENT.findall(text), *NOTE.findall(text)]}
    assert {"request", "refresh", "leading", "feed_lost", "view_failed", "alarm_raised"} <= events
    tallies = {"reconnects", "failures"}  # counted under these words, logged as feed_lost
    assert not [event for event in events - tallies if f"`{event}`" not in OPERATIONS]


@pytest.mark.parametrize("variable", sorted(set(re.findall(r"FRONTVIEW_[A-Z_]+", OPERATIONS))))
def test_every_setting_that_is_named_exists(variable: str) -> None:
    assert variable.removeprefix("FRONTVIEW_").lower() in type(load_settings()).model_fields
