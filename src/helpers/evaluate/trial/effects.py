"""What support did where it was drawn by lot: intention to treat.

Two answers to one question. Regression with covariates centred and interacted with arm (Lin 2013, Annals of
Applied Statistics 7(1)), stratum effects and HC2 standard errors: schools are what was drawn, so nothing is
clustered; clustering by authority is shown beside it. And randomisation inference (Fisher 1935; Rosenbaum
2002, ch. 2): the same lottery drawn again within strata, on outcomes with the covariates taken out; its
interval holds every constant effect that the lottery would not reject. Negative effects are improvements:
points of absence.

For whom did it work? Effects by groups declared beforehand, each from the same regression within the group. The
variance between groups is estimated by the method of Paule and Mandel (1982), and each estimate is drawn towards
the mean by the share of its variance that is noise (empirical Bayes; Morris 1983). With few groups nearly all the
difference between them is noise, and the table says so.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.optimize import brentq
from scipy.stats import chi2, norm
from scipy.stats import t as student

from helpers.evaluate.trial.power import ADJUST

DRAWS = 1999
COLUMNS = ["method", "effect_pp", "se_pp", "lower95_pp", "upper95_pp", "p_value", "treated", "control"]
LEAST_IN_GROUP = 24
GROUP_COLUMNS = [
    "group",
    "schools",
    "effect_pp",
    "se_pp",
    "shrunk_pp",
    "lower95_pp",
    "upper95_pp",
    "noise_share",
]


def with_outcomes(assignment: pd.DataFrame, seen: pd.DataFrame, outcome: str = "y_next") -> pd.DataFrame:
    """Schools of the trial with outcome and covariates: the assignment's urn, stratum, treated beside `seen`
    (of `years.with_forecast`); log_roll added, a missing FSM share set to the median. Schools without an
    outcome keep a row with `outcome` missing: they are counted, never imputed.
    """
    about = [
        c
        for c in (
            "urn",
            "la_code",
            "region_name",
            "phase",
            "roll",
            "fsm_pct",
            "ehcp_pct",
            "y",
            "baseline_pct",
            "sd_pp",
            "start",
            outcome,
        )
        if c in seen
    ]
    out = assignment[["urn", "stratum", "treated"]].merge(seen[about], on="urn", how="left", validate="1:1")
    out["log_roll"] = np.log(out["roll"])
    out["fsm_pct"] = out["fsm_pct"].fillna(out["fsm_pct"].median())
    return out.rename(columns={outcome: "outcome"})


def attrition(trial: pd.DataFrame) -> pd.DataFrame:
    """Outcomes by arm: arm, schools, with_outcome, missing_pct."""
    arm = np.where(trial["treated"], "drawn for support", "not drawn")
    out = (
        trial["outcome"]
        .notna()
        .groupby(arm)
        .agg(schools="size", with_outcome="sum")
        .rename_axis("arm")
        .reset_index()
    )
    return out.assign(missing_pct=100 * (1 - out["with_outcome"] / out["schools"]))


def _design(trial: pd.DataFrame, adjust: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """(centred covariates, stratum dummies without the first)."""
    z = trial[list(adjust)].to_numpy("float64")
    z = (z - z.mean(axis=0)) / np.where(z.std(axis=0) > 0, z.std(axis=0), 1.0)
    return z, pd.get_dummies(trial["stratum"].to_numpy(), drop_first=True, dtype="float64").to_numpy()


def itt(trial: pd.DataFrame, adjust: tuple[str, ...] = ADJUST, cluster: str | None = None) -> dict:
    """Intention-to-treat effect: a row with `COLUMNS`.

    `trial` of `with_outcomes`. `cluster` names a column (authority) for clustered standard errors instead of
    HC2. Raises ValueError when an arm is empty or there are too few schools for the terms.
    """
    known = trial[trial["outcome"].notna()]
    arm = known["treated"].to_numpy("float64")
    if not 0 < arm.sum() < len(arm):
        raise ValueError(
            f"{int(arm.sum())} of {len(arm)} schools with an outcome were drawn: both arms are needed"
        )
    z, strata = _design(known, adjust)
    x = np.column_stack([np.ones(len(arm)), arm, z, z * arm[:, None], strata])
    if x.shape[1] + 2 > len(arm):
        raise ValueError(
            f"{len(arm)} schools are too few for {x.shape[1]} terms: fewer strata or fewer covariates"
        )
    plain = sm.OLS(known["outcome"].to_numpy("float64"), x)
    if cluster:
        groups = pd.factorize(known[cluster])[0]
        fit = plain.fit(cov_type="cluster", cov_kwds={"groups": groups})
        df = groups.max()
    else:
        fit = plain.fit(cov_type="HC2")
        df = fit.df_resid
    effect, se = float(fit.params[1]), float(fit.bse[1])
    name = "regression (Lin), clustered" if cluster else "regression (Lin), HC2"
    return _row(name, effect, se, student.ppf(0.975, df), 2 * student.sf(abs(effect / se), df), arm)


def difference(trial: pd.DataFrame) -> dict:
    """The plain difference of the arms' means with Neyman's standard error, as a row with `COLUMNS`: what the
    adjustment starts from.
    """
    known = trial[trial["outcome"].notna()]
    arm, y = known["treated"].to_numpy(), known["outcome"].to_numpy("float64")
    se = np.sqrt(y[arm].var(ddof=1) / arm.sum() + y[~arm].var(ddof=1) / (~arm).sum())
    effect, df = y[arm].mean() - y[~arm].mean(), len(y) - 2
    return _row(
        "difference of means", effect, se, student.ppf(0.975, df), 2 * student.sf(abs(effect / se), df), arm
    )


def _row(name: str, effect: float, se: float, reach: float, p: float, arm: np.ndarray) -> dict:
    values = (
        name,
        float(effect),
        float(se),
        float(effect - reach * se),
        float(effect + reach * se),
        float(p),
    )
    return dict(zip(COLUMNS, (*values, int(arm.sum()), int(len(arm) - arm.sum())), strict=True))


def permutations(
    treated: np.ndarray, stratum: np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """The lottery again, `draws` times: rows of 0/1 with as many drawn in every stratum as in fact."""
    codes = pd.factorize(stratum, sort=True)[0]
    out = np.empty((draws, len(codes)), dtype="float32")
    for code in range(codes.max() + 1):
        here = np.flatnonzero(codes == code)
        out[:, here] = rng.permuted(
            np.broadcast_to(treated[here].astype("float32"), (draws, len(here))), axis=1
        )
    return out


def residual_maker(trial: pd.DataFrame, adjust: tuple[str, ...] = ADJUST) -> np.ndarray:
    """Orthonormal basis (rows, k) of the covariates and strata: v - Q (Q'v) is what they leave of v."""
    z, strata = _design(trial, adjust)
    q, r = np.linalg.qr(np.column_stack([np.ones(len(z)), strata, z]))
    return q[:, np.abs(np.diag(r)) > 1e-9 * np.abs(np.diag(r)).max()]


def randomisation(
    trial: pd.DataFrame, seed: int, draws: int = DRAWS, adjust: tuple[str, ...] = ADJUST
) -> dict:
    """Randomisation inference for a constant effect, within strata: a row with `COLUMNS` (se_pp: standard
    deviation over the lotteries).
    """
    known = trial[trial["outcome"].notna()]
    treated = known["treated"].to_numpy()
    lotteries = permutations(treated, known["stratum"].to_numpy(), draws, np.random.default_rng(seed))
    return invert(
        known["outcome"].to_numpy("float64"),
        treated.astype("float64"),
        lotteries,
        residual_maker(known, adjust),
    )


def invert(
    y: np.ndarray, treated: np.ndarray, lotteries: np.ndarray, basis: np.ndarray, alpha: float = 0.05
) -> dict:
    """p-value of no effect and the interval of constant effects not rejected, as a row with `COLUMNS`.

    The statistic of a lottery t is the coefficient of t on the outcome, covariates and strata (`basis`) taken
    out. For a supposed effect e it is a - e c, for the real lottery effect - e: linear in e. Above the
    estimate a lottery is therefore at least as extreme as the real one up to one value of e, below it from
    one value on, and the interval follows from those values without a search.
    """
    left, mine = (v - basis @ (basis.T @ v) for v in (y, treated))
    spread = lotteries.sum(axis=1) - ((lotteries @ basis) ** 2).sum(axis=1)
    a, c = (lotteries @ left) / spread, (lotteries @ mine) / spread
    effect = float(mine @ y / (mine @ mine))
    either = (effect + a) / (1 + c), (effect - a) / (1 - c)
    rank = max(1, int(np.floor(alpha * (1 + len(a)) + 1e-9)))
    lower, upper = np.sort(np.minimum(*either))[rank - 1], np.sort(np.maximum(*either))[-rank]
    p = (1 + np.sum(np.abs(a) >= abs(effect) - 1e-12)) / (1 + len(a))
    values = ("randomisation, within strata", effect, float(a.std()), float(lower), float(upper), float(p))
    return dict(zip(COLUMNS, (*values, int(treated.sum()), int(len(treated) - treated.sum())), strict=True))


def by_group(
    trial: pd.DataFrame, group: pd.Series, adjust: tuple[str, ...] = ("baseline_pct",)
) -> pd.DataFrame:
    """Effect and standard error in each group of the trial: group, schools, effect_pp, se_pp; groups of fewer
    than 24 schools, or without both arms, missing.

    `trial` of `effects.with_outcomes`; `group` by its row. Strata are joined within a group where an arm
    would be alone.
    """
    known = trial[trial["outcome"].notna()].assign(group=group)
    rows = []
    for name, part in known.groupby("group", sort=True):
        alone = part.groupby("stratum")["treated"].transform("nunique") < 2
        part = part.assign(stratum=part["stratum"].mask(alone, "joined"))
        arms = part["treated"].sum(), (~part["treated"]).sum()
        usable = (
            len(part) >= LEAST_IN_GROUP
            and min(arms) >= 2
            and len(part) > part["stratum"].nunique() + 2 * len(adjust) + 4
        )
        row = itt(part, adjust) if usable else {"effect_pp": np.nan, "se_pp": np.nan}
        rows.append(
            {"group": str(name), "schools": len(part), "effect_pp": row["effect_pp"], "se_pp": row["se_pp"]}
        )
    return pd.DataFrame(rows, columns=GROUP_COLUMNS[:4])


def between_groups(effect: np.ndarray, se: np.ndarray) -> float:
    """Variance of the true effects between groups (Paule and Mandel): the value at which the weighted sum of
    squares equals its expectation, at least 0. Solved here, not by statsmodels: see
    docs/decisions/2026-11-27-libraries.md.
    """

    def excess(tau2: float) -> float:
        w = 1 / (se**2 + tau2)
        return float(w @ (effect - (w @ effect) / w.sum()) ** 2) - (len(effect) - 1)

    if len(effect) < 2 or excess(0.0) <= 0:
        return 0.0
    top = float(np.var(effect, ddof=1) * len(effect) + se.max() ** 2)
    while excess(top) > 0:
        top *= 2
    return float(brentq(excess, 0.0, top))


def shrunk(found: pd.DataFrame) -> tuple[pd.DataFrame, dict]:
    """(the table with `GROUP_COLUMNS`, facts: mean_pp, between_sd_pp, p_same (chance of such differences if all
    groups were alike), groups).

    Intervals count that the mean is estimated (Morris 1983), not that the variance between groups is.
    """
    known = found.dropna(subset=["effect_pp", "se_pp"])
    if len(known) < 2:
        raise ValueError(f"{len(known)} groups have an estimate: shrinkage needs two")
    e, s = known["effect_pp"].to_numpy("float64"), known["se_pp"].to_numpy("float64")
    tau2 = between_groups(e, s)
    w = 1 / (s**2 + tau2)
    mean = float(w @ e / w.sum())
    noise = s**2 / (s**2 + tau2)
    value = noise * mean + (1 - noise) * e
    reach = norm.ppf(0.975) * np.sqrt(tau2 * noise + noise**2 / w.sum())
    out = found.assign(shrunk_pp=np.nan, lower95_pp=np.nan, upper95_pp=np.nan, noise_share=np.nan)
    out.loc[known.index, ["shrunk_pp", "lower95_pp", "upper95_pp", "noise_share"]] = np.column_stack(
        [value, value - reach, value + reach, noise]
    )
    fixed = 1 / s**2
    q = float(fixed @ (e - fixed @ e / fixed.sum()) ** 2)
    facts = {
        "mean_pp": mean,
        "between_sd_pp": float(np.sqrt(tau2)),
        "p_same": float(chi2.sf(q, len(e) - 1)),
        "groups": len(e),
    }
    return out[GROUP_COLUMNS], facts
