"""How small an effect could a trial of so many schools see? Formulas, fed with the panel's own variance.

Minimum detectable effect (MDES): Bloom (1995), Evaluation Review 19(5); the multiplier and the variance of
each design as in Dong and Maynard (2013), PowerUp!, Journal of Research on Educational Effectiveness 6(1):
BIRA2_1c (schools randomised within blocks) and CRA2_2 (whole authorities randomised). All effects are
percentage points of absence, not standard deviations.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.stats import nct, t

ADJUST = ("baseline_pct", "y", "log_roll", "fsm_pct")
NUMBERS = (100, 200, 300, 500, 800, 1200, 2000)


def icc(values: np.ndarray, cluster: np.ndarray) -> float:
    """Share of the variance that lies between clusters: one-way analysis of variance with unequal sizes
    (Donner 1986), never below 0.
    """
    frame = pd.DataFrame({"v": values, "g": cluster})
    size, mean = frame.groupby("g")["v"].size(), frame.groupby("g")["v"].mean()
    n, k = len(frame), len(size)
    if k < 2 or n == k:
        raise ValueError(
            f"{n} schools in {k} authorities: variance between authorities needs two, and two schools in "
            "one of them"
        )
    between = float((size * (mean - frame["v"].mean()) ** 2).sum() / (k - 1))
    within = float(((frame["v"] - frame["g"].map(mean)) ** 2).sum() / (n - k))
    usual = (n - float((size**2).sum()) / n) / (k - 1)
    part = (between - within) / usual
    return max(0.0, part / (part + within))


def variance_parts(
    seen: pd.DataFrame, blocks: pd.Series | None = None, covariates: tuple[str, ...] = ADJUST
) -> dict:
    """What a trial on these schools would have to contend with, from a year without policy.

    `seen` of `years.with_forecast`; `blocks` the randomisation strata by row. Out: sd_pp (of next year's
    absence), r2 (share explained by covariates and blocks, adjusted), sd_left_pp, icc (of what is left, by
    authority), n, authorities, blocks.
    """
    known = seen[list(covariates)].astype("float64")
    x = known.fillna(known.median()).to_numpy()
    n_blocks = 1
    if blocks is not None:
        dummies = pd.get_dummies(blocks.to_numpy(), drop_first=True, dtype="float64").to_numpy()
        x, n_blocks = np.column_stack([x, dummies]), dummies.shape[1] + 1
    fit = sm.OLS(seen["y_next"].to_numpy("float64"), sm.add_constant(x)).fit()
    return {
        "sd_pp": float(seen["y_next"].std()),
        "r2": float(fit.rsquared_adj),
        "sd_left_pp": float(np.sqrt(fit.scale)),
        "icc": icc(fit.resid, seen["la_code"].to_numpy()),
        "n": len(seen),
        "authorities": int(seen["la_code"].nunique()),
        "blocks": n_blocks,
    }


def _checked(n: float, share: float, alpha: float) -> None:
    if not (n > 0 and 0 < share < 1 and 0 < alpha < 1):
        raise ValueError(
            f"n {n}, share {share}, alpha {alpha}: n is positive, the others lie between 0 and 1"
        )


def standard_error(n: int, sd_pp: float, r2: float = 0.0, share: float = 0.5) -> float:
    """Standard error (pp) of the difference when n schools are randomised, `share` of them to support."""
    return float(sd_pp * np.sqrt((1 - r2) / (share * (1 - share) * n)))


def standard_error_authorities(
    authorities: int,
    schools_each: float,
    sd_pp: float,
    icc: float,
    r2: float = 0.0,
    r2_between: float = 0.0,
    share: float = 0.5,
) -> float:
    """Standard error (pp) when whole authorities are randomised: the variance between them does not shrink
    with more schools in each.
    """
    between = icc * (1 - r2_between) / (share * (1 - share) * authorities)
    within = (1 - icc) * (1 - r2) / (share * (1 - share) * authorities * schools_each)
    return float(sd_pp * np.sqrt(between + within))


def multiplier(df: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Bloom's M: t of alpha (two-sided) plus t of the power. Raises ValueError when no degrees of freedom are
    left.
    """
    if df < 1:
        raise ValueError(f"{df} degrees of freedom: too few schools for so many blocks and covariates")
    return float(t.ppf(1 - alpha / 2, df) + t.ppf(power, df))


def mdes_pp(
    n: int,
    sd_pp: float,
    r2: float = 0.0,
    share: float = 0.5,
    blocks: int = 1,
    covariates: int = len(ADJUST),
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    """Smallest effect (pp) that n schools randomised within blocks would find with this power."""
    _checked(n, share, alpha)
    return multiplier(n - blocks - covariates - 1, alpha, power) * standard_error(n, sd_pp, r2, share)


def mdes_authorities_pp(
    authorities: int,
    schools_each: float,
    sd_pp: float,
    icc: float,
    r2: float = 0.0,
    r2_between: float = 0.0,
    share: float = 0.5,
    covariates: int = 0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    """Smallest effect (pp) when whole authorities are randomised."""
    _checked(authorities, share, alpha)
    se = standard_error_authorities(authorities, schools_each, sd_pp, icc, r2, r2_between, share)
    return multiplier(authorities - covariates - 2, alpha, power) * se


def power_of(effect_pp: float, se_pp: float, df: float, alpha: float = 0.05):
    """Chance that a two-sided t test finds an effect of this size (noncentral t); an array for an array."""
    limit = t.ppf(1 - alpha / 2, df)
    shift = np.asarray(effect_pp, dtype="float64") / se_pp
    return nct.sf(limit, df, shift) + nct.cdf(-limit, df, shift)


def table(
    parts: dict, share: float = 0.5, numbers: tuple[int, ...] = NUMBERS, per_block: float = 10.0
) -> pd.DataFrame:
    """MDES by number of schools, three ways: schools, mdes_raw_pp (no covariates), mdes_pp (forecast and
    blocks), mdes_authorities_pp (whole authorities randomised, as many as hold that many schools, at most all
    of them).
    """
    each = parts["n"] / parts["authorities"]
    rows = []
    for n in numbers:
        blocks = max(1, round(n / per_block))
        areas = min(parts["authorities"], round(n / each))
        whole = (
            mdes_authorities_pp(areas, n / areas, parts["sd_left_pp"], parts["icc"], share=share)
            if areas > 3
            else np.nan
        )
        rows.append(
            {
                "schools": n,
                "mdes_raw_pp": mdes_pp(n, parts["sd_pp"], 0.0, share, 1, 0),
                "mdes_pp": mdes_pp(n, parts["sd_pp"], parts["r2"], share, blocks),
                "authorities": areas,
                "mdes_authorities_pp": whole,
            }
        )
    return pd.DataFrame(rows)


def in_words(parts: dict) -> pd.DataFrame:
    """`variance_parts` for a reader: what, value."""
    rows = [
        ("schools, in authorities, in strata", f"{parts['n']:,}, {parts['authorities']}, {parts['blocks']}"),
        ("standard deviation of next year's absence", f"{parts['sd_pp']:.2f} pp"),
        ("share explained by forecast, last year, size, FSM and strata", f"{parts['r2']:.2f}"),
        ("standard deviation of what is left", f"{parts['sd_left_pp']:.2f} pp"),
        ("share of that which schools of an authority have in common", f"{parts['icc']:.3f}"),
    ]
    return pd.DataFrame(rows, columns=["what", "value"])
