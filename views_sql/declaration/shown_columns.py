"""What panels and lists show beside measures, and where it comes from: columns of labels, facts and rows.

Invariant: names of columns are those of the answer, and names of sources those of the change log.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from views_sql.declaration.proven import ProvenApplication, ProvenLabel, ProvenList, ProvenPanel
from views_sql.declaration.served import ServedColumn


class _HasName(Protocol):
    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=_HasName)


def named(among: Iterable[Named], name: str) -> Named:
    """Return the one of that name."""
    return next(it for it in among if it.name == name)


@dataclass(frozen=True)
class ShownColumns:
    """Finds columns and their sources in one proven application."""

    proven: ProvenApplication

    def of_panel(self, panel: ProvenPanel) -> Iterator[ServedColumn]:
        """Yield the columns of a panel: of facts or a list; of groups those of labels."""
        if (rows := self.listed(panel)) is not None:
            yield from self.of_list(rows)
        elif panel.of == "user" and self.proven.facts is not None:
            yield from (ServedColumn(it.name, it.type, it.nullable) for it in self.proven.facts.columns)
        for label in self._labels(panel.by):
            for it in label.columns:  # NULL where the label's table has no row.
                yield ServedColumn(f"{label.dimension}_{it.name}", it.type, nullable=True)

    def of_list(self, rows: ProvenList) -> Iterator[ServedColumn]:
        """Yield the columns of a list."""
        own = {it.name: it for it in rows.columns}
        for name, value in rows.shown:
            dimension, dot, column = value.partition(".")
            for label in self._labels((dimension,) if dot else ()):
                yield ServedColumn(name, named(label.columns, column).type, nullable=True)
            if not dot:
                yield ServedColumn(name, own[value].type, own[value].nullable)

    def sources_of_panel(self, panel: ProvenPanel) -> Iterator[str]:
        """Yield the captured sources of a panel's columns."""
        if (rows := self.listed(panel)) is not None:
            yield from self.sources_of_list(rows)
        if panel.of == "user" and self.proven.facts is not None:
            yield self.proven.facts.source.name
        yield from (label.source.name for label in self._labels(panel.by))

    def sources_of_list(self, rows: ProvenList) -> Iterator[str]:
        """Yield the captured sources of a list: its table, and those of the labels that it shows."""
        yield rows.source.name
        labelled = (value.partition(".")[0] for _, value in rows.shown if "." in value)
        yield from (label.source.name for label in self._labels(labelled))

    def listed(self, panel: ProvenPanel) -> ProvenList | None:
        """Return the list that a panel shows, if it shows one."""
        return named(self.proven.lists, panel.listed) if panel.listed else None

    def _labels(self, dimensions: Iterable[str]) -> Iterator[ProvenLabel]:
        return (it for name in dimensions for it in self.proven.labels if it.dimension == name)
