"""The limits of regions: what the application declares, with the operator's settings put over it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

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
    declared = tuple(declared)
    if faults := [*unknown_regions(declared, overrides), *_wrong_values(overrides)]:
        raise ConfigurationError(faults)
    return tuple(
        replace(RegionLimits(it.name, it.max_entries, it.max_bytes), **overrides.get(it.name, {})) for it in declared
    )


def limits_of_installed(
    declared: Iterable[DeclaredRegion], overrides: Mapping[str, Mapping[str, Any]]
) -> tuple[RegionLimits, ...]:
    """Return the limits of what is installed now; it may lack a region that the operator's ``overrides`` name.

    Declarations change without a restart, and settings do not: what another declaration dropped or will bring stops no
    worker. It is logged, and ``frontview doctor`` says it.

    :raises ConfigurationError: as :func:`check_limits`.
    """
    regions = tuple(declared)
    if unknown := unknown_regions(regions, overrides):
        structlog.get_logger(__name__).warning("unknown_regions", regions=unknown)
    there = {region.name for region in regions}
    return region_limits(regions, {name: values for name, values in overrides.items() if name in there})


def unknown_regions(declared: Iterable[DeclaredRegion], overrides: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each region of ``overrides`` that is not declared."""
    there = sorted(region.name for region in declared)
    return [
        f"FRONTVIEW_REGIONS: no region {name!r}; there are {', '.join(there)}"
        for name in overrides
        if name not in there
    ]


def check_limits(overrides: Mapping[str, Mapping[str, Any]]) -> None:
    """Check what is wrong whatever is declared.

    :raises ConfigurationError: unknown keys or negative values; all of them at once.
    """
    if faults := _wrong_values(overrides):
        raise ConfigurationError(faults)


def _wrong_values(overrides: Mapping[str, Mapping[str, int]]) -> list[str]:
    known = ("max_bytes", "max_entries", "ttl_seconds")
    faults: list[str] = []
    for name, values in overrides.items():
        wrong = [f"no limit {key!r}; there are {', '.join(known)}" for key in sorted(values.keys() - known)]
        wrong += [f"{key} is negative" for key in known if values.get(key, 0) < 0]
        faults += [f"FRONTVIEW_REGIONS: {name}: {fault}" for fault in wrong]
    return faults
