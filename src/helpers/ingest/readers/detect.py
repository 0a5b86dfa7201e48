"""Which published format a file holds: told by its first bytes and its columns, never by its name."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from helpers.base.faults import DataRefused, Fault
from helpers.ingest.readers import (
    area_rates,
    attendance,
    boundaries,
    deprivation,
    ees_absence,
    gias,
    hubs,
    performance_tables,
    spc_census,
    workbooks,
)
from helpers.ingest.readers.formats import Format, changed_layout, choose, nearest
from helpers.ingest.readers.tables import DOWNLOAD_AGAIN, GZIP, UTF16, decode

FORMATS: tuple[Format, ...] = (
    *performance_tables.FORMATS,
    *ees_absence.FORMATS,
    *spc_census.FORMATS,
    *gias.FORMATS,
    *deprivation.FORMATS,
    *area_rates.FORMATS,
    *attendance.FORMATS,
    *hubs.FORMATS,
)
HEAD = 65_536
SEPARATORS = {";": "semicolons", "\t": "tabs"}


@dataclass(frozen=True)
class Recognised:
    """What a file is. `name` is the format's name, or None with the `reason`; `kind` how it is stored: text,
    sheet, gpkg, geojson, parquet; `faults` when it resembles a known format that it is not."""

    name: str | None = None
    kind: str = ""
    format: Format | None = None
    sheet: str = ""
    reason: str = ""
    faults: list[Fault] = field(default_factory=list)

    @property
    def frames(self) -> tuple[str, ...]:
        """The frames of `Readings` that the file can fill."""
        if self.format is not None:
            return self.format.frames
        return (self.name,) if self.name else ()


def recognise(path: str | Path) -> str | None:
    """The name of the format that a file holds, or None."""
    return examine(Path(path)).name


def examine(path: Path, file: str = "") -> Recognised:
    """What a file holds, and if nothing known, why. `file` is the name to use in messages."""
    file = file or path.name
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if not head:
        return _damaged("the file is empty", file)
    if head.startswith(b"PK\x03\x04"):
        return _workbook(path, file)
    if head.startswith(b"SQLite format 3\x00"):
        return _map(path, "gpkg", file)
    if head.startswith(b"PAR1"):
        return _map(path, "parquet", file)
    if head.startswith(GZIP):
        try:
            with gzip.open(path) as stream:
                head = stream.read(HEAD)
        except (EOFError, OSError, zlib.error) as error:
            return _damaged(f"the compressed file breaks off or is damaged: {error}", file)
    if b"\x00" in head and not head.startswith(UTF16):
        return Recognised(reason="not a table: a binary file")
    return _text(path, head, file)


def _text(path: Path, head: bytes, file: str) -> Recognised:
    try:
        text = _decode_head(head, file)
    except DataRefused as refused:
        return Recognised(reason="not a text that can be read", faults=refused.faults)
    start = text.lstrip()[:15].lower()
    if start.startswith("{"):
        return _map(path, "geojson", file)
    if start.startswith(("<!doctype", "<html")):
        todo = "Open the address in a browser and download the file itself."
        return Recognised(
            reason="a web page",
            faults=[
                Fault("flag", "web_page", "a web page was saved instead of a file", file, what_to_do=todo)
            ],
        )
    header = first_row(text)
    return _by_header(header, "text", file) if header else Recognised(reason="not a table")


def _decode_head(head: bytes, file: str) -> str:
    """Text of the first bytes: a character cut in two at the end must not make UTF-8 look like Windows-1252."""
    if len(head) < HEAD:
        return decode(head, file)
    return decode(head[: head.rfind(b"\n") + 1] or head, file)


def first_row(text: str) -> list[str]:
    """The header of a CSV text; empty when it is no table."""
    try:
        return next(
            (fields for fields in csv.reader(io.StringIO(text, newline=""), strict=True) if fields), []
        )
    except csv.Error:
        return []


def _by_header(header: list[str], kind: str, file: str, sheet: str = "") -> Recognised:
    chosen = choose(header, FORMATS)
    if chosen is not None:
        return Recognised(chosen.name, kind, chosen, sheet)
    near = nearest(header, FORMATS)
    if near is not None:
        return Recognised(
            reason=f"looks like {near.label}, but is not", faults=changed_layout(header, near, file)
        )
    for sign, word in SEPARATORS.items():
        other = choose([name.strip('"') for name in next(iter(header), "").split(sign)], FORMATS)
        if other is not None:
            message = f"this is {other.label} with columns separated by {word}"
            todo = "Use the file as published; a spreadsheet has changed it."
            return Recognised(
                reason=message, faults=[Fault("hard", "wrong_separator", message, file, 1, what_to_do=todo)]
            )
    return Recognised(reason="not a format that the workbook knows")


def _workbook(path: Path, file: str) -> Recognised:
    try:
        with workbooks.refusing_damage(file):
            if not workbooks.is_workbook(path):
                return Recognised(reason="an archive: unpack it first")
            sheets = workbooks.headers(path)
    except DataRefused as refused:
        return Recognised(reason="a damaged workbook or archive", faults=refused.faults)
    found = Recognised(reason="a workbook without a table that is known")
    for sheet, header in sheets:
        one = _by_header(header, "sheet", file, sheet)
        if one.name:
            return one
        found = one if one.faults and not found.faults else found
    return found


def _map(path: Path, kind: str, file: str) -> Recognised:
    try:
        columns = boundaries.columns_of(path, kind, file)
    except DataRefused as refused:
        return Recognised(reason="a damaged map", faults=refused.faults)
    if not columns:
        return Recognised(reason="neither a table nor a map that is known")
    frame, reason = boundaries.choose(columns)
    return Recognised(frame, kind, reason=reason)


def _damaged(message: str, file: str) -> Recognised:
    return Recognised(
        reason=message, faults=[Fault("hard", "truncated", message, file, what_to_do=DOWNLOAD_AGAIN)]
    )
