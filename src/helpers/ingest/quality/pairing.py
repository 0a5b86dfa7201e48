"""One column beside another that must follow it: the same school a year before, a related circumstance, the
school next door.

What tells a slipped, sorted or shuffled column is not its mean, which stays, but whether each school still goes
with itself: the rank correlation inside authorities, so that authorities that differ carry nothing. Whether the
row above or below fits better names the cause.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

LEAST_SCHOOLS = 100  # fewer pairs than this decide nothing for the whole file
LEAST_IN_LA = 8  # an authority of fewer schools decides nothing by rank
LEAST_RANKED = 5  # authorities with fewer schools do not enter the ranks
NAMES = ["own", "above", "below", "other"]
SMALL = 0.2  # added to both sides of a ratio: shares near zero have no ratio


@dataclass(frozen=True)
class Pairing:
    """`n` schools, their rank correlation `rho` inside authorities, `slipped`: the better of the two when each
    school is given the figure of the row above or below, `ratio` of the means, and `by_la` the same by
    authority: n, rho, slipped, z (how far below the file's own correlation), log_ratio (less the file's).
    """

    n: int
    rho: float
    slipped: float
    ratio: float
    by_la: pd.DataFrame


def in_file_order(column: pd.Series, order: pd.Series) -> pd.DataFrame:
    """own, above, below: a column, and what it would be if it had slipped by a row. Index as `column`, unique;
    `order` is the row of each.
    """
    own = column.loc[order.sort_values(kind="stable").index]
    return pd.DataFrame({"own": own, "above": own.shift(1), "below": own.shift(-1)})


def pair(rows: pd.DataFrame, other: pd.Series, la: pd.Series, sign: int = 1) -> Pairing:
    """Pair `rows` (of `in_file_order`) with `other`, by the index of `rows`; `sign` -1 where one falls as the
    other rises.
    """
    values = np.column_stack(
        [rows[NAMES[:3]].to_numpy("float64"), other.reindex(rows.index).to_numpy("float64")]
    )
    codes, names = pd.factorize(la.reindex(rows.index).to_numpy(dtype=object))
    if not len(names):
        none = pd.DataFrame(columns=["n", "rho", "slipped", "z", "log_ratio"], dtype="float64")
        return Pairing(0, np.nan, np.nan, np.nan, none)
    keep = ~np.isnan(values[:, 0]) & ~np.isnan(values[:, 3]) & (codes >= 0)
    n = np.bincount(codes[keep], minlength=len(names))
    keep &= n[codes] >= LEAST_RANKED
    values, codes = values[keep] * [1, 1, 1, sign], codes[keep]
    n = np.bincount(codes, minlength=len(names))
    ranks = pd.DataFrame(values).groupby(codes).rank().to_numpy() if len(codes) else values
    # Ranks around the middle of the authority, as a share of its schools. The row that slips out of the file has
    # none: it stands in the middle.
    ranks = np.nan_to_num(ranks / n[codes][:, None] - 0.5 - 0.5 / n[codes][:, None])
    cross = [_sums(ranks[:, i] * ranks[:, 3], codes, len(names)) for i in range(3)]
    squares = [_sums(ranks[:, i] ** 2, codes, len(names)) for i in range(4)]
    with np.errstate(invalid="ignore", divide="ignore"):
        by = [cross[i] / np.sqrt(squares[i] * squares[3]) for i in range(3)]
        whole = [float(cross[i].sum() / np.sqrt(squares[i].sum() * squares[3].sum())) for i in range(3)]
        sizes = [_sums(np.abs(values[:, i]), codes, len(names)) for i in (0, 3)]
        ratio = float(sizes[0].sum() / sizes[1].sum())
        log_ratio = np.log((sizes[0] / n + SMALL) / (sizes[1] / n + SMALL))
        z = (_fisher(by[0]) - _fisher(whole[0])) * np.sqrt(np.maximum(n - 3, 1))
    by_la = pd.DataFrame(
        {"n": n, "rho": by[0], "slipped": np.fmax(by[1], by[2]), "z": z, "log_ratio": log_ratio},
        index=pd.Index(names, dtype=object),
    )
    by_la = by_la[by_la["n"] > 0]
    by_la["log_ratio"] -= by_la["log_ratio"].median()
    return Pairing(int(keep.sum()), whole[0], float(np.fmax(whole[1], whole[2])), ratio, by_la)


def _sums(values: np.ndarray, codes: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(codes, weights=values, minlength=n)


def _fisher(r):
    return np.arctanh(np.clip(r, -0.99, 0.99))
