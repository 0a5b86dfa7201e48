"""For whom did it work? Effects by groups declared beforehand, pulled towards each other by as much as they
are noise.

Each group's effect comes from the same regression within the group. The variance between groups is estimated
by the method of Paule and Mandel (1982), and each estimate is drawn towards the mean by the share of its
variance that is noise (empirical Bayes; Morris 1983). With few groups nearly all the difference between them
is noise, and the table says so.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import chi2, norm

from helpers.evaluate.trial import effects

LEAST = 24
COLUMNS = ["group", "schools", "effect_pp", "se_pp", "shrunk_pp", "lower95_pp", "upper95_pp", "noise_share"]


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
            len(part) >= LEAST
            and min(arms) >= 2
            and len(part) > part["stratum"].nunique() + 2 * len(adjust) + 4
        )
        row = effects.itt(part, adjust) if usable else {"effect_pp": np.nan, "se_pp": np.nan}
        rows.append(
            {"group": str(name), "schools": len(part), "effect_pp": row["effect_pp"], "se_pp": row["se_pp"]}
        )
    return pd.DataFrame(rows, columns=COLUMNS[:4])


def between_groups(effect: np.ndarray, se: np.ndarray) -> float:
    """Variance of the true effects between groups (Paule and Mandel): the value at which the weighted sum of
    squares equals its expectation, at least 0.
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
    """(the table with `COLUMNS`, facts: mean_pp, between_sd_pp, p_same (chance of such differences if all
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
    return out[COLUMNS], facts
