"""What may be changed on this evidence, and what it would do to the next release. Often the answer is:
nothing.

A change of one parameter is supported only when, in every year without policy that we can look back on, the
targets it would have set were met more evenly over starting levels (a lower spread is fairer) or the stated
chances were truer, by more than a margin, with authorities redrawn (bootstrap) and the number of changes
tried counted; and when it made nothing else worse. One lucky year supports nothing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.base.params import Parameters
from helpers.evaluate import year_pairs
from helpers.evaluate.trial import calibration
from helpers.expectations import formula

CHANGES = {"slope": (0.1, 0.15, 0.25, 0.3), "floor_pp": (0.0, 0.05, 0.15, 0.2), "cap_pp": (0.6, 1.0, 1.2)}
MARGIN = {"unevenness": 0.01, "miscalibration": 0.005}
RESAMPLES = 1000
TENTHS = 10


def candidates(run: Parameters, changes: dict | None = None) -> list[dict]:
    """Changes of one parameter each, apart from the present value and what `run`'s other limits forbid."""
    out = []
    for name, values in (changes or CHANGES).items():
        for value in values:
            changed = {"floor_pp": run.floor_pp, "cap_pp": run.cap_pp, name: value}
            if value != getattr(run, name) and changed["floor_pp"] <= changed["cap_pp"]:
                out.append({name: value})
    return out


def attained(
    seen: pd.DataFrame,
    parameters: dict,
    peers: pd.DataFrame,
    register: pd.DataFrame,
    area_rates: pd.DataFrame,
    run: Parameters,
    between: tuple[str, str],
) -> pd.DataFrame:
    """Rows of `calibration.attainment` for the targets that the parameters of `run` would have set."""
    base, asks = year_pairs.expectations_of(seen, parameters, peers, register, area_rates, run, between[0])
    return calibration.attainment(seen, base, asks, area_rates, between)


def _counts(rows: pd.DataFrame, authorities: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Sums by authority: (authorities, fifths, [schools, met]) and (authorities, tenths, [schools, stated,
    met]).
    """
    la = authorities.get_indexer(rows["la_code"])
    start = rows["start"].to_numpy("int64") - 1
    tenth = np.ceil(TENTHS * rows["chance_unaided"].rank(method="first", pct=True)).to_numpy("int64") - 1
    met, stated = rows["met"].to_numpy("float64"), rows["chance_unaided"].to_numpy("float64")
    fifths, tenths = (
        np.zeros((len(authorities), year_pairs.START_BANDS, 2)),
        np.zeros((len(authorities), TENTHS, 3)),
    )
    np.add.at(fifths, (la, start), np.column_stack([np.ones(len(la)), met]))
    np.add.at(tenths, (la, tenth), np.column_stack([np.ones(len(la)), stated, met]))
    return fifths, tenths


def _scores(fifths: np.ndarray, tenths: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
    """unevenness (standard deviation of attainment over starting fifths) and miscalibration (root mean square
    of met less stated over tenths), for each row of weights.
    """
    a, b = np.tensordot(weight, fifths, 1), np.tensordot(weight, tenths, 1)
    share = a[..., 1] / np.maximum(a[..., 0], 1)
    off = (b[..., 2] - b[..., 1]) / np.maximum(b[..., 0], 1)
    part = b[..., 0] / b[..., 0].sum(axis=1, keepdims=True)
    return {"unevenness": share.std(axis=1), "miscalibration": np.sqrt((part * off**2).sum(axis=1))}


def compare(
    now: pd.DataFrame, changed: dict[str, pd.DataFrame], seed: int, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """Each change against the present parameters in one year: change, measure, now, then, difference, lower,
    upper.

    `now`, `changed`: rows of `attained`. The interval is at 95 % for all changes together (Bonferroni), from
    authorities redrawn with replacement, the same draws for all.
    """
    authorities = pd.Index(sorted(now["la_code"].unique()))
    k = len(authorities)
    weight = np.random.default_rng(seed).multinomial(k, np.full(k, 1 / k), size=resamples).astype("float64")
    weight = np.vstack([np.ones(k), weight])
    present = _scores(*_counts(now, authorities), weight)
    edge = 0.025 / max(1, len(changed))
    rows = []
    for name, frame in changed.items():
        then = _scores(*_counts(frame, authorities), weight)
        for measure, values in then.items():
            gap = values - present[measure]
            low, high = np.quantile(gap[1:], [edge, 1 - edge])
            rows.append((name, measure, present[measure][0], values[0], gap[0], float(low), float(high)))
    return pd.DataFrame(rows, columns=["change", "measure", "now", "then", "difference", "lower", "upper"])


def supported(compared: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per change: change, verdict (`supported`, `worse`, `nothing`), because. `compared`: frames of
    `compare` by year.

    Supported: better by more than the margin, with the interval clear of zero, on one measure in every year,
    and on no measure worse by more than the margin in any.
    """
    every = pd.concat([f.assign(year=year) for year, f in compared.items()], ignore_index=True)
    margin = every["measure"].map(MARGIN)
    every["better"] = (every["difference"] < -margin) & (every["upper"] < 0)
    every["harms"] = every["difference"] > margin
    every["worse"] = every["harms"] & (every["lower"] > 0)
    rows = []
    for change, part in every.groupby("change", sort=False):
        by_measure = part.groupby("measure")[["better", "worse"]].agg(["all", "any"])
        better = list(by_measure.index[by_measure[("better", "all")]])
        worse = list(by_measure.index[by_measure[("worse", "any")]])
        if better and not part["harms"].any():
            rows.append(
                (
                    change,
                    "supported",
                    f"less {' and less '.join(better)} in every year looked at, nothing worse",
                )
            )
        elif worse:
            rows.append((change, "worse", f"more {' and more '.join(worse)} in at least one year"))
        else:
            rows.append(
                (change, "nothing", "no difference that shows beyond the margin and the noise in every year")
            )
    return pd.DataFrame(rows, columns=["change", "verdict", "because"])


def next_release(
    baseline: pd.DataFrame,
    peers: pd.DataFrame,
    register: pd.DataFrame,
    area_rates: pd.DataFrame,
    run: Parameters,
    changes: list[dict],
) -> pd.DataFrame:
    """What each change would do to the next release's targets: change, phase, mean_ask_pp (roll-weighted),
    at_smallest_ask, worst_fifth_ask_pp, best_fifth_ask_pp, worst_fifth_chance, best_fifth_chance, moved
    (share of schools whose ask moves by 0.05 pp or more).
    """
    first = formula.set_expectations(baseline, peers, register, area_rates, run, year=run.release)
    was = first.expectations.set_index("urn")["ask_pp"]
    rows = []
    for change in ({}, *changes):
        fit = first
        if change:
            fit = formula.set_expectations(
                baseline, peers, register, area_rates, run.model_copy(update=change), year=run.release
            )
        asks = fit.expectations.merge(baseline[["urn", "phase", "absence_pct"]], on="urn", validate="1:1")
        asks["fifth"] = np.ceil(5 * asks.groupby("phase")["absence_pct"].rank(method="first", pct=True))
        asks["moved"] = (asks["ask_pp"] - asks["urn"].map(was)).abs() >= 0.05
        for phase, part in asks.groupby("phase"):
            worst, best = part[part["fifth"] == 5], part[part["fifth"] == 1]
            mean = fit.calibration.set_index("phase").loc[phase]
            rows.append(
                {
                    "change": named(change),
                    "phase": phase,
                    "mean_ask_pp": mean["weighted_mean_ask_pp"],
                    "at_smallest_ask": mean["share_at_min_ask"],
                    "worst_fifth_ask_pp": worst["ask_pp"].mean(),
                    "best_fifth_ask_pp": best["ask_pp"].mean(),
                    "worst_fifth_chance": worst["chance_unaided"].mean(),
                    "best_fifth_chance": best["chance_unaided"].mean(),
                    "moved": part["moved"].mean(),
                }
            )
    return pd.DataFrame(rows)


def named(change: dict) -> str:
    """`{"slope": 0.1}` -> `slope 0.1`; no change -> `as now`."""
    return ", ".join(f"{k} {v:g}" for k, v in change.items()) or "as now"


def from_trial(row: dict, worthwhile_pp: float, mdes_pp: float) -> str:
    """What a trial's result supports, in a sentence. `row` of `effects.itt`; `worthwhile_pp` the smallest
    improvement worth its cost, fixed in the plan.
    """
    low, high = row["lower95_pp"], row["upper95_pp"]
    said = f"absence changed by {row['effect_pp']:+.2f} pp (95 % interval {low:+.2f} to {high:+.2f})"
    if high <= -worthwhile_pp:
        return (
            f"Supports offering it more widely: {said}, all of it at least the {worthwhile_pp:.2f} pp "
            "that was agreed to be worthwhile."
        )
    if high < 0:
        return (
            f"Supports a larger trial: {said}, better than nothing, but perhaps less than the "
            f"{worthwhile_pp:.2f} pp agreed to be worthwhile."
        )
    if low > 0:
        return f"Supports stopping: {said}; the schools drawn did worse."
    if low > -worthwhile_pp:
        return f"Supports stopping: {said}; an improvement of {worthwhile_pp:.2f} pp is ruled out."
    found = f"this trial could find {mdes_pp:.2f} pp four times in five"
    return f"Supports nothing yet: {said}. Neither none nor a worthwhile effect is ruled out; {found}."
