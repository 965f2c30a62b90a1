"""CSV files as other programs write them: their encoding, their separator, their rows (specification section 2). It knows no
database."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from webhookui.crm.field_types import UNSTORABLE
from webhookui.crm.imports.code_pages import code_page_of

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16, big-endian",
    "cp1252": "Windows-1252 (Western European)",
    "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp1257": "Windows-1257 (Baltic)",
    "cp1258": "Windows-1258 (Vietnamese)",
}
"""Python's name of an encoding → what people call it."""
SEPARATORS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Vertical bar"}

LONGEST_LINE = 8 * 1024 * 1024
"""Characters."""
MOST_COLUMNS = 1000
LONGEST_CELL = 200_000
"""Characters; a long text has at most 100,000."""
SAMPLE = 256 * 1024
"""Bytes of a file's beginning that its separator is recognised by."""
_SAMPLE_LINES = 40
_UNREADABLE = "\udcff"
"""Stands for bytes that are no text in the encoding; it can't be stored, so its row is rejected."""
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

codecs.register_error("webhookui.unreadable", lambda error: (_UNREADABLE, error.end))  # type: ignore[attr-defined]
csv.field_size_limit(LONGEST_CELL)


class InvalidFile(Exception):
    """It can't be read as a CSV file; the text says why."""


@dataclass(frozen=True)
class FileFormat:
    """`encoding`: of ENCODINGS; `separator`: of SEPARATORS."""

    encoding: str = "utf-8"
    separator: str = ","


# ---- telling ----------------------------------------------------------------------------------------------------------


class EncodingDetector:
    """Is fed a whole file, piece by piece, and tells its encoding. Keeps little of it."""

    _KEPT = 64 * 1024

    def __init__(self) -> None:
        self._start = b""
        self._utf8 = codecs.getincrementaldecoder("utf-8")("strict")
        self._is_utf8 = True
        self._lines: dict[bytes, None] = {}
        """Different lines with other characters than ASCII's."""
        self._kept = 0

    def feed(self, data: bytes) -> None:
        if len(self._start) < 4096:
            self._start += data[: 4096 - len(self._start)]
        if self._is_utf8:
            try:
                self._utf8.decode(data)
            except UnicodeDecodeError:
                self._is_utf8 = False
        if data.isascii() or self._kept >= self._KEPT:
            return
        for line in data.splitlines():
            if not line.isascii() and line[:1000] not in self._lines and self._kept < self._KEPT:
                self._lines[line[:1000]] = None
                self._kept += len(line[:1000])

    def encoding(self) -> str:
        """A key of ENCODINGS."""
        for bom, name in _BOMS.items():
            if self._start.startswith(bom):
                return name
        if self._start.count(0) > len(self._start) // 5:
            even, odd = self._start[::2].count(0), self._start[1::2].count(0)
            return "utf-16-be" if even > odd else "utf-16-le"
        try:
            self._utf8.decode(b"", final=True)
        except UnicodeDecodeError:
            self._is_utf8 = False
        return "utf-8" if self._is_utf8 else code_page_of(self._lines)


def separator_of(text: str) -> str:
    """What separates the cells of a file that begins so: what cuts most lines into as many cells as the first."""
    first_line = text.lstrip("\ufeff").split("\n", 1)[0].strip("\r")
    if match := re.fullmatch(r"sep=(.)", first_line):
        return match[1] if match[1] in SEPARATORS else ","
    return max(SEPARATORS, key=lambda separator: _fit(text, separator))


def _fit(text: str, separator: str) -> tuple[float, int]:
    """(share of lines with as many cells as the first one, cells)"""
    counts: list[int] = []
    try:
        for row in csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=separator):
            if row:
                counts.append(len(row))
            if len(counts) >= _SAMPLE_LINES:
                break
    except csv.Error:
        pass
    if not counts or counts[0] < 2:
        return 0.0, 1
    return sum(count == counts[0] for count in counts) / len(counts), counts[0]


def decoded(start: bytes, encoding: str) -> str:
    """The text of a file's first bytes, of which the last may be half a character."""
    return codecs.getincrementaldecoder(encoding)("webhookui.unreadable").decode(start)


# ---- reading ----------------------------------------------------------------------------------------------------------


class Pieces(io.RawIOBase):
    """A file whose bytes `next_piece` gives, piece by piece; b"" at its end."""

    def __init__(self, next_piece: Callable[[], bytes]) -> None:
        self._next_piece = next_piece
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = memoryview(self._next_piece())
        number = min(len(buffer), len(self._rest))
        buffer[:number] = self._rest[:number]
        self._rest = self._rest[number:]
        return number


@dataclass(frozen=True)
class CsvRow:
    """`number`: the first row behind the header is 1. `problem`: why its cells can't be read; then there are none."""

    number: int
    cells: list[str]
    problem: str = ""


class CsvReader:
    """Reads a file from its beginning to its end, in memory that its size does not move. Lines end with LF, CRLF or CR.

    Raises InvalidFile, also while it is iterated.
    """

    def __init__(self, file: io.RawIOBase, file_format: FileFormat) -> None:
        self._text = io.TextIOWrapper(
            io.BufferedReader(file, 256 * 1024), file_format.encoding, "webhookui.unreadable", newline=""
        )
        self._rows = csv.reader(self._lines(), delimiter=file_format.separator)
        self.number = 0
        """Of the row that was read last."""
        header = next((row for row in self._rows_or_problems() if isinstance(row, list)), [])
        self.header = [UNSTORABLE.sub("\ufffd", title) for title in header]
        if not any(cell.strip() for cell in self.header):
            raise InvalidFile("The file is empty: its first line must hold the names of its columns.")
        if len(self.header) > MOST_COLUMNS:
            raise InvalidFile(
                f"The first line names {len(self.header):,} columns; at most {MOST_COLUMNS:,} can be imported."
            )

    def _lines(self) -> Iterator[str]:
        is_first = True
        while line := self._text.readline(LONGEST_LINE):
            if len(line) >= LONGEST_LINE and not line.endswith(("\n", "\r")):
                raise InvalidFile(f"Line {self._rows.line_num + 1} is too long: it is hardly a CSV file.")
            if is_first:
                is_first, line = False, line.removeprefix("\ufeff")
                if re.fullmatch(r"sep=.\r?\n?", line):
                    continue
            yield line

    def _rows_or_problems(self) -> Iterator[list[str] | str]:
        while True:
            try:
                yield next(self._rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield _in_words(error)

    def __iter__(self) -> Iterator[CsvRow]:
        return self

    def __next__(self) -> CsvRow:
        """The next row that is not empty."""
        for row in self._rows_or_problems():
            if isinstance(row, str):
                self.number += 1
                return CsvRow(self.number, [], row)
            if any(row):
                self.number += 1
                return CsvRow(self.number, row)
        raise StopIteration


def _in_words(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"A cell has more than {LONGEST_CELL:,} characters. Perhaps a closing quotation mark is missing."
    return f"This line can't be read: {error}."


# ---- writing ----------------------------------------------------------------------------------------------------------

_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""


def neutralised(text: str) -> str:
    """A text that no spreadsheet runs as a formula; `restored` takes it back."""
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def restored(cell: str) -> str:
    """What `neutralised` was given; any other cell as it is."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*_FORMULA, "'")) else cell


def csv_lines(rows: Iterable[Sequence[str]], *, with_bom: bool = False) -> Iterator[bytes]:
    """The bytes of a file, several lines at once: UTF-8, commas, CRLF (RFC 4180). `with_bom`: for Excel, which does not know
    UTF-8 without."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    if with_bom:
        buffer.write("\ufeff")
    for row in rows:
        writer.writerow(row)
        if buffer.tell() > 64 * 1024:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()
