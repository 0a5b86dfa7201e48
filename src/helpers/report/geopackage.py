"""The region's schools and local authorities as a GeoPackage, for people who work with maps: British National
Grid, our columns' names.
"""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio

from helpers.base import contract, text
from helpers.report.inputs import PackInputs
from helpers.report.region_facts import PHASES, weighted_mean
from helpers.report.sheets import SCHOOL_TABLES
from helpers.report.workbook import EXPECTATIONS, SCHOOLS

CRS = "EPSG:27700"
FIXED_DATE = "2000-01-01T00:00:00.000Z"  # no clock in a result: the same run gives the same bytes
AREA_LABELS = {
    "schools": "Schools of this pack",
    "assessed": "Schools with a minimum",
    "pupil_days": "More pupil-days in school over the year",
} | {
    f"{phase}_{name}": f"{text.phase_words(phase)} schools with a minimum: {label}, mean over pupils"
    for phase in PHASES
    for name, label in (
        ("attendance_pct", "attendance last year (%)"),
        ("ask_pp", "improvement asked (points)"),
    )
}


def schools_layer(frame: pd.DataFrame) -> gpd.GeoDataFrame:
    """One point per school of `school_frame` in the columns of the spreadsheet; a school whose place is not
    known has no geometry.
    """
    columns = [name for name in dict.fromkeys(SCHOOLS + EXPECTATIONS) if name in frame]
    return gpd.GeoDataFrame(
        frame[columns].reset_index(drop=True),
        geometry=gpd.points_from_xy(frame["easting"], frame["northing"]),
        crs=CRS,
    )


def areas_layer(frame: pd.DataFrame, boundaries: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """One polygon per local authority that has schools in `frame`, with counts and means over pupils, by ONS
    code.
    """
    rows = []
    for _, group in frame.groupby("la_code"):
        code = next(
            iter(group["la_ons_code"].dropna()), None
        )  # a school outside the census carries none of its own
        assessed = group[group["ask_pp"].notna()]
        row = {
            "la_ons_code": code,
            "schools": len(group),
            "assessed": len(assessed),
            "pupil_days": float(assessed["pupil_days"].sum()),
        }
        for phase in PHASES:
            some = assessed[assessed["phase"] == phase]
            for name, column in (("attendance_pct", "attendance_pct"), ("ask_pp", "shown_ask_pp")):
                row[f"{phase}_{name}"] = weighted_mean(some[column], some["pupils"])
        rows.append(row)
    figures = pd.DataFrame(rows, columns=["la_ons_code", *AREA_LABELS]).astype(
        {name: "float64" for name in AREA_LABELS if "_" in name}
    )
    return (
        boundaries[["la_ons_code", "la_name", "geometry"]]
        .to_crs(CRS)
        .merge(figures, on="la_ons_code", how="inner", validate="1:1")
    )


def meanings(schools: gpd.GeoDataFrame, areas: gpd.GeoDataFrame) -> pd.DataFrame:
    """What the columns of both layers mean: layer, name, label, unit, source."""
    rows = []
    for layer, frame in (("schools", schools), ("local_authorities", areas)):
        for name in frame.columns.drop("geometry"):
            known = contract.column_of(name, SCHOOL_TABLES)
            if layer == "local_authorities" and name in AREA_LABELS or known is None:
                rows.append((layer, name, AREA_LABELS.get(name, name), "", "Computed"))
            else:
                rows.append((layer, name, *known[["label", "unit", "source"]]))
    return pd.DataFrame(rows, columns=["layer", "name", "label", "unit", "source"])


def write(inputs: PackInputs, frame: pd.DataFrame, path: Path) -> None:
    """Write layers `schools` and `local_authorities` and the table `dictionary` to `path`. `frame` is
    `school_frame`.
    """
    schools, areas = schools_layer(frame), areas_layer(frame, inputs.boundaries)
    about = " ".join(([f"{text.INVENTED}."] if inputs.sample else []) + [text.MARKING, text.FORMULA])
    layers = {
        "schools": (schools, "Point"),
        "local_authorities": (areas, "MultiPolygon"),
        "dictionary": (meanings(schools, areas), None),
    }
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": FIXED_DATE})
    try:
        for layer, (table, kind) in layers.items():
            options = {"geometry_type": kind, "promote_to_multi": kind == "MultiPolygon"} if kind else {}
            named = (
                {"IDENTIFIER": f"{inputs.region_name}, {inputs.release}: {layer}", "DESCRIPTION": about}
                if kind
                else {}
            )
            pyogrio.write_dataframe(
                table, path, layer=layer, driver="GPKG", append=path.exists(), **options, layer_options=named
            )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
