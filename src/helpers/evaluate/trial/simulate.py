"""Worlds in which we know what support did, made of what really happened when there was none.

A world keeps the schools as they were and deals out last year's real surprises anew: each school draws one
from those of schools that are alike (roll, level, FSM), each authority the common movement of some authority,
with replacement. So surprises are as lopsided, heavy-tailed and unequal as real ones, schools of an authority
move together, and none of it is drawn from a formula that an estimator assumes. Then an effect is planted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.evaluate.trial.power import icc

ALIKE = ("log_roll", "y", "fsm_pct")
BLOCK = 40
PARTITIONS = 24
TAKES_IT_UP = 0.7


@dataclass(frozen=True)
class Deck:
    """Real surprises ready to be dealt: `own` (n,) what a school had beyond its authority, `common`
    (authorities,), `authority` (n,) codes, `blocks` (partitions, n) codes: several ways of putting schools
    that are alike together."""

    own: np.ndarray
    common: np.ndarray
    authority: np.ndarray
    blocks: np.ndarray

    def deal(self, rng: np.random.Generator, worlds: int = 1) -> np.ndarray:
        """Surprises (n, worlds) in percentage points, 0 on average in every school: in these worlds the
        forecast is right on average.

        What a block has in common is taken off, and the rest enlarged by the freedom which that costs.
        """
        out = np.empty((len(self.own), worlds))
        for world in range(worlds):
            blocks = self.blocks[rng.integers(len(self.blocks))]
            size = np.bincount(blocks)
            rest = self.own - (np.bincount(blocks, self.own) / size)[blocks]
            rest = rest * np.sqrt(size / np.maximum(size - 1, 1))[blocks]
            first = np.cumsum(size) - size
            giver = np.argsort(blocks, kind="stable")[
                first[blocks] + (rng.random(len(blocks)) * size[blocks]).astype("int64")
            ]
            common = rng.choice(self.common, len(self.common))
            out[:, world] = rest[giver] + common[self.authority]
        return out


def alike_blocks(points: np.ndarray, rng: np.random.Generator, most: int = BLOCK) -> np.ndarray:
    """Codes (n,) of blocks of at most `most` neighbours: cut near the middle along a dimension picked by its
    spread, until small enough.
    """
    codes, todo, done = np.zeros(len(points), dtype="int64"), [np.arange(len(points))], 0
    while todo:
        rows = todo.pop()
        spread = points[rows].var(axis=0)
        if len(rows) <= most or spread.sum() == 0:
            codes[rows] = done
            done += 1
            continue
        along = rng.choice(points.shape[1], p=spread / spread.sum())
        order = rows[np.argsort(points[rows, along], kind="stable")]
        cut = int(len(rows) * rng.uniform(0.4, 0.6))
        todo += [order[:cut], order[cut:]]
    return codes


def deck(seen: pd.DataFrame, also_alike: tuple[str, ...] = (), seed: int = 2025) -> Deck:
    """A deck from `residual_pp` of `years.with_forecast`.

    The authorities' common part is their mean, shrunk to the variance that lies between authorities (so that
    luck of few schools is not counted twice). `also_alike`: further columns in which schools that swap must
    be alike.
    """
    alike = seen[[*ALIKE, *also_alike]].astype("float64")
    alike = alike.fillna(alike.median())
    points = ((alike - alike.mean()) / alike.std()).to_numpy()
    rng = np.random.default_rng(seed)
    blocks = np.array([alike_blocks(points, rng) for _ in range(PARTITIONS)])
    left = seen["residual_pp"].to_numpy("float64")
    codes = pd.factorize(seen["la_code"])[0]
    mean, size = pd.Series(left).groupby(codes).mean().to_numpy(), np.bincount(codes)
    share = icc(left, codes)
    kept = share * size / (1 + share * (size - 1))
    common = np.sqrt(kept) * (mean - mean.mean())
    return Deck(left - common[codes], common, codes, blocks)


def planted(
    effect_pp: float, seen: pd.DataFrame, rng: np.random.Generator, takes_it_up: float = TAKES_IT_UP
) -> np.ndarray:
    """What support would do in each school (n,): `effect_pp` on average over schools and luck, in proportion
    to the school's baseline, and nothing in the three in ten schools that never take it up.
    """
    size = seen["baseline_pct"].to_numpy("float64")
    return effect_pp * size / size.mean() * (rng.random(len(size)) < takes_it_up) / takes_it_up


def invented_outcome(
    seen: pd.DataFrame, surprises: np.ndarray, moved: float | np.ndarray = 0.0
) -> np.ndarray:
    """Next year's absence (%) without support: baseline plus surprise plus movement, at least 0."""
    return np.maximum(seen["baseline_pct"].to_numpy("float64") + surprises + moved, 0.0)
