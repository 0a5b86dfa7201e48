"""Published absence rates of England, its regions and local authorities, as DfE's Local Authority Interactive
Tool gives them.

`Years` is the year in which the academic year ends. The tool splits London: Inner and Outer are kept as
geography `part`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.base.years import year_ending
from helpers.ingest.readers.formats import Format
from helpers.ingest.readers.harmonise import region
from helpers.ingest.readers.tables import Table

# Code of the indicator, lower case -> our phase and measure.
INDICATORS = {
    "totabs": "all absence",
    "totperabnew": "all persistent",
    "totsevperabnew": "all severe",
    "pritotabs": "primary absence",
    "priauth": "primary authorised",
    "priunauth": "primary unauthorised",
    "sfpriperabnew": "primary persistent",
    "sfprisevperabnew": "primary severe",
    "sectotabs": "secondary absence",
    "secauth": "secondary authorised",
    "secunauth": "secondary unauthorised",
    "sfsecperabnew": "secondary persistent",
    "sfsecsevperabnew": "secondary severe",
    "total_absence_special": "special absence",
    "authorised_absence_special": "special authorised",
    "unauthorised_absence_special": "special unauthorised",
    "specperabnew": "special persistent",
    "specsevperabnew": "special severe",
}


def read_area_rates(table: Table) -> dict[str, pd.DataFrame]:
    """`area_rates`: a row for every cell of the publication, in our words; `rate_pct` is missing where none
    is published.
    """
    indicator = table.mapped("short desc", INDICATORS, "indicator")
    years = table.integers("years", 2000, 2100, "bad_year")
    area_name = table.text("la and regions")
    parent = table.text("region")
    names = pd.DataFrame({"area": area_name, "parent": parent}).drop_duplicates()
    geography = {(a, p): _geography(a, p) for a, p in names.itertuples(index=False)}
    region_name = {(a, p): region(p if isinstance(p, str) else a) for a, p in geography}
    pairs = list(zip(area_name, parent, strict=True))
    _refuse_unknown_areas(table, [geography[pair] is None for pair in pairs])
    table.report.years |= {year_ending(int(year)) for year in np.unique(years) if year > 0}
    rates = pd.DataFrame(
        {
            "year": pd.Series(years).map(lambda year: year_ending(int(year))),
            "geography": [geography[pair] for pair in pairs],
            "area_code": table.la_codes("la number"),
            "area_name": area_name,
            "region_name": [region_name[pair] for pair in pairs],
            "phase": indicator.str.replace(r" .*", "", regex=True),
            "measure": indicator.str.replace(r".* ", "", regex=True),
            "rate_pct": table.numbers("values", 0, 100),
        }
    )
    regions = rates["geography"].eq("region")
    rates["area_name"] = rates["area_name"].mask(regions, rates["region_name"])
    return {"area_rates": rates}


def _geography(area: str, parent: str) -> str | None:
    """`la` where the row names its region; else the area itself is England, a region, or a part of London."""
    if isinstance(parent, str):
        return "la" if region(parent) else None
    if not isinstance(area, str):
        return None
    if area.strip().lower() == "england":
        return "england"
    if region(area) is None:
        return None
    return "part" if "(" in area or area.lower().split()[0] in ("inner", "outer") else "region"


def _refuse_unknown_areas(table: Table, unknown: list[bool]) -> None:
    bad = np.flatnonzero(unknown)
    if len(bad):
        table.report.faults_at(
            "hard",
            "unknown_area",
            "this is neither England, a region, nor an authority of a known region",
            table.lines[bad],
            "LA and Regions",
            table.cells("la and regions")[bad],
            "Check that no column has shifted.",
        )


FORMATS = (
    Format(
        "area_rates",
        "published absence rates by area (Local Authority Interactive Tool)",
        ("Short Desc", "Years", "LA and Regions", "Values", "LA Number", "Region"),
        read_area_rates,
        ("area_rates",),
        key="Short Desc",
    ),
)
