"""Other forms of the baseline, tried on the same rows: each learns from the transitions before, as ours does,
and is scored on the next.

None is used. They stand here so that whoever thinks of one finds its score.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from helpers.model.forecast import LEAST_EXPECTED

Form = Callable[[pd.DataFrame, np.ndarray], np.ndarray]


def _lasting(roll: np.ndarray, log_half: float) -> np.ndarray:
    return roll / (roll + np.exp(log_half))


def _away(s: pd.DataFrame) -> np.ndarray:
    return np.log(s["y"] / np.maximum(s["c"], LEAST_EXPECTED)).to_numpy()


def _asymmetric(s: pd.DataFrame, p: np.ndarray) -> np.ndarray:
    d = _away(s)
    return s["c"].to_numpy() * np.exp(
        p[3] + np.where(d > 0, p[0], p[1]) * d * _lasting(s["roll"].to_numpy(), p[2])
    )


def _linear(s: pd.DataFrame, p: np.ndarray) -> np.ndarray:
    return (s["c"] + p[0] * (s["y"] - s["c"])).to_numpy() * _lasting(s["roll"].to_numpy(), p[1]) + s[
        "c"
    ].to_numpy() * (1 - _lasting(s["roll"].to_numpy(), p[1]))


def _by_fsm(s: pd.DataFrame, p: np.ndarray) -> np.ndarray:
    share = (s["fsm_pct"].fillna(s["fsm_pct"].median()).to_numpy() - 20) / 100
    return s["c"].to_numpy() * np.exp((p[0] + p[1] * share) * _away(s) * _lasting(s["roll"].to_numpy(), p[2]))


def _by_level(s: pd.DataFrame, p: np.ndarray) -> np.ndarray:
    return s["c"].to_numpy() * np.exp(
        (p[0] + p[1] * np.log(s["c"].to_numpy() / 6)) * _away(s) * _lasting(s["roll"].to_numpy(), p[2])
    )


def _bending(s: pd.DataFrame, p: np.ndarray) -> np.ndarray:
    width = np.exp(p[1])
    return s["c"].to_numpy() * np.exp(
        p[0] * width * np.tanh(_away(s) / width) * _lasting(s["roll"].to_numpy(), p[2])
    )


def _with_la(s: pd.DataFrame, p: np.ndarray) -> np.ndarray:
    d, roll, la = _away(s), s["roll"].to_numpy("float64"), s["la_code"]
    others = pd.Series(d * roll).groupby(la.to_numpy()).transform("sum").to_numpy() - d * roll
    pupils = pd.Series(roll).groupby(la.to_numpy()).transform("sum").to_numpy() - roll
    return s["c"].to_numpy() * np.exp(p[0] * d * _lasting(roll, p[2]) + p[1] * others / (pupils + 3000))


FORMS: dict[str, tuple[Form, list[float]]] = {
    "additive, c + lambda (y - c), learnt": (_linear, [0.85, 4.0]),
    "another lambda above context than below": (_asymmetric, [0.8, 0.9, 4.0, 0.0]),
    "lambda by FSM": (_by_fsm, [0.85, 0.0, 4.0]),
    "lambda by level": (_by_level, [0.85, 0.0, 4.0]),
    "far departures shrunk more": (_bending, [0.85, 0.0, 4.0]),
    "with the departure of the LA's other schools": (_with_la, [0.8, 0.1, 4.0]),
}


def learn(form: Form, start: list[float], earlier: list[pd.DataFrame], squares: bool = False) -> np.ndarray:
    """Parameters of a form that minimise the mean absolute (or squared) error on earlier transitions, errors
    in proportion to their usual size.
    """
    usual = [np.sqrt(np.maximum(s["c"], LEAST_EXPECTED) * s["roll"] ** -0.3).to_numpy() for s in earlier]
    power = 2 if squares else 1

    def loss(p):
        return np.mean(
            np.concatenate(
                [
                    np.abs((s["net"].to_numpy() - form(s, p)) / u) ** power
                    for s, u in zip(earlier, usual, strict=True)
                ]
            )
        )

    return minimize(
        loss, start, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-9, "maxiter": 3000}
    ).x


def form_variants(name: str, t: pd.DataFrame, earlier: list[pd.DataFrame]) -> list[dict]:
    """RMSE of each form on a transition as a ratio to last year's rate, and the best that hindsight could
    have done with our own form.
    """
    base = np.sqrt(np.mean((t["net"] - t["y"]) ** 2))

    def ratio(b) -> float:
        return float(np.sqrt(np.mean((t["net"] - b) ** 2)) / base)

    what = f"{name}: RMSE ratio to last year's rate"
    rows = []
    for label, (form, start) in FORMS.items():
        rows.append(
            {
                "what": what,
                "variant": label,
                "value": ratio(form(t, learn(form, start, earlier))),
                "n": len(t),
            }
        )
    form, start = FORMS["another lambda above context than below"]
    rows.append(
        {
            "what": what,
            "variant": "the same, squares minimised",
            "value": ratio(form(t, learn(form, start, earlier, squares=True))),
            "n": len(t),
        }
    )
    hindsight = min(ratio(t["c"] * (t["y"] / t["c"]) ** lam) for lam in np.arange(0.6, 1.001, 0.01))
    rows.append(
        {
            "what": what,
            "variant": "c (y / c)^lambda, the best lambda known only afterwards",
            "value": hindsight,
            "n": len(t),
        }
    )
    return rows
