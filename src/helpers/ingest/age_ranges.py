"""Which schools may be compared at all: year groups, age-range blocks and selection, from the year-group
counts of the school census.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

YEARS_R_TO_11 = ["pupils_year_r", *(f"pupils_year_{n}" for n in range(1, 12))]
YEARS_7_TO_11 = YEARS_R_TO_11[7:]
SIXTH_FORM = ["pupils_year_12", "pupils_year_13"]
# a year group below this share of Years R-13 is strays (a few early movers), not part of the age range
STRAY_SHARE = 0.02


def year_shares(detail: pd.DataFrame) -> pd.DataFrame:
    """Shares of the roll by stage, and the mean year group.

    In: frame `census_detail` (pupils per year group, roll). Out, same index: sixth_form_pct, nursery_pct,
    years_6_to_8_pct (each % of the roll), mean_year_group (Years R-11, Reception = 0), weight_r_to_11
    (pupils). Missing where the school gives no year groups or has no pupils.
    """
    roll = detail["roll"].where(detail["roll"] > 0)
    compulsory = detail[YEARS_R_TO_11]
    pupils = detail["pupils_r_to_11"].where(detail["pupils_r_to_11"] > 0)
    return pd.DataFrame(
        {
            "sixth_form_pct": _share(detail[SIXTH_FORM].sum(axis=1, min_count=1), roll),
            "nursery_pct": _share(detail["pupils_nursery"], roll),
            "years_6_to_8_pct": _share(
                detail[["pupils_year_6", "pupils_year_7", "pupils_year_8"]].sum(axis=1, min_count=1), roll
            ),
            "mean_year_group": compulsory.mul(np.arange(12.0), axis=1).sum(axis=1, min_count=1) / pupils,
            "weight_r_to_11": detail["pupils_r_to_11"],
        },
        index=detail.index,
    )


def _share(part: pd.Series, whole: pd.Series) -> pd.Series:
    """Per cent, at most 100: a few dual registrations are counted in a year group but not on the roll."""
    return (100 * part / whole).clip(upper=100)


def age_range(detail: pd.DataFrame) -> pd.DataFrame:
    """Lowest and highest year group of each school (Reception = 0, sixth form to 13), strays left out;
    missing without pupils.

    In: frame `census_detail`. Out, same index: low_year, high_year (float).
    """
    counts = detail[[*YEARS_R_TO_11, *SIXTH_FORM]].fillna(0)
    total = counts.sum(axis=1)
    there = counts.gt(np.maximum(total * STRAY_SHARE, 0), axis=0).to_numpy()
    any_pupils = there.any(axis=1)
    low = np.where(any_pupils, there.argmax(axis=1), np.nan)
    high = np.where(any_pupils, there.shape[1] - 1 - there[:, ::-1].argmax(axis=1), np.nan)
    return pd.DataFrame({"low_year": low, "high_year": high}, index=detail.index)


def selective(detail: pd.DataFrame) -> pd.Series:
    """True for schools that admit by test ("Selective" in the school census), as nullable boolean; not stated
    counts as not selective.
    """
    return (detail["admissions_policy"] == "Selective").astype("boolean")


def blocks(detail: pd.DataFrame) -> pd.Series:
    """Hard peer block of each school: phase, age range and selection.

    In: frame `census_detail`. Out: text, same index. Primary: `infant` (to Year 2), `first` (from Reception,
    to Years 3-5), `junior` (from Year 3), `middle` (from Year 3 or later, beyond Year 6), else `primary`.
    Secondary: `secondary_selective`, `middle` (deemed secondary, or starting below Year 7 and ending by Year
    9), `all_through` (from Year 4 or below to Year 9 or beyond), `upper` (from Year 9), `fourteen_plus` (from
    Year 10: university technical colleges and studio schools), `sixteen_plus`, else `secondary`. Other phases
    are their own block. A school that still grows has the block of the year groups it has: the file does not
    say what it will become.
    """
    ages = age_range(detail)
    low, high = ages["low_year"], ages["high_year"]
    primary, secondary = detail["phase"] == "primary", detail["phase"] == "secondary"
    picks = selective(detail).fillna(False).astype(bool)
    middle = detail["middle_school"].fillna("").str.startswith("Middle")
    rules = [
        (primary & (middle | ((low >= 3) & (high >= 7))), "middle"),
        (primary & (low >= 3), "junior"),
        (primary & (high <= 2), "infant"),
        (primary & (high <= 5), "first"),
        (primary, "primary"),
        (secondary & (low >= 12), "sixteen_plus"),
        (secondary & picks, "secondary_selective"),
        (secondary & (middle | (low.between(4, 6) & (high <= 9))), "middle"),
        (secondary & (low <= 4) & (high >= 9), "all_through"),
        (secondary & (low >= 10), "fourteen_plus"),
        (secondary & (low == 9), "upper"),
        (secondary, "secondary"),
    ]
    names = np.select([mask.to_numpy() for mask, _ in rules], [name for _, name in rules], default="")
    out = pd.Series(names, index=detail.index, dtype="str")
    return out.mask(out == "", detail["phase"])


def grammar_area(detail: pd.DataFrame) -> pd.Series:
    """Share of the LA's secondary pupils (Years 7-11) who are in selective schools, %; missing where the LA
    has no such pupils.
    """
    secondary = detail["phase"] == "secondary"
    pupils = detail[YEARS_7_TO_11].sum(axis=1).where(secondary, 0.0)
    chosen = pupils.where(selective(detail).fillna(False).astype(bool), 0.0)
    total = pupils.groupby(detail["la_code"]).transform("sum")
    return 100 * chosen.groupby(detail["la_code"]).transform("sum") / total.where(total > 0)
