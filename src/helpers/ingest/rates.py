"""Roll-ups of school figures to areas: sums before ratios where sessions are published, else means weighted
by pupils.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

PHASES = ("primary", "secondary", "special")
MEASURES = {"absence": "absence_pct", "persistent": "persistent_pct"}
WEIGHTS = {"sessions": "possible_sessions", "pupils_r_to_11": "weight_r_to_11", "roll": "roll"}
GEOGRAPHIES = {"england": None, "region": "region_name", "la": "la_code"}
SESSION_COVERAGE = (
    0.995  # share of schools with a figure whose session counts must be there for sessions to be the weights
)

ROUNDING_PP = 0.0501  # half of the last decimal of the performance tables


def weighted_mean(values: pd.Series, weights: pd.Series) -> float:
    """Mean of `values` weighted by `weights`, over rows where both are there and the weight is positive; NaN
    where there is none.
    """
    use = values.notna() & (weights > 0)
    total = weights[use].sum()
    return float((values[use] * weights[use]).sum() / total) if total > 0 else float("nan")


def sessions_of(absence: pd.DataFrame, year: str) -> pd.DataFrame:
    """Session counts of a year by URN: possible_sessions, missed_sessions, enrolments, of whichever
    publication gives them. Index urn.
    """
    rows = absence[(absence["year"] == year) & absence["possible_sessions"].notna()]
    return rows.drop_duplicates("urn").set_index("urn")[
        ["possible_sessions", "missed_sessions", "enrolments"]
    ]


def choose_weights(schools: pd.DataFrame, measure: str) -> str:
    """The best weights that the year has: sessions (enrolments for persistent absence), else pupils of Years
    R-11, else the roll.
    """
    column = "enrolments" if measure == "persistent" else "possible_sessions"
    figures = schools[MEASURES[measure]].notna()
    if (
        column in schools
        and figures.any()
        and schools.loc[figures, column].notna().mean() >= SESSION_COVERAGE
    ):
        return "sessions"
    return "pupils_r_to_11" if schools.loc[figures, "weight_r_to_11"].notna().any() else "roll"


def roll_up(schools: pd.DataFrame, measure: str, weights: str | None = None) -> pd.DataFrame:
    """Our rate of England, each region and each LA by phase.

    In: a register (with `possible_sessions`, `missed_sessions`, `enrolments` where known); measure `absence`
    or `persistent`. Only schools with a weight and a figure count, so those outside the census count only
    where sessions are known. Out: geography, area_code (la_code or region name), phase, weights, n_schools,
    ours_pct, hidden_share (weight of schools whose figure of this measure is suppressed, over all), and
    spread_pp = sqrt(sum w^2 (y - mean)^2) / sum w. A school's share of the sessions differs from its share of
    the weights; when that relative error is e for each school independently, the area's mean is off by e x
    spread_pp, so tolerances may grow with it.
    """
    weights = weights or choose_weights(schools, measure)
    value = MEASURES[measure]
    weight = "enrolments" if weights == "sessions" and measure == "persistent" else WEIGHTS[weights]
    weighted = schools[schools["phase"].isin(PHASES) & (schools[weight] > 0)]
    use = weighted[weighted[value].notna()]
    hidden = weighted[weighted[value].isna() & weighted["publication"].notna()]
    y = use[value]
    if weights == "sessions" and measure == "absence":
        # Unrounded where the figure is those sessions, rounded; a figure that is not speaks for itself.
        exact = 100 * use["missed_sessions"] / use["possible_sessions"]
        y = exact.where((exact - y).abs() <= ROUNDING_PP, y)
    parts = []
    for geography, key in GEOGRAPHIES.items():
        area = use[key] if key else pd.Series("England", index=use.index)
        frame = pd.DataFrame(
            {"area_code": area, "phase": use["phase"], "w": use[weight], "wy": use[weight] * y}
        )
        by = ["area_code", "phase"]
        out = frame.groupby(by).agg(n_schools=("w", "size"), w=("w", "sum"), wy=("wy", "sum"))
        out["ours_pct"] = out["wy"] / out["w"]
        centre = frame.join(out["ours_pct"], on=by, validate="many_to_one")["ours_pct"]
        squares = (use[weight] ** 2 * (y - centre) ** 2).groupby([frame["area_code"], frame["phase"]]).sum()
        out["spread_pp"] = np.sqrt(squares) / out["w"]
        unseen = (
            hidden[weight]
            .groupby([hidden[key] if key else pd.Series("England", index=hidden.index), hidden["phase"]])
            .sum()
        )
        unseen.index.names = by
        unseen = unseen.reindex(out.index).fillna(0.0)
        out["hidden_share"] = unseen / (unseen + out["w"])
        parts.append(out.reset_index().assign(geography=geography))
    found = pd.concat(parts, ignore_index=True).assign(weights=weights, measure=measure)
    return found[
        [
            "geography",
            "area_code",
            "phase",
            "measure",
            "weights",
            "n_schools",
            "ours_pct",
            "spread_pp",
            "hidden_share",
        ]
    ]
