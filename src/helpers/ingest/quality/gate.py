"""The quality gate: everything that must hold before a figure is used, in one call. A hard fault stops the
run; a flag is for a person.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.base.faults import DataRefused, Fault
from helpers.base.params import ENGLAND
from helpers.base.store import atomic_file
from helpers.base.years import year_words
from helpers.ingest.quality.circumstances import circumstance_findings
from helpers.ingest.quality.completeness import coverage_findings
from helpers.ingest.quality.files import area_findings, duplicate_findings, identity_findings
from helpers.ingest.quality.findings import Finding, hard
from helpers.ingest.quality.plausibility import (
    disagreement_findings,
    impossible_findings,
    plausibility_findings,
)
from helpers.ingest.quality.reconciliation import (
    RECONCILIATION,
    TOLERANCES,
    reconcile,
    reconciliation_findings,
    year_findings,
)
from helpers.ingest.quality.words import word_findings
from helpers.ingest.quality.years import yearly_findings
from helpers.ingest.register import STATUSES, register_urns, status_counts

if TYPE_CHECKING:
    from helpers.ingest.readers.readings import Readings


@dataclass(frozen=True)
class Compared:
    """Comparisons with published rates, counted: `made`, of which `within` tolerance (`look`: of these,
    unusual enough for a person to look at) and `differ`; `not_published`: areas without a published rate, or
    without our schools, which nothing could be compared with.
    """

    made: int
    within: int
    look: int
    differ: int
    not_published: int


def compared(verdicts: Iterable[str]) -> Compared:
    """Count the verdicts of a reconciliation. The one count that the page, the facts and the notebooks give."""
    n = Counter(verdicts)
    passed, look, fail = n["pass"], n["look"], n["fail"]
    return Compared(passed + look + fail, passed + look, look, fail, n["not_published"] + n["no_schools"])


@dataclass
class Quality:
    """What the gate found. `verdict` is `pass` or `fail`; `faults` holds hard faults first, then flags.

    `reconciliation`: one row per year x area x phase x measure, columns as in
    `reconciliation.RECONCILIATION`. `status_counts`: schools of the release (and of the region, once sliced)
    by status; `status_by_region` the same per region. `suppressed`: file, column, symbol, times.
    """

    release: str
    region: str = ENGLAND
    faults: list[Fault] = field(default_factory=list)
    reconciliation: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=RECONCILIATION))
    status_counts: dict[str, int] = field(default_factory=dict)
    status_by_region: dict[str, dict[str, int]] = field(default_factory=dict)
    status_by_year: dict[str, dict[str, int]] = field(default_factory=dict)
    suppressed: list[dict] = field(default_factory=list)

    @property
    def hard(self) -> list[Fault]:
        return [f for f in self.faults if f.severity == "hard"]

    @property
    def flags(self) -> list[Fault]:
        return [f for f in self.faults if f.severity == "flag"]

    @property
    def verdict(self) -> str:
        return "fail" if self.hard else "pass"

    def compared(self) -> Compared:
        """The comparisons with published rates, counted."""
        return compared(self.reconciliation["verdict"])

    def stop_if_hard(self) -> Quality:
        """Itself, or `DataRefused` with every hard fault."""
        if self.hard:
            raise DataRefused(self.hard)
        return self

    def slice(self, region: str) -> Quality:
        """What concerns one region: England's and its own cells and LAs, its counts, every fault that names
        no other region.
        """
        if region == ENGLAND:
            return self
        table = self.reconciliation
        table = table[(table["geography"] == "england") | (table["region_name"] == region)].reset_index(
            drop=True
        )
        mine = [f for f in self.faults if getattr(f, "region_name", "") in ("", region)]
        counts = self.status_by_region.get(region, dict.fromkeys(STATUSES, 0))
        return Quality(
            self.release, region, mine, table, counts, {region: counts}, self.status_by_year, self.suppressed
        )

    def to_json(self) -> dict:
        """A plain dictionary, ready for JSON: missing values are null."""
        return {
            "release": self.release,
            "region": self.region,
            "verdict": self.verdict,
            "n_hard": len(self.hard),
            "n_flags": len(self.flags),
            "faults": [f.as_dict() for f in self.faults],
            "status_counts": self.status_counts,
            "status_by_region": self.status_by_region,
            "status_by_year": self.status_by_year,
            "suppressed": self.suppressed,
            "reconciliation": _records(self.reconciliation),
            "tolerances": _records(TOLERANCES),
        }

    @classmethod
    def from_json(cls, record: dict) -> Quality:
        """The gate's findings from what `to_json` gave."""
        known = {f.name for f in fields(Finding)}
        table = pd.DataFrame(record["reconciliation"], columns=RECONCILIATION)
        rates = ["ours_pct", "published_pct", "difference_pp", "tolerance_pp"]
        return cls(
            release=record["release"],
            region=record["region"],
            faults=[Finding(**{k: v for k, v in f.items() if k in known}) for f in record["faults"]],
            reconciliation=table.astype(dict.fromkeys(rates, "float64")),
            status_counts=record["status_counts"],
            status_by_region=record["status_by_region"],
            status_by_year=record["status_by_year"],
            suppressed=record["suppressed"],
        )

    def write(self, path: Path) -> None:
        """Write `to_json` to a file, whole or not at all."""
        with atomic_file(path) as temporary:
            Path(temporary).write_text(
                json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8"
            )


def _records(frame: pd.DataFrame) -> list[dict]:
    """Rows as dictionaries of plain Python values, missing as None."""
    clean = frame.astype(object).where(frame.notna(), None)
    return [
        {k: v.item() if isinstance(v, np.generic) else v for k, v in row.items()}
        for row in clean.to_dict("records")
    ]


def run_gate(readings: Readings, register_by_year: dict[str, pd.DataFrame], release: str) -> Quality:
    """Every check on the readings and the registers of the years given.

    In: `readings` (docs/house.md), registers by year as `register.build_register` makes them, and the release
    among them. Never raises for bad data: `Quality.stop_if_hard` does. The readers' own faults are part of
    the result.
    """
    years = list(register_by_year)
    files = _absence_files(readings)
    table = [reconcile(readings, register, year) for year, register in register_by_year.items()]
    reconciliation = pd.concat(table, ignore_index=True) if table else pd.DataFrame(columns=RECONCILIATION)
    found: list[Fault] = [
        *readings.faults,
        *duplicate_findings(readings),
        *year_findings(readings, register_by_year),
        *identity_findings(readings, years),
        *impossible_findings(readings),
        *disagreement_findings(readings),
        *area_findings(readings, register_by_year),
        *coverage_findings(readings, register_by_year, release),
        *_status_findings(readings, register_by_year),
        *yearly_findings(readings, register_by_year, release),
        *word_findings(readings, release),
        *circumstance_findings(readings, register_by_year, release),
        *(
            f
            for y in years
            for f in plausibility_findings(
                readings, register_by_year[y], y, tuple(later for later in years if later > y)
            )
        ),
        *reconciliation_findings(reconciliation, files),
    ]
    if release not in register_by_year:
        found.append(
            hard(
                "year_missing",
                f"there is no register for {year_words(release)}",
                year=release,
                column="year",
                value=release,
            )
        )
    now = register_by_year.get(release, pd.DataFrame({"status": [], "region_name": []}))
    found = _with_regions(found, register_by_year)
    return Quality(
        release=release,
        faults=sorted(found, key=lambda f: f.severity != "hard"),
        reconciliation=reconciliation,
        status_counts=status_counts(now),
        status_by_region={str(region): status_counts(rows) for region, rows in now.groupby("region_name")},
        status_by_year={year: status_counts(register) for year, register in register_by_year.items()},
        suppressed=_suppressed(readings.files),
    )


def _absence_files(readings) -> dict[str, str]:
    """Year -> the file that most of its figures come from."""
    counts = readings.absence.groupby("year")["file"].agg(lambda s: s.mode().iloc[0])
    return {str(k): str(v) for k, v in counts.items()}


def _with_regions(found: list[Fault], registers: dict[str, pd.DataFrame]) -> list[Fault]:
    """Give every finding that names an LA or a school its region, so that a region's page shows its own."""
    region_of_la, region_of_urn = {}, {}
    for register in registers.values():
        region_of_la |= dict(zip(register["la_code"], register["region_name"], strict=True))
        region_of_urn |= dict(zip(register["urn"], register["region_name"], strict=True))
    out = []
    for f in found:
        region = ""
        if isinstance(f, Finding) and not f.region_name:
            region = region_of_urn.get(f.urn) or region_of_la.get(f.la_code) or ""
        out.append(
            Finding(**{**f.__dict__, "region_name": region}) if region and isinstance(region, str) else f
        )
    return out


def _status_findings(readings, registers: dict[str, pd.DataFrame]) -> list[Finding]:
    """Every school of a year has exactly one status, and the statuses add up to both censuses and all
    published figures together.
    """
    found = []
    for year, register in registers.items():
        strange = register[~register["status"].isin(STATUSES)]
        found += [
            hard(
                "no_status",
                f"URN {r.urn} has the status {r.status!r}",
                year=year,
                urn=int(r.urn),
                column="status",
                value=str(r.status),
            )
            for r in strange.head(20).itertuples()
        ]
        expected = len(register_urns(readings, year))
        if (
            register["urn"].duplicated().any()
            or len(register) != expected
            or sum(status_counts(register).values()) != expected
        ):
            words = (
                f"the register of {year_words(year)} has {len(register):,} rows, "
                f"{sum(status_counts(register).values()):,} with a status"
            )
            found.append(
                hard(
                    "counts_do_not_add_up",
                    f"{words}, and the files hold {expected:,} schools",
                    year=year,
                    column="status",
                )
            )
    return found


def _suppressed(files: pd.DataFrame) -> list[dict]:
    """Symbols read as missing, by file and column."""
    return [
        {"file": str(row.path), "column": column, "symbol": symbol, "times": int(times)}
        for row in files.itertuples()
        for column, by_symbol in (row.symbols if isinstance(row.symbols, dict) else {}).items()
        for symbol, times in by_symbol.items()
    ]
