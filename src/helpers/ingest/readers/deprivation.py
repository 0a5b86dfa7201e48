"""English indices of deprivation 2019: ranks by neighbourhood (LSOA 2011) and, derived from them, at each
school's site.

Rank 1 is the most deprived of 32,844.
https://www.gov.uk/government/statistics/english-indices-of-deprivation-2019
"""

from __future__ import annotations

import pandas as pd

from helpers.ingest.readers.formats import Format
from helpers.ingest.readers.gias import points_of
from helpers.ingest.readers.tables import Table

NEIGHBOURHOODS = 32_844
IMD = (
    "Index of Multiple Deprivation (IMD) Rank (where 1 is most deprived)",
    "Index of Multiple Deprivation (IMD) Rank",
    "Index of Multiple Deprivation (IMD) Rank (where 1 is most deprived out of 32,844 LSOAs)",
)
IDACI = (
    "Income Deprivation Affecting Children Index (IDACI) Rank (where 1 is most deprived)",
    "Income Deprivation Affecting Children Index (IDACI) Rank",
)


def read_neighbourhoods(table: Table) -> dict[str, pd.DataFrame]:
    """`deprivation_lsoa`."""
    imd, idaci = (next(name for name in names if name in table) for names in (IMD, IDACI))
    ranks = {
        "lsoa11_code": table.text("LSOA code (2011)"),
        "idaci_rank": table.numbers(idaci, 1, NEIGHBOURHOODS),
        "imd_rank": table.numbers(imd, 1, NEIGHBOURHOODS),
    }
    return {"deprivation_lsoa": pd.DataFrame(ranks)}


def read_schools(table: Table) -> dict[str, pd.DataFrame]:
    """`deprivation`: the ranks of the neighbourhood in which each school stands."""
    easting, northing = points_of(table, "easting", "northing")
    ranks = {
        "urn": table.urns(),
        "postcode": table.text("school_postcode"),
        "easting": easting,
        "northing": northing,
        "point_source": table.text("point_source"),
        "lsoa11_code": table.text("lsoa11_code"),
        "idaci_rank": table.numbers("idaci_rank", 1, NEIGHBOURHOODS),
        "imd_rank": table.numbers("imd_rank", 1, NEIGHBOURHOODS),
    }
    return {"deprivation": pd.DataFrame(ranks)}


FORMATS = (
    Format(
        "deprivation_lsoa",
        "deprivation ranks by neighbourhood (indices of deprivation 2019)",
        ("LSOA code (2011)", IMD, IDACI),
        read_neighbourhoods,
        ("deprivation_lsoa",),
        key="LSOA code (2011)",
    ),
    Format(
        "deprivation_schools",
        "deprivation ranks at the school site",
        (
            "URN",
            "school_postcode",
            "easting",
            "northing",
            "point_source",
            "lsoa11_code",
            "idaci_rank",
            "imd_rank",
        ),
        read_schools,
        ("deprivation",),
    ),
)
