"""The limits of regions: what the application declares, with the operator's settings put over it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from models.errors import ConfigurationError
from views_sql.declaration.maintained_view import Region as DeclaredRegion


@dataclass(frozen=True, slots=True)
class RegionLimits:
    """What a region may hold; 0 entries or bytes: nothing.

    :param ttl_seconds: replaces the TTL of the region's dashboards; None: each dashboard's own.
    """

    name: str
    max_entries: int
    max_bytes: int
    ttl_seconds: int | None = None


def region_limits(
    declared: Iterable[DeclaredRegion], overrides: Mapping[str, Mapping[str, Any]]
) -> tuple[RegionLimits, ...]:
    """Return the declared limits with the operator's ``overrides`` put over them.

    :raises ConfigurationError: unknown regions or keys, negative values; all of them at once.
    """
    limits = {it.name: RegionLimits(it.name, it.max_entries, it.max_bytes) for it in declared}
    faults: list[str] = []
    for name, values in overrides.items():
        if name not in limits:
            faults.append(f"FRONTVIEW_REGIONS: no region {name!r}; there are {', '.join(sorted(limits))}")
            continue
        wrong = _wrong_values(name, values)
        faults += wrong
        if not wrong:
            limits[name] = replace(limits[name], **values)
    if faults:
        raise ConfigurationError(faults)
    return tuple(limits.values())


def limits_of_another(
    declared: Iterable[DeclaredRegion], overrides: Mapping[str, Mapping[str, Any]]
) -> tuple[RegionLimits, ...]:
    """Return the limits of another declaration than that with which the process began; it may lack a region that the
    operator's ``overrides`` name.
    """
    regions = tuple(declared)
    there = {region.name for region in regions}
    return region_limits(regions, {name: values for name, values in overrides.items() if name in there})


def _wrong_values(name: str, values: Mapping[str, int]) -> list[str]:
    known = ("max_bytes", "max_entries", "ttl_seconds")
    unknown = [f"no limit {key!r}; there are {', '.join(known)}" for key in sorted(values.keys() - known)]
    negative = [f"{key} is negative" for key in known if values.get(key, 0) < 0]
    return [f"FRONTVIEW_REGIONS: {name}: {fault}" for fault in unknown + negative]
