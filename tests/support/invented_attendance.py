"""An invented year-to-date attendance series: two regions, eight authorities each, both mainstream phases,
with known shocks planted.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.monitor.snapshots import first_monday
from helpers.records.vocabulary import COUNTS

REGIONS = ("London", "North East")
LAS = 8
YEARS = ("2021-22", "2022-23", "2023-24", "2024-25")
ENDS = tuple(range(2, 48, 2))  # school weeks that a publication covers
HOLIDAYS = (8, 16, 17, 24, 31, 32, 39)
SHARES = {
    "illness_sessions": 0.5,
    "medical_sessions": 0.05,
    "religious_sessions": 0.002,
    "excluded_sessions": 0.01,
    "holiday_sessions": 0.08,
}
LEVEL = {"primary": 5.5, "secondary": 9.0}


def weekly_counts(seed: int = 1, plant=()) -> pd.DataFrame:
    """Weekly sessions by authority, phase, year and school week. `plant`: (la, phase, year, week, column,
    share of possible sessions added).
    """
    rng = np.random.default_rng(seed)
    rows = []
    for r, region in enumerate(REGIONS):
        for k in range(LAS):
            area, pupils, usual = f"E0{r}{k:06d}", float(rng.integers(15_000, 40_000)), rng.normal(0, 0.4)
            for phase, level in LEVEL.items():
                for year in YEARS:
                    drift = rng.normal(0, 0.15)
                    for week in range(2, 48):
                        if week in HOLIDAYS:
                            continue
                        possible = round(pupils * 10 * 0.98)
                        rate = (
                            level
                            + usual
                            + drift
                            + 0.6 * np.cos(2 * np.pi * (week - 18) / 46)
                            + rng.normal(0, 0.12)
                        )
                        absent = possible * rate / 100
                        counts = {
                            c: round(absent * s * np.exp(rng.normal(0, 0.03))) for c, s in SHARES.items()
                        }
                        counts["unauthorised_sessions"] = round(absent * 0.3)
                        counts["authorised_sessions"] = round(absent) - counts["unauthorised_sessions"]
                        for la, p, y, w, column, share in plant:
                            if (la, p, y, w) != (area, phase, year, week):
                                continue
                            if column == "possible_sessions":
                                counts = {c: round(v * (1 - share)) for c, v in counts.items()}
                                possible = round(possible * (1 - share))
                                continue
                            counts[column] += round(share * possible)
                            counts[
                                "unauthorised_sessions"
                                if column == "holiday_sessions"
                                else "authorised_sessions"
                            ] += round(share * possible)
                        counts["overall_absence_sessions"] = (
                            counts["authorised_sessions"] + counts["unauthorised_sessions"]
                        )
                        rows.append(
                            {
                                "region_name": region,
                                "la_ons_code": area,
                                "phase": phase,
                                "year": year,
                                "school_week": week,
                                "possible_sessions": possible,
                                "enrolments": pupils,
                                **counts,
                            }
                        )
    return pd.DataFrame(rows)


def published(weekly: pd.DataFrame) -> pd.DataFrame:
    """The frame `attendance` of the readers: year-to-date rows of England, regions and authorities for each
    publication.
    """
    parts = []
    for geography, keys in (
        ("england", []),
        ("region", ["region_name"]),
        ("la", ["region_name", "la_ons_code"]),
    ):
        group = [*keys, "phase", "year", "school_week"]
        sums = weekly.groupby(group, as_index=False)[[*COUNTS, "enrolments"]].sum()
        cumulative = sums[COUNTS].groupby([sums[c] for c in group if c != "school_week"]).cumsum()
        sums[COUNTS] = cumulative
        parts.append(sums.assign(geography=geography))
    rows = pd.concat(parts, ignore_index=True)
    last = {week: max(w for w in range(2, week + 1) if w not in HOLIDAYS) for week in ENDS}
    rows = pd.concat(
        [rows[rows["school_week"] == w].assign(covers=week) for week, w in last.items()], ignore_index=True
    )
    monday = pd.to_datetime(rows["year"].map({y: first_monday(y) for y in YEARS}))
    rows["published"] = (monday + pd.to_timedelta(7 * (rows["covers"] - 1) + 17, unit="D")).astype(
        "datetime64[s]"
    )
    rows["area_name"] = rows["la_ons_code"].fillna(rows["region_name"]).fillna("England")
    rows["absence_pct"] = 100 * rows["overall_absence_sessions"] / rows["possible_sessions"]
    rows[COUNTS] = rows[COUNTS].astype("float64")
    return rows.assign(
        kind="ytd",
        week=pd.array([pd.NA] * len(rows), dtype="Int64"),
        persistent_pct=np.nan,
        n_schools=100.0,
        file="invented.csv",
    )
