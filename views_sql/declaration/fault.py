"""One thing that is wrong with a declaration, in words: what reads the file and what PostgreSQL judges both say it so."""

from dataclasses import dataclass


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
