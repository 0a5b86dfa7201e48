"""Is a school's own figure possible, and is it plausible for its size and history?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.base.years import year_words
from helpers.ingest.panel import one_figure_each
from helpers.ingest.quality.findings import Finding, capped, flag, hard, whole

if TYPE_CHECKING:
    from helpers.ingest.readers.readings import Readings

READ_ROW = (
    "Read the row in the published file; if it says so, ask the school or the publisher before "
    "anything is sent out."
)
BOUND_SLACK_PP = 0.06  # both rates are rounded to one decimal
# Measured on 2018/19 and 2022/23 after the movement of the phase is taken out: the largest change of any
# mainstream school is a factor of 4.7 up
# and 3.9 down, of any special school 4.3 and 3.8. A rate multiplied or divided by ten moves by a factor of 10
# on top of its own change.
MOST_FACTOR = 6.0
# Highest rate by phase and roll that is taken without history: half as much again as the highest measured
# (48.1, 18.6, 32.6 and 65.7 %).
HIGHEST = {
    ("primary", "small"): 72.0,
    ("primary", "other"): 28.0,
    ("secondary", "small"): 49.0,
    ("secondary", "other"): 49.0,
    ("special", "small"): 98.5,
    ("special", "other"): 98.5,
}
SMALL_ROLL = 100
FLAG_Z = 4.0  # 32 schools of 2018/19 and 20 of 2022/23 lie beyond; at 3 it would be hundreds
SIZE_BINS = 8
LEAST_CELL = 30  # schools of a phase and size needed to say what is usual there


def impossible_findings(readings: Readings) -> list[Finding]:
    """Figures that cannot be, row by row: outside 0-100 %, or against the definition of persistent absence.

    A persistent absentee misses 10 % or more, everybody else less. With a share p % of persistent absentees
    overall absence lies between 0.1 p and p + 0.1 (100 - p). No published row of 2018/19 or 2022/23 breaks
    this; a rate multiplied by ten always does.
    """
    found = []
    rows = readings.absence
    for column in ("absence_pct", "persistent_pct", "severe_pct", "authorised_pct", "unauthorised_pct"):
        bad = rows[(rows[column] < 0) | (rows[column] > 100)]
        found += [
            _row(r, column, f"{column} {r[column]} lies outside 0 to 100 %")
            for r in bad.head(200).to_dict("records")
        ]
    for r in (
        rows[outside_definition(rows["absence_pct"], rows["persistent_pct"])].head(5000).to_dict("records")
    ):
        low, high = 0.1 * r["persistent_pct"], r["persistent_pct"] + 0.1 * (100 - r["persistent_pct"])
        words = (
            f"overall absence {r['absence_pct']:.1f} % is impossible beside {r['persistent_pct']:.1f} "
            "% persistent absentees: it must lie between"
        )
        found.append(_row(r, "absence_pct", f"{words} {low:.1f} and {high:.1f} %"))
    return capped(found)


def outside_definition(absence_pct: pd.Series, persistent_pct: pd.Series) -> pd.Series:
    """True where overall and persistent absence cannot both be right, rounding allowed; False where either is
    missing.
    """
    above = absence_pct > persistent_pct + 0.1 * (100 - persistent_pct) + BOUND_SLACK_PP
    return above | (absence_pct < 0.1 * persistent_pct - BOUND_SLACK_PP)


def _row(r: dict, column: str, words: str) -> Finding:
    place = dict(
        file=r["file"],
        row=whole(r["row"]),
        column=column,
        value=str(r[column]),
        year=r["year"],
        urn=int(r["urn"]),
        la_code=str(r["la_code"] or ""),
    )
    return hard(
        "impossible_value", f"URN {r['urn']}, {year_words(r['year'])}: {words}", what_to_do=READ_ROW, **place
    )


def disagreement_findings(readings: Readings) -> list[Finding]:
    """Where two publications carry the same figure they must agree to the coarser rounding. On published data
    all 6,390 do.
    """
    found = []
    every = readings.absence.drop_duplicates(["publication", "year", "urn"])
    first = every[every["publication"] == "performance_tables"]
    other = every[every["publication"] != "performance_tables"]
    both = first.merge(other, on=["urn", "year"], suffixes=("", "_other"), validate="one_to_many")
    for column in ("absence_pct", "persistent_pct"):
        digits = np.minimum(_digits(both, ""), _digits(both, "_other"))
        apart = (both[column] - both[f"{column}_other"]).abs()
        bad = both[apart > 0.5 * 10.0**-digits + 1e-4]
        for r in bad.head(5000).to_dict("records"):
            words = f"{r[column]} here and {r[f'{column}_other']} in {r['file_other']} (row {r['row_other']})"
            found.append(_row(r, column, f"two publications disagree on {column}: {words}"))
    return capped([Finding(**{**f.__dict__, "code": "publications_disagree"}) for f in found])


def _digits(rows: pd.DataFrame, suffix: str) -> pd.Series:
    """Decimals of the figures of each file, as nearly all of its cells have them: one cell of float noise
    (6.0999999999999996) does not make a file exact.
    """
    cells = (
        rows[f"absence_pct{suffix}"]
        .round(6)
        .map(lambda v: len(f"{v:g}".partition(".")[2]), na_action="ignore")
    )
    usual = cells.groupby(rows[f"file{suffix}"]).transform(lambda s: s.quantile(0.99))
    return np.minimum(rows[f"decimals{suffix}"].astype("float64"), usual.fillna(rows[f"decimals{suffix}"]))


def plausibility_findings(
    readings: Readings, register: pd.DataFrame, year: str, judged_later: tuple[str, ...] = ()
) -> list[Finding]:
    """Rates that no school of the phase and size has had (hard), and rates that jump beyond what its size and
    history make plausible (flag).

    `judged_later`: later years that have a gate of their own: a jump between this year and one of those is
    flagged there, once.
    """
    rows = one_figure_each(readings.absence[readings.absence["year"] == year]).set_index("urn")[
        ["file", "row"]
    ]
    columns = [
        "urn",
        "school_name",
        "phase",
        "roll",
        "la_code",
        "region_name",
        "absence_pct",
        "other_year",
        "other_year_pct",
    ]
    schools = (
        register.loc[register["absence_pct"].notna(), columns]
        .set_index("urn")
        .join(rows, validate="one_to_one")
    )
    schools["change"] = np.log((schools["absence_pct"] + 0.1) / (schools["other_year_pct"] + 0.1))
    schools["usual"] = schools.groupby(["phase", "other_year"])["change"].transform("median")
    schools["moved"] = schools["change"] - schools["usual"]
    wild = schools[schools["moved"].abs() > np.log(MOST_FACTOR)]
    too_high = schools[schools["absence_pct"] > _highest(schools)]
    found = [
        _implausible(urn, r, year)
        for urn, r in pd.concat([wild, too_high[~too_high.index.isin(wild.index)]]).iterrows()
    ]
    rest = schools[~schools.index.isin(wild.index) & ~schools.index.isin(too_high.index)]
    return capped(found) + _jumps(rest[~rest["other_year"].isin(judged_later)], year) + _levels(rest, year)


def _highest(schools: pd.DataFrame) -> pd.Series:
    size = np.where(schools["roll"] < SMALL_ROLL, "small", "other")
    size = np.where(schools["roll"].isna(), "small", size)
    return pd.Series(
        [HIGHEST.get((p, s), 100.0) for p, s in zip(schools["phase"], size, strict=True)], index=schools.index
    )


def _place(urn: int, r: pd.Series, year: str) -> dict:
    return dict(
        file=r["file"],
        row=whole(r["row"]),
        column="absence_pct",
        value=f"{r['absence_pct']:g}",
        year=year,
        urn=int(urn),
        la_code=r["la_code"],
        region_name=r["region_name"],
        what_to_do=READ_ROW,
    )


def _named(urn: int, r: pd.Series) -> str:
    pupils = "pupils not known" if pd.isna(r["roll"]) else f"{r['roll']:,.0f} pupils"
    return f"{r['school_name']} (URN {urn}, {r['phase']}, {pupils})"


def _implausible(urn: int, r: pd.Series, year: str) -> Finding:
    words = f"{_named(urn, r)}: absence {r['absence_pct']:.1f} % in {year_words(year)}"
    if pd.notna(r["other_year_pct"]):
        factor = np.exp(abs(r["change"]))
        words += (
            f" and {r['other_year_pct']:.1f} % in {year_words(r['other_year'])}: one is {factor:.1f} "
            "times the other: no school was seen to do so"
        )
    else:
        words += " is far above any school of its phase and size"
    return hard("implausible_rate", words, **_place(urn, r, year))


def _times(change: float) -> str:
    return f"{np.exp(change):.1f} times" if change >= 0 else f"divided by {np.exp(-change):.1f}"


def _bins(schools: pd.DataFrame, by: list[str]) -> pd.Series:
    """Size class of each school within its group: eighths by roll (fewer where schools are few), so that
    small schools meet small ones.
    """
    rolls = schools.groupby(by)["roll"]
    classes = (rolls.transform("count") // (2 * LEAST_CELL)).clip(1, SIZE_BINS)
    return np.ceil(rolls.rank(pct=True) * classes).clip(lower=1)


def _spread(values: pd.Series, keys: list) -> tuple[pd.Series, pd.Series]:
    """Median and robust standard deviation (1.4826 x median absolute deviation) of each school's own class;
    missing in small classes.
    """
    groups = values.groupby(keys)
    middle = groups.transform("median")
    mad = (values - middle).abs().groupby(keys).transform("median") * 1.4826
    enough = groups.transform("count") >= LEAST_CELL
    return middle.where(enough), mad.where(enough & (mad > 0))


def _jumps(schools: pd.DataFrame, year: str) -> list[Finding]:
    """Flags for changes far outside those of schools of the same phase, size and pair of years, judged by the
    spread of their own class.
    """
    known = schools[schools["change"].notna() & (schools["roll"] > 0)]
    keys = [known["phase"], known["other_year"], _bins(known, ["phase", "other_year"])]
    middle, sd = _spread(known["moved"], keys)
    phase_middle, phase_sd = _spread(
        known["moved"], [known["phase"]]
    )  # for pairs of years that few schools have
    middle, sd = middle.where(sd.notna(), phase_middle), sd.fillna(phase_sd)
    z = (known["moved"] - middle) / sd
    out = []
    for urn, r in known[z.abs() > FLAG_Z].iterrows():
        figures = sorted([(r["other_year"], r["other_year_pct"]), (year, r["absence_pct"])])
        sign = 1 if r["other_year"] < year else -1
        usual = sorted(
            np.exp(sign * (r["usual"] + middle[urn] + side * 0.6745 * sd[urn])) for side in (-1, 1)
        )
        words = (
            f"{_named(urn, r)}: absence {figures[0][1]:.1f} % in {year_words(figures[0][0])} and "
            f"{figures[1][1]:.1f} % in {year_words(figures[1][0])}, "
            f"{_times(sign * r['change'])}; half of the {r['phase']} schools of its size moved to between "
            f"{usual[0]:.2f} and {usual[1]:.2f} times"
        )
        out.append(flag("rate_jumped", words, **_place(urn, r, year)))
    return out


def _levels(schools: pd.DataFrame, year: str) -> list[Finding]:
    """Flags for levels far outside those of schools of the same phase and size, for schools without any
    history.
    """
    known = schools[(schools["roll"] > 0)]
    keys = [known["phase"], _bins(known, ["phase"])]
    level = np.log(known["absence_pct"] + 0.1)
    middle, sd = _spread(level, keys)
    z = (level - middle) / sd
    out = []
    for urn, r in known[(z.abs() > FLAG_Z) & known["change"].isna()].iterrows():
        words = (
            f"{_named(urn, r)}: absence {r['absence_pct']:.1f} % in {year_words(year)} with no earlier or "
            "later figure to compare; "
            f"half of the {r['phase']} schools of its size have less than {np.exp(middle[urn]):.1f} %"
        )
        out.append(flag("rate_unusual", words, **_place(urn, r, year)))
    return out
