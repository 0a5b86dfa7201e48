"""The papers of every data file: what it is, whose, which edition, under which licence, with its checksum.
`abie fetch` reads it too.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import pandas as pd
import pooch
import requests

from helpers.base.faults import DataRefused, Fault
from helpers.base.paths import CATALOGUE, SAMPLE, shown
from helpers.base.years import years_in_path
from helpers.ingest.readers import FORMATS, Recognised, describe, examine, read_file
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
SECONDS_WITHOUT_AN_ANSWER = 60


def read_catalogue(path: str | Path = CATALOGUE) -> pd.DataFrame:
    """One row per dataset edition, columns `COLUMNS`, text except `rows` and `bytes` (Int64).

    Raises `DataRefused` with every fault of the catalogue itself.
    """
    path = Path(path)
    catalogue = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    name = shown(path)
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
        "file": catalogue["file"].duplicated() | catalogue["file"].map(_leaves_the_folder),
        "status": ~catalogue["status"].isin(STATUSES),
        "sha256": ~catalogue["sha256"].str.fullmatch(r"[0-9a-f]{64}|"),
        "rows": ~catalogue["rows"].str.fullmatch(r"[0-9]*"),
        "bytes": ~catalogue["bytes"].str.fullmatch(r"[0-9]*"),
    }
    todo = {
        "dataset": f"Known are {', '.join(sorted(DATASETS))}.",
        "file": "Each file stands once, with its path relative to the data folder.",
        "status": f"Known are {', '.join(STATUSES)}.",
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
    return catalogue.assign(**numbers)[list(COLUMNS)]


def _leaves_the_folder(file: str) -> bool:
    path = PurePosixPath(file)
    return not file or path.is_absolute() or ".." in path.parts


def match(file: str | Path, catalogue: pd.DataFrame, sha256: str = "") -> dict | None:
    """The catalogue's row for a file: by checksum, else by the end of its path; None when there is none or
    more than one.

    Files that name different years are different editions: `2023-2024/england_abs.csv` is not the one of
    2022-2023.
    """
    if not sha256 and Path(file).is_file():
        sha256 = hashlib.sha256(Path(file).read_bytes()).hexdigest()
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


@dataclass(frozen=True)
class Fetched:
    """What became of one catalogue row: `state` is fetched, had, manual (no direct address) or failed; `why`
    in words.
    """

    file: str
    state: str
    why: str = ""
    url: str = ""


@dataclass
class FetchReport:
    """What `fetch` did, a line per catalogue row."""

    items: list[Fetched] = field(default_factory=list)

    def of(self, state: str) -> list[Fetched]:
        return [item for item in self.items if item.state == state]

    @property
    def failed(self) -> list[Fetched]:
        return self.of("failed")

    @property
    def ok(self) -> bool:
        """Whether nothing failed. Files to be downloaded by hand are not failures."""
        return not self.failed

    def __str__(self) -> str:
        counts = [f"{len(self.of(state))} {words}" for state, words in _STATES.items() if self.of(state)]
        lines = [f"{item.file}: {item.why}" for state in ("failed", "manual") for item in self.of(state)]
        return "\n".join([", ".join(counts) or "the catalogue lists nothing", *lines])


_STATES = {
    "fetched": "fetched",
    "had": "already here",
    "manual": "to be downloaded by hand",
    "failed": "failed",
}


def fetch(
    catalogue: pd.DataFrame,
    to: str | Path,
    base_url: str | None = None,
    progress: bool = True,
    retries: int = 2,
) -> FetchReport:
    """Download the catalogue's editions into the folder `to`, each under its path there, read-only.

    A file that is here with the right checksum is left alone; one that differs is never overwritten. A
    download goes to a temporary name, must have the catalogue's checksum and be recognised as its dataset,
    and is only then given its name. One failure does not stop the others. `base_url`: the address of a copy
    of the whole folder, used instead of the publishers' addresses. `retries`: how often a download that fails
    is tried again.
    """
    to = Path(to)
    to.mkdir(parents=True, exist_ok=True)
    report = FetchReport()
    for row in catalogue.to_dict("records"):
        report.items.append(_fetch_one(row, to, base_url, progress, retries))
    return report


def _fetch_one(row: dict, to: Path, base_url: str | None, progress: bool, retries: int) -> Fetched:
    file, target = row["file"], to / row["file"]
    if target.exists():
        if row["sha256"] and describe(target).sha256 == row["sha256"]:
            return Fetched(file, "had", "already here with the right checksum")
        why = (
            f"{shown(target)} is here already and is another edition; raw files are never overwritten: "
            "move it away to fetch this one"
        )
        return Fetched(file, "failed", why)
    url = f"{base_url.rstrip('/')}/{quote(file)}" if base_url else row["url"]
    if not url:
        where = (
            f"download it from {row['landing_page']}"
            if row["landing_page"]
            else "the catalogue has no address for it (see its note)"
        )
        return Fetched(file, "manual", f"{where} and save it as {shown(target)}")
    with tempfile.TemporaryDirectory(dir=to, prefix=".fetch-") as temporary:
        downloader = _Examining(progress)
        try:
            arrived = _download(url, row, Path(temporary), downloader, retries)
        except (_Refused, requests.exceptions.RequestException, ValueError, OSError) as error:
            return Fetched(file, "failed", _reason(error, row, downloader), url)
        if not _as_expected(row, downloader.found):
            return Fetched(file, "failed", _changed(row, downloader.found), url)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.chmod(arrived, 0o444)
        os.replace(arrived, target)
    return Fetched(file, "fetched", f"{row['what']}, {row['period']}", url)


class _Refused(Exception):
    """The server's answer is final (404, 403): trying again would not help."""


class _Examining:
    """Pooch's downloader, which also looks at what arrived before a wrong checksum throws it away."""

    def __init__(self, progress: bool):
        self.download = pooch.HTTPDownloader(progressbar=progress, timeout=SECONDS_WITHOUT_AN_ANSWER)
        self.found: Recognised | None = None
        self.bytes = 0

    def __call__(self, url, output_file, pooch_object, check_only=False):
        self.found = None
        try:
            self.download(url, output_file, pooch_object)
        except requests.exceptions.HTTPError as error:
            if 400 <= error.response.status_code < 500:
                raise _Refused(
                    f"the server answered {error.response.status_code}: the file has moved or been withdrawn"
                ) from error
            raise
        self.bytes = Path(output_file).stat().st_size
        self.found = examine(Path(output_file), PurePosixPath(url).name)


def _download(url: str, row: dict, folder: Path, downloader: _Examining, retries: int) -> Path:
    name = PurePosixPath(row["file"]).name
    known = f"sha256:{row['sha256']}" if row["sha256"] else None
    logging.getLogger("pooch").setLevel(logging.ERROR)
    store = pooch.create(
        path=folder, base_url="", registry={name: known}, urls={name: url}, retry_if_failed=retries
    )
    return Path(store.fetch(name, downloader=downloader))


def _as_expected(row: dict, found: Recognised | None) -> bool:
    return row["dataset"] == REFERENCE or (found is not None and found.name == row["dataset"])


def _changed(row: dict, found: Recognised) -> str:
    details = " ".join(f"{fault.message}. {fault.what_to_do}" for fault in found.faults)
    taken_for = f"taken for {found.name}" if found.name else found.reason
    return f"the publisher has changed its layout: expected {row['dataset']}, {taken_for}. {details}".strip()


def _reason(error: Exception, row: dict, arrived: _Examining) -> str:
    if isinstance(error, _Refused):
        return f"{error}; see {row['landing_page'] or 'its note in the catalogue'}"
    too_short = arrived.found is not None and not pd.isna(row["bytes"]) and arrived.bytes < row["bytes"]
    if re.search(r"incomplete ?read|more expected", str(error), re.IGNORECASE):
        return "the download broke off before the end; try again"
    if isinstance(error, requests.exceptions.HTTPError):
        return f"the server answered {error.response.status_code}; try again later"
    if isinstance(error, requests.exceptions.RequestException):
        return f"the server could not be reached: {error.__class__.__name__}"
    if arrived.found is None:
        return f"the file could not be written: {error}"
    if not _as_expected(row, arrived.found):
        return _changed(row, arrived.found)
    shorter = (
        f", and shorter than listed ({arrived.bytes:,} of {row['bytes']:,} bytes): perhaps it broke off"
        if too_short
        else ""
    )
    return (
        f"wrong checksum{shorter}. It is still {row['what']}, so the publisher may have replaced it: "
        "compare it with the publication page "
        "before listing it as a new edition"
    )
