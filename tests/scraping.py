"""A Prometheus exposition, parsed by Prometheus's own client."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import httpx
from prometheus_client.parser import text_string_to_metric_families

Series = tuple[str, tuple[tuple[str, str], ...]]
CUMULATIVE = ("counter", "histogram")


@dataclass
class Scraped:
    """One exposition: the value of every series, and the kind of every metric by name."""

    values: dict[Series, float] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def value(self, name: str, **labels: str) -> float:
        """The value of one series; 0 for one that is not there."""
        return self.values.get((name, tuple(sorted(labels.items()))), 0.0)

    def total(self, name: str, **labels: str) -> float:
        """The sum of all series of that name with those labels, whatever others they have."""
        return sum(value for (found, of), value in self.values.items() if found == name and labels.items() <= set(of))

    def labels(self, name: str) -> set[str]:
        """The names of the labels of every series of that name."""
        return {label for (found, of) in self.values if found == name for label, _ in of}

    def counters(self) -> dict[Series, float]:
        """Every series that may only rise."""
        return {series: value for series, value in self.values.items() if self.kinds[series[0]] in CUMULATIVE}

    def fallen_since(self, before: "Scraped") -> dict[Series, tuple[float, float | None]]:
        """Every counter that is less than it was before, or gone."""
        now = self.values
        return {
            series: (value, now.get(series))
            for series, value in before.counters().items()
            if now.get(series, -1) < value
        }


def parse(text: str) -> Scraped:
    """Return an exposition; raise ValueError for one that Prometheus would not understand."""
    scraped = Scraped()
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        assert re.fullmatch(r"(frontview|python|process)_[a-z0-9_]+", family.name)
        scraped.kinds |= dict.fromkeys(_names_of(family.name, family.type), family.type)
        for sample in family.samples:
            scraped.values[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
            scraped.kinds.setdefault(sample.name, family.type)
    return scraped


def scrape(client: httpx.Client, headers: Mapping[str, str] = MappingProxyType({})) -> Scraped:
    """Ask for ``/metrics``."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return parse(answer.text)


def _names_of(family: str, kind: str) -> list[str]:
    if kind == "counter":
        return [f"{family}_total"]
    return [f"{family}{suffix}" for suffix in ("_bucket", "_count", "_sum")] if kind == "histogram" else [family]
