"""Get Information About Schools: establishments (the full extract and two shorter layouts), links and points.

https://get-information-schools.service.gov.uk/Downloads
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.ingest.readers.formats import Format
from helpers.ingest.readers.harmonise import DENOMINATIONS, register_phase
from helpers.ingest.readers.spc_census import urban_rural
from helpers.ingest.readers.tables import Table

# Our column -> what the full extract, the renamed extract and the test extract call it.
NAMES = {
    "school_name": ("EstablishmentName", "establishment_name", "EstablishmentName"),
    "la_code": ("LA (code)", "la_code", "LAId"),
    "school_type": ("TypeOfEstablishment (name)", "type_of_establishment", "TypeOfEstablishmentName"),
    "phase": ("PhaseOfEducation (name)", "phase_of_education", "PhaseOfEducationName"),
    "status": ("EstablishmentStatus (name)", "establishment_status", "EstablishmentStatusName"),
    "low_age": ("StatutoryLowAge", "statutory_low_age", "AgeRangeLow"),
    "high_age": ("StatutoryHighAge", "statutory_high_age", "AgeRangeHigh"),
    "sex_of_school": ("Gender (name)", "gender", "GenderName"),
    "admissions_policy": ("AdmissionsPolicy (name)", "admissions_policy", "AdmissionsPolicyName"),
    "denomination": ("ReligiousCharacter (name)", "religious_character", "ReligiousCharacterName"),
    "capacity": ("SchoolCapacity", "school_capacity", "TotalCapacity"),
    "trust_name": ("Trusts (name)", "trust_name", "TrustName"),
    "urban_rural": ("UrbanRural (name)", "urban_rural", "UrbanRuralName"),
    "easting": ("Easting", "easting", "Easting"),
    "northing": ("Northing", "northing", "Northing"),
    "open_date": ("OpenDate", "open_date", "OpenDate"),
    "close_date": ("CloseDate", "close_date", "CloseDate"),
    "lsoa_code": ("LSOA (code)", "lsoa_code", "LSOACode"),
}
_NEEDED = (
    "school_name",
    "la_code",
    "school_type",
    "phase",
    "status",
    "low_age",
    "high_age",
    "admissions_policy",
    "easting",
    "northing",
)
_TEXTS = (
    "school_name",
    "school_type",
    "status",
    "sex_of_school",
    "admissions_policy",
    "trust_name",
    "lsoa_code",
)
EASTINGS, NORTHINGS = (0, 700_000), (0, 1_300_000)


def read_establishments(table: Table) -> dict[str, pd.DataFrame]:
    """`establishments`. Rows whose number has not six digits are the publisher's test rows: left out and
    counted.
    """
    test = (
        pd.Series(table.cells("urn"), dtype="str")
        .str.strip()
        .str.fullmatch(r"[0-9]{1,5}|[0-9]{7,}")
        .to_numpy()
    )
    if test.any():
        table.report.note(f"{int(test.sum())} test rows (URN not of six digits) left out")
        table = table.where(~test)
    name = {ours: next((n for n in theirs if n in table), theirs[0]) for ours, theirs in NAMES.items()}
    school_type, phase = table.text(name["school_type"]), table.text(name["phase"])
    pairs = pd.DataFrame({"phase": phase.fillna(""), "type": school_type.fillna("")})
    ours = {
        pair: register_phase(*pair) for pair in pairs.drop_duplicates().itertuples(index=False, name=None)
    }
    easting, northing = points_of(table, name["easting"], name["northing"])
    frame = {
        "urn": table.urns(),
        "la_code": table.la_codes(name["la_code"]),
        "phase": pd.Series([ours[pair] for pair in pairs.itertuples(index=False, name=None)], dtype="str"),
        "low_age": table.numbers(name["low_age"], 0, 25),
        "high_age": table.numbers(name["high_age"], 0, 99),
        "capacity": table.numbers(name["capacity"], 0),
        "denomination": table.text(name["denomination"]).replace(DENOMINATIONS),
        "urban_rural": urban_rural(table.text(name["urban_rural"])),
        "easting": easting,
        "northing": northing,
        "open_date": table.dates(name["open_date"], "%d-%m-%Y"),
        "close_date": table.dates(name["close_date"], "%d-%m-%Y"),
        **{column: table.text(name[column]) for column in _TEXTS},
    }
    return {"establishments": pd.DataFrame(frame)}


def read_links(table: Table) -> dict[str, pd.DataFrame]:
    """`links`: a row for every predecessor, successor or other link between two establishments."""
    return {
        "links": pd.DataFrame(
            {
                "urn": table.urns("urn"),
                "link_urn": table.urns("linkurn"),
                "link_type": table.text("linktype"),
                "link_date": table.dates("linkestablisheddate", "%d-%m-%Y"),
            }
        )
    }


def read_points(table: Table) -> dict[str, pd.DataFrame]:
    """`points` in metres of the British National Grid."""
    easting, northing = points_of(table, "easting", "northing")
    points = {
        "urn": table.urns(),
        "school_name": table.text("establishmentname"),
        "easting": easting,
        "northing": northing,
    }
    return {"points": pd.DataFrame(points)}


def points_of(table: Table, easting: str, northing: str) -> tuple[np.ndarray, np.ndarray]:
    """Grid references in metres; (0, 0) is how the register says that it does not know, so it is missing."""
    east, north = table.numbers(easting, *EASTINGS), table.numbers(northing, *NORTHINGS)
    unknown = (east == 0) & (north == 0)
    if unknown.any():
        table.report.note(f"{int(unknown.sum()):,} points at 0, 0 taken as missing")
    return np.where(unknown, np.nan, east), np.where(unknown, np.nan, north)


def _establishments(position: int, name: str, label: str) -> Format:
    def spelling(ours: str) -> str:
        return NAMES[ours][position]

    return Format(
        name,
        label,
        ("URN", *(spelling(ours) for ours in _NEEDED)),
        read_establishments,
        ("establishments",),
        tuple(dict.fromkeys(spelling(ours) for ours in NAMES if ours not in _NEEDED)),
    )


FORMATS = (
    _establishments(0, "establishments_gias", "establishments (Get Information About Schools extract)"),
    _establishments(1, "establishments_renamed", "establishments (columns renamed by the collector)"),
    _establishments(
        2, "establishments_test_extract", "establishments (Get School Improvement Insights test data)"
    ),
    Format(
        "links",
        "predecessor and successor links (Get Information About Schools)",
        ("URN", "LinkURN", "LinkName", "LinkType", "LinkEstablishedDate"),
        read_links,
        ("links",),
    ),
    Format(
        "points",
        "school locations (Get Information About Schools)",
        ("URN", "EstablishmentName", "Easting", "Northing"),
        read_points,
        ("points",),
    ),
)
