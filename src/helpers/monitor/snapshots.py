"""Year-to-date attendance made into periods: what a publication adds to the one before, and what must not be
used.

A publication holds sessions since the second week of September. The difference of two publications is what
happened in between, provided that both count the same schools and neither is wrong. What cannot be is put
aside with a reason and counted; nothing is dropped in silence or repaired.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.base.years import first_of
from helpers.records.vocabulary import COUNTS, MAIN, REASONS, weekdays

AREA = ["geography", "area", "phase"]
IDENTITY = ["geography", "area", "area_name", "la_ons_code", "region_name", "phase"]
DAYS_TO_PUBLISH = 12  # a Thursday's publication holds the weeks up to the Friday thirteen days before
TOO_MANY, TOO_MANY_DAYS = (
    1.10,
    10,
)  # sessions per pupil above other years at the same time: as a ratio and in school days
BACKFILL = 1.25  # a period may hold so much more than its days when schools join with their history
DAY = 2  # sessions in a school day
LAST_WEEK_FROM = 44  # a year is complete when a publication covers this school week or a later one
CODES = {
    "no_figures": "a count of sessions is missing or suppressed",
    "absence_exceeds_possible": "more sessions are missed than were possible",
    "parts_disagree": "the kinds of absence do not add up to the whole, or a reason exceeds its kind",
    "superseded": "a later publication covers the same weeks",
    "too_many_sessions": "more sessions per pupil than there were school days",
    "publication_impossible": (
        "England's figures in this publication are impossible, so none of its areas is used"
    ),
    "not_monotone": "a count since September is lower than in the publication before",
    "no_school": "less than a day of school per pupil: holidays",
}
QUARANTINE = [
    "level",
    "code",
    "kind",
    "published",
    "year",
    "end",
    *IDENTITY,
    "column",
    "value",
    "absence_pct",
    "religious_pct",
    "words",
]


@dataclass(frozen=True)
class Cleaned:
    """`snapshots`: usable year-to-date rows (area x phase x publication). `periods`: usable windows, from
    differences (`kind` ytd) and from weekly files (`kind` weekly). `quarantine`: rows and differences put
    aside, with `code`. `counts`: level, kind, code (`usable` among them), n."""

    snapshots: pd.DataFrame
    periods: pd.DataFrame
    quarantine: pd.DataFrame
    counts: pd.DataFrame


def covered_to(published: pd.Series) -> pd.Series:
    """The Friday up to which a publication holds data: the last one at least twelve days before it."""
    latest = published - pd.Timedelta(days=DAYS_TO_PUBLISH)
    return latest - pd.to_timedelta((latest.dt.day_of_week - 4) % 7, unit="D")


def first_monday(year: str) -> pd.Timestamp:
    """First Monday of September of an academic year like `2023-24`."""
    september = pd.Timestamp(first_of(year), 9, 7)
    return september - pd.Timedelta(days=september.weekday())


def school_week(end: pd.Series, year: pd.Series) -> pd.Series:
    """Number of the week that a date lies in, within its school year: 1 is the week of the first Monday of
    September.
    """
    mondays = pd.to_datetime(year.map({y: first_monday(y) for y in year.unique()}))
    return ((end - mondays).dt.days // 7 + 1).astype("int64")


def _monday(year: pd.Series, week: pd.Series) -> pd.Series:
    """Monday of an ISO week within an academic year."""
    calendar = year.str[:4].astype("int64") + (week < 30).astype("int64")
    fourth = pd.to_datetime(calendar.astype("str") + "-01-04")
    return (
        fourth
        - pd.to_timedelta(fourth.dt.day_of_week, unit="D")
        + pd.to_timedelta((week.astype("int64") - 1) * 7, unit="D")
    )


def _prepare(attendance: pd.DataFrame) -> pd.DataFrame:
    rows = attendance[
        attendance["geography"].isin(["england", "region", "la"]) & attendance["phase"].ne("all")
    ].reset_index(drop=True)
    by_geography = {
        "england": pd.Series("England", index=rows.index),
        "region": rows["region_name"],
        "la": rows["la_ons_code"],
    }
    rows["area"] = pd.Series(np.nan, index=rows.index, dtype="str")
    for geography, key in by_geography.items():
        rows["area"] = rows["area"].mask(rows["geography"] == geography, key)
    weekly = rows["kind"] == "weekly"
    ytd_end = covered_to(rows["published"])
    monday = _monday(rows["year"], rows["week"].fillna(40))
    rows["end"] = ytd_end.mask(weekly, monday + pd.Timedelta(days=4)).astype("datetime64[s]")
    rows["start"] = (
        pd.to_datetime(rows["year"].str[:4] + "-09-01").mask(weekly, monday).astype("datetime64[s]")
    )
    rows["school_week"] = school_week(rows["end"], rows["year"])
    return rows


def _first(codes: dict[str, pd.Series], index: pd.Index) -> pd.Series:
    """The first code that applies to each row, '' where none does."""
    out = pd.Series("", index=index, dtype="str")
    for code, applies in codes.items():
        out = out.mask(out.eq("") & applies.fillna(False).astype("bool"), code)
    return out


def _impossible(rows: pd.DataFrame) -> dict[str, pd.Series]:
    possible, absent = rows["possible_sessions"], rows["overall_absence_sessions"]
    gap = (rows["authorised_sessions"] + rows["unauthorised_sessions"] - absent).abs()
    slack = np.maximum(2, 0.005 * absent)
    named = rows[[c for c in REASONS if c != "holiday_sessions"]].sum(axis=1)
    too_much = (named > rows["authorised_sessions"] + slack) | (
        rows["holiday_sessions"] > rows["unauthorised_sessions"] + slack
    )
    return {
        "no_figures": rows[MAIN].isna().any(axis=1) | ~(possible > 0),
        "absence_exceeds_possible": absent > possible,
        "parts_disagree": (gap > slack) | too_much,
    }


def _code_snapshots(rows: pd.DataFrame) -> pd.Series:
    """Code of each published row. England's row also answers for the whole of its publication and phase."""
    per_pupil = rows["possible_sessions"] / rows["enrolments"]
    most = DAY * weekdays(rows["start"], rows["end"]) * np.where(rows["kind"].eq("weekly"), 1.02, 1.0)
    ytd = rows["kind"] == "ytd"
    later = rows[ytd].sort_values("published", kind="stable").duplicated([*AREA, "year", "end"], keep="last")
    superseded = pd.Series(False, index=rows.index)
    superseded.loc[later.index] = later
    thin = ~ytd & (rows["possible_sessions"] / _usual_pupils(rows) < DAY)
    codes = _impossible(rows) | {
        "too_many_sessions": per_pupil > most,
        "superseded": superseded,
        "no_school": thin,
    }
    code = _first(codes, rows.index)
    england = rows[ytd & rows["geography"].eq("england") & code.eq("")].assign(per_pupil=per_pupil)
    usual = _other_years(england)
    beyond = (england["per_pupil"] > TOO_MANY * usual) & (england["per_pupil"] - usual > TOO_MANY_DAYS * DAY)
    bad = rows.index.isin(england.index[beyond])
    code = code.mask(bad, "too_many_sessions")
    wrong = rows[
        rows["geography"].eq("england")
        & code.isin(["too_many_sessions", "absence_exceeds_possible", "parts_disagree"])
    ]
    keys = set(zip(wrong["kind"], wrong["published"], wrong["week"].fillna(0), wrong["phase"], strict=True))
    of_bad = [
        k in keys
        for k in zip(rows["kind"], rows["published"], rows["week"].fillna(0), rows["phase"], strict=True)
    ]
    return code.mask(code.eq("") & pd.Series(of_bad, index=rows.index), "publication_impossible")


def _usual_pupils(rows: pd.DataFrame) -> pd.Series:
    """Median enrolments of the area and phase in that year: in a holiday week the published number covers the
    few open schools only.
    """
    return rows.groupby([*AREA, "year"])["enrolments"].transform("median")


def _other_years(england: pd.DataFrame) -> pd.Series:
    """Median sessions per pupil of the other years at the same school week; NaN without one."""
    table = england.pivot_table(
        index=["phase", "school_week"], columns="year", values="per_pupil", aggfunc="last"
    )
    out = {year: table.drop(columns=year).median(axis=1) for year in table}
    keys = zip(england["year"], england["phase"], england["school_week"], strict=True)
    return pd.Series([out[y].get((p, w), np.nan) for y, p, w in keys], index=england.index, dtype="float64")


def difference(snapshots: pd.DataFrame) -> pd.DataFrame:
    """What each snapshot adds to the one before it of the same area, phase and year; the first one stands as
    it is.

    In: rows with `geography, area, phase, year, end, start` and the counts, each area's ends unique within a
    year. Out: the same rows, counts differenced, `start` the day after the snapshot before. Cumulating the
    counts again restores the snapshots.
    """
    rows = snapshots.sort_values([*AREA, "year", "end"], kind="stable", ignore_index=True)
    groups = rows.groupby([*AREA, "year"], sort=False)
    before = groups[COUNTS].shift()
    out = rows.copy()
    first = before["possible_sessions"].isna()
    out[COUNTS] = rows[COUNTS] - before.where(~first, 0.0)
    out["start"] = (
        (groups["end"].shift() + pd.Timedelta(days=1)).fillna(rows["start"]).astype("datetime64[s]")
    )
    out["first_of_year"] = first
    return out


def _code_differences(rows: pd.DataFrame) -> pd.Series:
    per_pupil = rows["possible_sessions"] / rows["enrolments"]
    most = DAY * weekdays(rows["start"], rows["end"]) * np.where(rows["first_of_year"], 1.0, BACKFILL)
    thin = rows["possible_sessions"] / _usual_pupils(rows) < DAY
    checks = {"not_monotone": (rows[MAIN] < 0).any(axis=1), "no_school": thin}
    return _first(checks | _impossible(rows) | {"too_many_sessions": per_pupil > most}, rows.index)


def rates(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with each count as a share of possible sessions (`absence_pct`, `illness_pct`, ...; %), what
    is left of authorised and unauthorised absence, and `days_per_pupil` (school days that were possible). A
    reason that fell below its earlier count is missing here."""
    out = rows.copy()
    possible = out["possible_sessions"].where(out["possible_sessions"] > 0)
    out["absence_pct"] = 100 * out["overall_absence_sessions"] / possible
    for column in [*REASONS, "authorised_sessions", "unauthorised_sessions"]:
        out[column.replace("_sessions", "_pct")] = (100 * out[column] / possible).where(out[column] >= 0)
    named = out[["illness_pct", "medical_pct", "religious_pct", "excluded_pct"]].sum(axis=1)
    out["other_authorised_pct"] = out["authorised_pct"] - named
    out["other_unauthorised_pct"] = out["unauthorised_pct"] - out["holiday_pct"].fillna(0)
    out["days_per_pupil"] = out["possible_sessions"] / out["enrolments"] / DAY
    return out


def _put_aside(rows: pd.DataFrame, code: pd.Series, level: str) -> pd.DataFrame:
    """Quarantined rows with the column and value that tell why."""
    bad = rates(rows.assign(code=code)[code.ne("")])
    falls = bad[MAIN].lt(0)
    column = pd.Series("possible_sessions", index=bad.index, dtype="str").mask(
        falls.any(axis=1), falls.idxmax(axis=1)
    )
    column = column.mask(
        bad["code"].isin(["absence_exceeds_possible", "parts_disagree"]), "overall_absence_sessions"
    )
    values = (
        bad[COUNTS].to_numpy()[np.arange(len(bad)), [COUNTS.index(c) for c in column]] if len(bad) else []
    )
    return bad.assign(level=level, column=column, value=values, words=bad["code"].map(CODES)).reindex(
        columns=QUARANTINE
    )


def clean(attendance: pd.DataFrame) -> Cleaned:
    """Usable snapshots and periods of `readings.attendance`, and all that was put aside.

    In: frame `attendance` (docs/house.md). Phase `all` and parts of London are left out: they repeat the
    others. Out: `Cleaned`; the periods have start, end (dates), school_week (of the end), the counts, rates
    in % and days_per_pupil. A snapshot that cannot be is put aside and the difference is taken across it; a
    difference that cannot be is put aside and the next one starts afresh.
    """
    rows = _prepare(attendance)
    code = _code_snapshots(rows)
    good = rows[code.eq("")]
    ytd = good[good["kind"] == "ytd"]
    steps = difference(ytd)
    step_code = _code_differences(steps)
    periods = pd.concat([steps[step_code.eq("")], good[good["kind"] == "weekly"]], ignore_index=True)
    keep = [
        "kind",
        "published",
        "year",
        "start",
        "end",
        "school_week",
        *IDENTITY,
        *COUNTS,
        "n_schools",
        "enrolments",
    ]
    periods = rates(periods[keep]).sort_values([*AREA, "end", "kind"], ignore_index=True)
    quarantine = pd.concat(
        [_put_aside(rows, code, "snapshot"), _put_aside(steps, step_code, "period")], ignore_index=True
    )
    counted = [
        pd.DataFrame({"level": level, "kind": frame["kind"], "code": c.replace("", "usable")})
        for level, frame, c in (("snapshot", rows, code), ("period", steps, step_code))
    ]
    counts = (
        pd.concat(counted)
        .groupby(["level", "kind", "code"], as_index=False)
        .size()
        .rename(columns={"size": "n"})
    )
    snapshots = rates(ytd)[
        [
            "published",
            "year",
            "end",
            "school_week",
            *IDENTITY,
            *COUNTS,
            "n_schools",
            "enrolments",
            "absence_pct",
        ]
    ]
    return Cleaned(snapshots.sort_values([*AREA, "end"], ignore_index=True), periods, quarantine, counts)
