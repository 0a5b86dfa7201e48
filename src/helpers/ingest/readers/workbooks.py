"""Rows of an Excel workbook as text; a workbook that is damaged is refused like any other file."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree.ElementTree import ParseError

import openpyxl

from helpers.base.faults import DataRefused, Fault
from helpers.ingest.readers.tables import DOWNLOAD_AGAIN

# What openpyxl and the standard library raise on the way through a damaged file.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    OSError,
)


@contextmanager
def refusing_damage(file: str) -> Iterator[None]:
    """`DataRefused` in place of whatever a damaged workbook raises."""
    try:
        yield
    except DAMAGE as error:
        message = f"the workbook or archive breaks off or is damaged: {error}"
        raise DataRefused(Fault("hard", "truncated", message, file, what_to_do=DOWNLOAD_AGAIN)) from error


def is_workbook(path: Path) -> bool:
    """Whether a zip archive is an Excel workbook."""
    with zipfile.ZipFile(path) as archive:
        return "xl/workbook.xml" in archive.namelist()


def headers(path: Path) -> list[tuple[str, list[str]]]:
    """(sheet, first row) of each sheet."""
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        return [
            (sheet.title, _text(next(sheet.iter_rows(max_row=1, values_only=True), ())))
            for sheet in book.worksheets
        ]
    finally:
        book.close()


def rows(path: Path, sheet: str) -> Iterator[tuple[int, list[str]]]:
    """(row number, cells as text) of each row of a sheet that is not blank."""
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        for number, cells in enumerate(book[sheet].iter_rows(values_only=True), start=1):
            text = _text(cells)
            if any(text):
                yield number, text
    finally:
        book.close()


def _text(cells: tuple) -> list[str]:
    return ["" if cell is None else str(cell) for cell in cells]
