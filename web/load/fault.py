"""The error of a load: where in the file the fault is, and what is wrong there."""

from models.errors import FrontviewError

_LONGEST_VALUE = 80


class LoadError(FrontviewError):
    """A file that cannot be loaded; no row of it is in the table.

    :param problem: one sentence.
    :param line: line of the file on which the record begins (the header is line 1); None: the whole file.
    :param columns: the columns at fault.
    """

    def __init__(self, file: str, problem: str, line: int | None = None, columns: tuple[str, ...] = ()) -> None:
        self.file, self.problem, self.line, self.columns = file, problem, line, columns
        place = f", line {line}" if line is not None else ""
        if columns:
            place += f", column{'s' * (len(columns) > 1)} {', '.join(columns)}"
        super().__init__(f"{file}{place}: {problem} Nothing was loaded.")


def shown(value: str | None) -> str:
    """Return a value as a message shows it: quoted, on one line, shortened."""
    if value is None:
        return "nothing"
    text = value.encode("unicode_escape").decode("ascii") if not value.isprintable() else value
    return f'"{text[:_LONGEST_VALUE]}…"' if len(text) > _LONGEST_VALUE else f'"{text}"'
