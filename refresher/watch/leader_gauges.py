"""Gauges of what exists once in a system, with the values of the leader's newest sample.

Invariant: without a sample every metric has its name but no value; so only the leader reports values.
"""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from refresher.watch.sample import Sample

Value = tuple[list[str], float]


class LeaderGauges(Collector):
    """Reports the newest sample; the scheduler's thread sets it, and the thread that serves metrics collects it."""

    def __init__(self) -> None:
        self.alarms: Mapping[str, int] | None = None
        self.sample: Sample | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every metric."""
        alarms, sample = self.alarms or {}, self.sample
        found = sample or Sample()
        yield _gauge("frontview_alarms", "Alarms raised now.", ["kind"], _by_name(alarms))
        for name, meaning, value in (
            ("frontview_drain_age_seconds", "Since the newest drain or heartbeat.", found.drain_age_seconds),
            ("frontview_drain_id", "Number of the newest drain.", found.drain_id),
            ("frontview_undrained_rows", "Rows of the change log that no drain has seen.", found.undrained_rows),
            ("frontview_notification_queue_ratio", "How full the notification queue is; 1: full.", found.queue_usage),
        ):
            yield _gauge(name, meaning, [], [([], value)] if sample else [])
        yield _gauge("frontview_rows", "Rows of bookkeeping tables, at most 100,000.", ["table"], _by_name(found.rows))
        yield _gauge(
            "frontview_stale_keys", "Keys that the tiers do not cover yet.", ["view"], _by_name(found.stale_keys)
        )
        yield _gauge("frontview_warm_plan_rows", "Answers planned to be warm.", ["reason"], _by_name(found.warm_plan))
        tiers = sorted(found.tiers.items())
        yield _gauge(
            "frontview_tier_populated",
            "1 where the tier has contents.",
            ["view", "tier"],
            (([*name], float(populated)) for name, (populated, _) in tiers),
        )
        yield _gauge(
            "frontview_tier_age_seconds",
            "Since the tier's last good refresh.",
            ["view", "tier"],
            (([*name], ago) for name, (_, ago) in tiers if ago is not None),
        )


def _gauge(name: str, meaning: str, labels: list[str], values: Iterable[Value]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for named, value in values:
        family.add_metric(named, value)
    return family


def _by_name(values: Mapping[str, int]) -> Iterator[Value]:
    for name, value in sorted(values.items()):
        yield [name], value
