"""The minimum improvement expected of each school, and everything that explains it.

T = clip(B - clip(a + b G, floor, cap), y - max_ask, y - min_ask), with a solved per phase so that the
headcount-weighted mean ask is the national path. Every ask is also told in parts that add up: return to
normal (y - B), national part (a), context part (b G), and what the limits changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.linear_model import QuantileRegressor

from helpers.base.params import Parameters
from helpers.base.years import PRE_PANDEMIC, years_between

COLUMNS = [
    "urn",
    "gap_pp",
    "return_to_normal_pp",
    "national_part_pp",
    "context_part_pp",
    "limits_part_pp",
    "ask_pp",
    "target_absence_pct",
    "minimum_attendance_pct",
    "minimum_attendance_shown_pct",
    "chance_unaided",
    "chance_if_real",
    "la_attendance_pct",
    "peers_best_quartile_attendance_pct",
    "pre_pandemic_attendance_pct",
]
LEAST_SPECIAL = 50  # pairs of years before a width by size is learnt
TINY = 1e-9  # decimals as published are not exact in binary


@dataclass(frozen=True)
class ExpectationFit:
    """`expectations` (columns of the contract) and `calibration` (phase, a_pp, weighted_mean_ask_pp,
    weighted_mean_shown_ask_pp (the same after rounding in schools' favour), n, share_at_floor, share_at_cap,
    ...).
    """

    expectations: pd.DataFrame
    calibration: pd.DataFrame


def best_quartile(peers: pd.DataFrame, baseline: pd.DataFrame) -> pd.Series:
    """Lower quartile (linear) of the peers' baseline_pct, by urn."""
    pairs = peers[["urn", "peer_urn"]].merge(
        baseline[["urn", "baseline_pct"]].rename(columns={"urn": "peer_urn"}),
        on="peer_urn",
        how="left",
        validate="m:1",
    )
    return pairs.groupby("urn")["baseline_pct"].quantile(0.25)


def target(y: pd.Series, b: pd.Series, gap: pd.Series, a: float, parameters: Parameters) -> np.ndarray:
    """T in per cent, from last year's rate, baseline, gap and the national part a."""
    wanted = b - np.clip(a + parameters.slope * gap, parameters.floor_pp, parameters.cap_pp)
    return np.clip(wanted, np.maximum(y - parameters.max_ask_pp, 0.0), y - parameters.min_ask_pp)


def solve_national_part(
    y: pd.Series, b: pd.Series, gap: pd.Series, weight: pd.Series, parameters: Parameters
) -> float:
    """a such that the weighted mean of y - T is the national path.

    Raises ValueError when the limits make the path unreachable, naming the reachable range.
    """

    def excess(a):
        return np.average(y - target(y, b, gap, a, parameters), weights=weight) - parameters.national_path_pp

    low, high = -parameters.cap_pp - parameters.slope * float(np.max(gap)) - 1.0, parameters.cap_pp + 1.0
    if excess(low) > 0 or excess(high) < 0:
        reach = [excess(v) + parameters.national_path_pp for v in (low, high)]
        raise ValueError(
            f"the national path of {parameters.national_path_pp} pp cannot be reached: with these limits "
            "the mean ask lies "
            f"between {reach[0]:.3f} and {reach[1]:.3f} pp. Change national_path_pp, floor_pp, cap_pp, "
            "min_ask_pp or max_ask_pp."
        )
    return float(brentq(excess, low, high, xtol=1e-12))


def shown_minimum(y: pd.Series, t: pd.Series, parameters: Parameters) -> np.ndarray:
    """Minimum attendance as shown: rounded down (in the school's favour), then raised where the shown ask
    would fall below its smallest value.
    """
    step = parameters.rounding_pp
    down = np.floor((100.0 - t) / step + TINY) * step
    least = np.ceil((100.0 - y + parameters.min_ask_pp) / step - TINY) * step
    return np.round(np.maximum(down, least), 6)


def _la_attendance(register: pd.DataFrame, area_rates: pd.DataFrame, year: str) -> pd.Series:
    """Published attendance (%) of the school's LA and phase, by row of the register."""
    rates = area_rates[
        (area_rates["geography"] == "la")
        & (area_rates["measure"] == "absence")
        & (area_rates["year"] == year)
    ]
    rates = rates.rename(columns={"area_code": "la_code"})[["la_code", "phase", "rate_pct"]].drop_duplicates(
        ["la_code", "phase"]
    )
    joined = register[["urn", "la_code", "phase"]].merge(
        rates, on=["la_code", "phase"], how="left", validate="m:1"
    )
    return 100.0 - joined["rate_pct"]


def set_expectations(
    baseline: pd.DataFrame,
    peers: pd.DataFrame,
    register: pd.DataFrame,
    area_rates: pd.DataFrame,
    parameters: Parameters,
    year: str = "2022-23",
) -> ExpectationFit:
    """Expectations of all schools in `baseline` and the calibration by phase.

    `baseline` and `peers` as in the contract; `register` table `schools`; `area_rates` as in docs/house.md;
    `parameters` has national_path_pp, slope, floor_pp, cap_pp, max_ask_pp, min_ask_pp, rounding_pp. `year` is
    the release. Returns `ExpectationFit`. A school without peers has gap 0. Raises ValueError for limits that
    contradict each other, an unreachable path, or a rate that leaves no room for the smallest ask.
    """
    p = parameters
    if not (
        0 <= p.floor_pp <= p.cap_pp
        and 0 <= p.min_ask_pp <= p.max_ask_pp
        and p.slope >= 0
        and p.rounding_pp > 0
    ):
        raise ValueError(
            "limits contradict each other: 0 <= floor_pp <= cap_pp, 0 <= min_ask_pp <= max_ask_pp, slope "
            ">= 0, rounding_pp > 0"
        )
    frame = baseline.merge(
        register[["urn", "roll", "la_code", "pre_pandemic_absence_pct"]], on="urn", how="left", validate="1:1"
    ).sort_values("urn", ignore_index=True)
    low = frame[frame["absence_pct"] <= p.min_ask_pp]
    if len(low):
        raise ValueError(
            f"school {low['urn'].iloc[0]} has {low['absence_pct'].iloc[0]} % absence: no room to ask for "
            f"{p.min_ask_pp} pp; check the "
            "figure"
        )
    quartile = frame["urn"].map(best_quartile(peers, baseline))
    frame["gap_pp"] = (frame["baseline_pct"] - quartile).clip(lower=0.0).fillna(0.0)
    calibration = []
    for phase, rows in frame.groupby("phase"):
        y, b, g, w = (rows[c].to_numpy("float64") for c in ("absence_pct", "baseline_pct", "gap_pp", "roll"))
        a = solve_national_part(y, b, g, w, p)
        t = target(y, b, g, a, p)
        wanted = a + p.slope * g
        frame.loc[rows.index, "national_part_pp"] = a
        frame.loc[rows.index, "target_absence_pct"] = t
        ask = y - t
        shown_ask = y - 100.0 + shown_minimum(y, t, p)
        calibration.append(
            {
                "phase": phase,
                "a_pp": a,
                "weighted_mean_ask_pp": float(np.average(ask, weights=w)),
                "weighted_mean_shown_ask_pp": float(np.average(shown_ask, weights=w)),
                "n": len(rows),
                "share_at_floor": float(np.mean(wanted <= p.floor_pp)),
                "share_at_cap": float(np.mean(wanted >= p.cap_pp)),
                "share_at_min_ask": float(np.mean(ask <= p.min_ask_pp + TINY)),
                "share_at_max_ask": float(np.mean(ask >= p.max_ask_pp - TINY)),
            }
        )
    frame["context_part_pp"] = p.slope * frame["gap_pp"]
    frame["return_to_normal_pp"] = frame["absence_pct"] - frame["baseline_pct"]
    frame["ask_pp"] = frame["absence_pct"] - frame["target_absence_pct"]
    frame["limits_part_pp"] = (
        frame["ask_pp"] - frame["return_to_normal_pp"] - frame["national_part_pp"] - frame["context_part_pp"]
    )
    frame["minimum_attendance_pct"] = 100.0 - frame["target_absence_pct"]
    frame["minimum_attendance_shown_pct"] = shown_minimum(
        frame["absence_pct"].to_numpy(), frame["target_absence_pct"].to_numpy(), p
    )
    frame["chance_unaided"] = norm.cdf((frame["target_absence_pct"] - frame["baseline_pct"]) / frame["sd_pp"])
    frame["chance_if_real"] = norm.cdf(
        (frame["target_absence_pct"] - frame["baseline_pct"] + frame["ask_pp"]) / frame["sd_pp"]
    )
    frame["la_attendance_pct"] = _la_attendance(frame, area_rates, year)
    frame["peers_best_quartile_attendance_pct"] = 100.0 - quartile
    frame["pre_pandemic_attendance_pct"] = 100.0 - frame["pre_pandemic_absence_pct"]
    return ExpectationFit(frame[COLUMNS], pd.DataFrame(calibration))


def special_range(register: pd.DataFrame, panel: pd.DataFrame) -> pd.DataFrame:
    """A range and words, never a point, for special schools with a published rate: urn, lower_pct, upper_pct,
    words.

    The range is last year's rate times and divided by exp(width). The width is the 80 % quantile of yearly
    relative changes (net of their mean) seen between consecutive pre-pandemic years in special schools of the
    panel, by linear quantile regression of its logarithm on log roll (Koenker and Bassett 1978): small
    schools change more. Without rolls the width is one for all. Raises ValueError when the panel has no such
    pair of years.
    """
    special = register[(register["phase"] == "special") & register["absence_pct"].notna()].sort_values(
        "urn", ignore_index=True
    )
    known = register[register["phase"] == "special"].set_index("urn")
    rates = panel[panel["urn"].isin(known.index) & (panel["year"] <= PRE_PANDEMIC)].pivot(
        index="urn", columns="year", values="absence_pct"
    )
    changes = []
    for before, after in zip(rates.columns, rates.columns[1:], strict=False):
        if years_between(before, after) == 1:
            both = rates[[before, after]].dropna()
            ratio = np.log(both[after] / both[before])
            changes.append(ratio - ratio.mean())
    if not changes:
        raise ValueError(
            "the panel has no consecutive pre-pandemic years of special schools: their range cannot be stated"
        )
    width = _special_width(pd.concat(changes), known["roll"], special["roll"].to_numpy("float64"))
    lower, upper = (
        special["absence_pct"] * np.exp(-width),
        (special["absence_pct"] * np.exp(width)).clip(upper=100.0),
    )
    words = [
        "Special schools differ too much from one another, and from year to year, for a single figure. "
        "With no real change, "
        f"absence next year would lie between {low:.1f} % and {high:.1f} % in about four such schools of "
        "this size in five."
        for low, high in zip(lower, upper, strict=True)
    ]
    return pd.DataFrame({"urn": special["urn"], "lower_pct": lower, "upper_pct": upper, "words": words})


def _special_width(change: pd.Series, roll: pd.Series, wanted: np.ndarray) -> np.ndarray:
    """80 % quantile of |change| (log scale) by roll, for schools of the `wanted` rolls; within the rolls it
    was learnt from.
    """
    size = np.log(np.maximum(change.abs().to_numpy(), 1e-3))
    log_roll = np.log(roll.reindex(change.index).astype("float64").clip(lower=1.0)).to_numpy()
    seen = np.isfinite(log_roll)
    if seen.sum() < LEAST_SPECIAL:
        return np.full(len(wanted), float(np.quantile(np.abs(change), 0.8)))
    fit = QuantileRegressor(quantile=0.8, alpha=0.0, solver="highs").fit(log_roll[seen, None], size[seen])
    middle, low, high = np.median(log_roll[seen]), log_roll[seen].min(), log_roll[seen].max()
    at = np.where(np.isfinite(wanted) & (wanted > 0), np.log(np.maximum(wanted, 1.0)), middle)
    return np.exp(fit.predict(np.clip(at, low, high)[:, None]))
