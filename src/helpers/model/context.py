"""Context-expected absence: what schools in these circumstances typically have, never learnt from the
school's own LA.

Two models of different kind are averaged: an additive ridge with hinges, and gradient boosting. Both are
fitted five times, each time leaving out a fifth of the local authorities, and predict only for those left
out. A simple linear model stands beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupKFold

from helpers.base.params import DEFAULT
from helpers.model.additive import AdditiveRidge
from helpers.model.explain import tree_contributions
from helpers.model.features import FEATURES, GROUPS, design, group_of, peer_features, reasons

PHASES = ("primary", "secondary")
FOLDS = 5
OTHER = "other interactions"
SIMPLE = ["fsm6_pct", "sen_support_pct", "ehcp_pct", "eal_pct", "idaci", "log_roll"]
BOOSTING = dict(
    max_iter=400,
    learning_rate=0.04,
    max_leaf_nodes=8,
    min_samples_leaf=30,
    l2_regularization=5.0,
    early_stopping=False,
    max_bins=64,
)
PUPIL_MEASURES = [
    ("fsm_pct", "fsm6_pct"),
    ("sen_support_pct",),
    ("ehcp_pct",),
    ("eal_pct",),
    ("gypsy_roma_traveller_pct",),
]


@dataclass(frozen=True)
class ContextFit:
    """What `fit_context` learnt. Frames as described there; `phase_mean` maps phase to the mean expected
    absence (%).
    """

    expected: pd.DataFrame
    drivers: pd.DataFrame
    phase_mean: dict[str, float]
    scores: pd.DataFrame
    weights: pd.DataFrame
    features: dict[str, list[tuple[str, str]]]
    missing: pd.DataFrame
    one_pupil: pd.DataFrame


@dataclass(frozen=True)
class CrossFit:
    """Predictions for rows whose LA was left out, and the models by fold."""

    simple: np.ndarray
    additive: np.ndarray
    boosting: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray, AdditiveRidge, HistGradientBoostingRegressor]]

    @property
    def mean(self) -> np.ndarray:
        return (self.additive + self.boosting) / 2


def usable(x: pd.DataFrame) -> pd.DataFrame:
    """Columns that differ between schools, plus an indicator for each feature with missing values."""
    gaps = {f"{c}_missing": x[c].isna().astype("float64") for c in x if x[c].isna().any()}
    x = x.assign(**gaps)
    return x.loc[:, x.nunique(dropna=True) > 1]


def filled(x: pd.DataFrame, training: np.ndarray) -> np.ndarray:
    """Missing values replaced by the median of the training rows (0 where all of those are missing)."""
    return x.fillna(x.iloc[training].median()).fillna(0.0).to_numpy()


def cross_fit(x: pd.DataFrame, y: np.ndarray, groups: np.ndarray, weight: np.ndarray, seed: int) -> CrossFit:
    """Fit on four fifths of the groups (LAs), predict the remaining fifth, five times.

    `x` features from `design` (rows, features); `y` outcome; `groups` LA codes; `weight` positive. The folds
    depend on the groups' names and sizes alone, never on the outcome. Raises ValueError with fewer than two
    groups.
    """
    n_folds = min(FOLDS, len(np.unique(groups)))
    if n_folds < 2:
        raise ValueError(
            "the context model needs schools of at least two local authorities: it never learns from a "
            "school's own one"
        )
    x = usable(x)
    rising = {f.name: f.rising for f in FEATURES}
    monotone = [rising.get(c, 0) for c in x]
    simple_columns = [c for c in SIMPLE if c in x]
    simple, additive, boosting = (np.full(len(y), np.nan) for _ in range(3))
    folds = []
    for train, test in GroupKFold(n_folds).split(x, groups=groups):
        values = filled(x, train)
        w = weight[train] / weight[train].mean()
        plain = values[:, [x.columns.get_loc(c) for c in simple_columns]]
        simple[test] = LinearRegression().fit(plain[train], y[train], sample_weight=w).predict(plain[test])
        ridge = AdditiveRidge().fit(values[train], y[train], w)
        trees = HistGradientBoostingRegressor(monotonic_cst=monotone, random_state=seed, **BOOSTING).fit(
            values[train], y[train], sample_weight=w
        )
        additive[test], boosting[test] = ridge.predict(values[test]), trees.predict(values[test])
        folds.append((test, values, ridge, trees))
    return CrossFit(simple, additive, boosting, folds)


def r_squared(y: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Share of variance explained, optionally weighted."""
    mean = np.average(y, weights=weight)
    return float(
        1 - np.average((y - predicted) ** 2, weights=weight) / np.average((y - mean) ** 2, weights=weight)
    )


def scores_of(fit: CrossFit, phase: str, y: np.ndarray, roll: np.ndarray) -> list[dict]:
    """How much each model explains: phase, model, r2, r2_roll_weighted, n."""
    models = {
        "simple linear": fit.simple,
        "additive ridge": fit.additive,
        "boosting": fit.boosting,
        "mean": fit.mean,
    }
    return [
        {
            "phase": phase,
            "model": label,
            "r2": r_squared(y, p),
            "r2_roll_weighted": r_squared(y, p, roll),
            "n": len(y),
        }
        for label, p in models.items()
    ]


def _drivers(fit: CrossFit, names: list[str], urn: pd.Series) -> tuple[pd.DataFrame, float]:
    """Parts by group of the averaged model, centred on the phase, with an explicit remainder; long frame and
    the phase mean.
    """
    group = np.array([GROUPS.index(group_of(c)) for c in names])
    parts = np.zeros((len(urn), len(GROUPS)))
    for test, values, ridge, trees in fit.folds:
        rows = values[test]
        linear, _ = ridge.contributions(rows, group, len(GROUPS))
        boosted, _ = tree_contributions(trees, rows, np.median(values, axis=0), group, len(GROUPS))
        parts[test] = (linear + boosted) / 2
    parts -= parts.mean(axis=0)
    phase_mean = float(fit.mean.mean())
    wide = pd.DataFrame(parts, columns=GROUPS)
    wide[OTHER] = fit.mean - phase_mean - parts.sum(axis=1)
    wide.insert(0, "urn", urn.to_numpy())
    return wide.melt("urn", var_name="driver", value_name="contribution_pp"), phase_mean


def peer_weights(
    fit: CrossFit, names: list[str], phase: str, seed: int, learnt_share: float, repeats: int = 3
) -> pd.DataFrame:
    """Weights of the features that peers are compared on: phase, feature, importance, learnt_weight, weight.

    Importance is permutation importance in left-out LAs, measured on the prediction (Fisher, Rudin and
    Dominici 2019): the mean squared change of expected absence (pp squared) when a school's value is swapped
    with another school's. Its square root, divided by the mean over features, is the learnt weight; `weight`
    blends it with equal weights. Measured on the outcome instead, small weights are mostly chance.
    """
    rng = np.random.default_rng(seed)
    chosen = [c for c in peer_features(phase) if c in names]
    moved = np.zeros(len(chosen))
    n = sum(len(test) for test, *_ in fit.folds)
    for test, values, ridge, trees in fit.folds:
        before = (ridge.predict(values[test]) + trees.predict(values[test])) / 2
        for i, name in enumerate(chosen):
            at = names.index(name)
            for _ in range(repeats):
                rows = values[test].copy()
                rows[:, at] = rng.permutation(rows[:, at])
                moved[i] += np.sum(((ridge.predict(rows) + trees.predict(rows)) / 2 - before) ** 2)
    importance = moved / (n * repeats)
    root = np.sqrt(importance)
    learnt = root / root.mean() if root.sum() > 0 else np.ones(len(chosen))
    weight = learnt_share * learnt + 1.0 - learnt_share
    return pd.DataFrame(
        {
            "phase": phase,
            "feature": chosen,
            "importance": importance,
            "learnt_weight": learnt,
            "weight": weight,
        }
    )


def one_pupil(fit: CrossFit, names: list[str], roll: np.ndarray) -> np.ndarray:
    """Largest change of expected absence (pp, rows) when one pupil more or less is counted in a measure
    (`PUPIL_MEASURES`), one measure at a time.
    """
    largest = np.zeros(len(roll))
    for test, values, ridge, trees in fit.folds:
        rows, step = values[test], 100.0 / roll[test]
        before = fit.mean[test]
        for measure in PUPIL_MEASURES:
            at = [names.index(c) for c in measure if c in names]
            for sign in (-1, 1):
                moved = rows.copy()
                moved[:, at] = np.clip(moved[:, at] + sign * step[:, None], 0.0, 100.0)
                after = (ridge.predict(moved) + trees.predict(moved)) / 2
                largest[test] = np.maximum(largest[test], np.abs(after - before))
    return largest


def fit_context(
    register: pd.DataFrame, seed: int = DEFAULT.seed, learnt_share: float = DEFAULT.learnt_share
) -> ContextFit:
    """Context-expected absence of every assessed primary and secondary school.

    `register`: the dictionary's table `schools`. Returns frames: `expected` (urn, phase,
    context_expected_pct, context_simple_pct), `drivers` (urn, driver, contribution_pp; with the phase mean
    they add up to context_expected_pct), `scores` (phase, model, r2, r2_roll_weighted, n), `weights` (phase,
    feature, importance, learnt_weight, weight), `features` by phase with reasons, `missing` (phase, feature,
    n filled with the training median), `one_pupil` (urn, context_change_pp: the largest change when one pupil
    more or less is counted in a measure). Raises ValueError where a phase has schools of fewer than two LAs.
    """
    expected, drivers, scores, weights, missing, pupils = [], [], [], [], [], []
    means, lists = {}, {}
    for phase in PHASES:
        schools = (
            register[(register["phase"] == phase) & (register["status"] == "assessed")]
            .sort_values("urn")
            .reset_index(drop=True)
        )
        if schools.empty:
            continue
        x = design(schools)
        y, roll = schools["absence_pct"].to_numpy("float64"), schools["roll"].to_numpy("float64")
        fit = cross_fit(x, y, schools["la_code"].to_numpy(), np.sqrt(roll), seed)
        names = list(usable(x).columns)
        part, means[phase] = _drivers(fit, names, schools["urn"])
        drivers.append(part)
        expected.append(
            pd.DataFrame(
                {
                    "urn": schools["urn"],
                    "phase": phase,
                    "context_expected_pct": fit.mean,
                    "context_simple_pct": fit.simple,
                }
            )
        )
        scores += scores_of(fit, phase, y, roll)
        weights.append(peer_weights(fit, names, phase, seed, learnt_share))
        pupils.append(pd.DataFrame({"urn": schools["urn"], "context_change_pp": one_pupil(fit, names, roll)}))
        lists[phase] = reasons(names)
        gaps = x.isna().sum()
        missing.append(
            pd.DataFrame({"phase": phase, "feature": gaps.index, "n": gaps.to_numpy()}).query("n > 0")
        )
    if not expected:
        raise ValueError("no assessed primary or secondary school in the register: nothing to fit")
    tables = [
        pd.concat(frames, ignore_index=True) for frames in (expected, drivers, weights, missing, pupils)
    ]
    return ContextFit(
        tables[0], tables[1], means, pd.DataFrame(scores), tables[2], lists, tables[3], tables[4]
    )
