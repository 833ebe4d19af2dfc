"""Alert rules and the Grafana dashboard name only metrics that a running system exports."""

import json
import re

import httpx
import pytest
import yaml

from tests.acceptance.test_reads import OVERVIEW
from tests.fix_app import filled_system, free_port
from tests.fix_postgres import ROOT, Server
from tests.scraping import Scraped, parse, scrape
from tests.voice_stage import VOICE
from tests.waiting import until

METRIC = re.compile(r"\b(?:frontview|process)_[a-z0-9_]+\b")
LABEL = re.compile(r"\b((?:frontview|process)_[a-z0-9_]+)\{([^}]*)\}")
OF_PROMETHEUS = {"job", "instance"}


def queries() -> dict[str, list[str]]:
    """What each alert and each panel asks."""
    rules = yaml.safe_load((ROOT / "docs/prometheus-alerts.yml").read_text())
    dashboard = json.loads((ROOT / "docs/grafana-dashboard.json").read_text())
    asked = {rule["alert"]: [rule["expr"]] for group in rules["groups"] for rule in group["rules"]}
    panels = {panel["title"]: panel["targets"] for panel in dashboard["panels"] if panel.get("targets")}
    return asked | {title: [target["expr"] for target in targets] for title, targets in panels.items()}


@pytest.fixture(scope="module")
def told(embedded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Scraped:
    """Everything that a leader and a web server tell, once there is something to tell."""
    with filled_system(embedded_server, tmp_path_factory.mktemp("told"), application=VOICE) as system:
        port = free_port()
        system.environment |= {"FRONTVIEW_REFRESHER_METRICS_PORT": str(port), "FRONTVIEW_AUDIT_DUTY": "0.5"}
        system.start_refresher()
        system.wait_for_views()
        system.start_web(workers=1)
        system.add(1)

        def refresher() -> Scraped | None:
            scraped = parse(httpx.get(f"http://127.0.0.1:{port}/metrics").text)
            audited, sampled = "frontview_exactness_checks_total", "frontview_tier_populated"
            return scraped if scraped.total(audited) and scraped.total(sampled) else None

        with system.client(1) as client:
            for _ in range(3):
                client.get(OVERVIEW)
            web = scrape(client)
        maintained = until(refresher, "sample and audit")
        assert not web.kinds.keys() & maintained.kinds.keys(), "one name is one thing"
        return Scraped(web.values | maintained.values, web.kinds | maintained.kinds)


def test_every_metric_and_label_that_is_asked_for_is_told(told: Scraped) -> None:
    asked = queries()
    assert len(asked) > 50
    for title, expressions in asked.items():
        for expression in expressions:
            unknown = [name for name in METRIC.findall(expression) if name not in told.kinds]
            assert unknown == [], title
            for name, selector in LABEL.findall(expression):
                labels = set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)\s*\"", selector)) - OF_PROMETHEUS
                assert labels <= (told.labels(name) or labels), f"{title}: {name} has {told.labels(name)}"


def test_a_metric_that_is_not_told_would_be_found(told: Scraped) -> None:
    assert "frontview_reads_totals" not in told.kinds
    assert METRIC.findall("rate(frontview_reads_totals[5m]) / frontview_workers{job='x'}") == [
        "frontview_reads_totals",
        "frontview_workers",
    ]
