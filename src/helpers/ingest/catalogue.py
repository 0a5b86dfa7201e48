"""The papers of every data file: what it is, whose, which edition, under which licence, with its checksum; and
where the newest edition is to be had, for `abie fetch`.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

import pandas as pd

from helpers.base.faults import DataRefused, Fault
from helpers.base.paths import CATALOGUE, SAMPLE, shown
from helpers.base.years import academic_year, years_in_path
from helpers.ingest.readers import FORMATS, describe, examine, read_file
from helpers.ingest.readers.folder import files_in
from helpers.ingest.readers.readings import GEOGRAPHIES

COLUMNS = (
    "dataset",
    "file",
    "what",
    "publisher",
    "period",
    "landing_page",
    "url",
    "licence",
    "rows",
    "bytes",
    "sha256",
    "status",
    "note",
)
STATUSES = {
    "published": "as the publisher gives it",
    "collected": "official figures put together by the collector",
    "derived": "computed from official data",
}
REFERENCE = "reference"
DATASETS = {*(f.name for f in FORMATS), *GEOGRAPHIES, REFERENCE}
# A row with a name is a source: it says where the newest edition lies and what is kept of it (docs/fetching.md).
# The others are editions that were seen.
OF_SOURCES = ("name", "wanted", "listing", "member", "keep", "years")


def read_catalogue(path: str | Path = CATALOGUE) -> pd.DataFrame:
    """One row per dataset edition or source, columns `COLUMNS` and `OF_SOURCES`, text except `rows` and `bytes`
    (Int64).

    Raises `DataRefused` with every fault of the catalogue itself.
    """
    path = Path(path)
    catalogue = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    name = shown(path)
    catalogue = catalogue.assign(**{column: "" for column in OF_SOURCES if column not in catalogue})
    lost = [column for column in COLUMNS if column not in catalogue]
    if lost:
        raise DataRefused(
            [
                Fault("hard", "missing_column", "the catalogue lacks a column", name, 1, column)
                for column in lost
            ]
        )
    checks = {
        "dataset": ~catalogue["dataset"].isin(DATASETS),
        "file": catalogue["file"]
        .where(catalogue["name"].eq(""))
        .dropna()
        .duplicated()
        .reindex(catalogue.index, fill_value=False)
        | catalogue["file"].map(leaves_the_folder),
        "name": catalogue["name"]
        .where(catalogue["name"].ne(""))
        .dropna()
        .duplicated()
        .reindex(catalogue.index, fill_value=False)
        | ~catalogue["name"].str.fullmatch(r"[a-z0-9-]*"),
        "wanted": ~catalogue["wanted"].isin(["", "yes"]),
        "years": ~catalogue["years"].map(lambda year: year == "" or academic_year(year) is not None),
        "member": ~catalogue["member"].map(_is_pattern),
        "status": ~catalogue["status"].isin(STATUSES),
        "sha256": ~catalogue["sha256"].str.fullmatch(r"[0-9a-f]{64}|"),
        "rows": ~catalogue["rows"].str.fullmatch(r"[0-9]*"),
        "bytes": ~catalogue["bytes"].str.fullmatch(r"[0-9]*"),
    }
    todo = {
        "dataset": f"Known are {', '.join(sorted(DATASETS))}.",
        "file": "Each file stands once, with its path relative to the data folder.",
        "status": f"Known are {', '.join(STATUSES)}.",
        "name": "Each name stands once: small letters, digits and hyphens.",
        "wanted": "yes, or nothing for what is fetched only by name.",
        "years": "The first academic year needed, like 2014-15.",
        "member": "A regular expression for the name of the file.",
        "sha256": "64 lower-case hexadecimal digits, or nothing.",
    }
    faults = [
        Fault(
            "hard",
            "bad_catalogue",
            "the catalogue is wrong here",
            name,
            row + 2,
            column,
            catalogue[column].iloc[row],
            todo.get(column, ""),
        )
        for column, wrong in checks.items()
        for row in range(len(catalogue))
        if wrong.iloc[row]
    ]
    if faults:
        raise DataRefused(faults)
    numbers = {
        column: pd.to_numeric(catalogue[column].replace("", None)).astype("Int64")
        for column in ("rows", "bytes")
    }
    return catalogue.assign(**numbers)[[*COLUMNS, *OF_SOURCES]]


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def leaves_the_folder(file: str) -> bool:
    """Whether a path, or none, leads elsewhere than into the folder that it is relative to."""
    path = PurePosixPath(file)
    return not file or path.is_absolute() or ".." in path.parts or "\\" in file or ":" in file


def match(file: str | Path, catalogue: pd.DataFrame, sha256: str = "") -> dict | None:
    """The catalogue's row for a file: by checksum, else by the end of its path; None when there is none or
    more than one.

    Files that name different years are different editions: `2023-2024/england_abs.csv` is not the one of
    2022-2023.
    """
    if not sha256 and Path(file).is_file():
        sha256 = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    if "name" in catalogue:
        catalogue = catalogue[catalogue["name"].eq("")]
    same = catalogue[catalogue["sha256"].eq(sha256)] if sha256 else catalogue.iloc[:0]
    if len(same):
        return same.iloc[0].to_dict()
    years = years_in_path(file)
    ends = catalogue["file"].map(
        lambda listed: _common_end(file, listed) if _same_year(years, years_in_path(listed)) else 0
    )
    best = catalogue[ends.eq(ends.max()) & ends.gt(0)]
    return best.iloc[0].to_dict() if len(best) == 1 else None


def _same_year(one: list[str], other: list[str]) -> bool:
    return not one or not other or bool(set(one) & set(other))


def _common_end(one: str | Path, other: str) -> int:
    """How many parts, counted from the file name, two paths share."""
    count = 0
    for a, b in zip(reversed(Path(one).parts), reversed(PurePosixPath(other).parts), strict=False):
        if a.lower() != b.lower():
            break
        count += 1
    return count


def verify(folder: str | Path, catalogue: pd.DataFrame, files: pd.DataFrame | None = None) -> list[Fault]:
    """What differs from the catalogue's editions: fewer rows is a hard fault, other content a flag.

    `files`: `Readings.files` of the same folder where it has been read already. Files that the catalogue does
    not list say nothing. The embedded sample is an invented country: a folder that holds any of its files is
    never compared with real editions.
    """
    folder = Path(folder)
    if files is None:
        reports = [describe(path, path.relative_to(folder).as_posix()) for path in files_in(folder)]
        known = [(report.file, report.sha256, None) for report in reports]
    else:
        known = [(row.path, row.sha256, row.rows) for row in files.itertuples()]
    invented = {describe(path).sha256 for path in files_in(SAMPLE)}
    if any(sha256 in invented for _, sha256, _ in known):
        return []
    faults = []
    for file, sha256, rows in known:
        listed = match(file, catalogue, sha256)
        if listed is None or not listed["sha256"] or listed["sha256"] == sha256:
            continue
        faults.append(_difference(folder / file, file, rows, listed))
    return faults


def _difference(path: Path, file: str, rows: int | None, listed: dict) -> Fault:
    if rows is None or pd.isna(rows):
        report = describe(path, file)
        read_file(path, examine(path, file), report)
        rows = report.rows
    expected = listed["rows"]
    if rows is not None and not pd.isna(rows) and not pd.isna(expected) and rows < expected:
        return Fault(
            "hard",
            "truncated_against_catalogue",
            f"the file has {rows:,} rows; the catalogue's edition of "
            f"{listed['what']} "
            f"({listed['period']}) has {expected:,}",
            file,
            value=str(rows),
            what_to_do=(
                "Download the file again; if the publisher has issued a shorter edition, list it "
                "in the catalogue."
            ),
        )
    return Fault(
        "flag",
        "edition_differs",
        (
            f"the file is not the catalogue's edition of {listed['what']} "
            f"({listed['period']}): another checksum"
        ),
        file,
        value=f"{rows} rows" if rows is not None else "",
        what_to_do="If it is a newer edition, list it in the catalogue; if not, download it again.",
    )
