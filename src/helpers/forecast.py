"""Next year's absence if nothing changes nationally: last year's rate, pulled part of the way to what is typical in these circumstances.

Baseline B = c + lambda (y - c). One unusual year is partly luck, so lambda is below 1, and lower in small schools. Everything is fitted on
pre-pandemic pairs of years, where nothing but chance and slow change was at work; the recovery years would teach a rate of catching up.
The spread follows size, level and FSM; intervals are normalised conformal: the quantiles of |error| / spread seen on those pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from helpers.context import ContextFit, cross_fit
from helpers.features import design

LAST_PRE_PANDEMIC = "2018-19"
LEVELS = (80, 90)
MINIMUM_PAIRS = 200
BASELINE_COLUMNS = [
    "urn", "phase", "absence_pct", "context_expected_pct", "baseline_pct", "sd_pp", "lower80_pct", "upper80_pct", "lower90_pct",
    "upper90_pct",
]  # fmt: skip


@dataclass(frozen=True)
class ForecastFit:
    """`baseline` (columns of the contract), `parameters` (what was fitted, on what), `evidence` (phase, what, strength, because)."""

    baseline: pd.DataFrame
    parameters: dict
    evidence: pd.DataFrame


def _one_school(panel: pd.DataFrame) -> pd.DataFrame:
    """Published figures of the school itself or its only predecessor: a merger or a split changes who is counted, which is not chance."""
    rows = panel[panel["absence_pct"].notna()]
    return rows[rows["link_kind"].isin(["own", "same_school"])] if "link_kind" in rows else rows


def pre_pandemic_pairs(panel: pd.DataFrame) -> list[tuple[str, str]]:
    """Consecutive years up to 2018/19 for which the panel has at least `MINIMUM_PAIRS` schools in both."""
    panel = _one_school(panel)
    years = sorted(y for y in panel["year"].unique() if y <= LAST_PRE_PANDEMIC)
    pairs = []
    for before, after in zip(years, years[1:], strict=False):
        both = set(panel.loc[panel["year"] == before, "urn"]) & set(panel.loc[panel["year"] == after, "urn"])
        if int(after[:4]) - int(before[:4]) == 1 and len(both) >= MINIMUM_PAIRS:
            pairs.append((before, after))
    return pairs


def transition(register: pd.DataFrame, panel: pd.DataFrame, before: str, after: str, phase: str, seed: int) -> pd.DataFrame:
    """Schools of a phase seen in both years: urn, roll, fsm_pct, y, y_next, c (context-expected in `before`, cross-fitted by LA), drift
    removed in `net`.

    Attributes are those of the register (a later year): intake changes slowly. No absence of the later year is used to form c.
    """
    rates = {year: rows.set_index("urn")["absence_pct"] for year, rows in _one_school(panel).groupby("year")}
    schools = register[register["phase"] == phase].sort_values("urn").reset_index(drop=True)
    schools = schools[schools["roll"] > 0]
    schools = schools.assign(y=schools["urn"].map(rates[before]), y_next=schools["urn"].map(rates[after]))
    schools = schools[schools["y"].notna()].reset_index(drop=True)
    if schools["la_code"].nunique() < 2:
        return pd.DataFrame(columns=["urn", "roll", "fsm_pct", "y", "y_next", "c", "net"])
    roll = schools["roll"].to_numpy("float64")
    schools["c"] = cross_fit(design(schools), schools["y"].to_numpy("float64"), schools["la_code"].to_numpy(), np.sqrt(roll), seed).mean
    schools = schools[schools["y_next"].notna()].reset_index(drop=True)
    schools["net"] = schools["y_next"] - np.average(schools["y_next"] - schools["y"], weights=schools["roll"])
    return schools


def shrinkage(roll: np.ndarray, top: float, half: float) -> np.ndarray:
    """lambda = top x n / (n + half): the share of a school's departure from context that lasts; n is the roll."""
    return top * roll / (roll + half)


def spread(roll: np.ndarray, level: np.ndarray, fsm: np.ndarray, coefficients: dict) -> np.ndarray:
    """Standard deviation (pp) of next year's rate around the baseline."""
    k = coefficients
    return np.exp(k["const"] + k["log_roll"] * np.log(roll) + k["log_baseline"] * np.log(np.maximum(level, 0.5)) + k["fsm_pct"] * fsm)


def fit_shrinkage(pairs: pd.DataFrame) -> tuple[float, float]:
    """(top, half) of `shrinkage` by least squares on the logarithm-weighted errors of pairs of years."""
    n, gap, change = (pairs[c].to_numpy("float64") for c in ("roll", "gap", "outcome_gap"))
    weight = np.sqrt(n)

    def loss(p):
        return np.average((change - shrinkage(n, p[0], np.exp(p[1])) * gap) ** 2, weights=weight)

    best = minimize(loss, x0=[0.85, np.log(50.0)], method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-9, "maxiter": 2000})
    return float(best.x[0]), float(np.exp(best.x[1]))


def fit_spread(pairs: pd.DataFrame) -> dict:
    """Coefficients of `spread` by Gaussian likelihood of the errors, with the largest 1 % of errors trimmed."""
    error, level = pairs["error"].to_numpy(), pairs["b"].to_numpy()
    keep = np.abs(error) <= np.quantile(np.abs(error), 0.99)
    x = np.column_stack([np.ones(len(pairs)), np.log(pairs["roll"]), np.log(np.maximum(level, 0.5)), pairs["fsm_pct"]])[keep]
    x_mean = x[:, 1:].mean(axis=0)
    z = x.copy()
    z[:, 1:] -= x_mean
    e = error[keep]

    def loss(p):
        log_sd = z @ (p * np.array([1.0, 1.0, 1.0, 0.01]))
        return np.mean(log_sd + 0.5 * e**2 * np.exp(-2 * log_sd))

    p = minimize(loss, x0=[np.log(e.std()), -0.2, 0.8, 0.4], method="BFGS").x * np.array([1.0, 1.0, 1.0, 0.01])
    return {"const": float(p[0] - p[1:] @ x_mean), "log_roll": float(p[1]), "log_baseline": float(p[2]), "fsm_pct": float(p[3])}


def fit_forecast(
    context_fit: ContextFit,
    register: pd.DataFrame,
    panel: pd.DataFrame,
    seed: int = 2025,
    primary_lambda: float = 0.80,
    progress: Callable[[str], None] | None = None,
) -> ForecastFit:
    """Baseline, spread and intervals of every assessed school.

    `context_fit` from `fit_context`; `register` table `schools`; `panel` urn x year with absence_pct. Fitted on the secondaries of the pre-
    pandemic pairs
    in the panel; the context of those years is refitted on the register's attributes. Primaries have no such pairs: their lambda at the
    median roll is
    `primary_lambda`, its dependence on size and the spread are borrowed from secondaries, and the evidence says so. Raises ValueError
    without a usable pair.
    """
    pairs = pre_pandemic_pairs(panel)
    if not pairs:
        raise ValueError(
            f"the panel has no pair of consecutive years up to {LAST_PRE_PANDEMIC} with {MINIMUM_PAIRS} schools: nothing to fit lambda on"
        )
    seen = []
    for before, after in pairs:
        if progress:
            progress(f"transition {before} to {after}")
        t = transition(register, panel, before, after, "secondary", seed)
        seen.append(t.assign(pair=f"{before} to {after}", gap=t["y"] - t["c"], outcome_gap=t["net"] - t["c"]))
    fitted = pd.concat(seen, ignore_index=True)
    top, half = fit_shrinkage(fitted)
    fitted["b"] = fitted["c"] + shrinkage(fitted["roll"].to_numpy(), top, half) * fitted["gap"]
    fitted["error"] = fitted["net"] - fitted["b"]
    fitted["fsm_pct"] = fitted["fsm_pct"].fillna(fitted["fsm_pct"].median())
    coefficients = fit_spread(fitted)
    score = np.abs(fitted["error"]) / spread(fitted["roll"].to_numpy(), fitted["b"].to_numpy(), fitted["fsm_pct"].to_numpy(), coefficients)
    factors = {level: float(np.quantile(score, level / 100 * (1 + 1 / len(score)), method="higher")) for level in LEVELS}

    own = context_fit.expected.merge(register[["urn", "absence_pct", "roll", "fsm_pct"]], on="urn", how="left", validate="1:1")
    median_roll = {p: float(g["roll"].median()) for p, g in own.groupby("phase")}
    tops = {"secondary": top}
    if "primary" in median_roll:
        tops["primary"] = primary_lambda * (median_roll["primary"] + half) / median_roll["primary"]
    roll = own["roll"].to_numpy("float64")
    lam = np.minimum(shrinkage(roll, own["phase"].map(tops).to_numpy("float64"), half), 1.0)
    own["baseline_pct"] = own["context_expected_pct"] + lam * (own["absence_pct"] - own["context_expected_pct"])
    fsm = own["fsm_pct"].fillna(own.groupby("phase")["fsm_pct"].transform("median")).to_numpy("float64")
    own["sd_pp"] = spread(roll, own["baseline_pct"].to_numpy("float64"), fsm, coefficients)
    for level in LEVELS:
        own[f"lower{level}_pct"] = (own["baseline_pct"] - factors[level] * own["sd_pp"]).clip(lower=0.0)
        own[f"upper{level}_pct"] = (own["baseline_pct"] + factors[level] * own["sd_pp"]).clip(upper=100.0)
    used = [f"{a} to {b}" for a, b in pairs]
    parameters = {
        "lambda_top": tops,
        "lambda_half_roll": half,
        "lambda_at_median_roll": {p: float(shrinkage(np.array([n]), tops[p], half)[0]) for p, n in median_roll.items()},
        "median_roll": median_roll,
        "spread": coefficients,
        "conformal_factor": factors,
        "transitions": used,
        "n_pairs": int(len(fitted)),
        "rmse_pp": float(np.sqrt(np.mean(fitted["error"] ** 2))),
        "rmse_same_as_last_year_pp": float(np.sqrt(np.mean((fitted["net"] - fitted["y"]) ** 2))),
    }
    return ForecastFit(own[BASELINE_COLUMNS].sort_values("urn").reset_index(drop=True), parameters, _evidence(used, len(fitted)))


def _evidence(used: list[str], n: int) -> pd.DataFrame:
    years = " and ".join(used)
    rows = [
        ("secondary", "lambda", "moderate", f"fitted on {n:,} pairs of school years, {years}, with the register's later attributes"),
        ("secondary", "intervals", "moderate", f"errors seen on the same pairs ({years}); levels of absence were lower then"),
        (
            "primary",
            "lambda",
            "weak",
            "an assumption: no consecutive pre-pandemic years of primary schools are published in the files used",
        ),
        ("primary", "intervals", "weak", "the spread by size, level and FSM is borrowed from secondary schools"),
    ]
    return pd.DataFrame(rows, columns=["phase", "what", "strength", "because"])
