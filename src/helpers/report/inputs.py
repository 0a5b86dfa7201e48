"""What a pack is made from: one region's artefacts and the national look-ups, indexed once so that a page
costs no pandas.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from helpers.base.faults import DataRefused, Fault
from helpers.base.params import slug
from helpers.base.paths import shown
from helpers.base.text import known
from helpers.report import papers

REGION_TABLES = (
    "schools",
    "baseline",
    "peers",
    "expectations",
    "drivers",
    "panel",
    "summary",
    "special_ranges",
)
NATIONAL_TABLES = ("register", "baseline", "area_rates")
OPTIONAL = ("alternatives", "files", "agreed")

# The columns that the pages cannot do without; others are shown where they are there.
NEEDED = {
    "schools": [
        "urn",
        "school_name",
        "la_code",
        "la_name",
        "region_name",
        "phase",
        "status",
        "roll",
        "absence_pct",
    ],
    "baseline": ["urn", "context_expected_pct", "baseline_pct", "sd_pp", "lower80_pct", "upper80_pct"],
    "peers": ["urn", "peer_urn", "rank", "closeness", "km", "named"],
    "expectations": [
        "urn",
        "gap_pp",
        "return_to_normal_pp",
        "national_part_pp",
        "context_part_pp",
        "limits_part_pp",
        "ask_pp",
        "target_absence_pct",
        "minimum_attendance_pct",
        "minimum_attendance_shown_pct",
        "chance_unaided",
        "chance_if_real",
        "la_attendance_pct",
        "peers_best_quartile_attendance_pct",
        "pre_pandemic_attendance_pct",
    ],
    "drivers": ["urn", "driver", "contribution_pp"],
    "panel": ["urn", "year", "absence_pct", "persistent_pct", "published_urn", "link_kind"],
    "summary": ["urn", "no_close_peers", "times_named"],
    "special_ranges": ["urn", "lower_pct", "upper_pct", "words"],
    "register": ["urn", "school_name", "la_name", "phase"],
    "area_rates": ["year", "geography", "area_code", "phase", "measure", "rate_pct"],
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
    baselines, `boundaries` the local authorities in EPSG:27700, `area_rates` the published rates.
    `alternatives` are the near-equals behind the last peer (a named school may be one), `files` what each
    input file was taken for, `naming` (urn, peer_urn, km) every report of England that names a school,
    `agreed` what people recorded (ambitions, challenges). `manifest` holds `inputs`, `parameters` and, for
    the embedded sample, `sample: true`.
    """

    region_name: str
    release: str
    schools: pd.DataFrame
    baseline: pd.DataFrame
    peers: pd.DataFrame
    expectations: pd.DataFrame
    drivers: pd.DataFrame
    panel: pd.DataFrame
    summary: pd.DataFrame
    special_ranges: pd.DataFrame
    register: pd.DataFrame
    national_baseline: pd.DataFrame
    area_rates: pd.DataFrame
    boundaries: gpd.GeoDataFrame
    manifest: dict
    quality: dict = field(default_factory=dict)
    facts: dict = field(default_factory=dict)
    alternatives: pd.DataFrame | None = None
    files: pd.DataFrame | None = None
    agreed: pd.DataFrame | None = None
    naming: pd.DataFrame | None = None

    def __post_init__(self):
        faults = [
            fault
            for name, needed in NEEDED.items()
            for fault in _missing_columns(getattr(self, name), name, needed)
        ]
        for name in (
            "schools",
            "baseline",
            "expectations",
            "summary",
            "special_ranges",
            "register",
            "national_baseline",
        ):
            frame = getattr(self, name)
            if "urn" in frame and frame["urn"].duplicated().any():
                urn = frame.loc[frame["urn"].duplicated(), "urn"].iloc[0]
                faults.append(
                    Fault(
                        "hard",
                        "duplicate_urn",
                        f"{name} holds a URN twice",
                        f"{name}.parquet",
                        None,
                        "urn",
                        str(urn),
                        "Run the gate again.",
                    )
                )
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
        paths = {name: region_folder / f"{name}.parquet" for name in REGION_TABLES}
        paths |= {f"national {name}": _find(national_folder, name) for name in NATIONAL_TABLES}
        paths["boundaries"] = _find(national_folder, "boundaries")
        if manifest is None:
            paths["manifest"] = region_folder / "manifest.json"
        faults = [
            Fault(
                "hard",
                "missing_artefact",
                f"{path.name} is missing",
                shown(path),
                what_to_do="Run the notebooks before 05 for this region.",
            )
            for path in paths.values()
            if not path.is_file()
        ]
        if faults:
            raise DataRefused(faults)
        tables = {name: pd.read_parquet(paths[name]) for name in REGION_TABLES}
        national = {name: pd.read_parquet(paths[f"national {name}"]) for name in NATIONAL_TABLES}
        manifest = _json(paths["manifest"]) if manifest is None else manifest
        optional = {
            name: pd.read_parquet(path) if path.is_file() else None
            for name in OPTIONAL
            for path in [_find(national_folder, name)]
        }
        parameters = manifest.get("parameters", {})
        regions = (
            tables["schools"]["region_name"].unique().tolist() if "region_name" in tables["schools"] else []
        )
        return cls(
            region_name=parameters.get("region") or (regions[0] if len(regions) == 1 else "England"),
            release=parameters.get("release") or region_folder.parent.name,
            **tables,
            register=national["register"],
            national_baseline=national["baseline"],
            area_rates=national["area_rates"],
            boundaries=gpd.read_parquet(paths["boundaries"]),
            manifest=manifest,
            quality=_json(region_folder / "quality.json", {}),
            facts=_json(region_folder / "facts.json", {}),
            naming=_naming(national_folder),
            **optional,
        )

    @property
    def slug(self) -> str:
        return slug(self.region_name)

    @property
    def sample(self) -> bool:
        return bool(self.manifest.get("sample", False))

    @property
    def parameters(self) -> dict:
        return self.manifest.get("parameters", {})

    @cached_property
    def flags(self) -> dict[int, list[dict]]:
        """What the gate wants a person to look at, by school."""
        found: dict[int, list[dict]] = {}
        for fault in self.quality.get("faults", []):
            if fault.get("severity") == "flag" and known(fault.get("urn")):
                found.setdefault(int(fault["urn"]), []).append(fault)
        return found

    @cached_property
    def source_files(self) -> list[dict]:
        return papers.input_entries(self.files, self.manifest)

    @cached_property
    def source_lines(self) -> list[str]:
        return papers.source_lines(self.files, self.manifest, self.release)

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
        peers = self.peers
        if self.alternatives is not None:
            near = self.alternatives[self.alternatives["named"] & self.alternatives["urn"].isin(peers["urn"])]
            peers = pd.concat([peers, near], ignore_index=True) if len(near) else peers
        return ByUrn(peers, "rank")

    @cached_property
    def named_by(self) -> dict[int, list[dict]]:
        """The reports of England that name a school, by the school named: urn of the report and km."""
        found: dict[int, list[dict]] = {}
        for row in [] if self.naming is None else self.naming.to_dict("records"):
            found.setdefault(int(row["peer_urn"]), []).append(row)
        return found

    @cached_property
    def history(self) -> ByUrn:
        """Figures up to the release: what came later is an outcome and belongs in no report on a target."""
        return ByUrn(self.panel[self.panel["year"] <= self.release], "year")

    @cached_property
    def driver_rows(self) -> ByUrn:
        return ByUrn(self.drivers, "driver")

    @cached_property
    def elsewhere(self) -> dict[int, dict]:
        """What is told about a similar school, wherever it lies: name, LA, phase, size, FSM, absence and its
        national baseline.
        """
        wanted = [
            "urn",
            "school_name",
            "la_name",
            "region_name",
            "phase",
            "roll",
            "fsm_pct",
            "absence_pct",
            "persistent_pct",
        ]
        known_schools = one_per_urn(self.register[[name for name in wanted if name in self.register]])
        for urn, value in zip(
            self.national_baseline["urn"].tolist(), plain(self.national_baseline["baseline_pct"]), strict=True
        ):
            if urn in known_schools:
                known_schools[urn]["baseline_pct"] = value
        return known_schools

    @cached_property
    def la_rates(self) -> dict[tuple[str, str, str, str], float]:
        """Published rates of the release year by (geography, code or name, phase, measure)."""
        rates = self.area_rates[self.area_rates["year"] == self.release]
        table = {}
        for row in rates.to_dict("records"):
            if not math.isnan(row["rate_pct"]):
                for area in {row["area_code"], row.get("area_name")}:
                    table[(row["geography"], area, row["phase"], row["measure"])] = row["rate_pct"]
        return table


def _find(folder: Path, name: str) -> Path:
    """A national artefact, in the folder itself or in the folder of the stage that made it."""
    return next(iter(sorted(folder.glob(f"*/{name}.parquet"))), folder / f"{name}.parquet")


def _naming(national_folder: Path) -> pd.DataFrame | None:
    """Who is named in whose report, in all England; None where the national store does not hold the peers."""
    paths = [
        path
        for name in ("peers", "alternatives")
        for path in [_find(national_folder, name)]
        if path.is_file()
    ]
    named = [
        pd.read_parquet(path, columns=["urn", "peer_urn", "km"], filters=[("named", "==", True)])
        for path in paths
    ]
    return pd.concat(named, ignore_index=True) if named else None


def _missing_columns(frame: pd.DataFrame, name: str, needed: list[str]) -> list[Fault]:
    return [
        Fault(
            "hard",
            "missing_column",
            f"{name} has no column {column}",
            f"{name}.parquet",
            column=column,
            what_to_do="Run that step again.",
        )
        for column in needed
        if column not in frame
    ]


def _json(path: Path, default: dict | None = None) -> dict:
    if default is not None and not path.is_file():
        return default
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
