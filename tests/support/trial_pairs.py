"""Two invented years side by side, with regression to the mean, small schools that vary more, and authorities
that move together.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.evaluate import year_pairs

REGIONS = ("North East", "London", "South West")


def pair(n: int = 400, seed: int = 1, n_las: int = 24, shared_pp: float = 0.15) -> pd.DataFrame:
    """Columns of `forecast.transition`, as far as test-and-learn reads them."""
    rng = np.random.default_rng(seed)
    la = rng.integers(0, n_las, n)
    roll = rng.integers(200, 1800, n).astype("float64")
    fsm = rng.uniform(2, 60, n)
    c = 5 + 0.05 * fsm
    lasting = c * np.exp(rng.normal(0, 0.18, n))
    noise = 0.5 * np.sqrt(1000 / roll)
    moved = rng.normal(0, shared_pp, n_las)
    y = lasting + noise * rng.standard_t(5, n) * 0.8
    y_next = lasting + noise * rng.standard_t(5, n) * 0.8 + moved[la] + 0.1
    frame = pd.DataFrame(
        {
            "urn": 900_000 + np.arange(n),
            "la_code": [f"{200 + k}" for k in la],
            "region_name": [REGIONS[k % 3] for k in la],
            "phase": "secondary",
            "roll": roll,
            "fsm_pct": fsm,
            "ehcp_pct": rng.uniform(0, 6, n),
            "eal_pct": rng.uniform(0, 40, n),
            "y": np.maximum(np.round(y, 1), 1.0),
            "y_next": np.maximum(np.round(y_next, 1), 1.0),
            "c": c,
        }
    )
    return frame.assign(net=frame["y_next"] - np.average(frame["y_next"] - frame["y"], weights=roll))


def two_pairs(n: int = 400, seed: int = 1, n_las: int = 24) -> dict:
    """A pair that teaches the forecast and the placebo pair after it."""
    return {("2016-17", "2017-18"): pair(n, seed, n_las), ("2017-18", "2018-19"): pair(n, seed + 1, n_las)}


def seen(n: int = 400, seed: int = 1, n_las: int = 24) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(the year, the year before it), both with the forecast learnt on the year before."""
    known = two_pairs(n, seed, n_las)
    learnt = year_pairs.learnt_before(known, "2017-18")
    now, before = (
        year_pairs.with_forecast(known[p], learnt) for p in (("2017-18", "2018-19"), ("2016-17", "2017-18"))
    )
    return now, before
