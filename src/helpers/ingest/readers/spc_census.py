"""Schools, pupils and their characteristics: the school-level underlying file of the January census, plain or
gzipped.

Percentages are computed from counts over the headcount (sums before ratios) and are missing where a count is
suppressed.
https://explore-education-statistics.service.gov.uk/find-statistics/school-pupils-and-their-characteristics
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from helpers.ingest.readers.ees_absence import ratio_pct, years
from helpers.ingest.readers.formats import Format
from helpers.ingest.readers.harmonise import CENSUS_PHASES, DENOMINATIONS, region
from helpers.ingest.readers.tables import CORRECT, Table

_ORIGIN = "number of pupils classified as {} ethnic origin"

# Our column -> the published groups that it sums.
ETHNIC_GROUPS = {
    "white_british_pct": ["white British"],
    "white_other_pct": ["Irish", "any other white background"],
    "gypsy_roma_traveller_pct": ["traveller of Irish heritage", "Gypsy/Roma"],
    "mixed_pct": [
        "white and black Caribbean",
        "white and black African",
        "white and Asian",
        "any other mixed background",
    ],
    "indian_pct": ["Indian"],
    "pakistani_pct": ["Pakistani"],
    "bangladeshi_pct": ["Bangladeshi"],
    "other_asian_pct": ["any other Asian background"],
    "black_caribbean_pct": ["Caribbean"],
    "black_african_pct": ["African"],
    "other_black_pct": ["any other black background"],
    "chinese_pct": ["Chinese"],
    "other_ethnic_pct": ["any other ethnic group"],
}
HEADCOUNT, GIRLS, BOYS = "headcount of pupils", "headcount total girls", "headcount total boys"
OTHER_COUNTS = {
    "fsm_pct": "number of pupils known to be eligible for free school meals",
    "eal_pct": "number of pupils whose first language is known or believed to be other than English",
    "ethnicity_unclassified_pct": "number of pupils unclassified",
    "young_carer_pct": "number of pupils who are a young carer",
}
_BY_ATTENDANCE_AND_SEX = [f"{time} time {sex}" for time in ("Part", "Full") for sex in ("girls", "boys")]
YEAR_GROUPS = {
    "pupils_nursery": ["Early 1", "Early 2", "Nursery 1", "Nursery 2"],
    "pupils_year_r": ["Reception"],
    **{f"pupils_year_{n}": [f"Year group {n}"] for n in range(1, 14)},
}
KEY_STAGES = {
    "Number of reception pupils (year R)": ["pupils_year_r"],
    "Number of key stage 1 pupils (years 1 and 2)": ["pupils_year_1", "pupils_year_2"],
    "Number of key stage 2 pupils (years 3 to 6)": [f"pupils_year_{n}" for n in range(3, 7)],
    "Number of key stage 3 pupils (years 7 to 9)": [f"pupils_year_{n}" for n in range(7, 10)],
    "Number of key stage 4 pupils (years 10 and 11)": ["pupils_year_10", "pupils_year_11"],
}
TEXTS = {
    "la_ons_code": "new_la_code",
    "la_name": "la_name",
    "school_name": "school_name",
    "postcode": "school_postcode",
    "school_type": "typeofestablishment_name",
    "trust_name": "trust",
    "sex_of_school": "sex_of_school_description",
    "admissions_policy": "admissions_policy",
    "middle_school": "middle_school",
    "governance": "academy_flag",
}


def read_census(table: Table) -> dict[str, pd.DataFrame]:
    """`census_detail`. Independent schools are dropped and counted; the year is in the file."""
    phase = table.mapped("phase_type_grouping", CENSUS_PHASES, "type of school")
    covered = phase.notna().to_numpy()
    table.report.note(f"{int((~covered).sum()):,} independent schools left out")
    table, phase = table.where(covered), phase[covered].reset_index(drop=True)
    headcount, girls, boys = (table.numbers(name, 0) for name in (HEADCOUNT, GIRLS, BOYS))
    detail = {
        "urn": table.urns(),
        "year": years(table),
        "la_code": table.la_codes("old_la_code"),
        "region_name": _regions(table),
        "phase": phase,
        "denomination": table.text("denomination").replace(DENOMINATIONS),
        "urban_rural": urban_rural(table.text("urban_rural")),
        "all_through": table.text("all_through_school").str.lower().eq("yes").fillna(False),
        "open_date": table.dates("opendate", "%d/%m/%Y"),
        "roll": headcount,
        "girls_roll": girls,
        "boys_roll": boys,
        "boarders": table.numbers("total boarders", 0),
        "row": table.lines,
        **{ours: table.text(theirs) for ours, theirs in TEXTS.items()},
        **year_groups(table, headcount, girls, boys),
        **{ours: ratio_pct(table.numbers(theirs, 0), headcount) for ours, theirs in OTHER_COUNTS.items()},
    }
    for ours, origins in ETHNIC_GROUPS.items():
        detail[ours] = ratio_pct(
            sum(table.numbers(_ORIGIN.format(origin), 0) for origin in origins), headcount
        )
    return {"census_detail": pd.DataFrame(detail)}


def year_groups(
    table: Table, headcount: np.ndarray, girls: np.ndarray, boys: np.ndarray
) -> dict[str, np.ndarray]:
    """Pupils by year group (part and full time, girls and boys) and all pupils of Reception to Year 11.

    The published key stages also hold pupils recorded as neither girls nor boys, so the sum is taken from
    them, and from the year groups where an edition has no key stages. The two may differ by no more than
    those pupils: more means a shifted column.
    """
    groups: dict[str, Any] = {
        ours: sum(table.numbers(f"{who} {theirs}", 0) for who in _BY_ATTENDANCE_AND_SEX for theirs in names)
        for ours, names in YEAR_GROUPS.items()
    }
    stages = {stage: table.numbers(stage, 0) for stage in KEY_STAGES}
    for stage, members in KEY_STAGES.items():
        difference = stages[stage] - sum(groups[name] for name in members)
        with np.errstate(invalid="ignore"):
            bad = np.flatnonzero((difference < 0) | (difference > np.fmax(headcount - girls - boys, 0)))
        if len(bad):
            table.report.faults_at(
                "hard",
                "year_groups_do_not_add_up",
                "the year groups do not add up to the published key stage",
                table.lines[bad],
                stage,
                [
                    f"{stages[stage][i]:g} (year groups give {stages[stage][i] - difference[i]:g})"
                    for i in bad
                ],
                CORRECT,
            )
    by_stage, by_year = (
        sum(stages.values()),
        sum(groups[name] for members in KEY_STAGES.values() for name in members),
    )
    groups["pupils_r_to_11"] = np.where(np.isnan(by_stage), by_year, by_stage)
    return groups


def urban_rural(text: pd.Series) -> pd.Series:
    """The classification without the prefix of the countries that it covers."""
    return text.str.replace(r"^\(England/Wales\) ", "", regex=True)


def _regions(table: Table) -> pd.Series:
    names = table.text("region_name")
    ours = names.map(lambda name: region(name), na_action="ignore").astype("str")
    bad = np.flatnonzero(ours.isna())
    if len(bad):
        table.report.faults_at(
            "hard",
            "unknown_word",
            "this is not a region of England",
            table.lines[bad],
            "region_name",
            table.cells("region_name")[bad],
            "Check that no column has shifted.",
        )
    return ours


FORMATS = (
    Format(
        "census_spc",
        "school-level census (Schools, pupils and their characteristics)",
        (
            "time_period",
            "urn",
            "old_la_code",
            "la_name",
            "new_la_code",
            "region_name",
            "school_name",
            "phase_type_grouping",
            "typeofestablishment_name",
            HEADCOUNT,
            OTHER_COUNTS["fsm_pct"],
            OTHER_COUNTS["eal_pct"],
            *(_ORIGIN.format(origin) for origins in ETHNIC_GROUPS.values() for origin in origins),
        ),
        read_census,
        ("census_detail",),
        (
            *TEXTS.values(),
            "denomination",
            "urban_rural",
            "all_through_school",
            "opendate",
            GIRLS,
            BOYS,
            "total boarders",
            *OTHER_COUNTS.values(),
            *KEY_STAGES,
            *(
                f"{who} {theirs}"
                for who in _BY_ATTENDANCE_AND_SEX
                for names in YEAR_GROUPS.values()
                for theirs in names
            ),
        ),
    ),
)
