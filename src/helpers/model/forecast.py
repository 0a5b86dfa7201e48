"""Next year's absence if nothing changes nationally: last year's rate, pulled part of the way to what is
typical in these circumstances.

Baseline B = c (y / c)^lambda: a school 20 % above what is typical is expected about 16 % above it next year,
because one unusual year is partly luck. lambda is lower in small schools. Everything is fitted on
pre-pandemic pairs of years, where nothing but chance and slow change was at work; the recovery years would
teach a rate of catching up. Absolute errors are minimised, not squares: a few schools with a crisis would
otherwise decide for all. The spread follows size, level and FSM; intervals are normalised conformal: the
quantiles of |error| / spread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from sklearn.linear_model import QuantileRegressor

from helpers.base.params import DEFAULT
from helpers.base.years import PRE_PANDEMIC, years_between
from helpers.model.context import ContextFit, cross_fit
from helpers.model.features import design

LEVELS = (80, 90)
MINIMUM_PAIRS = 200
LEAST_EXPECTED = 0.5
SPREAD_TERMS = ["log_roll", "log_baseline", "fsm_pct", "away_from_context"]
SMALLEST_ERROR = 1e-3  # rates are published to 0.1: an error of exactly zero has no logarithm
ONE_SD = 0.6827  # share of a normal distribution within one standard deviation
BASELINE_COLUMNS = [
    "urn",
    "phase",
    "absence_pct",
    "context_expected_pct",
    "baseline_pct",
    "sd_pp",
    "lower80_pct",
    "upper80_pct",
    "lower90_pct",
    "upper90_pct",
]


@dataclass(frozen=True)
class ForecastFit:
    """`baseline` (columns of the contract), `parameters` (what was fitted, on what), `evidence` (phase, what,
    strength, because).
    """

    baseline: pd.DataFrame
    parameters: dict
    evidence: pd.DataFrame


def _one_school(panel: pd.DataFrame) -> pd.DataFrame:
    """Published figures of the school itself or its only predecessor: a merger or a split changes who is
    counted, which is not chance.
    """
    rows = panel[panel["absence_pct"].notna()]
    return rows[rows["link_kind"].isin(["own", "same_school"])] if "link_kind" in rows else rows


def pre_pandemic_pairs(panel: pd.DataFrame) -> list[tuple[str, str]]:
    """Consecutive years up to 2018/19 for which the panel has at least `MINIMUM_PAIRS` schools in both."""
    panel = _one_school(panel)
    years = sorted(y for y in panel["year"].unique() if y <= PRE_PANDEMIC)
    pairs = []
    for before, after in zip(years, years[1:], strict=False):
        both = set(panel.loc[panel["year"] == before, "urn"]) & set(panel.loc[panel["year"] == after, "urn"])
        if years_between(before, after) == 1 and len(both) >= MINIMUM_PAIRS:
            pairs.append((before, after))
    return pairs


def transition(
    register: pd.DataFrame, panel: pd.DataFrame, before: str, after: str, phase: str, seed: int
) -> pd.DataFrame:
    """Schools of a phase seen in both years: columns of the register plus y, y_next, c (context-expected in
    `before`, cross-fitted by LA) and net (y_next less the roll-weighted mean change).

    c is learnt from all schools seen in `before`. Attributes are those of the register, a later year: intake
    changes slowly. No absence of the later year is used to form c. Empty where the schools are of fewer than
    two LAs.
    """
    rates = {year: rows.set_index("urn")["absence_pct"] for year, rows in _one_school(panel).groupby("year")}
    schools = (
        register[(register["phase"] == phase) & (register["roll"] > 0)]
        .sort_values("urn")
        .reset_index(drop=True)
    )
    schools = schools.assign(y=schools["urn"].map(rates[before]), y_next=schools["urn"].map(rates[after]))
    schools = schools[schools["y"] > 0].reset_index(drop=True)
    if schools["la_code"].nunique() < 2:
        return schools.iloc[:0].assign(c=np.nan, net=np.nan)
    roll = schools["roll"].to_numpy("float64")
    fit = cross_fit(
        design(schools), schools["y"].to_numpy("float64"), schools["la_code"].to_numpy(), np.sqrt(roll), seed
    )
    schools["c"] = fit.mean
    schools = schools[schools["y_next"].notna()].reset_index(drop=True)
    schools["net"] = schools["y_next"] - np.average(schools["y_next"] - schools["y"], weights=schools["roll"])
    return schools


def shrinkage(roll: np.ndarray, top: float | np.ndarray, half: float) -> np.ndarray:
    """lambda = top x n / (n + half), at most 1: the share of a school's departure from context that lasts; n
    is the roll.
    """
    return np.minimum(top * roll / (roll + half), 1.0)


def baseline(y: np.ndarray, c: np.ndarray, lam: np.ndarray) -> np.ndarray:
    """B = c (y / c)^lambda, in per cent; c is at least 0.5."""
    c = np.maximum(c, LEAST_EXPECTED)
    return c * (y / c) ** lam


def spread_terms(roll: np.ndarray, level: np.ndarray, fsm: np.ndarray, away: np.ndarray) -> np.ndarray:
    """What the spread depends on: log roll, log baseline, FSM % and how far last year was from context
    (|log(y / c)|).
    """
    return np.column_stack([np.log(roll), np.log(np.maximum(level, LEAST_EXPECTED)), fsm, away])


def spread(terms: np.ndarray, coefficients: dict) -> np.ndarray:
    """Standard deviation (pp) of next year's rate around the baseline, as of a normal distribution with the
    same middle two thirds.
    """
    return np.exp(coefficients["const"] + terms @ np.array([coefficients[k] for k in SPREAD_TERMS]))


def fit_shrinkage(y: np.ndarray, c: np.ndarray, net: np.ndarray, roll: np.ndarray) -> tuple[float, float]:
    """(top, half) of `shrinkage` that minimise the mean absolute error of `baseline`, errors in proportion to
    their usual size by roll and level.
    """
    usual = np.sqrt(np.maximum(c, LEAST_EXPECTED) * roll**-0.3)

    def loss(p):
        return np.mean(np.abs(net - baseline(y, c, shrinkage(roll, p[0], np.exp(p[1])))) / usual)

    best = minimize(
        loss,
        x0=[0.85, np.log(50.0)],
        method="Nelder-Mead",
        options={"xatol": 1e-5, "fatol": 1e-10, "maxiter": 4000},
    )
    return float(best.x[0]), float(np.exp(best.x[1]))


def fit_spread(error: np.ndarray, terms: np.ndarray) -> dict:
    """Coefficients of `spread`: linear quantile regression of log |error| at the 80 % quantile (Koenker and
    Bassett 1978), because the 80 % interval is what people see; then scaled so that 68.3 % of errors lie
    within one spread.
    """
    middle, scale = terms.mean(axis=0), terms.std(axis=0)
    scale[scale == 0] = 1.0
    size = np.log(np.maximum(np.abs(error), SMALLEST_ERROR))
    fit = QuantileRegressor(quantile=0.8, alpha=0.0, solver="highs").fit((terms - middle) / scale, size)
    slopes = fit.coef_ / scale
    out = {
        "const": float(fit.intercept_ - slopes @ middle),
        **{k: float(v) for k, v in zip(SPREAD_TERMS, slopes, strict=True)},
    }
    out["const"] += float(np.log(np.quantile(np.abs(error) / spread(terms, out), ONE_SD)))
    return out


def fit_parameters(
    transitions: list[pd.DataFrame],
    primary_lambda: float,
    median_roll: dict[str, float],
    primary_spread: float = DEFAULT.primary_spread,
) -> dict:
    """Everything that turns (y, c) into a baseline with intervals, from transitions of secondary schools
    (frames of `transition`).

    Primaries: their lambda at the median roll is `primary_lambda`, their spread `primary_spread` times that
    of a secondary of the same size, level and FSM; the dependence on size is borrowed from secondaries.
    """
    seen = pd.concat(transitions, ignore_index=True)
    y, c, net, roll = (seen[k].to_numpy("float64") for k in ("y", "c", "net", "roll"))
    fsm = seen["fsm_pct"].fillna(seen["fsm_pct"].median()).to_numpy("float64")
    top, half = fit_shrinkage(y, c, net, roll)
    b = baseline(y, c, shrinkage(roll, top, half))
    terms = spread_terms(roll, b, fsm, np.abs(np.log(y / np.maximum(c, LEAST_EXPECTED))))
    coefficients = fit_spread(net - b, terms)
    score = np.abs(net - b) / spread(terms, coefficients)
    tops = {"secondary": top}
    if "primary" in median_roll:
        tops["primary"] = primary_lambda * (median_roll["primary"] + half) / median_roll["primary"]
    return {
        "lambda_top": tops,
        "lambda_half_roll": half,
        "lambda_at_median_roll": {
            p: float(shrinkage(np.array([n]), tops[p], half)[0]) for p, n in median_roll.items()
        },
        "median_roll": median_roll,
        "spread": coefficients,
        "spread_scale": {p: primary_spread if p == "primary" else 1.0 for p in median_roll},
        "conformal_factor": {
            level: float(np.quantile(score, min(1.0, level / 100 * (1 + 1 / len(score))), method="higher"))
            for level in LEVELS
        },
        "n_pairs": int(len(seen)),
        "rmse_pp": float(np.sqrt(np.mean((net - b) ** 2))),
        "rmse_same_as_last_year_pp": float(np.sqrt(np.mean((net - y) ** 2))),
    }


def baseline_of(schools: pd.DataFrame, parameters: dict) -> pd.DataFrame:
    """Columns of the contract's baseline for schools with urn, phase, absence_pct, context_expected_pct,
    roll, fsm_pct, by urn.
    """
    out = schools.sort_values("urn", ignore_index=True)
    y, c, roll = (out[k].to_numpy("float64") for k in ("absence_pct", "context_expected_pct", "roll"))
    lam = shrinkage(
        roll, out["phase"].map(parameters["lambda_top"]).to_numpy("float64"), parameters["lambda_half_roll"]
    )
    out["baseline_pct"] = baseline(y, c, lam)
    fsm = out["fsm_pct"].fillna(out.groupby("phase")["fsm_pct"].transform("median")).to_numpy("float64")
    away = np.abs(np.log(y / np.maximum(c, LEAST_EXPECTED)))
    scale = out["phase"].map(parameters["spread_scale"]).to_numpy("float64")
    out["sd_pp"] = scale * spread(
        spread_terms(roll, out["baseline_pct"].to_numpy("float64"), fsm, away), parameters["spread"]
    )
    for level, factor in parameters["conformal_factor"].items():
        out[f"lower{level}_pct"] = (out["baseline_pct"] - factor * out["sd_pp"]).clip(lower=0.0)
        out[f"upper{level}_pct"] = (out["baseline_pct"] + factor * out["sd_pp"]).clip(upper=100.0)
    return out[BASELINE_COLUMNS]


def fit_forecast(
    context_fit: ContextFit,
    register: pd.DataFrame,
    panel: pd.DataFrame,
    seed: int = DEFAULT.seed,
    primary_lambda: float = DEFAULT.primary_lambda,
    primary_spread: float = DEFAULT.primary_spread,
) -> ForecastFit:
    """Baseline, spread and intervals of every assessed school.

    `context_fit` from `fit_context`; `register` table `schools`; `panel` urn x year with absence_pct. Fitted
    on the secondaries of the pre-pandemic pairs in the panel, with the context of those years refitted on the
    register's attributes; primaries borrow from them and the evidence says so. Raises ValueError without a
    usable pair of years.
    """
    pairs = pre_pandemic_pairs(panel)
    if not pairs:
        raise ValueError(
            f"the panel has no pair of consecutive years up to {PRE_PANDEMIC} with {MINIMUM_PAIRS} "
            "schools: nothing to fit lambda on"
        )
    seen = []
    for before, after in pairs:
        seen.append(transition(register, panel, before, after, "secondary", seed))
    own = context_fit.expected.merge(
        register[["urn", "absence_pct", "roll", "fsm_pct"]], on="urn", how="left", validate="1:1"
    )
    median_roll = {p: float(g["roll"].median()) for p, g in own.groupby("phase")}
    parameters = fit_parameters(seen, primary_lambda, median_roll, primary_spread)
    used = [f"{a} to {b}" for a, b in pairs]
    parameters["transitions"] = used
    return ForecastFit(
        baseline_of(own, parameters), parameters, _evidence(used, parameters["n_pairs"], primary_spread)
    )


def _evidence(used: list[str], n: int, primary_spread: float) -> pd.DataFrame:
    years = " and ".join(used)
    rows = [
        (
            "secondary",
            "lambda",
            "moderate",
            f"fitted on {n:,} pairs of school years, {years}, with the register's later attributes",
        ),
        (
            "secondary",
            "intervals",
            "moderate",
            f"errors seen on the same pairs ({years}); levels of absence were lower then",
        ),
        (
            "primary",
            "lambda",
            "weak",
            (
                "an assumption: no consecutive pre-pandemic years of primary schools are published in the "
                "files used"
            ),
        ),
        (
            "primary",
            "intervals",
            "weak",
            f"the spread by size, level and FSM is that of secondary schools times {primary_spread:g}, an "
            "assumption, tested on primaries of "
            "more than 300 pupils alone",
        ),
    ]
    return pd.DataFrame(rows, columns=["phase", "what", "strength", "because"])
