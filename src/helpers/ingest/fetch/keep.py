"""What is kept of a download, while it comes: columns and years of a table, one file of an archive, the pages of a
map as one.

The bytes of a table are written in the publisher's own encoding. Columns that name people or say how to reach
them are never kept, whatever is asked for.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path, PurePosixPath

from helpers.base.years import academic_year, first_of
from helpers.ingest.fetch.web import NotFetched, Stream
from helpers.ingest.readers import FORMATS
from helpers.ingest.readers.detect import HEAD, first_row
from helpers.ingest.readers.formats import changed_layout, choose
from helpers.ingest.readers.tables import GZIP, UTF16, normal

READER, ALL = "reader", "*"
ZIP = b"PK\x03\x04"
PEOPLE = re.compile(
    r"head ?(title|firstname|lastname|preferredjobtitle|honours|e-?mail).*|head of group.*|head ?teacher.*"
    r"|.*(telephone|phone ?num|fax ?num|e-?mail).*|propsname|chair ?(of|man|person)?\b.*(name|governors).*"
    r"|.*(first ?name|last ?name|surname|forename).*|contact.*"
)
# A year counts only where these say that the row is of a whole year.
PART_OF_A_YEAR, WHOLE_YEAR = "time_identifier", ("academic year", "")


@dataclass(frozen=True)
class Wanted:
    """Of a table: the `columns` that are kept (None: all), those that it must have (`needed`), and the academic
    years: from `first` on, or `years` alone. Of an archive: the file whose name fits `member`. `format`: the
    reader's format that the header must be.
    """

    columns: tuple[str, ...] | None = None
    needed: tuple[str, ...] = ()
    first: str = ""
    years: tuple[str, ...] = ()
    member: str = ""
    format: str = ""

    def wants(self, cell: str) -> bool:
        """Whether a cell of `time_period` is of a year that is wanted. What cannot be read is kept."""
        year = academic_year(cell)
        if year is None:
            return True
        if self.years:
            return year in self.years
        return not self.first or first_of(year) >= first_of(self.first)


def wanted(keep: str, dataset: str, first: str = "", member: str = "") -> Wanted:
    """What a row of the catalogue wants kept. Its `keep` is a list divided by `|`: `*` all columns, `reader` those
    that the dataset's reader may ask for; a name with `?` may be missing, any other must be there.
    """
    words = [word.strip() for word in keep.split("|") if word.strip()]
    names = [word for word in words if word not in (READER, ALL)]
    needed = tuple(name for name in names if not name.endswith("?"))
    must_be = dataset if READER in words or not words else ""
    if ALL in words or not words:
        return Wanted(None, needed, first, (), member, must_be)
    columns = [name.rstrip("?") for name in names]
    if READER in words:
        columns = [*next((f.columns for f in FORMATS if f.name == dataset), []), *columns]
    return Wanted(tuple(dict.fromkeys(columns)), needed, first, (), member, must_be)


@dataclass
class Kept:
    """What was kept of a download: its bytes and their sha256; of a table also rows, years and columns, and how
    many rows and which columns were left out.
    """

    bytes: int = 0
    sha256: str = ""
    rows: int | None = None
    years: list[str] = field(default_factory=list)
    columns: list[str] | None = None
    rows_left_out: int = 0
    columns_left_out: list[str] = field(default_factory=list)


def keep(blocks: Iterable[bytes], want: Wanted, target: Path) -> Kept:
    """Write what is wanted of a download to `target`. Raises `NotFetched`; `target` is then not to be used."""
    stream = iter(blocks)
    start, stream = _start(stream)
    if start.startswith(ZIP) and want.member:
        with _member(stream, want.member) as inside:
            return keep(inside, replace(want, member=""), target)
    suffix = target.suffix.lower()
    if suffix == ".csv":
        if start.startswith(GZIP):
            start, stream = _start(_unzipped(stream))
        if start.startswith(ZIP) or (b"\x00" in start and not start.startswith(UTF16)):
            raise NotFetched("wrong type: an archive or another binary file came in place of a table")
        return _table(start, stream, want, target)
    if suffix in (".xlsx", ".zip") and not start.startswith(ZIP):
        raise NotFetched(f"wrong type: what came is no {suffix[1:]} file")
    kept = _copy(stream, target)
    if suffix in (".xlsx", ".zip") and not zipfile.is_zipfile(target):
        raise NotFetched("the file breaks off or is damaged: it has no end")
    return kept


def _start(stream: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, enough to tell a header, and the stream with them."""
    start = b""
    for block in stream:
        start += block
        if len(start) >= HEAD:
            break
    return start, _chain(start, stream)


def _chain(start: bytes, stream: Iterator[bytes]) -> Iterator[bytes]:
    yield start
    yield from stream


def _unzipped(stream: Iterator[bytes]) -> Iterator[bytes]:
    unzip = zlib.decompressobj(31)
    try:
        for block in stream:
            yield unzip.decompress(block)
    except zlib.error as error:
        raise NotFetched(f"the compressed file is damaged: {error}") from error
    if not unzip.eof:
        raise NotFetched("the compressed file breaks off before its end")


@contextmanager
def _member(stream: Iterator[bytes], pattern: str) -> Iterator[Iterator[bytes]]:
    """The one file of an archive whose path fits a pattern. The archive lies in a file without a name, which goes
    with it.
    """
    with tempfile.TemporaryFile() as archive:
        for block in stream:
            archive.write(block)
        try:
            with zipfile.ZipFile(archive) as opened:
                names = [name for name in opened.namelist() if not name.endswith("/")]
                fits = [name for name in names if re.search(pattern, name, re.IGNORECASE)]
                if len(fits) != 1:
                    found = "no file" if not fits else "several files"
                    listed = ", ".join((fits or names)[:10])
                    raise NotFetched(f"the archive holds {found} like {pattern}: {listed}")
                with opened.open(fits[0]) as inside:
                    blocks = iter(lambda: inside.read(1 << 16), b"")
                    yield _unzipped(blocks) if fits[0].endswith(".gz") else blocks
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise NotFetched(f"the archive breaks off or is damaged: {error}") from error


def _copy(stream: Iterable[bytes], target: Path) -> Kept:
    kept, digest = Kept(), hashlib.sha256()
    with target.open("wb") as out:
        for block in stream:
            out.write(block)
            digest.update(block)
            kept.bytes += len(block)
    kept.sha256 = digest.hexdigest()
    return kept


def _table(start: bytes, stream: Iterator[bytes], want: Wanted, target: Path) -> Kept:
    """A table as published where nothing is to be left out, else only what is wanted of it."""
    encoding, mark = _encoding(start)
    header = first_row(start[len(mark) :].decode(encoding, errors="replace"))
    chosen = _columns(header, want)
    whole = len(chosen) == len(header) and not want.first and not want.years
    raw = io.BufferedReader(_Blocks(stream), 1 << 18)
    raw.read(len(mark))
    out = target.open("wb")
    written = _Written(out, mark)
    try:
        text = io.TextIOWrapper(raw, encoding=encoding, newline="", errors="strict")
        if whole:
            text = _Copied(text, written, encoding)
        return _rows(text, header, chosen, want, None if whole else written, encoding).finish(written)
    except (csv.Error, UnicodeError) as error:
        raise NotFetched(f"the table cannot be read: {error}") from error
    finally:
        out.close()


def _encoding(start: bytes) -> tuple[str, bytes]:
    """How to read the bytes and write them again as they were, and the mark in front. UTF-8 and Windows-1252 are
    both read byte by byte: commas, quotes and ends of line are the same in them.
    """
    if start.startswith(UTF16):
        return ("utf-16-le" if start.startswith(b"\xff\xfe") else "utf-16-be"), start[:2]
    mark = b"\xef\xbb\xbf"
    return "latin-1", mark if start.startswith(mark) else b""


def _columns(header: list[str], want: Wanted) -> list[int]:
    """Positions of the columns that are kept. Raises `NotFetched` where one that must be there is missing."""
    _refuse_other_format(header, want.format)
    have = {normal(name): position for position, name in enumerate(header)}
    lost = [name for name in want.needed if not any(normal(n) in have for n in name.split(" or "))]
    if lost:
        raise NotFetched(
            f"the publisher has changed the header: column {', '.join(lost)} is missing; there are "
            f"{', '.join(header[:40]) or 'none'}"
        )
    names = None if want.columns is None else {normal(n) for c in want.columns for n in c.split(" or ")}
    return [
        position
        for position, name in enumerate(header)
        if (names is None or normal(name) in names) and not PEOPLE.fullmatch(normal(name))
    ]


def _refuse_other_format(header: list[str], name: str) -> None:
    """Raises `NotFetched` where a header is not the one that a reader needs, with what has become of it."""
    format = next((f for f in FORMATS if f.name == name), None)
    if format is None or not format.missing(header):
        return
    other = choose(header, FORMATS)
    if other is not None:
        raise NotFetched(f"another table came: {other.label} instead of {format.label}")
    faults = changed_layout(header, format, "")
    said = " ".join(f"{fault.message}. {fault.what_to_do}" for fault in faults[:3])
    raise NotFetched(f"the publisher has changed the header: {said}")


class _Rows:
    """What was counted while the rows went by."""

    def __init__(self, kept: Kept):
        self.kept = kept

    def finish(self, written: _Written) -> Kept:
        self.kept.bytes, self.kept.sha256 = written.size, written.digest.hexdigest()
        return self.kept


def _rows(
    text: Iterable[str],
    header: list[str],
    chosen: list[int],
    want: Wanted,
    written: _Written | None,
    encoding: str,
) -> _Rows:
    """Read every row, count it, and write what is kept of it where `written` is given."""
    names = [normal(name) for name in header]
    period = names.index("time_period") if "time_period" in names else None
    part = names.index(PART_OF_A_YEAR) if PART_OF_A_YEAR in names else None
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    pick = itemgetter(*chosen) if len(chosen) > 1 else lambda fields: (fields[chosen[0]],)
    kept = Kept(rows=0, columns=[header[i] for i in chosen])
    kept.columns_left_out = [name for i, name in enumerate(header) if i not in set(chosen)]
    if not chosen:
        raise NotFetched(
            "the publisher has changed the header: no column that is needed is in it; there are "
            + ", ".join(header[:40])
        )
    wants: dict[str, bool] = {}
    years: set[str] = set()
    reader = csv.reader(text)
    for number, fields in enumerate(fields for fields in reader if fields):
        if len(fields) != len(header):
            raise NotFetched(
                f"row {reader.line_num} has {len(fields)} fields, the header {len(header)}: the file was cut off "
                "or has changed"
            )
        if number:
            if period is not None:
                cell = fields[period]
                if cell not in wants:
                    wants[cell] = want.wants(cell)
                if not wants[cell]:
                    kept.rows_left_out += 1
                    continue
                if part is None or fields[part].strip().lower() in WHOLE_YEAR:
                    years.add(cell)
            kept.rows += 1
        if written is not None:
            writer.writerow(pick(fields))
            if lines.tell() > 1 << 18:
                written.write(lines.getvalue().encode(encoding))
                lines.seek(0)
                lines.truncate()
    if written is not None:
        written.write(lines.getvalue().encode(encoding))
    if not kept.rows:
        raise NotFetched("the table has no rows" + (" of the years needed" if kept.rows_left_out else ""))
    kept.years = sorted({year for cell in years if (year := academic_year(cell))})
    return _Rows(kept)


class _Written:
    """A file that is being written, with its size and checksum."""

    def __init__(self, out: io.BufferedWriter, start: bytes = b""):
        self.out, self.size, self.digest = out, 0, hashlib.sha256()
        self.write(start)

    def write(self, block: bytes) -> None:
        self.out.write(block)
        self.size += len(block)
        self.digest.update(block)


class _Copied:
    """The lines of a text, each written as it was before it is handed on."""

    def __init__(self, lines: Iterable[str], written: _Written, encoding: str):
        self.lines, self.written, self.encoding = lines, written, encoding

    def __iter__(self) -> Iterator[str]:
        for line in self.lines:
            self.written.write(line.encode(self.encoding))
            yield line


class _Blocks(io.RawIOBase):
    """Blocks of bytes as a file that can be read."""

    def __init__(self, blocks: Iterator[bytes]):
        self._blocks, self._left = blocks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = block
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size


def keep_pages(page: Callable[[int], Stream], target: Path) -> tuple[Kept, list[Stream]]:
    """A map that comes in pages as one GeoJSON, in the order in which it came; and the streams that were read.

    `page(offset)` is the stream of the page that begins with that feature.
    """
    features, streams, whole = [], [], None
    while True:
        stream = page(len(features))
        streams.append(stream)
        try:
            part = json.loads(b"".join(stream).decode("utf-8-sig"))
        except ValueError as error:
            raise NotFetched(f"the map is no JSON: {error}") from error
        if isinstance(part, dict) and "error" in part:
            said = part["error"].get("message", "") if isinstance(part["error"], dict) else part["error"]
            raise NotFetched(f"the map service answered with an error: {said}")
        if not isinstance(part, dict) or part.get("type") != "FeatureCollection":
            raise NotFetched("wrong type: what came is no GeoJSON collection")
        if whole is None:
            whole = {name: value for name, value in part.items() if name in ("type", "name", "crs")}
        elif part.get("crs") != whole.get("crs"):
            raise NotFetched("the pages of the map are in different coordinates")
        if features and part["features"] and part["features"][0] == features[0]:
            raise NotFetched("the map service sends its first page again: it does not know resultOffset")
        features += part["features"]
        more = part.get("exceededTransferLimit") or part.get("properties", {}).get("exceededTransferLimit")
        if not (more and part["features"]):
            break
    if not features:
        raise NotFetched("the map has no areas")
    text = json.dumps({**whole, "features": features}, ensure_ascii=False, separators=(",", ":"))
    kept = _copy([text.encode()], target)
    kept.rows = len(features)
    return kept, streams


def refuse_unreadable(years: Collection[str], release: str) -> None:
    """Raises `NotFetched` where a release was asked for that a table does not hold."""
    if release and years and release not in years:
        raise NotFetched(f"the file has no rows of {release}; it holds {', '.join(years)}")


def kind_of(file: str) -> str:
    """What is expected under an address whose file is kept under this name: `file` or `map`."""
    return "map" if PurePosixPath(file).suffix.lower() == ".geojson" else "file"
