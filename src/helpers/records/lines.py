"""The lines of a table that people filled in, as text: a CSV file, also as Excel saves it, or a workbook."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from io import StringIO
from pathlib import Path

from helpers.base.sheet_safe import unguarded

Line = tuple[int, list[str]]
NO_VALUE = "[x]"  # how our own workbooks mark an empty cell
MOST_ROWS = 100_000  # of a workbook: a sheet of decisions has hundreds


class Unreadable(ValueError):
    """The file cannot be read as a table; the message says why, `do` what to do."""

    def __init__(self, message: str, do: str):
        super().__init__(message)
        self.do = do


def lines_of(path: Path, labels: dict[str, str], needed: str = "urn") -> Iterator[Line]:
    """Row number and cells of each line that is not empty, the header first, its names in lower case.

    `labels` turns a workbook's headings (lower case) into the names that they stand for. In a workbook the table
    is taken from the first sheet that has a row with the column `needed`; what stands above it is left out.
    Raises `Unreadable`, FileNotFoundError.
    """
    found = _workbook(path, labels, needed) if path.suffix.lower() == ".xlsx" else _csv(path)
    for number, cells in found:
        if any(cell.strip() for cell in cells):
            yield number, [unguarded(cell.strip()) for cell in cells]


def _csv(path: Path) -> Iterator[Line]:
    lines = csv.reader(StringIO(_text(path.read_bytes()), newline=""), strict=True)
    start = 1
    try:
        for cells in lines:
            yield start, [cell.strip().lower() for cell in cells] if start == 1 else cells
            start = lines.line_num + 1
    except csv.Error as error:
        raise Unreadable(f"the file is not readable as CSV: {error}", "Check its quotation marks.") from None


def _text(raw: bytes) -> str:
    """UTF-8, else what Excel writes on a British computer (Windows-1252)."""
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unreadable("the file is neither UTF-8 nor Windows text", "Save it as CSV UTF-8.")


def _workbook(path: Path, labels: dict[str, str], needed: str) -> Iterator[Line]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError):
        raise Unreadable("the file is not an Excel workbook", "Save it as .xlsx or as CSV.") from None
    for sheet in book.worksheets:
        rows = enumerate(sheet.iter_rows(values_only=True, max_row=MOST_ROWS), start=1)
        for number, cells in rows:
            names = [labels.get(name, name) for name in (_cell(cell).lower() for cell in cells)]
            if needed in names:
                yield number, names
                yield from ((number, [_cell(cell) for cell in cells]) for number, cells in rows)
                return
    raise Unreadable(f"no sheet has a column {needed}", "Keep the row of headings as it was.")


def _cell(value: object) -> str:
    if value is None or value == NO_VALUE:
        return ""
    if isinstance(value, datetime | date):
        return f"{value:%Y-%m-%d}"
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value).strip()
