"""What happens at a cut-off: schools just above it against schools just below, who differ by little but luck.

Local linear regression with the robust bias-corrected interval of Calonico, Cattaneo and Titiunik (2014,
Econometrica 82(6)), through the library rdrobust. The effect is that of schools at the cut-off and says
nothing about schools far from it. Two checks stand beside it: nobody may have been pushed over the line
(density), and what was known beforehand may not jump at it (continuity).
"""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pandas as pd
from rdrobust import rdrobust
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

COLUMNS = [
    "effect_pp",
    "se_pp",
    "lower95_pp",
    "upper95_pp",
    "p_value",
    "local_linear_pp",
    "bandwidth",
    "below",
    "above",
]
LEAST = 40
NEAREST = (25, 50, 100)
KNOWN_BEFORE = ("roll", "fsm_pct", "ehcp_pct", "eal_pct", "baseline_pct", "sd_pp")


def at_cutoff(
    outcome: np.ndarray, running: np.ndarray, cutoff: float, cluster: np.ndarray | None = None
) -> dict:
    """Jump of `outcome` where `running` reaches the cut-off, as a dict with `COLUMNS` (all missing with fewer
    than 40 schools on a side).

    effect_pp is the bias-corrected estimate, at the centre of the robust interval; local_linear_pp the
    conventional one; bandwidth in units of `running`, chosen for the mean squared error; below and above:
    schools within it. `cluster`: authority by school.
    """
    ok = np.isfinite(outcome) & np.isfinite(running)
    y, x = outcome[ok].astype("float64"), running[ok].astype("float64")
    if min((x < cutoff).sum(), (x >= cutoff).sum()) < LEAST:
        return dict.fromkeys(COLUMNS, np.nan)
    groups = None if cluster is None else pd.factorize(cluster[ok])[0]
    repeated = "adjust" if len(np.unique(x)) < 0.8 * len(x) else "off"
    try:
        with contextlib.redirect_stdout(
            io.StringIO()
        ):  # the library prints a line for repeated values; they are dealt with
            fit = rdrobust(y, x, c=cutoff, cluster=groups, masspoints=repeated)
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return dict.fromkeys(COLUMNS, np.nan)
    (lower, upper), n = fit.ci.loc["Robust"], fit.N_h
    values = (
        fit.coef.loc["Robust"].item(),
        fit.se.loc["Robust"].item(),
        lower,
        upper,
        fit.pv.loc["Robust"].item(),
    )
    more = (fit.coef.loc["Conventional"].item(), fit.bws.loc["h", "left"])
    return {
        **dict(zip(COLUMNS, map(float, (*values, *more)), strict=False)),
        "below": int(n[0]),
        "above": int(n[1]),
    }


def density(running: np.ndarray, cutoff: float) -> pd.DataFrame:
    """Were schools pushed over the line? test, below, above, p_value.

    As many should lie just above as just below: exact binomial tests among the nearest 25, 50 and 100 schools
    (Cattaneo, Frandsen and Titiunik 2015), and a jump in the height of a histogram, local linear (after
    McCrary 2008). The binomial tests need a density that is flat so close by.
    """
    x = running[np.isfinite(running)]
    rows = []
    for k in NEAREST:
        if k <= len(x):
            near = x[np.argsort(np.abs(x - cutoff), kind="stable")[:k]]
            above = int((near >= cutoff).sum())
            rows.append((f"nearest {k}", k - above, above, float(binomtest(above, k).pvalue)))
    if len(x) < 2 * LEAST or x.std() == 0:
        return pd.DataFrame(rows, columns=["test", "below", "above", "p_value"])
    width = 2 * x.std() / np.sqrt(len(x))
    first = np.floor((x.min() - cutoff) / width)
    edges = cutoff + width * np.arange(first, np.ceil((x.max() - cutoff) / width) + 1)
    heights = np.histogram(x, edges)[0].astype("float64")
    jump = at_cutoff(heights, (edges[:-1] + edges[1:]) / 2, cutoff)
    rows.append(
        ("height of the histogram", int((x < cutoff).sum()), int((x >= cutoff).sum()), jump["p_value"])
    )
    return pd.DataFrame(rows, columns=["test", "below", "above", "p_value"])


def continuity(
    seen: pd.DataFrame, running: str, cutoff: float, measures: tuple[str, ...] = KNOWN_BEFORE
) -> pd.DataFrame:
    """Does anything known beforehand jump at the cut-off? measure, jump, lower95, upper95, p_value, p_holm
    (adjusted for the number of measures).
    """
    rows = []
    for name in [m for m in measures if m in seen and m != running]:
        jump = at_cutoff(
            seen[name].to_numpy("float64"),
            seen[running].to_numpy("float64"),
            cutoff,
            seen["la_code"].to_numpy(),
        )
        rows.append((name, jump["effect_pp"], jump["lower95_pp"], jump["upper95_pp"], jump["p_value"]))
    out = pd.DataFrame(rows, columns=["measure", "jump", "lower95", "upper95", "p_value"]).sort_values(
        "p_value", ignore_index=True
    )
    known = out["p_value"].dropna()
    holm = multipletests(known, method="holm")[1] if len(known) else []
    return out.assign(p_holm=pd.Series(holm, index=known.index, dtype="float64"))
