"""A published table as text: decoded, checked row by row, every row with its line in the file; columns
converted on demand.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from operator import itemgetter

import numpy as np
import pandas as pd

from helpers.base.faults import DataRefused, Fault
from helpers.ingest.readers.harmonise import NO_TEXT
from helpers.ingest.readers.readings import FileReport
from helpers.ingest.readers.symbols import to_numbers

GZIP = b"\x1f\x8b"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
DOWNLOAD_AGAIN = "Download the file again from the publisher and compare its size with the publication page."
CORRECT = (
    "Correct the cell from the publication, or tell the maintainers if the publisher has begun to "
    "use a new symbol."
)


def normal(name: str) -> str:
    """A column name without the accidents of case and spacing."""
    return " ".join(name.split()).lower()


def decode(raw: bytes, file: str) -> str:
    """Text of a published file: UTF-8 with or without mark, UTF-16 with its mark, else Windows-1252."""
    encodings = ("utf-16",) if raw[:2] in UTF16 else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataRefused(
        Fault(
            "hard",
            "not_text",
            "the file is neither Unicode nor Windows-1252 text",
            file,
            what_to_do=DOWNLOAD_AGAIN,
        )
    )


def unpack(raw: bytes, file: str) -> bytes:
    """The content of a gzip file, or the bytes as they are. A gzip file that breaks off is refused."""
    if not raw.startswith(GZIP):
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataRefused(
            Fault(
                "hard",
                "truncated",
                f"the compressed file breaks off or is damaged: {error}",
                file,
                what_to_do=DOWNLOAD_AGAIN,
            )
        ) from error


class Table:
    """Rows of text with the line of each in the file. `report` collects symbols and faults as columns are
    converted.

    `lines` int64 array, the 1-based physical line on which each row starts. Column names are matched without
    regard to case.
    """

    def __init__(
        self, header: list[str], columns: dict[str, list[str]], lines: np.ndarray, report: FileReport
    ):
        self.published = {normal(name): name for name in reversed(header)}
        self._columns = columns
        self.lines = lines
        self.report = report

    def __len__(self) -> int:
        return len(self.lines)

    def __contains__(self, column: str) -> bool:
        return normal(column) in self._columns

    def cells(self, column: str) -> np.ndarray:
        """The column exactly as published: an object array of text."""
        return np.asarray(self._columns[normal(column)], dtype=object)

    def where(self, keep: np.ndarray) -> Table:
        """The rows for which `keep` holds."""
        chosen = np.flatnonzero(keep)
        columns = {name: [cells[i] for i in chosen] for name, cells in self._columns.items()}
        return Table(list(self.published.values()), columns, self.lines[chosen], self.report)

    def text(self, column: str, missing: Iterable[str] = NO_TEXT) -> pd.Series:
        """Stripped text, missing where the publisher says nothing; wholly missing when there is no such
        column.
        """
        if column not in self:
            return pd.Series(np.nan, index=range(len(self)), dtype="str")
        out = pd.Series(self.cells(column), dtype="str").str.strip()
        return out.mask(out.str.lower().isin(set(missing)))

    def numbers(self, column: str, low: float | None = None, high: float | None = None) -> np.ndarray:
        """float64, NaN where a symbol stands; wholly NaN when there is no such column. What cannot be read,
        or lies outside `low`..`high`, is a hard fault with its row."""
        return self._numbers(column, low, high)[0]

    def numbers_and_decimals(
        self, column: str, low: float | None = None, high: float | None = None
    ) -> tuple[np.ndarray, int]:
        """As `numbers`, and the number of decimals as published."""
        return self._numbers(column, low, high)

    def _numbers(self, column, low, high) -> tuple[np.ndarray, int]:
        if column not in self:
            return np.full(len(self), np.nan), 0
        cells = self.cells(column)
        parsed = to_numbers(cells)
        name = self.published[normal(column)]
        if parsed.symbols:
            self.report.symbols.setdefault(name, parsed.symbols.__class__()).update(parsed.symbols)
        bad = parsed.unreadable
        self._fault_at(
            bad, "unreadable_number", "this is neither a number nor a known symbol", name, cells, CORRECT
        )
        values = parsed.values
        with np.errstate(invalid="ignore"):
            outside = np.zeros(len(values), dtype=bool)
            if low is not None:
                outside |= values < low
            if high is not None:
                outside |= values > high
        if outside.any():
            limits = f"{low:g} to {high:g}" if low is not None and high is not None else f"{low:g} or more"
            self._fault_at(
                np.flatnonzero(outside),
                "impossible_value",
                f"the value must be {limits}",
                name,
                cells,
                CORRECT,
            )
        return values, parsed.decimals

    def integers(self, column: str, low: int, high: int, code: str) -> np.ndarray:
        """int64; '100000.0' is accepted, anything that is not a whole number in range is a hard fault (and -1
        here).
        """
        cells = self.cells(column)
        values = to_numbers(cells).values
        with np.errstate(invalid="ignore"):
            good = (values >= low) & (values <= high) & (values == np.floor(values))
        name = self.published[normal(column)]
        message = f"a whole number from {low} to {high} is needed here"
        self._fault_at(
            np.flatnonzero(~good),
            code,
            message,
            name,
            cells,
            "Check that no column has shifted, then correct the cell.",
        )
        return np.where(good, values, -1).astype("int64")

    def urns(self, column: str = "urn") -> np.ndarray:
        """Unique reference numbers, int64."""
        return self.integers(column, 100000, 999999, "bad_urn")

    def la_codes(self, column: str) -> pd.Series:
        """Local authority numbers as three-digit text; '202.0' is accepted; missing where blank or 000 (the
        register's way to say that no authority is responsible). A number that is not whole is a hard fault,
        and missing here."""
        values = self.numbers(column, 0, 999)
        whole = values == np.floor(values)
        part = np.flatnonzero(np.isfinite(values) & ~whole)
        if len(part):
            todo = "Check that no column has shifted, then correct the cell."
            name = self.published[normal(column)]
            self._fault_at(
                part,
                "bad_la_code",
                "a local authority number has no fraction",
                name,
                self.cells(column),
                todo,
            )
        usable = whole & (values >= 1) & (values <= 999)
        return three_digits(np.where(usable, values, np.nan))

    def dates(self, column: str, format: str) -> pd.Series:
        """Dates; NaT where blank; a date of another form is a hard fault."""
        text = self.text(column)
        dates = pd.to_datetime(text, format=format, errors="coerce").astype("datetime64[s]")
        if column in self:
            bad = np.flatnonzero(dates.isna() & text.notna())
            name = self.published[normal(column)]
            self._fault_at(
                bad,
                "unreadable_date",
                f"the date is not of the form {format}",
                name,
                self.cells(column),
                CORRECT,
            )
        return dates

    def mapped(self, column: str, table: dict[str, str | None], what: str) -> pd.Series:
        """Published words mapped to ours by `table` (lower-case keys); an unknown word is a hard fault."""
        words = pd.Series(self.cells(column), dtype="str").str.strip().str.lower()
        bad = np.flatnonzero(~words.isin(list(table)))
        name = self.published[normal(column)]
        todo = f"Known are: {', '.join(sorted(k for k in table if k))}. Check that no column has shifted."
        self._fault_at(bad, "unknown_word", f"this is not a known {what}", name, self.cells(column), todo)
        return words.map(table).astype("str")

    def _fault_at(self, positions, code, message, column, cells, what_to_do) -> None:
        if len(positions):
            self.report.faults_at(
                "hard", code, message, self.lines[positions], column, cells[positions], what_to_do
            )


def three_digits(values: np.ndarray) -> pd.Series:
    """Numbers as three-digit text ('001'), missing where NaN."""
    whole = pd.Series(values).astype("Int64").astype("str").str.zfill(3)
    return whole.mask(pd.isna(values))


def parse_rows(text: str, report: FileReport) -> Iterator[tuple[int, list[str]]]:
    """(line, fields) of each row of a CSV text that is not blank; a row that the CSV rules forbid is a hard
    fault.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    before = 0
    try:
        for fields in reader:
            if fields:
                yield before + 1, fields
            before = reader.line_num
    except csv.Error as error:
        report.fault(
            "hard",
            "broken_row",
            f"the row cannot be read: {error}",
            row=before + 1,
            what_to_do=DOWNLOAD_AGAIN,
        )


def read_table(text: str, keep: Iterable[str] | None, report: FileReport) -> Table:
    """The rows of a CSV text. `keep`: the column names wanted (others are not held in memory); None keeps
    all.

    A row with too few or too many fields is a hard fault and is left out; when it is the last one, the file
    was cut off.
    """
    rows = parse_rows(text, report)
    _, header = next(rows)
    return build_table(header, rows, keep, report, ends_with_newline=text.endswith(("\n", "\r")))


def build_table(
    header: list[str],
    rows: Iterable[tuple[int, list[str]]],
    keep: Iterable[str] | None,
    report: FileReport,
    ends_with_newline: bool = True,
) -> Table:
    """A `Table` from a header and numbered rows; checks the number of fields of each row."""
    names = [normal(name) for name in header]
    wanted = set(names) if keep is None else {normal(name) for name in keep}
    positions = {}
    for position, name in enumerate(names):
        if name not in wanted:
            continue
        if name in positions:
            report.fault(
                "hard",
                "repeated_column",
                "two columns have the same name",
                column=header[position],
                what_to_do=DOWNLOAD_AGAIN,
            )
            continue
        positions[name] = position
    pick = (
        itemgetter(*positions.values())
        if len(positions) > 1
        else lambda fields: (fields[next(iter(positions.values()))],)
    )
    width, lines, kept, ragged, last = len(header), [], [], [], 0
    for line, fields in rows:
        last = line
        if len(fields) == width:
            lines.append(line)
            kept.append(pick(fields))
        else:
            ragged.append((line, len(fields)))
    report.rows = len(kept) + len(ragged)
    if ragged and ragged[-1][0] == last and ragged[-1][1] < width:
        line, found = ragged.pop()
        ending = "" if ends_with_newline else " and the line is not ended"
        report.fault(
            "hard",
            "truncated",
            (f"the last row has {found} fields instead of {width}{ending}: the file was cut off"),
            line,
            what_to_do=DOWNLOAD_AGAIN,
        )
    if ragged:
        report.faults_at(
            "hard",
            "ragged_row",
            f"the row does not have the {width} fields of the header",
            [line for line, _ in ragged],
            values=[f"{found} fields" for _, found in ragged],
            what_to_do=DOWNLOAD_AGAIN,
        )
    if not report.rows:
        report.fault("hard", "truncated", "the file has a header and no rows", 1, what_to_do=DOWNLOAD_AGAIN)
    columns = (
        dict(zip(positions, zip(*kept, strict=True), strict=True))
        if kept
        else {name: () for name in positions}
    )
    return Table(header, columns, np.asarray(lines, dtype="int64"), report)
