"""Collects what is found while a declaration is judged, each with its place in the file."""

from dataclasses import dataclass, field

from views_sql.declaration.fault import Fault
from views_sql.proof.verdict import Advice


@dataclass
class Findings:
    """Everything found so far, in the order of the declaration."""

    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    advice: list[Advice] = field(default_factory=list)

    def at(self, file: str, path: str) -> "Place":
        """Return the place in a file to which the next findings belong."""
        return Place(self, file, path)

    @property
    def needed(self) -> tuple[Advice, ...]:
        """The advice without each index whose columns are the first ones of another that is advised."""
        statements = [it.statement for it in self.advice]
        return tuple(
            it
            for it in self.advice
            if not any(other.startswith(it.statement.removesuffix(");") + ", ") for other in statements)
        )

    def advise(self, statement: str, reason: str) -> None:
        """Add a statement to run, once."""
        if (advice := Advice(statement, reason)) not in self.advice:
            self.advice.append(advice)


@dataclass(frozen=True)
class Place:
    """A place in a file of the declaration, for example ``view.orders.user`` of ``frontview.toml``."""

    findings: Findings
    file: str
    path: str

    def __truediv__(self, name: str) -> "Place":
        return Place(self.findings, self.file, f"{self.path}.{name}")

    def refuse(self, sentence: str) -> None:
        """Add a fault of this place."""
        self._add(self.findings.faults, sentence)

    def warn(self, sentence: str) -> None:
        """Add a warning about this place."""
        self._add(self.findings.warnings, sentence)

    def _add(self, to: list[Fault], sentence: str) -> None:
        if (fault := Fault(self.file, self.path, sentence)) not in to:
            to.append(fault)
