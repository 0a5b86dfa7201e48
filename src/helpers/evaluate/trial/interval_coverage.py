"""Do the methods find what was planted, as often as they claim, and nothing where nothing was? Many worlds,
every method the same worlds' kind.

Coverage: share of worlds whose 95 % interval holds the planted effect. False positives: share of worlds
without any effect in which a method "finds" one at 5 %. Beside each stands the Monte-Carlo interval that a
method with exactly 95 % (or 5 %) would stay in.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import binom
from scipy.stats import t as student

from helpers.evaluate.trial import assignment, discontinuity, effects, forecast_difference, power
from helpers.evaluate.trial.simulate import deck, invented_outcome, planted

COLUMNS = ["world", "method", "truth_pp", "effect_pp", "se_pp", "lower95_pp", "upper95_pp", "p_value"]
TRIAL_SCHOOLS = 600
SLOPE_AT_CUTOFF = 0.3


def trial_schools(seen: pd.DataFrame, most: int = TRIAL_SCHOOLS, seed: int = 2025) -> pd.DataFrame:
    """Schools that a trial of support would draw from: the half with the higher absence, at most `most` of
    them, picked by lot.
    """
    upper = seen[seen["y"] >= seen["y"].median()]  # a school without last year's absence is in neither half
    chosen = upper.sample(n=min(most, len(upper)), random_state=seed)
    return chosen.sort_values("urn", ignore_index=True)


def lottery(
    seen: pd.DataFrame,
    effect_pp: float,
    worlds: int,
    seed: int,
    draws: int = 999,
    share: float = 0.5,
    as_it_was: bool = False,
) -> pd.DataFrame:
    """Trials: `COLUMNS` for the difference of means, the regression (HC2, and clustered by authority) and
    randomisation inference.

    Every world has its own surprises and its own lottery over the schools of `seen`. The truth of a world is
    the mean planted effect of its schools. `as_it_was`: outcomes as they really came, no world made: only the
    lottery is invented.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for world, here, truth in _trials(seen, effect_pp, worlds, rng, share, as_it_was):
        again = effects.permutations(here["treated"].to_numpy(), here["stratum"].to_numpy(), draws, rng)
        outcome, treated = here["outcome"].to_numpy("float64"), here["treated"].to_numpy("float64")
        found = (
            effects.difference(here),
            effects.itt(here),
            effects.itt(here, cluster="la_code"),
            effects.invert(outcome, treated, again, effects.residual_maker(here)),
        )
        rows += [{"world": world, "truth_pp": truth, **row} for row in found]
    return pd.DataFrame(rows)[COLUMNS]


def _trials(
    seen: pd.DataFrame,
    effect_pp: float,
    worlds: int,
    rng: np.random.Generator,
    share: float,
    as_it_was: bool = False,
):
    """World, frame as of `effects.with_outcomes`, and the planted mean effect, one world after another."""
    stratum = assignment.strata(seen).to_numpy()
    base = seen.assign(stratum=stratum, fsm_pct=seen["fsm_pct"].fillna(seen["fsm_pct"].median()))
    surprises = None if as_it_was else deck(seen).deal(rng, worlds)
    for world in range(worlds):
        treated = assignment.draw(stratum, share, rng)
        gain = planted(effect_pp, seen, rng)
        outcome = seen["y_next"].to_numpy("float64") + treated * gain
        if surprises is not None:
            outcome = invented_outcome(seen, surprises[:, world], treated * gain)
        yield world, base.assign(treated=treated, outcome=outcome), gain.mean()


def cutoff(
    seen: pd.DataFrame, running: str, at: float, effect_pp: float, worlds: int, seed: int
) -> pd.DataFrame:
    """Regression discontinuity: support goes to all from the cut-off `at` of column `running`. The planted
    effect changes with distance from it.
    """
    rng = np.random.default_rng(seed)
    x, la = seen[running].to_numpy("float64"), seen["la_code"].to_numpy()
    surprises = deck(seen, (running,)).deal(rng, worlds)
    above = x >= at
    effect = effect_pp * (1 + SLOPE_AT_CUTOFF * (x - at) / x.std())
    rows = []
    for world in range(worlds):
        outcome = invented_outcome(seen, surprises[:, world], above * effect)
        found = discontinuity.at_cutoff(outcome - seen["baseline_pct"].to_numpy(), x, at, la)
        rows.append({"world": world, "method": "discontinuity, robust", "truth_pp": effect_pp, **found})
    return pd.DataFrame(rows)[COLUMNS]


def difference(
    seen: pd.DataFrame,
    group: np.ndarray,
    learnt_on: pd.DataFrame,
    group_before: np.ndarray,
    effect_pp: float,
    worlds: int,
    seed: int,
) -> pd.DataFrame:
    """Nobody drawn by lot: the naive before/after, the difference net of forecast, and the same less a year
    without policy.

    In every world the year that teaches the forecast is dealt anew too, and the forecast is learnt from it
    again (one Gauss-Newton step).
    """
    rng = np.random.default_rng(seed)
    region, la = seen["region_name"].to_numpy(), seen["la_code"].to_numpy()
    gain = np.column_stack([planted(effect_pp, seen, rng) for _ in range(worlds)])
    truth = gain[group].mean(axis=0)
    left, before = deck(seen).deal(rng, worlds) + group[:, None] * gain, deck(learnt_on).deal(rng, worlds)
    d, d_before = (f[forecast_difference.GRADIENT].to_numpy("float64") for f in (seen, learnt_on))
    weight = 1 / learnt_on["sd_pp"].to_numpy("float64") ** 2
    step = np.linalg.pinv(d_before.T @ (d_before * weight[:, None])) @ (
        d_before.T @ (weight[:, None] * before)
    )
    again, again_before = left - d @ step, before - d_before @ step
    effect, variance, w = forecast_difference.estimate(again, group, region, la)
    moved = w @ d
    covariance = forecast_difference.forecast_covariance(learnt_on)
    reach = student.ppf(0.975, len(np.unique(la)) - 1)
    less, less_se = forecast_difference.less_a_year_without_policy(
        again, seen, group, again_before, learnt_on, group_before
    )
    change = left + seen["return_pp"].to_numpy("float64")[:, None]
    naive = change[group].mean(axis=0)
    naive_se = np.sqrt(forecast_difference.variance_of_mean(change[group], la[group]))
    found = {
        "naive before/after": (naive, naive_se),
        "net of forecast": (effect, np.sqrt(variance + moved @ covariance @ moved)),
        "net of forecast, less a year without policy": (less, less_se),
    }
    parts = [
        pd.DataFrame(
            {
                "world": np.arange(worlds),
                "method": name,
                "truth_pp": truth,
                "effect_pp": value,
                "se_pp": se,
                "lower95_pp": value - reach * se,
                "upper95_pp": value + reach * se,
                "p_value": 2 * student.sf(np.abs(value / se), len(np.unique(la)) - 1),
            }
        )
        for name, (value, se) in found.items()
    ]
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def summary(planted_worlds: pd.DataFrame, empty_worlds: pd.DataFrame) -> pd.DataFrame:
    """By method: worlds, truth_pp, mean_pp, bias_pp, spread_pp (of the estimates), mean_se_pp, coverage with
    its Monte-Carlo range, power (share found at 5 % in the worlds with an effect), false_positives with
    range, in_range (both within).
    """
    rows = []
    for method, found in planted_worlds.groupby("method", sort=False):
        found, empty = (
            found.dropna(subset="effect_pp"),
            empty_worlds[empty_worlds["method"] == method].dropna(subset="effect_pp"),
        )
        holds = found["lower95_pp"].le(found["truth_pp"]) & found["upper95_pp"].ge(found["truth_pp"])
        n, m = len(found), len(empty)
        (low, high), (low_fp, high_fp) = monte_carlo(0.95, n), monte_carlo(0.05, m)
        wrong = float(empty["p_value"].le(0.05).mean())
        rows.append(
            {
                "method": method,
                "worlds": n,
                "truth_pp": found["truth_pp"].mean(),
                "mean_pp": found["effect_pp"].mean(),
                "bias_pp": (found["effect_pp"] - found["truth_pp"]).mean(),
                "spread_pp": (found["effect_pp"] - found["truth_pp"]).std(),
                "mean_se_pp": found["se_pp"].mean(),
                "coverage": holds.mean(),
                "coverage_low": low,
                "coverage_high": high,
                "power": found["p_value"].le(0.05).mean(),
                "false_positives": wrong,
                "false_low": low_fp,
                "false_high": high_fp,
                "in_range": bool(low <= holds.mean() <= high and low_fp <= wrong <= high_fp),
            }
        )
    return pd.DataFrame(rows)


def monte_carlo(share: float, worlds: int) -> tuple[float, float]:
    """Range that holds the share seen in so many worlds 95 times in a hundred, when the true share is
    `share`.
    """
    low, high = binom.interval(0.95, worlds, share)
    return float(low / worlds), float(high / worlds)


def power_curve(seen: pd.DataFrame, sizes_pp: tuple[float, ...], worlds: int, seed: int) -> pd.DataFrame:
    """Power by simulation beside the formula: effect_pp, simulated, formula, formula_low, formula_high (its
    Monte-Carlo range).

    Simulated: the regression with HC2, other worlds at every size. The formula knows only the variance left
    after covariates and blocks.
    """
    parts = power.variance_parts(seen, assignment.strata(seen))
    se = power.standard_error(parts["n"], parts["sd_pp"], parts["r2"])
    df = parts["n"] - parts["blocks"] - 2 * len(power.ADJUST) - 1
    rows = []
    for i, size in enumerate(sizes_pp):
        trials = _trials(seen, -size, worlds, np.random.default_rng([seed, i]), 0.5)
        share = float(np.mean([effects.itt(here)["p_value"] <= 0.05 for _, here, _ in trials]))
        formula = float(power.power_of(size, se, df))
        low, high = monte_carlo(formula, worlds)
        rows.append(
            {
                "effect_pp": size,
                "simulated": share,
                "formula": formula,
                "formula_low": low,
                "formula_high": high,
            }
        )
    return pd.DataFrame(rows).assign(
        mdes_pp=power.mdes_pp(parts["n"], parts["sd_pp"], parts["r2"], blocks=parts["blocks"])
    )
