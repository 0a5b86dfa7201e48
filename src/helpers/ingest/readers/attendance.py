"""Pupil attendance in schools: year-to-date publications and single weeks, by area and phase.

https://explore-education-statistics.service.gov.uk/find-statistics/pupil-attendance-in-schools
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.base.years import academic_year, year_ending
from helpers.ingest.readers.formats import Format
from helpers.ingest.readers.harmonise import region
from helpers.ingest.readers.tables import Table

LEVELS = {"national": "england", "regional": "region", "local authority": "la"}
PHASES = {"primary": "primary", "secondary": "secondary", "special": "special", "total": "all"}
COUNTS = {
    "possible_sessions": "possible_sessions",
    "overall_absence_sessions": "overall_absence",
    "authorised_sessions": "authorised_absence",
    "unauthorised_sessions": "unauthorised_absence",
    "illness_sessions": "reason_i_authorised_illness",
    "medical_sessions": "reason_m_authorised_medical_dental",
    "religious_sessions": "reason_r_authorised_religious_observance",
    "excluded_sessions": "reason_e_authorised_excluded",
    "holiday_sessions": "reason_g_unauthorised_holiday",
    "n_schools": "num_schools",
    "enrolments": "enrolments",
}
FIRST_WEEK_OF_AUTUMN = 30


def read_attendance(table: Table) -> dict[str, pd.DataFrame]:
    """`attendance`: year-to-date rows (`time_identifier` Academic year) and weekly rows (Week 37) told apart
    row by row.
    """
    year, week = periods(table)
    geography = table.mapped("geographic_level", LEVELS, "geographic level")
    published_region = table.text("region_name")
    part = geography.eq("region") & published_region.str.lower().isin(
        ["inner london", "outer london"]
    ).fillna(False)
    region_name = published_region.map(
        {name: region(name) for name in published_region.dropna().unique()}
    ).astype("str")
    area_name = (
        table.text("la_name")
        .fillna(region_name.mask(part, published_region))
        .mask(geography.eq("england"), "England")
    )
    frame = {
        "kind": pd.Series(np.where(week.isna(), "ytd", "weekly"), dtype="str"),
        "published": table.dates("published", "%Y-%m-%d"),
        "year": year,
        "week": week,
        "geography": geography.mask(part, "part"),
        "la_ons_code": table.text("new_la_code"),
        "area_name": area_name,
        "region_name": region_name,
        "phase": table.mapped("education_phase", PHASES, "phase"),
        "absence_pct": table.numbers("overall_absence_perc", 0, 100),
        "persistent_pct": table.numbers("pa_perc", 0, 100),
        **{ours: table.numbers(theirs, 0) for ours, theirs in COUNTS.items()},
    }
    return {"attendance": pd.DataFrame(frame)}


def periods(table: Table) -> tuple[pd.Series, pd.Series]:
    """Academic year (text) and week (Int64, missing for year-to-date rows) of each row. Weeks name the
    calendar year.
    """
    pairs = pd.DataFrame({"period": table.text("time_period"), "kind": table.text("time_identifier")}).fillna(
        ""
    )
    known = {pair: _period(*pair) for pair in pairs.drop_duplicates().itertuples(index=False, name=None)}
    found = [known[pair] for pair in pairs.itertuples(index=False, name=None)]
    bad = np.flatnonzero([period is None for period in found])
    if len(bad):
        table.report.faults_at(
            "hard",
            "bad_year",
            ("this is neither an academic year (202223, Academic year) nor a week (2022, Week 37)"),
            table.lines[bad],
            "time_period",
            pairs.iloc[bad].agg(" ".join, axis=1),
            "Check that no column has shifted.",
        )
    table.report.years |= {period[0] for period in known.values() if period}
    year = pd.Series([period[0] if period else None for period in found], dtype="str")
    return year, pd.Series([period[1] if period else None for period in found], dtype="Int64")


def _period(period: str, kind: str) -> tuple[str, int | None] | None:
    year = academic_year(period)
    if year and kind.lower() == "academic year":
        return year, None
    words = kind.lower().split()
    if (
        period.isdigit()
        and len(period) == 4
        and len(words) == 2
        and words[0] == "week"
        and words[1].isdigit()
    ):
        week = int(words[1])
        return year_ending(int(period) + (week >= FIRST_WEEK_OF_AUTUMN)), week
    return None


FORMATS = (
    Format(
        "attendance",
        "attendance by area and phase (Pupil attendance in schools)",
        (
            "published",
            "time_period",
            "time_identifier",
            "geographic_level",
            "region_name",
            "new_la_code",
            "la_name",
            "education_phase",
            "overall_absence_perc",
            *COUNTS.values(),
        ),
        read_attendance,
        ("attendance",),
        ("pa_perc",),
        key="published",
    ),
)
