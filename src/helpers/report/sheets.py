"""Accessible spreadsheets after the government's guidance: one marked table a sheet, a cover, a notes sheet,
plain headings, fixed dates.
"""

from __future__ import annotations

import os
import tempfile
import warnings
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import gptables as gpt
import pandas as pd
from gptables.core.wrappers import GPWorkbook

from helpers.base import contract
from helpers.base import text as words
from helpers.base.text import known

LANGUAGE = "en-GB"
MISSING = "[x]"
MOST_ON_ONE_PAGE = 14  # columns: more than that cannot be read on one printed page
FIXED_DATE = datetime(2000, 1, 1)  # no clock in a result: the same run gives the same bytes

SCHOOL_TABLES = ("schools", "baseline", "expectations", "peers")


def table(
    frame: pd.DataFrame,
    columns: list[str],
    table_name: str,
    title: str,
    sample: bool,
    headings: dict[str, str] | None = None,
    decimals: dict[str, int] | None = None,
    of: Sequence[str] = SCHOOL_TABLES,
) -> gpt.GPTable | None:
    """A gptables table of those `columns` that the frame has, with plain headings (`headings`, else the
    dictionary's of the tables `of`), number formats and `[x]` where a figure is missing; None for an empty
    frame."""
    columns = [name for name in columns if name in frame]
    if frame.empty or not columns:
        return None
    titles = [(headings or {}).get(name) or contract.heading(name, of) for name in columns]
    rows = {name: contract.column_of(name, of) for name in columns}
    known_decimals = {name: row["decimals"] for name, row in rows.items() if row is not None} | (
        decimals or {}
    )
    out, formats = {}, []
    for name, heading in zip(columns, titles, strict=True):
        out[heading] = pd.Series([cell(value) for value in frame[name].tolist()], dtype="object")
        if name in ("urn", "peer_urn", "hub_urn"):
            formats.append({"column": {"columns": [heading], "format": {"num_format": "0"}}})
        elif known(known_decimals.get(name)):
            places = int(known_decimals[name])
            formats.append(
                {
                    "column": {
                        "columns": [heading],
                        "format": {"num_format": "#,##0" + ("." + "0" * places if places else "")},
                    }
                }
            )
    return gpt.GPTable(
        table=pd.DataFrame(out),
        table_name=table_name,
        title=title,
        subtitles=([f"{words.INVENTED}."] if sample else []) + [words.MARKING],
        instructions=(
            "This worksheet contains one table. Numbers in square brackets refer to the notes "
            f"sheet. {MISSING} means not available."
        ),
        index_columns={2: 0},
        additional_formatting=formats,
    )


def write(
    path: Path,
    sheets: dict[str, gpt.GPTable | None],
    title: str,
    about: list[str],
    notes: list[tuple[str, str]],
    sample: bool,
) -> None:
    """Write a spreadsheet with a cover, a notes sheet and one sheet per table; tables that are None are left
    out. `notes`: reference and text.
    """
    there = {name: one for name, one in sheets.items() if one is not None}
    intro = ([f"{words.INVENTED}."] if sample else []) + [words.MARKING, words.FORMULA]
    with warnings.catch_warnings():
        # gptables warns of every shorthand cell and of pandas 4; the shorthand is explained on the sheets.
        warnings.simplefilter("ignore")
        book: GPWorkbook = gpt.produce_workbook(
            path,
            there,
            cover=gpt.Cover(title=title, intro=intro, about=about),
            notes_table=pd.DataFrame(notes, columns=["Note reference", "Note text"]),
            auto_width={label: False for label in there} | {"Contents": False, "Notes": False},
            workbook_options={
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        comments = words.FORMULA + (f" {words.INVENTED}." if sample else "")
        book.set_properties(
            {"title": title, "subject": words.MARKING, "comments": comments, "created": FIXED_DATE}
        )
        for label, one in there.items():
            _lay_out(book.get_worksheet_by_name(label), one)
        for label, widths in (("Cover", (110,)), ("Contents", (20, 100)), ("Notes", (20, 100))):
            for i, width in enumerate(widths):
                book.get_worksheet_by_name(label).set_column(i, i, width)
            _print_on(book.get_worksheet_by_name(label), 1)
        tallest = 16 * max(_lines(text, 100) for _, text in notes)
        for i in range(
            len(notes)
            # under title, instruction and heading; gptables may change the order of the notes, so all are as
            # tall
        ):
            book.get_worksheet_by_name("Notes").set_row(3 + i, tallest)
        book.close()
    _set_language(path)


def _lay_out(sheet, one: gpt.GPTable) -> None:
    """Frozen headings, column widths, and a printed page that repeats them under the marking."""
    sheet.freeze_panes(one.data_range[0] + 1, 2 if "School name" in one.table.columns else 1)
    _print_on(sheet, 1 if len(one.table.columns) <= MOST_ON_ONE_PAGE else 2)
    sheet.repeat_rows(one.data_range[0])
    sheet.repeat_columns(0, 1 if "School name" in one.table.columns else 0)
    widths = [_width(one.table[column], column) for column in one.table.columns]
    lines = max(_lines(column, width) for column, width in zip(one.table.columns, widths, strict=True))
    sheet.set_row(
        one.data_range[0], 16 * lines
    )  # not every program finds the height of wrapped headings by itself
    for i, width in enumerate(widths):
        sheet.set_column(i, i, width)


def _print_on(sheet, pages_wide: int) -> None:
    """A4, lying, so many pages wide, under the marking."""
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(pages_wide, 0)
    sheet.set_footer("&L" + words.MARKING.replace("&", "&&") + "&RPage &P of &N")


def _lines(heading: str, width: float) -> int:
    """Lines that a bold heading takes in a column of that many characters."""
    lines, room = 1, 0.0
    for word in str(heading).split():
        long = 1.05 * (len(word) + 1)
        room += long
        if room > width + 1.05 and room > long:
            lines, room = lines + 1, long
    return lines


def cell(value: object) -> object:
    """A cell that gptables leaves alone: missing as a shorthand, truth in words, text without its markup for
    links and notes.
    """
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if not known(value):
        return MISSING
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, str):
        value = value.replace("](", "] (").replace("$$", "$ $").strip()
        return value if any(c.isalnum() for c in value) else MISSING
    return value


def _width(values: pd.Series, heading: str) -> float:
    """Column width in characters: the longest cell within reason, wide enough for the longest word of the
    heading.
    """
    longest = max((len(str(v)) for v in values.head(3000) if isinstance(v, str)), default=8)
    return float(min(max(longest + 2, max(len(word) for word in heading.split()) + 3, 11), 60))


def _set_language(path: Path) -> None:
    """Add the language to the document's properties (XlsxWriter cannot), keeping the fixed dates of its
    entries.
    """
    handle, temporary = tempfile.mkstemp(suffix=".xlsx", dir=path.parent)
    os.close(handle)
    try:
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as new:
            for entry in old.infolist():
                data = old.read(entry)
                if entry.filename == "docProps/core.xml":
                    data = data.replace(
                        b"</cp:coreProperties>",
                        f"<dc:language>{LANGUAGE}</dc:language></cp:coreProperties>".encode(),
                    )
                new.writestr(entry, data, zipfile.ZIP_DEFLATED)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
