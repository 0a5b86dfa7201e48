"""Shocks found in the area series: weeks in which an area departs from its season and its neighbours by more
than quiet weeks ever do.

Residual = what was seen - the year's level - the median of the same school week in the other years; for a
local authority less the median of its neighbours in the region, for a region less that of the other regions.
Scaled by median absolute deviations (own, and of all areas in that week), so that one shock cannot hide
another. Thresholds are quantiles of the scores in quiet weeks (modified z-scores after Iglewicz and Hoaglin,
1993). A shock says when and where figures stood out, and which reason was recorded for it. It does not say
what caused it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.base.params import DEFAULT, Parameters
from helpers.records.vocabulary import NAMES, weekdays

MEASURES = {  # measure -> (column, name of a shock in it, least scale, parameter: least size that matters)
    "absence": ("absence_pct", "", 0.10, "shock_absence_pp"),
    "illness": ("illness_pct", "illness", 0.10, "shock_illness_pp"),
    "religious": ("religious_pct", "religious_observance", 0.02, "shock_religious_pp"),
    "holiday": ("holiday_pct", "holidays", 0.05, "shock_holiday_pp"),
    "excluded": ("excluded_pct", "exclusions", 0.02, "shock_excluded_pp"),
    "days_lost": ("days_per_pupil", "closure", 0.05, "shock_lost_days"),
}
PARTS = {
    "illness_pct": "illness",
    "religious_pct": "religious_observance",
    "holiday_pct": "holidays",
    "excluded_pct": "exclusions",
    "medical_pct": "medical",
    "other_authorised_pct": "other_authorised",
    "other_unauthorised_pct": "no_reason_given",
}
KEY = ["geography", "area", "phase", "year", "kind", "start", "end"]
SHOCKS = [
    "shock_id",
    "geography",
    "area",
    "area_name",
    "la_ons_code",
    "region_name",
    "phase",
    "year",
    "start",
    "end",
    "code",
    "words",
    "windows",
    "peak_z",
    "excess_pp",
    "days_lost",
    "effect_year_pp",
    "not_counted",
]
MAD = 1.4826  # median absolute deviation to standard deviation
HALF = 0.5
QUIET_Z = 1.5
ONE_YEAR = 0.5  # what a score counts that rests on one other year
NEIGHBOURS = 3
NEARLY_ALL = 0.97  # of the authorities, in a window whose term dates can be compared
LONGEST_WINDOW = 20  # weekdays
MOST_DAYS_LOST = 2.5  # more in one window is another half-term, not a closure


@dataclass(frozen=True)
class Found:
    """`shocks`: one row per area x phase x episode. `scores`: every window tested (long by measure).
    `thresholds`: geography, measure, threshold, quiet windows, false-alarm rate asked and measured on years
    left out. `untested`: windows without enough other years, counted by kind."""

    shocks: pd.DataFrame
    scores: pd.DataFrame
    thresholds: pd.DataFrame
    untested: pd.DataFrame


def finest(periods: pd.DataFrame) -> pd.DataFrame:
    """The periods without year-to-date windows of which single weeks of the same area cover at least half the
    school days.
    """
    weekly = periods[periods["kind"] == "weekly"]
    ytd = periods[periods["kind"] == "ytd"].reset_index(drop=True)
    keys = ["geography", "area", "phase", "year"]
    pairs = (
        ytd[[*keys, "start", "end"]]
        .reset_index()
        .merge(
            weekly[[*keys, "start", "end", "days_per_pupil"]], on=keys, suffixes=("", "_week"), validate="m:m"
        )
    )
    inside = pairs[(pairs["start_week"] >= pairs["start"]) & (pairs["end_week"] <= pairs["end"])]
    covered = inside.groupby("index")["days_per_pupil"].sum().reindex(ytd.index, fill_value=0.0)
    keep = covered < HALF * ytd["days_per_pupil"]
    return pd.concat([weekly, ytd[keep]], ignore_index=True).sort_values(
        ["geography", "area", "phase", "start"], ignore_index=True
    )


def _slots(periods: pd.DataFrame) -> pd.Series:
    """Windows that may be compared between years: the same kind, school week and length in weeks."""
    weeks = ((periods["end"] - periods["start"]).dt.days + 3) // 7
    first = periods["start"].dt.month.eq(9) & periods["start"].dt.day.eq(1)
    weeks = weeks.mask(first, 0)
    return (
        periods["kind"] + "-" + periods["school_week"].astype("str").str.zfill(2) + "-" + weeks.astype("str")
    )


def season_residuals(periods: pd.DataFrame, column: str) -> tuple[pd.Series, pd.Series]:
    """Departure of each window from its area's season, in the column's unit, and the number of other years it
    rests on.

    Less the year's level (median over the year's windows), less the median of the same slot in the other
    years; NaN without another year.
    """
    slots = periods.assign(slot=_slots(periods))
    table = slots.pivot_table(
        index=["geography", "area", "phase", "slot"], columns="year", values=column, aggfunc="first"
    )
    level = (
        table.sub(table.median(axis=1), axis=0)
        .groupby(level=["geography", "area", "phase"])
        .transform("median")
    )
    adjusted = table - level
    others = {year: adjusted.drop(columns=year) for year in table}
    residual = pd.DataFrame({year: adjusted[year] - rest.median(axis=1) for year, rest in others.items()})
    years = pd.DataFrame({year: rest.notna().sum(axis=1) for year, rest in others.items()})
    keys = pd.MultiIndex.from_frame(slots[["geography", "area", "phase", "slot", "year"]])
    return tuple(
        pd.Series(t.stack().reindex(keys).to_numpy(), index=periods.index, dtype="float64")
        for t in (residual, years)
    )


def neighbours_median(periods: pd.DataFrame, residual: pd.Series) -> pd.Series:
    """Median residual of the other areas in the same window and phase: for an authority the others of its
    region, for a region the other eight, for England 0. Fewer than three known neighbours: the region's own
    residual stands in for an authority, else NaN."""
    window = ["phase", "kind", "start", "end"]
    frame = periods[["geography", "area", "region_name", *window]].assign(residual=residual)
    out = pd.Series(0.0, index=periods.index).where(frame["geography"] == "england")
    region = frame[frame["geography"] == "region"].set_index(["area", *window])["residual"]
    groups = [(r, rows) for r, rows in frame[frame["geography"] == "la"].groupby("region_name")]
    for name, rows in [*groups, (None, frame[frame["geography"] == "region"])]:
        table = rows.set_index([*window, "area"])["residual"].unstack("area")
        keys = pd.MultiIndex.from_frame(rows[[*window, "area"]])
        medians = _medians_of_others(table).stack().reindex(keys).to_numpy()
        if name is not None:
            own = pd.MultiIndex.from_frame(rows[window].assign(area=name)[["area", *window]])
            medians = np.where(np.isnan(medians), region.reindex(own).to_numpy(), medians)
        out.loc[rows.index] = medians
    return out


def _medians_of_others(table: pd.DataFrame) -> pd.DataFrame:
    """For each cell the median of the rest of its row; NaN where fewer than three others are known.

    Each row is sorted once: without the cell of rank r, the j-th smallest of the rest is the j-th of all for
    j < r, else the next one.
    """
    values = table.to_numpy("float64")
    ordered = np.sort(values, axis=1)  # NaN last
    rank = np.argsort(np.argsort(values, axis=1), axis=1)
    others = (~np.isnan(values)).sum(axis=1, keepdims=True) - ~np.isnan(values)

    def smallest(j):
        at = np.clip(j + (j >= rank), 0, values.shape[1] - 1)
        return np.take_along_axis(ordered, at, axis=1)

    medians = (smallest((others - 1) // 2) + smallest(others // 2)) / 2
    return pd.DataFrame(
        np.where(others >= NEIGHBOURS, medians, np.nan), index=table.index, columns=table.columns
    )


def _mad_by(values: pd.Series, keys: list[pd.Series]) -> pd.Series:
    """The MAD of each row's group, by row."""
    apart = (values - values.groupby(keys, dropna=False).transform("median")).abs()
    return MAD * apart.groupby(keys, dropna=False).transform("median")


def _same_term_dates(periods: pd.DataFrame) -> pd.Series:
    """Windows of up to four weeks that nearly all authorities have figures for and in which none (of 100) was
    shut for half of the weekdays.

    Around half-terms and at the ends of terms dates differ by area, and a holiday in one county would look
    like a closure."""
    window = ["phase", "kind", "start", "end"]
    share = periods["days_per_pupil"] / weekdays(periods["start"], periods["end"])
    las = periods[["year", *window]].assign(share=share)[periods["geography"] == "la"]
    windows = (
        las.groupby(["year", *window])["share"].agg(n="size", low=lambda s: s.quantile(0.01)).reset_index()
    )
    most = windows.groupby(["year", "phase", "kind"])["n"].transform("max")
    short = weekdays(windows["start"], windows["end"]) <= LONGEST_WINDOW
    windows["same"] = short & (windows["low"] >= HALF) & (windows["n"] >= NEARLY_ALL * most)
    known = windows.set_index(window)["same"].reindex(pd.MultiIndex.from_frame(periods[window]))
    return pd.Series(known.eq(True).to_numpy(), index=periods.index)


def days_lost(periods: pd.DataFrame) -> pd.Series:
    """School days per pupil below the area's usual share of weekdays in the same year; known only for windows
    with the same term dates everywhere, and not for England, where a bank holiday looks the same.

    A closed school has no possible sessions (code Y), so a strike or snow shows here and not in the absence
    rate.
    """
    days = weekdays(periods["start"], periods["end"])
    share = (periods["days_per_pupil"] / days).where(
        _same_term_dates(periods) & periods["geography"].ne("england")
    )
    usual = share.groupby([periods[c] for c in ("geography", "area", "phase", "year", "kind")]).transform(
        "median"
    )
    return (usual - share) * days


def departure(periods: pd.DataFrame, column: str) -> tuple[pd.Series, pd.Series]:
    """What is left of a column when season and neighbours are taken off, and how far it may be trusted (1, or
    0.5 on one other year alone).
    """
    if column == "days_per_pupil":
        season, trust = days_lost(periods), pd.Series(1.0, index=periods.index)
    else:
        season, years = season_residuals(periods, column)
        trust = pd.Series(np.where(years >= 2, 1.0, ONE_YEAR), index=periods.index)
    local = season - neighbours_median(periods, season)
    if column == "days_per_pupil":
        local = local.where(local < MOST_DAYS_LOST)
    return local, trust


def score(periods: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Score of each window in one measure: KEY, value, residual (departure from season and neighbours), z.

    In: usable periods of snapshots.clean. z is the residual over the area's own MAD (at least the measure's
    least scale), and over the spread of all areas' scores in that window where that is above 1: at Christmas
    or in a wave areas differ more.
    """
    column, _, least, _ = MEASURES[measure]
    residual, trust = departure(periods, column)
    out = periods[
        [*KEY, "area_name", "la_ons_code", "region_name", "school_week", "possible_sessions"]
    ].assign(measure=measure, value=periods[column], residual=residual)
    own = _mad_by(residual, [out[c] for c in ("geography", "area", "phase")]).clip(lower=least)
    z = residual / own * trust
    apart = _mad_by(z, [out[c] for c in ("geography", "phase", "kind", "start", "end")])
    return out.assign(z=z / apart.where(out["geography"] != "england", 1.0).clip(lower=1.0).fillna(1.0))


def quiet(scores: pd.DataFrame) -> pd.Series:
    """Windows in which England as a whole was unremarkable in absence and in the measure (|z| < 1.5): what
    areas do then is noise.
    """
    window = ["phase", "kind", "start", "end"]
    england = scores[scores["geography"] == "england"]
    calm = england.assign(calm=england["z"].abs().fillna(0.0) < QUIET_Z).pivot_table(
        index=window, columns="measure", values="calm", aggfunc="first"
    )
    general = calm["absence"] if "absence" in calm else pd.Series(True, index=calm.index)
    keys = pd.MultiIndex.from_frame(scores[window])
    in_measure = calm.stack().reindex(pd.MultiIndex.from_frame(scores[[*window, "measure"]])).to_numpy()
    return pd.Series(general.reindex(keys).to_numpy(), index=scores.index).eq(True) & pd.Series(
        in_measure, index=scores.index
    ).eq(True)


def set_thresholds(scores: pd.DataFrame, rules: Parameters = DEFAULT) -> pd.DataFrame:
    """Threshold of each geography, phase and measure: the score that only `shock_alarm_share` of quiet
    windows exceed, and never below `shock_least_z`.

    England has too few windows for a quantile and gets `shock_least_z`. The rate is measured, too, on each
    year with the threshold of the other years. Out: geography, phase, measure, threshold, windows_tested,
    quiet_windows, asked, measured (share of left-out quiet windows that alarm).
    """
    rows = []
    calm = scores[quiet(scores) & scores["z"].notna()]
    for (geography, phase, measure), group in scores.groupby(["geography", "phase", "measure"]):
        mine = calm[
            (calm["geography"] == geography) & (calm["phase"] == phase) & (calm["measure"] == measure)
        ]
        few = geography == "england" or mine["year"].nunique() < 2
        alarms = 0
        for year in mine["year"].unique():
            others = mine.loc[mine["year"] != year, "z"]
            limit = rules.shock_least_z if few else _limit(others, rules)
            alarms += int(_alarms(mine[mine["year"] == year], measure, limit, rules).sum())
        limit = rules.shock_least_z if few else _limit(mine["z"], rules)
        measured = alarms / len(mine) if len(mine) else np.nan
        rows.append(
            (
                geography,
                phase,
                measure,
                limit,
                int(group["z"].notna().sum()),
                len(mine),
                rules.shock_alarm_share,
                measured,
            )
        )
    columns = [
        "geography",
        "phase",
        "measure",
        "threshold",
        "windows_tested",
        "quiet_windows",
        "asked",
        "measured",
    ]
    return pd.DataFrame(rows, columns=columns)


def _limit(z: pd.Series, rules: Parameters) -> float:
    return max(rules.shock_least_z, float(np.quantile(z, 1 - rules.shock_alarm_share)))


def _alarms(scores: pd.DataFrame, measure: str, limit: float, rules: Parameters) -> pd.Series:
    """Rows above the threshold that are also large enough to matter."""
    return (scores["z"] > limit) & (scores["residual"] >= getattr(rules, MEASURES[measure][3]))


def find(periods: pd.DataFrame, rules: Parameters = DEFAULT) -> Found:
    """Shocks in the usable periods of `snapshots.clean`, by the run's parameters `shock_...`.

    Out: `Found`; `shocks` has shock_id, geography, area, area_name, la_ons_code, region_name, phase, year,
    start, end, code, words, windows, peak_z, excess_pp (of the rate in those weeks; 0 for closures),
    days_lost (per pupil), effect_year_pp (excess sessions over the year's possible sessions), not_counted: ''
    (counts in a verdict), `in_movement` (England and regions: a verdict net of the region's movement has it
    already) or `not_believable` (so large that the publication is more likely wrong: a person must look).
    """
    rows = finest(periods)
    scores = pd.concat([score(rows, measure) for measure in MEASURES], ignore_index=True)
    thresholds = set_thresholds(scores, rules)
    keys = ["geography", "phase", "measure"]
    limits = thresholds.set_index(keys)["threshold"]
    scores["threshold"] = limits.reindex(pd.MultiIndex.from_frame(scores[keys])).to_numpy()
    scores["alarm"] = False
    for measure, group in scores.groupby("measure"):
        enough = _alarms(group, measure, 0.0, rules)
        scores.loc[group.index, "alarm"] = (group["z"] > group["threshold"]) & enough
    untested = (
        scores[scores["z"].isna()]
        .groupby(["geography", "measure", "year"], as_index=False)
        .size()
        .rename(columns={"size": "windows"})
    )
    return Found(
        _episodes(_name(scores, rows, rules), rows, rules.shock_believable_pp), scores, thresholds, untested
    )


def _name(scores: pd.DataFrame, periods: pd.DataFrame, rules: Parameters) -> pd.DataFrame:
    """The alarms with `code` and `excess_pp`: of a reason, its own; of overall absence, the part that makes
    up at least half of the excess.
    """
    alarms = scores[scores["alarm"]].copy()
    alarms["code"] = alarms["measure"].map({m: v[1] for m, v in MEASURES.items()})
    general = alarms["measure"] == "absence"
    parts = pd.DataFrame(index=alarms.index[general])
    keys = pd.MultiIndex.from_frame(alarms.loc[general, KEY])
    for column, code in PARTS.items():
        local, _ = departure(periods, column)
        known = pd.Series(local.to_numpy(), index=pd.MultiIndex.from_frame(periods[KEY]))
        parts[code] = known.reindex(keys).to_numpy()
    if len(parts):
        largest = parts.fillna(-np.inf).idxmax(axis=1)
        enough = parts.max(axis=1) >= HALF * alarms.loc[general, "residual"]
        alarms.loc[general, "code"] = largest.where(enough, "mixed")
    alarms["excess_pp"] = alarms["residual"].where(alarms["measure"] != "days_lost", 0.0)
    alarms["days_lost"] = alarms["residual"].where(alarms["measure"] == "days_lost", 0.0)
    alarms = alarms.sort_values("excess_pp", ascending=False).drop_duplicates([*KEY, "code"]).sort_index()
    return _less_named(alarms, rules.shock_absence_pp)


def _less_named(alarms: pd.DataFrame, least_pp: float) -> pd.DataFrame:
    """Takes the excess of named reasons off the general excess of the same window, so that no session counts
    twice.
    """
    general = alarms["measure"] == "absence"
    named = alarms[~general].groupby(KEY)["excess_pp"].sum()
    already = named.reindex(pd.MultiIndex.from_frame(alarms[KEY])).fillna(0.0).to_numpy()
    alarms["excess_pp"] = alarms["excess_pp"] - np.where(general, already, 0.0)
    return alarms[~general | (alarms["excess_pp"] >= least_pp)]


def _episodes(alarms: pd.DataFrame, periods: pd.DataFrame, believable_pp: float) -> pd.DataFrame:
    """Alarms of one area, phase and code in touching windows become one shock."""
    area = ["geography", "area", "phase", "year"]
    ordered = alarms.sort_values([*area, "code", "start"], ignore_index=True)
    groups = ordered.groupby([*area, "code"], sort=False)
    apart = (ordered["start"] - groups["end"].shift()).dt.days.gt(3).fillna(True) | ~ordered.duplicated(
        [*area, "code"]
    )
    of_year = periods.groupby(area)["possible_sessions"].sum().rename("year_sessions").reset_index()
    ordered = ordered.assign(
        episode=apart.cumsum(), excess_sessions=ordered["excess_pp"] / 100 * ordered["possible_sessions"]
    )
    out = (
        ordered.groupby("episode", as_index=False)
        .agg(
            {c: "first" for c in (*area, "area_name", "la_ons_code", "region_name", "code", "start")}
            | {
                "end": "max",
                "z": "max",
                "excess_sessions": "sum",
                "possible_sessions": "sum",
                "days_lost": "sum",
                "measure": "size",
            }
        )
        .rename(columns={"z": "peak_z", "measure": "windows"})
    )
    out = out.merge(of_year, on=area, how="left", validate="m:1")
    out["excess_pp"] = 100 * out["excess_sessions"] / out["possible_sessions"]
    out["effect_year_pp"] = 100 * out["excess_sessions"] / out["year_sessions"]
    out["words"] = out["code"].map(NAMES)
    out["not_counted"] = np.where(out["geography"] == "la", "", "in_movement")
    out["not_counted"] = (
        out["not_counted"].mask(out["excess_pp"] > believable_pp, "not_believable").astype("str")
    )
    out["shock_id"] = (
        out["year"]
        + "-"
        + out["area"]
        + "-"
        + out["phase"]
        + "-"
        + out["code"]
        + "-"
        + out["start"].dt.strftime("%m%d")
    )
    return out[SHOCKS].sort_values(["start", "geography", "area", "phase", "code"], ignore_index=True)
