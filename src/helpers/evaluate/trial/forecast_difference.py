"""Where schools were not drawn by lot: change of a group against its own forecast, with regression to the mean
taken off and shown.

A group picked because it did badly does better next year with no help. The forecast knows how much better:
baseline less last year's rate. What is left, compared with all other schools of the same region, is the
difference net of forecast. Its standard error counts that schools of an authority move together and that the
forecast itself was learnt from limited data. The same rule applied to a year without policy says what the
method finds where there is nothing to find; where there is such a year it is taken off as well.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import t as student

GRADIENT = ["top_pp", "half_pp"]
SINGULAR = 1e-9  # a cluster that fills its region leaves nothing of its own to enlarge


def contrast(group: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Weights (n,) whose product with an outcome is group less rest within regions: sum 0, sum over the group
    1. Raises ValueError when there is nobody to compare with.
    """
    g = group.astype("float64")
    own = g - pd.Series(g).groupby(pd.factorize(region)[0]).transform("mean").to_numpy()
    total = own @ g
    if total <= 0:
        raise ValueError(
            "the group is empty, or nobody outside it lies in the same regions: there is nothing to "
            "compare it with"
        )
    return own / total


def clustered(parts: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Sum over clusters of squared sums of `parts` (n,) or (n, worlds): the variance of their total when rows
    of a cluster go together.
    """
    codes = pd.factorize(cluster)[0]
    sums = np.zeros((codes.max() + 1, *parts.shape[1:]))
    np.add.at(sums, codes, parts)
    return (sums**2).sum(axis=0)


def variance_of_mean(values: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Clustered variance of the mean of `values` (n,) or (n, worlds), with the usual k / (k - 1) for k
    clusters.
    """
    k = len(np.unique(cluster))
    return k / (k - 1) * clustered((values - values.mean(axis=0)) / len(values), cluster)


def estimate(
    left: np.ndarray, group: np.ndarray, region: np.ndarray, cluster: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(difference, its clustered variance, the weights) of what the forecast leaves: `left` (n,) or (n,
    worlds).
    """
    w = contrast(group, region)
    effect = w @ left
    return effect, clustered(_influence(left, w, region, group, cluster), cluster), w


def forecast_covariance(learnt_on: pd.DataFrame) -> np.ndarray:
    """Covariance (2, 2) of the two parameters of lambda: one Gauss-Newton step around the fit, weighted as
    the fit is, clustered by authority.

    `learnt_on`: rows of `years.with_forecast` of the years that taught the forecast. A year that is unlike
    all of those is not counted in this.
    """
    d = learnt_on[GRADIENT].to_numpy("float64")
    weight = 1 / learnt_on["sd_pp"].to_numpy("float64") ** 2
    bread = np.linalg.pinv(d.T @ (d * weight[:, None]))
    scores = d * (weight * learnt_on["residual_pp"].to_numpy("float64"))[:, None]
    by_la = pd.DataFrame(scores).groupby(pd.factorize(learnt_on["la_code"])[0]).sum().to_numpy()
    return bread @ (by_la.T @ by_la) @ bread


def net_of_forecast(seen: pd.DataFrame, group: np.ndarray, learnt_on: pd.DataFrame) -> dict:
    """One group in one year.

    naive_pp (before/after of the group, net of the national movement) = return_pp (regression to the mean:
    what the forecast had) + the rest; effect_pp (the rest, less that of other schools of the same region),
    se_pp, lower95_pp, upper95_pp, p_value; naive_lower95_pp, naive_upper95_pp; schools.
    """
    group = np.asarray(group, dtype=bool)
    la = seen["la_code"].to_numpy()
    effect, variance, w = estimate(
        seen["residual_pp"].to_numpy("float64"), group, seen["region_name"].to_numpy(), la
    )
    moved = w @ seen[GRADIENT].to_numpy("float64")
    se = float(np.sqrt(variance + moved @ forecast_covariance(learnt_on) @ moved))
    reach = student.ppf(0.975, seen["la_code"].nunique() - 1)
    change = seen["change_pp"].to_numpy("float64")
    naive = float(change[group].mean())
    naive_se = float(np.sqrt(variance_of_mean(change[group], la[group])))
    return {
        "schools": int(group.sum()),
        "naive_pp": naive,
        "naive_lower95_pp": naive - reach * naive_se,
        "naive_upper95_pp": naive + reach * naive_se,
        "return_pp": float(seen.loc[group, "return_pp"].mean()),
        "effect_pp": float(effect),
        "se_pp": se,
        "lower95_pp": float(effect - reach * se),
        "upper95_pp": float(effect + reach * se),
        "p_value": float(2 * student.sf(abs(effect) / se, seen["la_code"].nunique() - 1)),
    }


def less_a_year_without_policy(
    left: np.ndarray,
    seen: pd.DataFrame,
    group: np.ndarray,
    left_before: np.ndarray,
    before: pd.DataFrame,
    group_before: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(effect, standard error): the difference net of forecast less the same rule's in a year without policy.

    `left`, `left_before`: what the forecast leaves in either year, (n,) or (n, worlds), for the rows of
    `seen` and `before`. Errors of the forecast that are the same in both years cancel; authorities are
    clusters over both years together.
    """
    now, _, w = estimate(left, group, seen["region_name"].to_numpy(), seen["la_code"].to_numpy())
    then, _, v = estimate(
        left_before, group_before, before["region_name"].to_numpy(), before["la_code"].to_numpy()
    )
    parts = [
        _influence(left, w, seen["region_name"].to_numpy(), group, seen["la_code"].to_numpy()),
        -_influence(
            left_before, v, before["region_name"].to_numpy(), group_before, before["la_code"].to_numpy()
        ),
    ]
    both = np.concatenate(parts)
    return now - then, np.sqrt(clustered(both, np.concatenate([seen["la_code"], before["la_code"]])))


def _influence(
    left: np.ndarray, w: np.ndarray, region: np.ndarray, group: np.ndarray, cluster: np.ndarray
) -> np.ndarray:
    """Each school's part in the error of a difference: weight times what group and region leave, enlarged by
    what the cluster took up of its own (CR2: Bell and McCaffrey 2002), which matters with few authorities."""
    inside = np.column_stack(
        [pd.get_dummies(pd.Series(region), dtype="float64").to_numpy(), np.asarray(group, dtype="float64")]
    )
    inverse = np.linalg.pinv(inside.T @ inside)
    rest = left - inside @ (inverse @ (inside.T @ left))
    out = np.empty_like(rest, dtype="float64")
    for rows in pd.Series(np.arange(len(w))).groupby(pd.factorize(cluster)[0]):
        mine = rows[1].to_numpy()
        values, vectors = np.linalg.eigh(np.eye(len(mine)) - inside[mine] @ inverse @ inside[mine].T)
        root = np.where(values > SINGULAR, 1 / np.sqrt(np.maximum(values, SINGULAR)), 0.0)
        out[mine] = (vectors * root) @ (vectors.T @ rest[mine])
    return w[:, None] * out if left.ndim == 2 else w * out
