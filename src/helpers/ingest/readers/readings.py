"""What reading a folder gives: tidy frames with our column names, one line per file, and every fault found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields

import geopandas as gpd
import pandas as pd

from helpers.base.faults import DataRefused, Fault

MOST_FAULTS_SHOWN = 5

_YEAR_GROUPS = [
    "pupils_nursery",
    "pupils_year_r",
    *(f"pupils_year_{n}" for n in range(1, 14)),
    "pupils_r_to_11",
]
ETHNICITIES = [
    "white_british_pct",
    "white_other_pct",
    "gypsy_roma_traveller_pct",
    "mixed_pct",
    "indian_pct",
    "pakistani_pct",
    "bangladeshi_pct",
    "other_asian_pct",
    "black_caribbean_pct",
    "black_african_pct",
    "other_black_pct",
    "chinese_pct",
    "other_ethnic_pct",
    "ethnicity_unclassified_pct",
]

# Frame -> column -> kind: i int64, I Int64 (may be missing), f float64, s text, d date, b yes/no.
COLUMNS: dict[str, dict[str, str]] = {
    "absence": dict(
        urn="i",
        year="s",
        absence_pct="f",
        persistent_pct="f",
        authorised_pct="f",
        unauthorised_pct="f",
        severe_pct="f",
        possible_sessions="f",
        missed_sessions="f",
        enrolments="f",
        decimals="i",
        la_code="s",
        publication="s",
        file="s",
        row="i",
    ),
    "absence_national": dict(year="s", phase="s", absence_pct="f", persistent_pct="f", file="s"),
    "census": dict(
        urn="i",
        year="s",
        la_code="s",
        estab="s",
        school_type_census="s",
        phase="s",
        roll="f",
        girls_roll="f",
        boys_roll="f",
        sen_support_pct="f",
        ehcp_pct="f",
        eal_pct="f",
        fsm6_pct="f",
        sen_support_pupils="f",
        ehcp_pupils="f",
        eal_pupils="f",
        fsm6_pupils="f",
        fsm6_roll="f",
        file="s",
        row="i",
    ),
    "census_detail": dict(
        urn="i",
        year="s",
        la_code="s",
        la_ons_code="s",
        la_name="s",
        region_name="s",
        school_name="s",
        postcode="s",
        phase="s",
        school_type="s",
        trust_name="s",
        sex_of_school="s",
        denomination="s",
        admissions_policy="s",
        middle_school="s",
        all_through="b",
        urban_rural="s",
        governance="s",
        open_date="d",
        roll="f",
        girls_roll="f",
        boys_roll="f",
        **dict.fromkeys(_YEAR_GROUPS, "f"),
        fsm_pct="f",
        eal_pct="f",
        **dict.fromkeys(ETHNICITIES, "f"),
        young_carer_pct="f",
        boarders="f",
        file="s",
        row="i",
    ),
    "establishments": dict(
        urn="i",
        school_name="s",
        la_code="s",
        school_type="s",
        phase="s",
        low_age="f",
        high_age="f",
        sex_of_school="s",
        admissions_policy="s",
        denomination="s",
        capacity="f",
        trust_name="s",
        urban_rural="s",
        easting="f",
        northing="f",
        status="s",
        open_date="d",
        close_date="d",
        lsoa_code="s",
        file="s",
    ),
    "links": dict(urn="i", link_urn="i", link_type="s", link_date="d", file="s"),
    "points": dict(urn="i", school_name="s", easting="f", northing="f", file="s"),
    "deprivation": dict(
        urn="i",
        postcode="s",
        easting="f",
        northing="f",
        point_source="s",
        lsoa11_code="s",
        idaci_rank="f",
        imd_rank="f",
        file="s",
    ),
    "deprivation_lsoa": dict(lsoa11_code="s", idaci_rank="f", imd_rank="f", file="s"),
    "area_rates": dict(
        year="s",
        geography="s",
        area_code="s",
        area_name="s",
        region_name="s",
        phase="s",
        measure="s",
        rate_pct="f",
        file="s",
    ),
    "attendance": dict(
        kind="s",
        published="d",
        year="s",
        week="I",
        geography="s",
        la_ons_code="s",
        area_name="s",
        region_name="s",
        phase="s",
        possible_sessions="f",
        overall_absence_sessions="f",
        authorised_sessions="f",
        unauthorised_sessions="f",
        illness_sessions="f",
        medical_sessions="f",
        religious_sessions="f",
        excluded_sessions="f",
        holiday_sessions="f",
        absence_pct="f",
        persistent_pct="f",
        n_schools="f",
        enrolments="f",
        file="s",
    ),
    "hubs": dict(school_name="s", trust_name="s", urn="I", announced="d", note="s", file="s"),
}
GEOGRAPHIES: dict[str, list[str]] = {
    "la_boundaries": ["la_ons_code", "la_name", "geometry"],
    "lsoa_boundaries": ["lsoa11_code", "geometry"],
}
FRAMES = (*COLUMNS, *GEOGRAPHIES)
FILE_COLUMNS = ["path", "taken_for", "rows", "years", "bytes", "sha256", "symbols", "notes"]

_DTYPES = {"i": "int64", "I": "Int64", "f": "float64", "s": "str", "d": "datetime64[s]", "b": "bool"}


def conform(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The frame with exactly the columns and types of `name`; a column that the file does not have is missing
    throughout.
    """
    kinds = COLUMNS[name]
    out = frame.reindex(columns=list(kinds))
    return out.astype({column: _DTYPES[kind] for column, kind in kinds.items()})


def empty(name: str) -> pd.DataFrame | gpd.GeoDataFrame:
    """An empty frame with the columns of `name`."""
    if name in GEOGRAPHIES:
        return gpd.GeoDataFrame({c: [] for c in GEOGRAPHIES[name]}, geometry="geometry", crs="EPSG:27700")
    return conform(pd.DataFrame({c: pd.Series(dtype=_DTYPES[k]) for c, k in COLUMNS[name].items()}), name)


@dataclass
class FileReport:
    """What is known about one file while it is read: what it was taken for, symbols by column, notes and
    faults.
    """

    file: str
    taken_for: str = ""
    rows: int | None = None
    bytes: int = 0
    sha256: str = ""
    years: set[str] = field(default_factory=set)
    symbols: dict[str, Counter] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def fault(
        self,
        severity: str,
        code: str,
        message: str,
        row: int | None = None,
        column: str = "",
        value: object = "",
        what_to_do: str = "",
    ) -> None:
        row = None if row is None else int(row)
        self.faults.append(Fault(severity, code, message, self.file, row, column, str(value), what_to_do))

    def faults_at(
        self,
        severity: str,
        code: str,
        message: str,
        rows: Iterable[int | None],
        column: str = "",
        values: Iterable[object] | None = None,
        what_to_do: str = "",
    ) -> None:
        """A fault for each of the first few rows and one that counts the rest, so that a shifted column stays
        readable.
        """
        rows = list(rows)
        values = [""] * len(rows) if values is None else list(values)
        for row, value in list(zip(rows, values, strict=True))[:MOST_FAULTS_SHOWN]:
            self.fault(severity, code, message, row, column, value, what_to_do)
        if len(rows) > MOST_FAULTS_SHOWN:
            more = len(rows) - MOST_FAULTS_SHOWN
            self.fault(
                severity,
                code,
                f"{message} ({more:,} more rows like this)",
                column=column,
                what_to_do=what_to_do,
            )

    def note(self, text: str) -> None:
        self.notes.append(text)

    def as_dict(self) -> dict:
        symbols = {column: dict(count) for column, count in self.symbols.items() if count}
        return dict(
            path=self.file,
            taken_for=self.taken_for,
            rows=self.rows,
            years=", ".join(sorted(self.years)),
            bytes=self.bytes,
            sha256=self.sha256,
            symbols=symbols,
            notes="; ".join(self.notes),
        )


@dataclass
class Readings:
    """All that a folder holds. Frames as in docs/house.md, possibly empty; `files` has a line per file;
    `faults` what is wrong.
    """

    absence: pd.DataFrame = field(default_factory=lambda: empty("absence"))
    absence_national: pd.DataFrame = field(default_factory=lambda: empty("absence_national"))
    census: pd.DataFrame = field(default_factory=lambda: empty("census"))
    census_detail: pd.DataFrame = field(default_factory=lambda: empty("census_detail"))
    establishments: pd.DataFrame = field(default_factory=lambda: empty("establishments"))
    links: pd.DataFrame = field(default_factory=lambda: empty("links"))
    points: pd.DataFrame = field(default_factory=lambda: empty("points"))
    deprivation: pd.DataFrame = field(default_factory=lambda: empty("deprivation"))
    deprivation_lsoa: pd.DataFrame = field(default_factory=lambda: empty("deprivation_lsoa"))
    area_rates: pd.DataFrame = field(default_factory=lambda: empty("area_rates"))
    attendance: pd.DataFrame = field(default_factory=lambda: empty("attendance"))
    hubs: pd.DataFrame = field(default_factory=lambda: empty("hubs"))
    la_boundaries: gpd.GeoDataFrame = field(default_factory=lambda: empty("la_boundaries"))
    lsoa_boundaries: gpd.GeoDataFrame = field(default_factory=lambda: empty("lsoa_boundaries"))
    files: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=FILE_COLUMNS))
    faults: list[Fault] = field(default_factory=list)

    @property
    def hard(self) -> list[Fault]:
        return [fault for fault in self.faults if fault.severity == "hard"]

    def frames(self) -> dict[str, pd.DataFrame]:
        """The data frames by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name in FRAMES}

    def raise_if_hard(self) -> Readings:
        """Itself, or `DataRefused` with every hard fault."""
        if self.hard:
            raise DataRefused(self.hard)
        return self
