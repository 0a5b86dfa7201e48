"""How far a minimum would move if one figure were a little different: one pupil more or less in a measure, or
the rounding of last year's rate.

One school is changed at a time, everything national (models, weights, national part) and everybody else
stays. Each school is told the largest move.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.base.params import Parameters
from helpers.expectations.formula import target
from helpers.model.forecast import LEAST_EXPECTED, baseline, shrinkage

HALF_A_DIGIT_PP = 0.05  # rates are published to 0.1
COLUMNS = ["one_pupil_moves_pp", "rounding_moves_pp"]


def _largest(targets: list[np.ndarray], now: np.ndarray) -> np.ndarray:
    return np.max(np.abs(np.column_stack(targets) - now[:, None]), axis=1)


def moves(
    expectations: pd.DataFrame,
    baseline_frame: pd.DataFrame,
    one_pupil: pd.DataFrame,
    register: pd.DataFrame,
    forecast: dict,
    run: Parameters,
) -> pd.DataFrame:
    """Largest move of each school's target: urn, one_pupil_moves_pp, rounding_moves_pp.

    `expectations`, `baseline_frame` as in the contract; `one_pupil` (urn, context_change_pp) from the context
    model; `register` for the roll; `forecast` the fitted parameters; `run` the limits.
    """
    f = (
        expectations[["urn", "national_part_pp", "target_absence_pct", "peers_best_quartile_attendance_pct"]]
        .merge(baseline_frame, on="urn", how="left", validate="1:1")
        .merge(one_pupil[["urn", "context_change_pp"]], on="urn", how="left", validate="1:1")
        .merge(register[["urn", "roll"]], on="urn", how="left", validate="1:1")
    )
    y, c, now, a, roll = (
        f[k].to_numpy("float64")
        for k in ("absence_pct", "context_expected_pct", "target_absence_pct", "national_part_pp", "roll")
    )
    lam = shrinkage(
        roll, f["phase"].map(forecast["lambda_top"]).to_numpy("float64"), forecast["lambda_half_roll"]
    )
    quartile = 100.0 - f["peers_best_quartile_attendance_pct"].to_numpy("float64")
    step = f["context_change_pp"].fillna(0.0).to_numpy("float64")

    def asked(y_, c_):
        b = baseline(y_, np.maximum(c_, LEAST_EXPECTED), lam)
        gap = np.nan_to_num(np.maximum(b - quartile, 0.0))
        return target(y_, b, gap, a, run)

    rounded = [asked(np.maximum(y + d, run.min_ask_pp), c) for d in (-HALF_A_DIGIT_PP, HALF_A_DIGIT_PP)]
    return pd.DataFrame(
        {
            "urn": f["urn"],
            COLUMNS[0]: _largest([asked(y, c - step), asked(y, c + step)], now),
            COLUMNS[1]: _largest(rounded, now),
        }
    )
