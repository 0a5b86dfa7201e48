"""A country of files to break: the real open data where it is there, and the embedded sample.

`country` reads a folder once. A mutation changes the bytes of a few files; only those are read again and put
in the place of the old ones, which is what reading the whole folder would give. Everything behind the readers
(registers, gate) then runs as always.
"""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from helpers.base.faults import DataRefused, Fault
from helpers.base.years import PRE_PANDEMIC
from helpers.ingest.quality.gate import Quality, run_gate
from helpers.ingest.readers import Readings, read_folder
from helpers.ingest.register import build_register

RELEASE = "2022-23"
YEARS = (PRE_PANDEMIC, RELEASE)
FRAMES = (
    "absence",
    "absence_national",
    "census",
    "census_detail",
    "establishments",
    "links",
    "points",
    "deprivation",
    "deprivation_lsoa",
    "area_rates",
    "la_boundaries",
    "lsoa_boundaries",
)
Rows = list[list[str]]


@dataclass
class Country:
    """A folder of official files, read, with the registers of both years and what the gate says."""

    name: str
    folder: Path
    readings: Readings
    registers: dict[str, pd.DataFrame]
    quality: Quality = field(init=False)

    def __post_init__(self):
        self.quality = run_gate(self.readings, self.registers, RELEASE)

    @property
    def register(self) -> pd.DataFrame:
        return self.registers[RELEASE]

    def file(self, taken_for: str, year: str = "") -> str:
        """Path of the first file of a kind that holds a year."""
        files = self.readings.files
        return files.loc[(files["taken_for"] == taken_for) & files["years"].str.contains(year), "path"].iloc[
            0
        ]

    def text(self, path: str) -> str:
        raw = (self.folder / path).read_bytes()
        raw = gzip.decompress(raw) if path.endswith(".gz") else raw
        return raw.decode("latin-1" if "links" in path else "utf-8-sig")

    def rows(self, path: str) -> Rows:
        """All rows of a CSV file, the header first."""
        return list(csv.reader(io.StringIO(self.text(path), newline="")))

    def changed(
        self,
        tmp_path: Path,
        texts: dict[str, str],
        years: tuple[str, ...] = (RELEASE,),
        same_registers: bool = False,
    ) -> list[Fault]:
        """Hard faults after files have been replaced, with registers of the years given.

        `same_registers` spares building them again where the files changed hold nothing that a register
        takes.
        """
        for path, text in texts.items():
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            raw = text.encode("latin-1" if "links" in path else "utf-8")
            target.write_bytes(gzip.compress(raw, 1) if path.endswith(".gz") else raw)
        again = read_folder(tmp_path, only=FRAMES)
        old = self.readings
        kept = {
            name: frame[~frame["file"].isin(texts)] if "file" in frame else frame
            for name, frame in old.frames().items()
        }
        frames = {
            name: pd.concat([frame, new], ignore_index=True)
            if len(new := again.frames()[name])
            else frame.reset_index(drop=True)
            for name, frame in kept.items()
        }
        faults = [f for f in old.faults if f.file not in texts] + again.faults
        changed = dataclasses.replace(old, **frames, faults=faults)
        if same_registers:
            return run_gate(changed, {year: self.registers[year] for year in years}, RELEASE).hard
        return hard_faults(changed, years)

    def with_absence(
        self, change: Callable[[pd.DataFrame], pd.DataFrame], years: tuple[str, ...] = (RELEASE,)
    ) -> Quality:
        """The gate after absence figures have been changed in the readings."""
        readings = dataclasses.replace(self.readings, absence=change(self.readings.absence.copy()))
        return run_gate(readings, {y: build_register(readings, y) for y in years}, RELEASE)


def hard_faults(readings: Readings, years: tuple[str, ...]) -> list[Fault]:
    """What would stop a run: a register that cannot be built, or the gate."""
    try:
        registers = {year: build_register(readings, year) for year in years}
    except DataRefused as refused:
        return [*readings.hard, *refused.faults]
    return run_gate(readings, registers, RELEASE).hard


def as_text(rows: Rows) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def naming(faults: list[Fault], *words: str) -> list[Fault]:
    """The faults whose printed form holds every word."""
    return [f for f in faults if all(w in str(f) for w in words)]


def show(faults: list[Fault]) -> str:
    return "\n".join(str(f) for f in faults[:10]) or "no hard fault"


@pytest.fixture(scope="session", params=["open data", "sample"])
def country(request) -> Country:
    """The real open data, then the sample; each is skipped where it is not there."""
    folder = request.getfixturevalue("open_data" if request.param == "open data" else "sample_data")
    if not (folder / "performance-tables").is_dir():
        pytest.skip("the embedded sample has not been generated")
    return _read(request.param, folder)


@cache
def _read(name: str, folder: Path) -> Country:
    """Read once, whichever test module asks first."""
    readings = read_folder(folder, only=FRAMES)
    return Country(name, folder, readings, {y: build_register(readings, y) for y in YEARS})
