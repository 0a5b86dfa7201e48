"""In-year progress: where a school should stand by now if its year is to end on its target, and how sure that
can be.

Absence has a season, so a school is compared with the share of the year's rate that its authority and phase
usually have by that week, and the authority's own movement since last year is added. Limits are control
limits (2.66 mean moving ranges), never red-amber-green: a point outside says that something is worth asking
about, not that anybody failed.

Source: D. J. Wheeler, Understanding Variation (XmR chart).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from helpers.base.params import DEFAULT, Parameters
from helpers.base.years import year_before
from helpers.monitor.snapshots import LAST_WEEK_FROM, first_monday, school_week

WEEKS = np.arange(2, 48)  # school weeks that publications cover: 1 is the week of September's first Monday
LONGEST_GAP = 4  # weeks over which a cumulative rate may be interpolated
OWN_WEIGHT = 2.0  # years of its own that an area needs before its season counts as much as its region's
SIGMA_PER_RANGE = 2.66  # natural process limits in mean moving ranges
RUN = 8
MAD = 1.4826
TINY = 1e-9
COURSE = ("on_course", "within_noise", "off_course_by_more_than_noise", "too_early")


def _grid(snapshots: pd.DataFrame) -> pd.DataFrame:
    """Cumulative rate (%) by week: index geography, area, region_name, phase, year; columns `WEEKS` and
    `final` (NaN for an incomplete year).
    """
    rows = []
    keys = ["geography", "area", "region_name", "phase", "year"]
    for key, group in snapshots.sort_values("school_week").groupby(keys, dropna=False, sort=True):
        week, rate = group["school_week"].to_numpy("float64"), group["absence_pct"].to_numpy("float64")
        values = np.interp(WEEKS, week, rate, left=np.nan, right=np.nan)
        after = np.searchsorted(week, WEEKS, side="left").clip(0, len(week) - 1)
        before = (np.searchsorted(week, WEEKS, side="right") - 1).clip(0, len(week) - 1)
        values[(week[after] - week[before]) > LONGEST_GAP] = np.nan
        rows.append((*key, *values, rate[-1] if week[-1] >= LAST_WEEK_FROM else np.nan))
    return pd.DataFrame(rows, columns=[*keys, *WEEKS, "final"]).set_index(keys)


def season(snapshots: pd.DataFrame, leave_out: str = "") -> pd.DataFrame:
    """Share of the year's final rate reached by each school week, by area and phase.

    `snapshots` of `snapshots.clean`. `leave_out`: the year that is being judged. Median over complete
    years; an authority's own share is blended with its region's in proportion to its years. Out: geography,
    area, region_name, phase, school_week, share, years. Raises ValueError when no complete year is left.
    """
    grid = _grid(snapshots)
    grid = grid[(grid.index.get_level_values("year") != leave_out) & grid["final"].notna()]
    if grid.empty:
        raise ValueError(
            f"no complete year of year-to-date publications other than {leave_out or 'none'}: the season "
            "is not known"
        )
    share = grid[list(WEEKS)].div(grid["final"], axis=0)
    share.columns.name = "school_week"
    long = share.stack().dropna().rename("share").reset_index()
    keys = ["geography", "area", "region_name", "phase", "school_week"]
    out = long.groupby(keys, dropna=False, as_index=False).agg(
        share=("share", "median"), years=("share", "size")
    )
    region = out.loc[out["geography"] == "region", ["area", "phase", "school_week", "share"]]
    region = region.rename(columns={"area": "region_name", "share": "region_share"})
    out = out.merge(region, on=["region_name", "phase", "school_week"], how="left", validate="m:1")
    weight = (out["years"] / (out["years"] + OWN_WEIGHT)).where(
        out["geography"].eq("la") & out["region_share"].notna(), 1.0
    )
    out["share"] = weight * out["share"] + (1 - weight) * out["region_share"].fillna(0.0)
    return out.drop(columns="region_share")


def settling(snapshots: pd.DataFrame) -> pd.DataFrame:
    """How much of a year's uncertainty is left by each week: phase, school_week, left (0-1, never rising),
    pairs.

    Measured on authorities net of their region, as a school is judged net of its authority: spread (MAD) of
    what the rate so far, divided by the season of the other years, misses the final rate by, over the spread
    of the yearly change of the final rate.
    """
    grid = _grid(snapshots)
    missed = []
    for year in sorted(set(grid.index.get_level_values("year"))):
        try:
            shape = season(snapshots, leave_out=year)
        except ValueError:
            continue
        mine = grid[grid.index.get_level_values("year") == year]
        shares = shape.pivot(
            index=["geography", "area", "phase"], columns="school_week", values="share"
        ).reindex(columns=list(WEEKS))
        keys = pd.MultiIndex.from_arrays(
            [mine.index.get_level_values(k) for k in ("geography", "area", "phase")]
        )
        projected = mine[list(WEEKS)].to_numpy() / shares.reindex(keys).to_numpy()
        missed.append(pd.DataFrame(projected - mine[["final"]].to_numpy(), index=mine.index, columns=WEEKS))
    if not missed:
        raise ValueError(
            "fewer than two complete years of year-to-date publications: how fast a year settles is not known"
        )
    errors = _net_of_region(pd.concat(missed))
    finals = grid[["final"]].unstack("year").droplevel(0, axis=1).sort_index(axis=1)
    change = _net_of_region(finals.diff(axis=1).stack().dropna().rename("change").to_frame())
    yearly = change.groupby("phase")["change"].agg(_mad)
    errors.columns.name = "school_week"
    left = (
        errors.stack()
        .dropna()
        .rename("error")
        .reset_index()
        .groupby(["phase", "school_week"], as_index=False)
        .agg(spread=("error", _mad), pairs=("error", "size"))
    )
    left["left"] = (left["spread"] / left["phase"].map(yearly)).clip(upper=1.0)
    left["left"] = left.iloc[::-1].groupby("phase")["left"].cummax()
    return left[["phase", "school_week", "left", "pairs"]]


def _net_of_region(frame: pd.DataFrame) -> pd.DataFrame:
    """Authority rows less the row of their region, same phase and year."""
    la = frame[frame.index.get_level_values("geography") == "la"]
    region = frame[frame.index.get_level_values("geography") == "region"].droplevel(
        ["geography", "region_name"]
    )
    keys = pd.MultiIndex.from_arrays([la.index.get_level_values(k) for k in ("region_name", "phase", "year")])
    return la - region.reindex(keys).to_numpy()


def _mad(values: pd.Series) -> float:
    return float(MAD * (values - values.median()).abs().median())


def path(
    baseline: pd.DataFrame,
    expectations: pd.DataFrame,
    schools: pd.DataFrame,
    snapshots: pd.DataFrame,
    year: str,
    shape: pd.DataFrame,
    left: pd.DataFrame,
) -> pd.DataFrame:
    """Where each school should stand, week by week, in `year`.

    `schools`: urn, la_ons_code, region_name, phase. `shape` of `season`, `left` of `settling`. Out, one row
    per urn x school_week for which the area has a figure: urn, phase, school_week, end (Friday), path_from
    (la, region or england), share, area_movement_pp (the area's rate so far less what last year's final rate
    would give by now), unchanged_pct (on the baseline), target_pct (on the target), sd_pp (of a school whose
    year ends on its target), lower_pct, upper_pct (95 % limits around target_pct). Cumulative absence, %. The
    area is the authority, else region, else England.
    """
    before = year_before(year)
    grid = _grid(snapshots)
    by_year = {
        y: grid[grid.index.get_level_values("year") == y].droplevel(["region_name", "year"])
        for y in (before, year)
    }
    now = by_year[year][list(WEEKS)]
    now.columns.name = "school_week"
    areas = (
        now.stack()
        .dropna()
        .rename("so_far")
        .reset_index()
        .merge(
            shape[["geography", "area", "phase", "school_week", "share"]],
            on=["geography", "area", "phase", "school_week"],
            validate="1:1",
        )
    )
    last = by_year[before]["final"].rename("last_final").reset_index()
    areas = areas.merge(last, on=["geography", "area", "phase"], validate="m:1").dropna(subset=["last_final"])
    areas["area_movement_pp"] = areas["so_far"] - areas["share"] * areas["last_final"]
    mine = expectations[["urn", "target_absence_pct"]].merge(
        baseline[["urn", "baseline_pct", "sd_pp"]], on="urn", validate="1:1"
    )
    mine = mine.merge(schools[["urn", "la_ons_code", "region_name", "phase"]], on="urn", validate="1:1")
    found, wanted = [], mine
    for geography, key in (("la", "la_ons_code"), ("region", "region_name"), ("england", None)):
        part = areas.loc[
            areas["geography"] == geography, ["area", "phase", "school_week", "share", "area_movement_pp"]
        ]
        rows = wanted.assign(area="England" if key is None else wanted[key]).merge(
            part, on=["area", "phase"], validate="m:m"
        )
        found.append(rows.assign(path_from=geography))
        wanted = wanted[~wanted["urn"].isin(rows["urn"])]
    out = pd.concat(found, ignore_index=True).merge(
        left[["phase", "school_week", "left"]], on=["phase", "school_week"], validate="m:1"
    )
    out["end"] = first_monday(year) + pd.to_timedelta(7 * (out["school_week"] - 1) + 4, unit="D")
    out["unchanged_pct"] = out["share"] * out["baseline_pct"] + out["area_movement_pp"]
    out["target_pct"] = out["share"] * out["target_absence_pct"] + out["area_movement_pp"]
    out["sd_pp"] = out["share"] * out["sd_pp"] * out["left"]
    half = norm.ppf(0.975) * out["sd_pp"]
    out["lower_pct"], out["upper_pct"] = (out["target_pct"] - half).clip(lower=0.0), out["target_pct"] + half
    columns = [
        "urn",
        "phase",
        "school_week",
        "end",
        "path_from",
        "share",
        "left",
        "area_movement_pp",
        "unchanged_pct",
        "target_pct",
        "sd_pp",
    ]
    return out[[*columns, "lower_pct", "upper_pct"]].sort_values(["urn", "school_week"], ignore_index=True)


def read_progress(so_far: pd.DataFrame, paths: pd.DataFrame, rules: Parameters = DEFAULT) -> pd.DataFrame:
    """Each school's rate so far against its path.

    `so_far`: urn, school_week, absence_pct (cumulative, %). `paths` of `path`. Out: those rows with
    target_pct, shortfall_pp, z, course (`COURSE`) and words. Too early to say while more than
    `too_early_share` of the year's uncertainty is left; noise ends at `noise_z`. Schools without a path get
    no row.
    """
    out = so_far[["urn", "school_week", "absence_pct"]].merge(
        paths, on=["urn", "school_week"], validate="1:1"
    )
    out["shortfall_pp"] = out["absence_pct"] - out["target_pct"]
    certain = (
        np.sign(out["shortfall_pp"].where(out["shortfall_pp"].abs() > TINY)) * np.inf
    )  # at the year's end nothing is left to chance
    out["z"] = (out["shortfall_pp"] / out["sd_pp"]).where(out["sd_pp"] > 0, certain.fillna(0.0))
    course = np.select(
        [out["left"] > rules.too_early_share, out["shortfall_pp"] <= 0, ~(out["z"] > rules.noise_z)],
        [COURSE[3], COURSE[0], COURSE[1]],
        COURSE[2],
    )
    out["course"] = pd.Series(course, index=out.index, dtype="str")
    most = "half" if rules.too_early_share == 0.5 else f"{100 * rules.too_early_share:g} %"
    words = {
        "too_early": f"Too early to say: more than {most} of what decides a year is still to come.",
        "on_course": "On course: no higher than the path to the target.",
        "within_noise": "Above the path by no more than chance moves a school at this time of year.",
        "off_course_by_more_than_noise": (
            "Above the path by more than chance moves a school at this time of year: worth asking why."
        ),
    }
    return out.assign(words=out["course"].map(words))


def latest(weeks: pd.DataFrame, paths: pd.DataFrame) -> pd.DataFrame:
    """The rate so far of each school that sent its weeks, in the last of them for which it has a path: urn,
    school_week, absence_pct (cumulative, %).

    `weeks` of `sources.own_extract.whole_school`, of one year; `paths` of `path`, with or without rows.
    """
    out = weeks[["urn"]].assign(
        school_week=school_week(weeks["week_commencing"], weeks["year"]), absence_pct=weeks["cum_absence_pct"]
    )
    known = paths[["urn", "school_week"]].astype({"urn": "int64", "school_week": "int64"})
    out = out.merge(known, on=["urn", "school_week"], validate="1:1").sort_values(["urn", "school_week"])
    return out.drop_duplicates("urn", keep="last").reset_index(drop=True)


def xmr(values: pd.Series) -> pd.DataFrame:
    """Individuals chart of a series in time order: value, centre (mean), lower, upper (2.66 mean moving
    ranges), moving_range, signal.

    `signal`: `beyond_limits`, `run_of_eight` (eight in a row on one side of the centre), else ''. Needs eight
    values; raises ValueError with fewer.
    """
    known = values.dropna().astype("float64")
    if len(known) < RUN:
        raise ValueError(f"{len(known)} weeks are too few for control limits: {RUN} are needed")
    ranges = known.diff().abs()
    centre, half = known.mean(), SIGMA_PER_RANGE * ranges.mean()
    side = np.sign(known - centre)
    length = side.groupby((side != side.shift()).cumsum()).transform("size")
    run = side.ne(0) & (length >= RUN)
    signal = np.select([(known - centre).abs() > half, run], ["beyond_limits", "run_of_eight"], "")
    return pd.DataFrame(
        {
            "value": known,
            "centre": centre,
            "lower": centre - half,
            "upper": centre + half,
            "moving_range": ranges,
            "signal": signal,
        }
    )
