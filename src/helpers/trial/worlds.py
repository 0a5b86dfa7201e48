"""Worlds in which we know what support did, made of what really happened when there was none.

A world keeps the schools as they were and deals out last year's real surprises anew: each school receives what was left over in one of
the schools most like it (roll, level, FSM), and each authority the common movement of some authority. So surprises are as lopsided,
heavy-tailed and unequal as real ones, schools of an authority move together, and none of it is drawn from a formula that an estimator
assumes. Then an effect is planted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from helpers.trial.power import icc

ALIKE = ("log_roll", "y", "fsm_pct")
NEIGHBOURS = 30
TAKES_IT_UP = 0.7


@dataclass(frozen=True)
class Deck:
    """Real surprises ready to be dealt: `own` (n,) what a school had beyond its authority, `common` (authorities,), `authority` (n,) codes,
    `neighbours` (n, k) rows of the schools most alike."""

    own: np.ndarray
    common: np.ndarray
    authority: np.ndarray
    neighbours: np.ndarray

    def deal(self, rng: np.random.Generator, worlds: int = 1) -> np.ndarray:
        """Surprises (n, worlds) in percentage points, 0 on average in every school: in these worlds the forecast is right on average."""
        n, k = self.neighbours.shape
        usual = self.own[self.neighbours].mean(axis=1, keepdims=True)
        picked = self.neighbours[np.arange(n)[:, None], rng.integers(0, k, size=(n, worlds))]
        shuffled = np.column_stack([rng.permutation(self.common) for _ in range(worlds)])
        return self.own[picked] - usual + shuffled[self.authority]


def deck(seen: pd.DataFrame, also_alike: tuple[str, ...] = (), neighbours: int = NEIGHBOURS) -> Deck:
    """A deck from `residual_pp` of `years.with_forecast`.

    The authorities' common part is their mean, shrunk to the variance that lies between authorities (so that luck of few schools is not
    counted twice). `also_alike`: further columns in which a giver must be like the receiver.
    """
    alike = seen.assign(log_roll=np.log(seen["roll"]))[[*ALIKE, *also_alike]].astype("float64")
    alike = alike.fillna(alike.median())
    scaled = ((alike - alike.mean()) / alike.std()).to_numpy()
    k = min(neighbours, len(seen))
    near = NearestNeighbors(n_neighbors=k).fit(scaled).kneighbors(scaled, return_distance=False)
    left = seen["residual_pp"].to_numpy("float64")
    codes = pd.factorize(seen["la_code"])[0]
    mean, size = pd.Series(left).groupby(codes).mean().to_numpy(), np.bincount(codes)
    share = icc(left, codes)
    kept = share * size / (1 + share * (size - 1))
    common = np.sqrt(kept) * (mean - mean.mean())
    return Deck(left - common[codes], common, codes, near)


def planted(effect_pp: float, seen: pd.DataFrame, rng: np.random.Generator, takes_it_up: float = TAKES_IT_UP) -> np.ndarray:
    """What support would do in each school (n,): `effect_pp` on average over schools and luck, in proportion to the school's baseline,
    and nothing in the three in ten schools that never take it up.
    """
    size = seen["baseline_pct"].to_numpy("float64")
    return effect_pp * size / size.mean() * (rng.random(len(size)) < takes_it_up) / takes_it_up


def invented_outcome(seen: pd.DataFrame, surprises: np.ndarray, moved: float | np.ndarray = 0.0) -> np.ndarray:
    """Next year's absence (%) without support: baseline plus surprise plus movement, at least 0."""
    return np.maximum(seen["baseline_pct"].to_numpy("float64") + surprises + moved, 0.0)
