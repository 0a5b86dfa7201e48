"""From a folder of published files to readings: every file's rows in our columns, and the year that it is of."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

import geopandas as gpd
import pandas as pd

from helpers.base.faults import DataRefused, Fault
from helpers.base.years import years_in_path
from helpers.ingest.readers import boundaries, workbooks
from helpers.ingest.readers.detect import Recognised, examine
from helpers.ingest.readers.readings import FILE_COLUMNS, FRAMES, GEOGRAPHIES, FileReport, Readings, conform
from helpers.ingest.readers.tables import Table, build_table, decode, read_table, unpack

NOT_USED = "not used"
BY_PATH = ("absence_performance_tables", "census_performance_tables")
KEYS = {
    "absence": ["urn", "year"],
    "census": ["urn", "year"],
    "census_detail": ["urn", "year"],
    "establishments": ["urn"],
    "points": ["urn"],
    "deprivation": ["urn"],
    "deprivation_lsoa": ["lsoa11_code"],
    "la_boundaries": ["la_ons_code"],
    "lsoa_boundaries": ["lsoa11_code"],
    "area_rates": ["year", "geography", "area_code", "phase", "measure"],
}
# Files that say the same thing twice contradict each other; which one is meant is for a person to say.
ONE_FILE_PER_KEY = {
    "absence": ["urn", "year", "publication"],
    "census": ["urn", "year"],
    "census_detail": ["urn", "year"],
    "area_rates": KEYS["area_rates"],
}
# These exist in editions, and an old one is better than none: of two files that name a school or area, the
# first in path order counts.
ONE_PER_KEY = (
    "establishments",
    "points",
    "deprivation",
    "deprivation_lsoa",
    "la_boundaries",
    "lsoa_boundaries",
)


def read_folder(folder: str | Path, only: Collection[str] | None = None) -> Readings:
    """Everything that a folder (with its subfolders) holds.

    `only`: names of the frames wanted, e.g. `{"absence", "area_rates"}`; other files are listed as not asked
    for. What is wrong stands in `faults`; a file that cannot be read gives no rows. Raises
    `FileNotFoundError` when there is no such folder and `ValueError` for an unknown frame.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    unknown = set(only or ()) - set(FRAMES)
    if unknown:
        raise ValueError(f"no such frame: {', '.join(sorted(unknown))}; there are {', '.join(FRAMES)}")
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in FRAMES}
    reports, undated, seen = [], [], {}
    for path in files_in(folder):
        file = path.relative_to(folder).as_posix()
        report = describe(path, file)
        reports.append(report)
        if report.sha256 in seen:
            report.taken_for = NOT_USED
            report.note(f"the same content as {seen[report.sha256]}")
            continue
        seen[report.sha256] = file
        recognised = examine(path, file)
        if only is not None and recognised.name and not set(recognised.frames) & set(only):
            report.taken_for = recognised.name
            report.note("not asked for")
            continue
        frames = read_file(path, recognised, report)
        if recognised.name in BY_PATH and frames:
            year = _year_of(folder, file, report)
            if year is None:
                undated.append((recognised.name, frames, report))
                continue
            _set_year(frames, year, report)
        _collect(parts, frames)
    for name, frames, report in undated:
        year = _infer_year(name, frames, parts["area_rates"], report)
        if year is not None:
            _set_year(frames, year, report)
            _collect(parts, frames)
    return _assemble(parts, reports)


def files_in(folder: Path) -> Iterator[Path]:
    """The files of a folder and its subfolders in the order of their paths, without hidden ones and Excel's
    lock files.
    """
    for path in sorted(folder.rglob("*"), key=lambda p: p.relative_to(folder).as_posix()):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith((".", "~$")) for part in parts):
            yield path


def describe(path: Path, file: str = "") -> FileReport:
    """Size and checksum of a file."""
    raw = path.read_bytes()
    return FileReport(file or path.name, bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest())


def read_file(path: Path, recognised: Recognised, report: FileReport) -> dict[str, pd.DataFrame]:
    """The frames of one file by name; what is wrong goes into `report`. A file that cannot be read gives
    none.
    """
    report.taken_for = recognised.name or NOT_USED
    report.faults += recognised.faults
    if recognised.name is None:
        report.note(recognised.reason)
        return {}
    try:
        if recognised.format is None:
            frame = recognised.name
            out = {frame: boundaries.read_boundaries(path, recognised.kind, frame, report)}
        else:
            out = recognised.format.read(_table(path, recognised, report))
    except DataRefused as refused:
        report.faults += refused.faults
        return {}
    for frame in out.values():
        frame["file"] = report.file
    for name, frame in out.items():
        _refuse_duplicates(name, frame, report)
    return out


def _table(path: Path, recognised: Recognised, report: FileReport) -> Table:
    columns = recognised.format.columns
    if recognised.kind == "text":
        return read_table(decode(unpack(path.read_bytes(), report.file), report.file), columns, report)
    with workbooks.refusing_damage(report.file):
        rows = workbooks.rows(path, recognised.sheet)
        _, header = next(rows)
        return build_table(header, rows, columns, report)


def _refuse_duplicates(name: str, frame: pd.DataFrame, report: FileReport) -> None:
    """Two rows of one file for the same school (and year) contradict or repeat each other: a person must
    choose.
    """
    key = [column for column in KEYS.get(name, []) if column in frame]
    if not key:
        return
    again = frame.duplicated(key)
    if again.any():
        rows = frame.loc[again, "row"] if "row" in frame else [None] * int(again.sum())
        values = frame.loc[again, key].astype("str").agg(" ".join, axis=1)
        report.faults_at(
            "hard",
            "duplicate_row",
            f"the file has another row for the same {' and '.join(key)}",
            rows,
            key[0],
            values,
            "Find out from the publication which row is right and remove the other.",
        )


def _year_of(folder: Path, file: str, report: FileReport) -> str | None:
    """The year that the path names: of the file first, then its folders, then the folder that is being read."""
    for part in [*reversed(Path(file).parts), folder.resolve().name]:
        years = years_in_path(part)
        if len(years) == 1:
            return years[0]
        if years:
            report.note(f"{part!r} names several years: {', '.join(years)}")
    return None


def _infer_year(name: str, frames: dict, area_rates: list[pd.DataFrame], report: FileReport) -> str | None:
    """The one year whose published national rates are those at the end of the file, to their rounding; else a
    hard fault.
    """
    todo = (
        "Put the file into a folder named after its year (2022-2023) or begin its name with the year "
        "(2022-2023_england_abs.csv)."
    )
    if name != "absence_performance_tables" or not area_rates:
        report.fault(
            "hard", "year_unknown", "the file holds no year and its path names none", what_to_do=todo
        )
        return None
    rates = pd.concat(area_rates, ignore_index=True)
    rates = rates[rates["geography"].eq("england") & rates["rate_pct"].notna()]
    matching = [
        year for year, of_year in rates.groupby("year") if _same_rates(frames["absence_national"], of_year)
    ]
    if len(matching) != 1:
        found = (
            f"the national rows fit {', '.join(matching)}"
            if matching
            else "the national rows fit no published year"
        )
        report.fault(
            "hard",
            "year_unknown",
            f"the file holds no year, its path names none and {found}",
            what_to_do=todo,
        )
        return None
    report.fault(
        "flag",
        "year_inferred",
        f"taken for {matching[0]}: its national rows are those published for that year",
        what_to_do=todo,
    )
    return matching[0]


def _same_rates(national: pd.DataFrame, rates: pd.DataFrame) -> bool:
    published = rates.set_index(["phase", "measure"])["rate_pct"]
    columns = {"absence": "absence_pct", "persistent": "persistent_pct"}
    differences = [
        abs(row[column] - published[row["phase"], measure])
        for _, row in national.iterrows()
        for measure, column in columns.items()
        if pd.notna(row[column]) and (row["phase"], measure) in published.index
    ]
    return len(differences) >= len(columns) and max(differences) <= 0.05 + 1e-9


def _set_year(frames: dict[str, pd.DataFrame], year: str, report: FileReport) -> None:
    report.years.add(year)
    for frame in frames.values():
        frame["year"] = year


def _collect(parts: dict[str, list], frames: dict[str, pd.DataFrame]) -> None:
    for name, frame in frames.items():
        if len(frame):
            parts[name].append(frame[GEOGRAPHIES[name]] if name in GEOGRAPHIES else conform(frame, name))


def _assemble(parts: dict[str, list], reports: list[FileReport]) -> Readings:
    readings = Readings()
    for name, frames in parts.items():
        if not frames:
            continue
        whole = pd.concat(frames, ignore_index=True)
        if name == "establishments":
            whole = _fill_gaps(frames)
        elif name in ONE_PER_KEY:
            whole = whole.drop_duplicates(KEYS[name]).reset_index(drop=True)
        if name in GEOGRAPHIES:
            whole = gpd.GeoDataFrame(whole, geometry="geometry", crs=boundaries.GRID)
        setattr(readings, name, whole)
    readings.files = pd.DataFrame([report.as_dict() for report in reports], columns=FILE_COLUMNS).astype(
        {"rows": "Int64"}
    )
    readings.faults = [fault for report in reports for fault in report.faults]
    readings.faults += [
        fault for name, key in ONE_FILE_PER_KEY.items() for fault in _overlaps(getattr(readings, name), key)
    ]
    return readings


def _overlaps(frame: pd.DataFrame, key: list[str]) -> list[Fault]:
    """A hard fault for each file that repeats rows which another file has given already."""
    if frame["file"].nunique() < 2:
        return []
    first = frame.drop_duplicates(key)
    again = frame[frame.duplicated(key)].merge(
        first[[*key, "file"]], on=key, how="left", suffixes=("", "_first"), validate="m:1"
    )
    pairs = (
        again[again["file"] != again["file_first"]]
        .groupby(["file", "file_first"])
        .agg(rows=("year", "size"), year=("year", "first"))
    )
    return [
        Fault(
            "hard",
            "files_overlap",
            (f"{pair.rows:,} rows are also given by {other}, the first for {pair.year}"),
            file,
            what_to_do="Keep the newer edition of the two in the folder and move the other away.",
        )
        for (file, other), pair in pairs.iterrows()
    ]


def _fill_gaps(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """One row per school from several registers: the longest register first, the others only where it says
    nothing.
    """
    ordered = pd.concat(sorted(frames, key=len, reverse=True), ignore_index=True)
    whole = ordered.groupby("urn", sort=True).first().reset_index()
    return conform(whole, "establishments")
