"""The lock file of a folder of downloads: what was fetched, from where, when, and what it was.

With it anybody can bring the same bytes, or is told what the publisher has changed since.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from helpers.base.faults import NotFound
from helpers.base.paths import shown
from helpers.base.store import file_hash, read_json, write_json
from helpers.ingest.catalogue import leaves_the_folder

# Hidden, so that no reader takes it for data and no run is stale because of its times.
NAME = ".fetched.lock.json"
ABOUT = "Written by abie fetch. abie fetch --locked brings the same files again, or says what has changed."


@dataclass(frozen=True)
class Entry:
    """One file of the folder. `sent_*` is what the publisher sent, `bytes` and `sha256` what was kept of it, by
    `columns` (None: all), `member` of an archive and `years` (empty: all). `year`: the academic year that the
    edition is of, where each is of one.
    """

    name: str
    dataset: str
    file: str
    address: str
    fetched: str
    bytes: int
    sha256: str
    sent_bytes: int
    sent_sha256: str
    licence: str
    publisher: str
    what: str
    edition: str = ""
    year: str = ""
    years: list[str] = field(default_factory=list)
    of_years: bool = False
    rows: int | None = None
    columns: list[str] | None = None
    member: str = ""
    etag: str = ""
    modified: str = ""


class Lock:
    """The entries of a lock file by name (and year), which are written at every change."""

    def __init__(self, path: Path):
        self.path = path
        self.entries: dict[tuple[str, str], Entry] = {}
        if path.exists():
            try:
                found = [Entry(**{"file": file, **entry}) for file, entry in read_json(path)["files"].items()]
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise NotFound(f"{shown(path)} is no lock file of abie fetch: {error}") from error
            outside = [entry.file for entry in found if leaves_the_folder(entry.file)]
            if outside:
                raise NotFound(f"{shown(path)} names a file outside its folder: {outside[0]}")
            self.entries = {(entry.name, entry.year): entry for entry in found}

    def add(self, entry: Entry) -> None:
        self.entries[entry.name, entry.year] = entry
        self.save()

    def newest(self, name: str) -> Entry | None:
        """The entry of a name, of several the one of the newest year."""
        of_name = [entry for entry in self.entries.values() if entry.name == name]
        return max(of_name, key=lambda entry: entry.year, default=None)

    def save(self, path: Path | None = None) -> None:
        """Write the lock file, or a copy of it elsewhere."""
        files = {}
        for entry in sorted(self.entries.values(), key=lambda entry: entry.file):
            values = asdict(entry)
            files[values.pop("file")] = values
        write_json(path or self.path, {"about": ABOUT, "files": files})

    def newest_release(self) -> str:
        """The newest academic year of which absence, the census and the detailed census are here; empty when there
        is none.
        """
        of = {need: set() for need in ("absence", "census_performance_tables", "census_spc")}
        for entry in self.entries.values():
            for need, years in of.items():
                if entry.dataset.startswith(need):
                    years |= {entry.year} if entry.year else set(entry.years)
        return max(set.intersection(*of.values()), default="")


def is_here(entry: Entry, folder: Path) -> bool:
    """Whether a file of the lock lies in the folder with the bytes that were fetched."""
    path = folder / entry.file
    return path.is_file() and path.stat().st_size == entry.bytes and file_hash(path) == entry.sha256


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
