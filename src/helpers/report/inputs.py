"""What a pack is made from: one region's artefacts and the national look-ups, indexed once so that a page
costs no pandas.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from helpers.base import contract
from helpers.base.faults import DataRefused, Fault
from helpers.base.params import slug
from helpers.base.paths import shown
from helpers.base.text import known, listed
from helpers.base.years import year_words

# Of a region's own folder: what the notebooks before the report write.
REGION_TABLES = tuple(
    name
    for step in ("01_ingest", "02_model", "03_peers", "04_expectations")
    for name in contract.tables(made_by=step, kind="parquet")
)
# Of England's store, by the name that the field has here.
NATIONAL_TABLES = {
    "register": "ingest.register",
    "national_baseline": "model.baseline",
    "area_rates": "ingest.area_rates",
    "files": "ingest.files",
    "agreed": "records.agreed",
}
NAMING = ("peers.peers", "peers.alternatives")
BOUNDARIES = "ingest.boundaries"

# What the readers call a file, in words. Only these feed a school's number; other files are listed on the
# region's page.
TITLES = {
    "absence_performance_tables": "Absence by school, performance tables (DfE)",
    "absence_ees": "Absence by school, Explore Education Statistics (DfE)",
    "census_performance_tables": "School census, performance tables (DfE)",
    "census_spc": "Schools, pupils and their characteristics (DfE)",
    "area_rates": "Absence in England, regions and local authorities (DfE)",
    "links": "Links between earlier and later schools (GIAS)",
    "points": "Places of schools (GIAS)",
    "establishments": "Register of schools (GIAS)",
    "deprivation_schools": "English indices of deprivation 2019 (MHCLG)",
    "deprivation_lsoa": "English indices of deprivation 2019 (MHCLG)",
    "la_boundaries": "Boundaries of local authorities (ONS)",
}


class ByUrn:
    """Rows of a frame by URN. Columns are kept as plain lists and a school's rows are cut out on demand: no
    pandas per school.
    """

    def __init__(self, frame: pd.DataFrame, order: str):
        frame = frame.sort_values(["urn", order], kind="stable")
        self.columns = list(frame.columns)
        self._values = {name: plain(frame[name]) for name in self.columns}
        urns, starts = np.unique(frame["urn"].to_numpy(dtype="int64"), return_index=True)
        ends = np.append(starts[1:], len(frame))
        self._spans = {int(u): (int(a), int(b)) for u, a, b in zip(urns, starts, ends, strict=True)}

    def rows(self, urn: int) -> list[dict]:
        """The school's rows in order; an empty list when it has none."""
        start, end = self._spans.get(urn, (0, 0))
        return [{name: values[i] for name, values in self._values.items()} for i in range(start, end)]


def plain(series: pd.Series) -> list:
    """A column as a list of Python values, missing as None."""
    return [value if known(value) else None for value in series.tolist()]


def one_per_urn(frame: pd.DataFrame) -> dict[int, dict]:
    """Rows as plain dicts by URN, missing as None."""
    columns = [plain(frame[name]) for name in frame.columns]
    names = list(frame.columns)
    return {
        int(urn): dict(zip(names, row, strict=True))
        for urn, row in zip(frame["urn"].tolist(), zip(*columns, strict=True), strict=True)
    }


@dataclass
class PackInputs:
    """One region's artefacts (frames of the contract), the national look-ups, and the run's papers.

    `register` holds every school of England (for the names of peers elsewhere), `national_baseline` their
    baselines, `boundaries` the local authorities in EPSG:27700, `area_rates` the published rates, `files` what
    each input file was taken for, `agreed` what people recorded (ambitions, challenges), `naming` (urn,
    peer_urn, km) every report of England that names a school. `alternatives` are the near-equals behind the
    last peer: a named school may be one. `manifest` and `quality` are those of the region.
    """

    region_name: str
    release: str
    schools: pd.DataFrame
    panel: pd.DataFrame
    baseline: pd.DataFrame
    drivers: pd.DataFrame
    peers: pd.DataFrame
    alternatives: pd.DataFrame
    summary: pd.DataFrame
    expectations: pd.DataFrame
    special_ranges: pd.DataFrame
    register: pd.DataFrame
    national_baseline: pd.DataFrame
    area_rates: pd.DataFrame
    files: pd.DataFrame
    agreed: pd.DataFrame
    naming: pd.DataFrame
    boundaries: gpd.GeoDataFrame
    manifest: dict
    quality: dict

    def __post_init__(self):
        tables = {name: name for name in REGION_TABLES} | NATIONAL_TABLES
        faults = [
            fault for name, table in tables.items() for fault in _missing_columns(getattr(self, name), table)
        ]
        for name, table in tables.items():
            frame = getattr(self, name)
            if contract.artefacts().at[table, "key"] == "urn" and "urn" in frame:
                faults += _twice(frame, table)
        if not faults and self.schools.empty:
            faults.append(
                Fault(
                    "hard",
                    "no_schools",
                    "the region has no schools",
                    "schools.parquet",
                    what_to_do="Check the region's name.",
                )
            )
        if faults:
            raise DataRefused(faults)

    @classmethod
    def from_folders(
        cls, region_folder: str | Path, national_folder: str | Path, manifest: dict | None = None
    ) -> PackInputs:
        """Load a region's folder and the national store.

        `manifest` may be given while the region's own manifest is not yet written. Raises `DataRefused`
        naming every file or column that is missing.
        """
        region_folder, national_folder = Path(region_folder), Path(national_folder)
        own = {name: region_folder / f"{name}.parquet" for name in REGION_TABLES}
        national = {name: _national(national_folder, table) for name, table in NATIONAL_TABLES.items()}
        naming = [_national(national_folder, table) for table in NAMING]
        boundaries, quality = _national(national_folder, BOUNDARIES), region_folder / "quality.json"
        paths = [*own.values(), *national.values(), *naming, boundaries, quality]
        if manifest is None:
            paths.append(region_folder / "manifest.json")
        faults = [
            Fault(
                "hard",
                "missing_artefact",
                f"{path.name} is missing",
                shown(path),
                what_to_do="Run the notebooks before 05 for this region.",
            )
            for path in paths
            if not path.is_file()
        ]
        if faults:
            raise DataRefused(faults)
        manifest = _json(region_folder / "manifest.json") if manifest is None else manifest
        columns = ["urn", "peer_urn", "km"]
        named = [pd.read_parquet(path, columns=columns, filters=[("named", "==", True)]) for path in naming]
        return cls(
            region_name=manifest["region"],
            release=manifest["release"],
            **{name: pd.read_parquet(path) for name, path in (own | national).items()},
            naming=pd.concat(named, ignore_index=True),
            boundaries=gpd.read_parquet(boundaries),
            manifest=manifest,
            quality=_json(quality),
        )

    @property
    def slug(self) -> str:
        return slug(self.region_name)

    @property
    def sample(self) -> bool:
        return self.manifest["sample"]

    @property
    def parameters(self) -> dict:
        return self.manifest["parameters"]

    @cached_property
    def flags(self) -> dict[int, list[dict]]:
        """What the gate wants a person to look at, by school."""
        found: dict[int, list[dict]] = {}
        for fault in self.quality["faults"]:
            if fault["severity"] == "flag" and known(fault["urn"]):
                found.setdefault(int(fault["urn"]), []).append(fault)
        return found

    @cached_property
    def source_files(self) -> list[dict]:
        """The run's input files: kind, title, years (list), file and sha256."""
        return [
            {
                "kind": row.taken_for,
                "title": _title(row.taken_for),
                "years": re.findall(r"\d{4}-\d\d", row.years),
                "file": row.path.rpartition("/")[2],
                "sha256": row.sha256,
            }
            for row in self.files.itertuples()
        ]

    @cached_property
    def source_lines(self) -> list[str]:
        """The input files behind a school's number, in words: one line per kind of file, with the years up to
        the release that it covers.
        """
        years: dict[str, dict[str, None]] = {}
        for entry in self.source_files:
            if entry["kind"] in TITLES:
                covered = (year for year in entry["years"] if year <= self.release)
                years.setdefault(entry["title"], {}).update(dict.fromkeys(covered))
        order = list(dict.fromkeys(TITLES.values()))
        return [
            title + (f", {span(list(years[title]))}" if years[title] else "")
            for title in sorted(years, key=order.index)
        ]

    @cached_property
    def school(self) -> dict[int, dict]:
        return one_per_urn(self.schools)

    @cached_property
    def base(self) -> dict[int, dict]:
        return one_per_urn(self.baseline)

    @cached_property
    def expectation(self) -> dict[int, dict]:
        return one_per_urn(self.expectations)

    @cached_property
    def special(self) -> dict[int, dict]:
        return one_per_urn(self.special_ranges)

    @cached_property
    def peer_summary(self) -> dict[int, dict]:
        return one_per_urn(self.summary)

    @cached_property
    def peer_rows(self) -> ByUrn:
        near = self.alternatives[self.alternatives["named"]]
        return ByUrn(pd.concat([self.peers, near], ignore_index=True), "rank")

    @cached_property
    def named_by(self) -> dict[int, list[dict]]:
        """The reports of England that name a school, by the school named: urn of the report and km."""
        found: dict[int, list[dict]] = {}
        for row in self.naming.to_dict("records"):
            found.setdefault(int(row["peer_urn"]), []).append(row)
        return found

    @cached_property
    def history(self) -> ByUrn:
        """Figures up to the release: what came later is an outcome and belongs in no report on a target."""
        return ByUrn(self.panel[self.panel["year"] <= self.release], "year")

    @cached_property
    def years_after(self) -> ByUrn:
        """Figures after the release: outcomes, which no number rests on."""
        return ByUrn(self.panel[self.panel["year"] > self.release], "year")

    @cached_property
    def driver_rows(self) -> ByUrn:
        return ByUrn(self.drivers, "driver")

    @cached_property
    def elsewhere(self) -> dict[int, dict]:
        """What is told about a similar school, wherever it lies: name, LA, phase, size, FSM, EAL, SEN and
        absence, and what we expect of it (`baseline_pct`, `sd_pp`), which decides who does better and is
        shown to nobody else.
        """
        wanted = [
            "urn",
            "school_name",
            "la_name",
            "region_name",
            "phase",
            "roll",
            "fsm_pct",
            "eal_pct",
            "sen_support_pct",
            "absence_pct",
        ]
        expected = self.national_baseline[["urn", "baseline_pct", "sd_pp"]]
        return one_per_urn(self.register[wanted].merge(expected, on="urn", how="left", validate="1:1"))

    @cached_property
    def la_rates(self) -> dict[tuple[str, str, str, str], float]:
        """Published rates of the release year by (geography, code or name, phase, measure)."""
        rates = self.area_rates[self.area_rates["year"] == self.release]
        table = {}
        for row in rates.to_dict("records"):
            if not math.isnan(row["rate_pct"]):
                for area in {row["area_code"], row["area_name"]}:
                    table[(row["geography"], area, row["phase"], row["measure"])] = row["rate_pct"]
        return table


def span(years: list[str]) -> str:
    """Years in words: up to three are listed, more are given as first to last."""
    words = [year_words(year) for year in sorted(years)]
    return listed(words) if len(words) <= 3 else f"{words[0]} to {words[-1]}"


def _title(kind: str) -> str:
    words = TITLES.get(kind) or kind.replace("_", " ")
    return words[:1].upper() + words[1:]


def _national(folder: Path, table: str) -> Path:
    """Where a result of a stage lies."""
    return folder / f"{table.replace('.', '/')}.parquet"


def _missing_columns(frame: pd.DataFrame, table: str) -> list[Fault]:
    return [
        Fault(
            "hard",
            "missing_column",
            f"{table} has no column {column}",
            f"{table}.parquet",
            column=column,
            what_to_do="Run that step again.",
        )
        for column in contract.columns(table)
        if column not in frame
    ]


def _twice(frame: pd.DataFrame, table: str) -> list[Fault]:
    again = frame.loc[frame["urn"].duplicated(), "urn"].head(1)
    return [
        Fault(
            "hard",
            "duplicate_urn",
            f"{table} holds a URN twice",
            f"{table}.parquet",
            None,
            "urn",
            str(urn),
            "Run the gate again.",
        )
        for urn in again
    ]


def _json(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DataRefused(
            Fault(
                "hard",
                "bad_json",
                f"not valid JSON: {error.msg}",
                shown(path),
                error.lineno,
                what_to_do="Run that step again.",
            )
        ) from None
