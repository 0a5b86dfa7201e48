"""Boundaries of upper-tier authorities and of neighbourhoods (LSOA 2011): GeoPackage, GeoJSON or GeoParquet.

Recognised by their columns (`CTYUA21CD`, `utla21_code`, `LSOA11CD`, `lsoa11_code` and the like), handed on in
metres of the British National Grid (EPSG:27700). https://geoportal.statistics.gov.uk
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow.parquet as pq
import pyogrio

from helpers.base.faults import DataRefused, Fault
from helpers.ingest.readers.gias import EASTINGS, NORTHINGS
from helpers.ingest.readers.readings import FileReport
from helpers.ingest.readers.tables import DOWNLOAD_AGAIN

GRID = "EPSG:27700"
# ValueError covers broken JSON, broken UTF-8 and what Arrow finds invalid.
DAMAGE = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
    pyogrio.errors.GeometryError,
    ValueError,
)
_LA = re.compile(r"(?:ctyua|utla)[0-9]{2}_?(cd|code|nm|name)$", re.IGNORECASE)
_LSOA = re.compile(r"lsoa11_?(cd|code|nm|name)$", re.IGNORECASE)
_PATTERNS = {"la_boundaries": _LA, "lsoa_boundaries": _LSOA}
_OTHER = re.compile(r"(?:lad|ltla|lsoa|msoa|wd|ward|rgn|ctry)[0-9]{2}_?(?:cd|code)$", re.IGNORECASE)


def columns_of(path: Path, kind: str, file: str) -> list[str]:
    """The attribute columns of a GeoPackage, GeoJSON or GeoParquet without its geometries; empty when it
    holds no map.

    Raises `DataRefused` for a file that begins like one and breaks off.
    """
    if kind == "geojson" and not _is_geojson(path, file):
        return []
    with _refusing_damage(file):
        if kind == "parquet":
            schema = pq.read_schema(path)
            return list(schema.names) if b"geo" in (schema.metadata or {}) else []
        return list(pyogrio.read_info(path)["fields"])


@contextmanager
def _refusing_damage(file: str) -> Iterator[None]:
    try:
        yield
    except (*DAMAGE, OSError) as error:
        message = f"the map breaks off or is damaged: {str(error).splitlines()[0][:200]}"
        raise DataRefused(Fault("hard", "truncated", message, file, what_to_do=DOWNLOAD_AGAIN)) from error


def choose(columns: list[str]) -> tuple[str | None, str]:
    """(frame, reason): which of our boundary frames these columns make, or why none."""
    roles = {
        name: {m[1].lower()[0] for c in columns if (m := pattern.fullmatch(c))}
        for name, pattern in _PATTERNS.items()
    }
    if "c" in roles["lsoa_boundaries"]:
        return "lsoa_boundaries", ""
    if "c" in roles["la_boundaries"]:
        return "la_boundaries", ""
    if any(_OTHER.fullmatch(c) for c in columns):
        return (
            None,
            (
                "a map of areas that the workbook does not use: it needs upper-tier authorities (CTYUA, "
                "UTLA) "
                "or LSOA 2011"
            ),
        )
    return None, "a map without a column of authority or LSOA codes"


def read_boundaries(path: Path, kind: str, frame: str, report: FileReport) -> gpd.GeoDataFrame:
    """`la_boundaries` or `lsoa_boundaries`: valid polygons in EPSG:27700, one row per area."""
    with _refusing_damage(report.file):
        areas = gpd.read_parquet(path) if kind == "parquet" else gpd.read_file(path)
    report.rows = len(areas)
    columns = {m[1].lower()[0]: c for c in areas.columns if (m := _PATTERNS[frame].fullmatch(c))}
    code = "la_ons_code" if frame == "la_boundaries" else "lsoa11_code"
    out = gpd.GeoDataFrame(
        {code: areas[columns["c"]].astype("str")}, geometry=areas.geometry.to_numpy(), crs=areas.crs
    )
    if frame == "la_boundaries":
        out.insert(1, "la_name", areas[columns["n"]].astype("str") if "n" in columns else out[code])
    if out.crs is None:
        raise DataRefused(
            Fault(
                "hard",
                "no_reference_system",
                "the map does not say in which coordinates it is",
                report.file,
                what_to_do=(
                    "Download the map again as GeoPackage or GeoJSON; both carry their reference system."
                ),
            )
        )
    if not out.crs.equals("EPSG:27700"):
        report.note(f"reprojected from {out.crs.name} to the British National Grid")
        out = out.to_crs(GRID)
    outside = out[code].str.startswith(("W", "S", "N")).to_numpy()
    if outside.any():
        report.note(f"{int(outside.sum())} areas outside England left out")
        out = out[~outside]
    return _checked(out.reset_index(drop=True), code, report)


def _checked(areas: gpd.GeoDataFrame, code: str, report: FileReport) -> gpd.GeoDataFrame:
    lost = areas.geometry.isna() | areas.geometry.is_empty
    if lost.any():
        names = list(areas.loc[lost, code])
        report.faults_at(
            "hard",
            "no_geometry",
            "the area has no outline",
            [None] * len(names),
            code,
            names,
            "Download the map again.",
        )
        areas = areas[~lost].reset_index(drop=True)
    broken = ~areas.geometry.is_valid
    if broken.any():
        report.fault(
            "flag",
            "geometry_repaired",
            f"{int(broken.sum())} outlines cross themselves and were repaired",
            column=code,
            value=", ".join(areas.loc[broken, code].head(5)),
            what_to_do="Nothing: the areas are the same to the eye.",
        )
        areas.loc[broken, "geometry"] = areas.geometry[broken].make_valid()
    if len(areas):
        west, south, east, north = areas.total_bounds
        inside = (
            EASTINGS[0] <= west and east <= EASTINGS[1] and NORTHINGS[0] <= south and north <= NORTHINGS[1]
        )
        if not (inside and np.isfinite(areas.total_bounds).all()):
            report.fault(
                "hard",
                "not_in_great_britain",
                ("the map reaches beyond Great Britain: wrong reference system or swapped coordinates"),
                value=" ".join(f"{bound:.0f}" for bound in areas.total_bounds),
                what_to_do="Download the map again.",
            )
    return areas


def _is_geojson(path: Path, file: str) -> bool:
    """Whether a text that begins with a brace is a GeoJSON collection; one that breaks off is refused."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    if '"FeatureCollection"' not in text:
        return False
    with _refusing_damage(file):
        return json.loads(text).get("type") == "FeatureCollection"
