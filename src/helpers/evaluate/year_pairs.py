"""Two years side by side with the forecast between them: the frame that everything in test-and-learn works
on.

One row per school seen in both years: what it had (`y`), what came (`y_next`), what was to be expected with
no change (`baseline_pct`), and what was left over (`residual_pp`). The forecast never uses a year later than
the first of the two: it is learnt from earlier pairs of pre-pandemic years.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.base.params import DEFAULT, Parameters
from helpers.base.years import PRE_PANDEMIC
from helpers.expectations import formula
from helpers.model import forecast
from helpers.monitor import verdicts

PLACEBO = {("2017-18", "2018-19"): ("2016-17", "2017-18"), ("2022-23", "2023-24"): ("2021-22", "2022-23")}
WANTED = sorted({*PLACEBO, *PLACEBO.values()})
WORST_SHARE = 0.2
START_BANDS = 5
NO_SHOCKS = {"urn": "int64", "shock_effect_pp": "float64", "shock_codes": "str"}


def pairs(
    register: pd.DataFrame, panel: pd.DataFrame, wanted: list[tuple[str, str]], phase: str, seed: int
) -> dict:
    """Frames of `forecast.transition` by (year, year after), for the pairs that the panel holds at all."""
    there = {
        years: forecast.transition(register, panel, *years, phase, seed)
        for years in wanted
        if set(years) <= set(panel["year"])
    }
    return {years: frame for years, frame in there.items() if len(frame)}


def narrow(known: dict) -> pd.DataFrame:
    """`pairs` as one frame to be kept: before, after, phase, urn, y, y_next, c, net."""
    parts = [
        frame[["phase", "urn", "y", "y_next", "c", "net"]].assign(before=a, after=b)
        for (a, b), frame in known.items()
    ]
    columns = ["before", "after", "phase", "urn", "y", "y_next", "c", "net"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def widen(kept: pd.DataFrame, register: pd.DataFrame) -> dict:
    """The frames of `pairs` again, from what `narrow` kept and the register it was made with."""
    out = {}
    for (before, after), rows in kept.groupby(["before", "after"]):
        figures = rows.drop(columns=["before", "after", "phase"])
        out[before, after] = register.merge(figures, on="urn", validate="1:1").sort_values(
            "urn", ignore_index=True
        )
    return out


def learnt_before(known: dict, before: str, run: Parameters = DEFAULT) -> dict:
    """Parameters of the forecast from the pre-pandemic pairs in `known` that ended by the year `before`.

    For the first pair of all there is none earlier; then its own are used. Raises ValueError when `known` has
    no pre-pandemic pair.
    """
    old = {years: frame for years, frame in known.items() if years[1] <= PRE_PANDEMIC}
    if not old:
        raise ValueError(
            "no pair of pre-pandemic years to learn the forecast from: the panel needs two consecutive "
            "years up to 2018-19"
        )
    earlier = [frame for years, frame in old.items() if years[1] <= before] or [old[min(old)]]
    roll = {"secondary": float(pd.concat(earlier)["roll"].median())}
    return forecast.fit_parameters(earlier, run.primary_lambda, roll, run.primary_spread)


def with_forecast(pair: pd.DataFrame, parameters: dict, worst_share: float = WORST_SHARE) -> pd.DataFrame:
    """A pair of years with what was to be expected.

    Adds baseline_pct, sd_pp, log_roll, change_pp (y_next - y net of the national movement), return_pp
    (baseline - y: what regression to the mean alone does), residual_pp (net - baseline), top_pp and half_pp
    (by how much the baseline moves per unit of the two parameters of lambda), start (1 = lowest fifth of
    absence, 5 = highest) and worst (the share `worst_share` with the highest absence).
    """
    given = pair.assign(absence_pct=pair["y"], context_expected_pct=pair["c"])
    out = pair.merge(
        forecast.baseline_of(given, parameters)[["urn", "baseline_pct", "sd_pp"]], on="urn", validate="1:1"
    )
    out["log_roll"] = np.log(out["roll"])
    out["change_pp"] = out["net"] - out["y"]
    out["return_pp"] = out["baseline_pct"] - out["y"]
    out["residual_pp"] = out["net"] - out["baseline_pct"]
    roll, half = out["roll"].to_numpy("float64"), parameters["lambda_half_roll"]
    top = parameters["lambda_top"]["secondary"]
    slope = out["baseline_pct"] * np.log(out["y"] / np.maximum(out["c"], forecast.LEAST_EXPECTED))
    out["top_pp"] = slope * roll / (roll + half)
    out["half_pp"] = -slope * top * roll / (roll + half) ** 2
    out["start"] = np.ceil(out["y"].rank(method="first", pct=True) * START_BANDS).astype("int64")
    out["worst"] = out["y"] >= worst_from(out, worst_share)
    return out


def worst_from(seen: pd.DataFrame, worst_share: float = WORST_SHARE) -> float:
    """Absence (%) from which a school belongs to the worst group; rates are published in steps, so the group
    is a little over its share.
    """
    return float(seen["y"].quantile(1 - worst_share, interpolation="lower"))


def expectations_of(
    pair: pd.DataFrame,
    parameters: dict,
    peers: pd.DataFrame,
    register: pd.DataFrame,
    area_rates: pd.DataFrame,
    run: Parameters,
    year: str,
) -> pd.DataFrame:
    """(baseline, expectations) that `run`'s limits would have set for the schools of a pair in its first
    `year`, with today's similar schools.
    """
    base = forecast.baseline_of(
        pair.assign(absence_pct=pair["y"], context_expected_pct=pair["c"]), parameters
    )
    both = peers[peers["urn"].isin(base["urn"]) & peers["peer_urn"].isin(base["urn"])]
    rows = base[base["absence_pct"] > run.min_ask_pp]
    return base, formula.set_expectations(rows, both, register, area_rates, run, year=year).expectations


def verdict_z(
    pair: pd.DataFrame,
    parameters: dict,
    peers: pd.DataFrame,
    register: pd.DataFrame,
    area_rates: pd.DataFrame,
    run: Parameters,
    years: tuple[str, str],
) -> pd.DataFrame:
    """What routing would have gone by at the end of a pair of years: urn and z, as
    `monitor.judgement.verdicts` gives them (no shocks recorded).
    """
    base, asks = expectations_of(pair, parameters, peers, register, area_rates, run, years[0])
    nothing = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in NO_SHOCKS.items()})
    outcomes = pair[["urn"]].assign(absence_pct=pair["y_next"], year=years[1])
    moved = verdicts.movement(area_rates, pair, *years)
    told = verdicts.verdicts(base, asks, outcomes, moved, nothing, rules=run)
    return told.loc[told["z"].notna(), ["urn", "z"]].reset_index(drop=True)
