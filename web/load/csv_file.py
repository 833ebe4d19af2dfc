"""A CSV file as bytes: its header, its records, and the line on which each record begins.

Invariant: records are separated exactly as COPY (FORMAT csv) does it: a line end ends a record unless it is
inside quotes, and every quotation mark opens or closes (a doubled one does both).
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from web.load.fault import LoadError

_UTF8_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}  # Spreadsheets write `;` where `,` is in decimals.
_LONGEST_HEADER = 1_000_000
_PIECE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Header:
    """The first record.

    :param columns: the names in it, spaces around them removed.
    :param separator: what separates the fields of this file, one of :data:`SEPARATORS`.
    :param size: bytes up to the first data record, byte order mark included.
    :param lines: the number of lines of the header.
    :param line_end: how lines end in this file.
    """

    columns: tuple[str, ...]
    separator: str
    size: int
    lines: int
    line_end: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """One data record.

    :param number: 1 for the first after the header.
    :param line: line of the file it begins on.
    :param copy_line: the line number COPY is at when it has read it, with the header left out.
    """

    number: int
    line: int
    copy_line: int
    raw: bytes
    separator: str

    def values(self) -> list[str] | None:
        """Return the record's values; None if it is not UTF-8 or not one record of CSV."""
        try:
            return _values(self.raw, self.separator)
        except (UnicodeDecodeError, csv.Error):
            return None


def read_header(file: BinaryIO, name: str) -> Header:
    """Return the header of ``file``, leaving it positioned at the first data record.

    :raises LoadError: there is no header, or it is not UTF-8.
    """
    start = file.read(_LONGEST_HEADER)
    if start.startswith(_OTHER_BOMS):
        raise LoadError(name, "the file is UTF-16; save it as UTF-8.")
    mark = len(_UTF8_BOM) if start.startswith(_UTF8_BOM) else 0
    raw = _first_record(start[mark:])
    if not raw.strip():
        raise LoadError(name, "the file is empty; its first line must hold the names of columns.", 1)
    if b"\0" in raw:
        raise LoadError(name, "the file holds zero bytes: it is UTF-16 or not text; save it as UTF-8.", 1)
    line_end = next((end for end in (b"\r\n", b"\n", b"\r") if raw.endswith(end)), b"\n")
    separator = next((mark for mark in SEPARATORS if mark.encode() in raw), ",")
    file.seek(mark + len(raw))
    return Header(_names(raw, separator, name), separator, mark + len(raw), _line_breaks(raw) or 1, line_end)


def _names(raw: bytes, separator: str, name: str) -> tuple[str, ...]:
    try:
        names = _values(raw, separator)
    except UnicodeDecodeError as error:
        problem = f"the byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8."
        raise LoadError(name, problem, 1) from None
    except csv.Error as error:
        raise LoadError(name, f"the header is not CSV: {error}.", 1) from None
    return tuple(column.strip() for column in names)


def _values(raw: bytes, separator: str) -> list[str]:
    """Return the values of one record.

    :raises csv.Error: it is not one record of CSV.
    """
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8"), newline=""), strict=True, delimiter=separator))
    return rows[0] if rows else []


def _first_record(data: bytes) -> bytes:
    """Return the first record with its line end, which may be CR, LF or CRLF."""
    position = 0
    while ends := [found for end in (b"\n", b"\r") if (found := data.find(end, position)) >= 0]:
        position = min(ends) + 1
        if data.count(b'"', 0, position) % 2 == 0:
            return data[: position + (data[position - 1 : position + 1] == b"\r\n")]
    return data


class CsvFile:
    """A file whose header has been read; its data can be read any number of times.

    :param file: seekable, at its beginning.
    :param name: the name of the file in messages.
    :raises LoadError: the file has no usable header.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self.name = file, name
        self.header = read_header(file, name)

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of all data records, a quarter of a megabyte at a time, without line ends after the last."""
        self._file.seek(self.header.size)
        line_ends = b""
        while piece := self._file.read(_PIECE_BYTES):
            piece = line_ends + piece
            content = piece.rstrip(b"\r\n")
            line_ends = piece[len(content) :]
            if content:
                yield content

    def records(self) -> Iterator[Record]:
        """Yield the data records.

        COPY counts a record's last line. Of the line breaks inside quotes it counts those of the file's own
        kind only, and as carriage returns while it has not yet seen how lines end.
        """
        self._file.seek(self.header.size)
        line_end = self.header.line_end
        number, line, copy_line, counted = 0, self.header.lines + 1, 0, b"\r"
        for raw in _whole_records(_lines(self._file, line_end)):
            number, copy_line = number + 1, copy_line + 1 + raw.removesuffix(line_end).count(counted)
            yield Record(number, line, copy_line, raw, self.header.separator)
            line, counted = line + _line_breaks(raw), line_end[:1]


def _whole_records(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines; lines that are connected by quotation marks are joined."""
    parts: list[bytes] = []
    quoted = False
    for piece in lines:
        parts.append(piece)
        quoted ^= piece.count(b'"') % 2 == 1
        if not quoted:
            yield b"".join(parts)
            parts = []
    if parts:
        yield b"".join(parts)


def _lines(file: BinaryIO, line_end: bytes) -> Iterator[bytes]:
    """Yield pieces that each end where a record may end; a lone CR occurs only in files of the oldest Macs."""
    if line_end != b"\r":
        while line := file.readline():  # not `yield from file`: left early, that would close the file
            yield line
        return
    rest = b""
    while piece := file.read(_PIECE_BYTES):
        *whole, rest = (rest + piece).split(b"\r")
        yield from (line + b"\r" for line in whole)
    if rest:
        yield rest


def _line_breaks(raw: bytes) -> int:
    """Return the number of line ends in ``raw``, as an editor counts them."""
    return raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n")


def open_csv(path: Path, name: str) -> BinaryIO:
    """Return ``path`` opened for reading bytes.

    :raises LoadError: the file cannot be read.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise LoadError(name, f"the file cannot be read: {(error.strerror or str(error)).lower()}.") from None
