"""A school's own weeks beside its area: control-chart series, weeks in which a reason or a closure jumps, and
steps of the roll.

What the whole area had is in the area's movement already, so only the difference to the area counts as the
school's own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.base.params import DEFAULT, Parameters
from helpers.monitor.shocks import MAD, PARTS, finest

EXTRACT = {
    "illness_sessions": "illness",
    "religious_sessions": "religious_observance",
    "holiday_sessions": "holidays",
    "excluded_sessions": "exclusions",
}
LEAST_WEEKS, YEAR_WEEKS = 8, 38
LEAST_OWN_MAD = 0.3  # points: a school that reports the same rate every week has no spread to divide by


def area_weeks(periods: pd.DataFrame, geography: str, area: str, phase: str) -> pd.DataFrame:
    """Rates of an area by single week: year, week_commencing and the rate columns. A longer window gives its
    rate to each of its weeks.
    """
    rows = finest(
        periods[(periods["geography"] == geography) & (periods["area"] == area) & (periods["phase"] == phase)]
    )
    rows = rows.assign(
        monday=[pd.date_range(a, b, freq="W-MON") for a, b in zip(rows["start"], rows["end"], strict=True)]
    )
    out = rows.explode("monday").dropna(subset="monday").rename(columns={"monday": "week_commencing"})
    out["week_commencing"] = out["week_commencing"].astype("datetime64[s]")
    columns = ["year", "week_commencing", "absence_pct", *(c for c in PARTS if c in out)]
    return out.drop_duplicates(["year", "week_commencing"], keep="first")[columns].reset_index(drop=True)


def beside_area(weeks: pd.DataFrame, area: pd.DataFrame, rate: pd.Series, column: str) -> pd.Series:
    """The school's weekly rate (%) less the area's in the same week; NaN in a week without an area figure,
    the rate itself without any area.
    """
    if area.empty:
        return rate
    theirs = weeks[["week_commencing"]].merge(
        area[["week_commencing", column]], on="week_commencing", how="left", validate="m:1"
    )
    return rate - theirs[column].set_axis(weeks.index)


def in_extract(weeks: pd.DataFrame, area: pd.DataFrame, rules: Parameters = DEFAULT) -> pd.DataFrame:
    """Shocks in a school's own weeks, with the columns of a recorded shock (scope `school`).

    `weeks` of `sources.own_extract.whole_school`; `area` of `area_weeks` (may be empty), the same for all
    schools of `weeks`. A reason stands out when the rate less the area's is `shock_least_z` MADs and
    `shock_own_weeks_pp` points above the year's median of that difference. A closure (code Y) is a week
    in which that share of sessions was lost; it moves no rate (effect 0). Fewer than eight weeks in a
    year: nothing is said.
    """
    found = []
    for (urn, year), mine in weeks.groupby(["urn", "year"]):
        if len(mine) < LEAST_WEEKS:
            continue
        mine = mine.sort_values("week_commencing")
        series = {
            "closure": 100 * mine["closed_sessions"] / (mine["possible_sessions"] + mine["closed_sessions"])
        }
        for column, code in EXTRACT.items():
            rate = 100 * mine[column] / mine["possible_sessions"]
            series[code] = beside_area(mine, area, rate, column.replace("_sessions", "_pct"))
        for code, net in series.items():
            excess = net - net.median()
            spread = MAD * excess.abs().median()
            clear = excess > rules.shock_least_z * max(spread, LEAST_OWN_MAD)
            for i in excess[clear & (excess >= rules.shock_own_weeks_pp)].index:
                share = mine.at[i, "possible_sessions"] / (mine["possible_sessions"].mean() * YEAR_WEEKS)
                effect = 0.0 if code == "closure" else excess[i] * share
                week = mine.at[i, "week_commencing"]
                words = (
                    f"own extract: {excess[i]:.1f} points of all sessions more than in the school's "
                    "usual week"
                )
                words += "" if code == "closure" or area.empty else ", its area taken off"
                found.append((urn, year, week, week + pd.Timedelta(days=4), code, effect, words))
    columns = ["urn", "year", "start", "end", "code", "effect_year_pp", "evidence"]
    return pd.DataFrame(found, columns=columns).assign(scope="school", phase="", entered_by="own extract")


def roll_jumps(weeks: pd.DataFrame, least_pct: float = DEFAULT.roll_step_pct) -> pd.DataFrame:
    """Weeks at which a school's roll steps by more than `least_pct`: urn, week_commencing, roll_before,
    roll_after, change_pct.

    Medians of the three weeks before and the three from then on, so that one wrong week is no jump; of
    touching weeks that of the step counts.
    """
    found = []
    for urn, mine in weeks.dropna(subset="pupils").sort_values("week_commencing").groupby("urn"):
        before = mine["pupils"].rolling(3).median().shift()
        after = mine["pupils"][::-1].rolling(3).median()[::-1]
        step = 100 * (after / before - 1)
        big = step[step.abs() > least_pct]
        runs = mine.index.get_indexer(big.index) - np.arange(len(big))
        for _, week in mine["pupils"].diff().abs()[big.index].groupby(runs):
            i = week.idxmax()
            found.append((urn, mine.at[i, "week_commencing"], before[i], after[i], step[i]))
    return pd.DataFrame(found, columns=["urn", "week_commencing", "roll_before", "roll_after", "change_pct"])


def all_beside_region(weeks: pd.DataFrame, schools: pd.DataFrame, periods: pd.DataFrame) -> pd.DataFrame:
    """urn, week_commencing, points: weekly absence of each school less its region's, weeks without a figure
    of the region left out.

    `weeks` of `whole_school`; `schools`: urn, region_name, phase; `periods` of `snapshots.clean`.
    """
    about, parts = schools.set_index("urn"), []
    for urn, mine in weeks.groupby("urn"):
        area = area_weeks(periods, "region", about.at[urn, "region_name"], about.at[urn, "phase"])
        parts.append(
            mine[["urn", "week_commencing"]].assign(
                points=beside_area(mine, area, mine["absence_pct"], "absence_pct")
            )
        )
    empty = {"urn": "int64", "week_commencing": "datetime64[s]", "points": "float64"}
    out = (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame({c: pd.Series(dtype=k) for c, k in empty.items()})
    )
    return out.dropna(subset="points").reset_index(drop=True)
