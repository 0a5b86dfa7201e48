"""Were the stated chances right? Of the schools with a stated chance of "one in four with no real change", did
one in four meet the target when nothing was done?

Attainment in a year without policy is compared with the stated chance (`chance_unaided`): by tenths of the
stated chance, and as a spread over starting level, FSM, size and region, because a chance can be right on
average and wrong for some. Intervals allow for schools of an authority going up and down together.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from helpers.evaluate.trial.forecast_difference import variance_of_mean
from helpers.monitor import verdicts

TINY = 1e-9


def attainment(
    seen: pd.DataFrame,
    base: pd.DataFrame,
    asks: pd.DataFrame,
    area_rates: pd.DataFrame,
    years: tuple[str, str],
) -> pd.DataFrame:
    """Who met the target of the first year in the second, net of the published movement of region and phase:
    urn, la_code, region_name, chance_unaided, met, z, y, start, fsm, size (fifths, 1 = lowest).

    `seen` of `years.with_forecast`, `base` and `asks` of `years.expectations_of`. Schools of areas without a
    published movement are left out.
    """
    out = seen[["urn", "la_code", "region_name", "roll", "fsm_pct", "y", "y_next", "start"]].merge(
        asks[["urn", "target_absence_pct", "chance_unaided", "ask_pp"]], on="urn", validate="1:1"
    )
    out = out.merge(base[["urn", "sd_pp"]], on="urn", validate="1:1")
    moved = verdicts.movement(area_rates, seen, *years)
    out = out.merge(moved[["urn", "movement_pp"]], on="urn", validate="1:1").dropna(subset="movement_pp")
    shortfall = out["y_next"] - out["movement_pp"] - out["target_absence_pct"]
    out["met"], out["z"] = shortfall <= TINY, shortfall / out["sd_pp"]
    for name, column in (("fsm", "fsm_pct"), ("size", "roll")):
        out[name] = np.ceil(5 * out[column].rank(method="first", pct=True))
    return out.drop(columns=["roll", "fsm_pct", "y_next", "movement_pp"]).reset_index(drop=True)


def wilson(met: np.ndarray, cluster: np.ndarray) -> tuple[float, float]:
    """95 % interval of a share: Wilson's, on the number of schools that would be as informative if
    authorities did not move together.
    """
    n, p = len(met), float(np.mean(met))
    if n == 0:
        return np.nan, np.nan
    plain = p * (1 - p) / n
    together = float(variance_of_mean(met, cluster)) if len(np.unique(cluster)) > 1 else plain
    worth = n if plain == 0 else n / max(1.0, together / plain)
    return proportion_confint(p * worth, worth, method="wilson")


def _line(rows: pd.DataFrame) -> dict:
    low, high = wilson(rows["met"].to_numpy("float64"), rows["la_code"].to_numpy())
    stated = float(rows["chance_unaided"].mean())
    return {
        "schools": len(rows),
        "stated": stated,
        "met": float(rows["met"].mean()),
        "lower95": low,
        "upper95": high,
        "kept": bool(low <= stated <= high),
    }


def calibration(rows: pd.DataFrame, tenths: int = 10) -> pd.DataFrame:
    """By tenths of the stated chance (schools of equal number): tenth, schools, stated, met, lower95,
    upper95, kept (the stated chance lies in the interval).
    """
    tenth = np.ceil(tenths * rows["chance_unaided"].rank(method="first", pct=True)).astype("int64")
    return pd.DataFrame([{"tenth": int(k), **_line(part)} for k, part in rows.groupby(tenth)])


def spread(rows: pd.DataFrame, column: str, seed: int, draws: int = 2000) -> dict:
    """Highest less lowest attainment between the groups of a column, beside what chance alone gives when
    every school meets with its stated chance.

    observed, stated (highest less lowest mean stated chance), by_chance (mean over draws), by_chance_95
    (exceeded one time in twenty).
    """
    codes = pd.factorize(rows[column], sort=True)[0]
    size = np.bincount(codes)
    chance = rows["chance_unaided"].to_numpy("float64")

    def range_of(met: np.ndarray) -> np.ndarray:
        share = np.column_stack([met[:, codes == k].mean(axis=1) for k in range(len(size))])
        return share.max(axis=1) - share.min(axis=1)

    luck = range_of(np.random.default_rng(seed).random((draws, len(rows))) < chance)
    return {
        "observed": float(range_of(rows["met"].to_numpy("float64")[None, :])[0]),
        "stated": float(range_of(chance[None, :])[0]),
        "by_chance": float(luck.mean()),
        "by_chance_95": float(np.quantile(luck, 0.95)),
    }


def overall(rows: pd.DataFrame) -> dict:
    """One line for all schools, with brier (mean squared error of the stated chance) and brier_same (of
    telling everybody the mean).
    """
    met, chance = rows["met"].to_numpy("float64"), rows["chance_unaided"].to_numpy("float64")
    return {
        **_line(rows),
        "brier": float(np.mean((met - chance) ** 2)),
        "brier_same": float(np.mean((met - met.mean()) ** 2)),
    }
