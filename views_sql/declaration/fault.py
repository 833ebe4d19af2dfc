"""One thing that is wrong with a declaration, in words: the same value for what a file and what PostgreSQL says."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.errors import FrontviewError


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """A fault of a declaration.

    :param file: the file it stands in, relative to the project's folder, for example ``frontview.toml``.
    :param path: where in the file, dotted, for example ``view.orders.user``.
    :param sentence: what is wrong, and the way out; begins in lower case and has no full stop at its end.
    """

    file: str
    path: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.file}: {self.path}: {self.sentence}"


class DeclarationError(FrontviewError):
    """A declaration that cannot be used; it has all faults, not only the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("The declaration cannot be used:\n" + "\n".join(f"  - {fault}" for fault in faults))
