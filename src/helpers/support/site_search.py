"""Choosing sites: the maximal covering location problem (Church and ReVelle 1974), solved for all sites at
once, one by one, and counting places.

The linear relaxation over all candidates gives a bound that no plan can beat; the whole-number programme is
then solved on the candidates with the best reduced costs, so that the gap to the bound is stated for the full
problem. HiGHS solves both.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.spatial import cKDTree

from helpers.support.places import fits

KERNEL = 150


@dataclass(frozen=True)
class Cover:
    """Sites chosen (row numbers of the candidates, in the order in which each adds most), need covered, the
    most that any choice could cover, gap = 1 - need / bound, seconds, candidates offered to the whole-number
    programme, solver status in words."""

    chosen: list[int]
    need: float
    bound: float
    gap: float
    seconds: float
    kernel: int
    status: str


def covers(
    schools: pd.DataFrame, sites: pd.DataFrame, limit_km: float, road_factor: float = 1.0
) -> sp.csr_matrix:
    """Schools x sites, 1 where the site serves the school's phase within the limit."""
    if schools.empty or sites.empty:
        return sp.csr_matrix((len(schools), len(sites)))
    trees = [cKDTree(f[["easting", "northing"]].to_numpy("float64")) for f in (schools, sites)]
    near = trees[0].sparse_distance_matrix(trees[1], 1000 * limit_km / road_factor, output_type="ndarray")
    ok = fits(schools["phase"].to_numpy()[near["i"]], sites["serves"].to_numpy()[near["j"]])
    return sp.csr_matrix(
        (np.ones(ok.sum()), (near["i"][ok], near["j"][ok])), shape=(len(schools), len(sites))
    )


def greedy(
    cover: sp.csr_matrix, need: np.ndarray, p: int, among: list[int] | None = None
) -> tuple[list[int], list[float]]:
    """Sites one by one, each adding most need not yet covered (ties: the first), and what each added. Stops
    when nothing is added.
    """
    columns, allowed = (
        cover.tocsc(),
        np.arange(cover.shape[1]) if among is None else np.asarray(among, dtype=int),
    )
    left, chosen, gains = need.astype("float64").copy(), [], []
    for _ in range(min(p, len(allowed))):
        gain = (cover.T @ left)[allowed]
        best = int(allowed[int(gain.argmax())])
        if gain.max() <= 0:
            break
        left[columns.indices[columns.indptr[best] : columns.indptr[best + 1]]] = 0.0
        chosen.append(best)
        gains.append(float(gain.max()))
    return chosen, gains


def _merged(cover: sp.csr_matrix, need: np.ndarray) -> tuple[sp.csr_matrix, np.ndarray]:
    """Schools that the same sites cover, as one with the sum of their needs; those that none covers left out.
    Loses nothing.
    """
    cover = cover.tocsr()
    cover.sort_indices()
    keys = pd.Series(
        [cover.indices[a:b].tobytes() for a, b in zip(cover.indptr, cover.indptr[1:], strict=False)]
    )
    code, different = pd.factorize(keys)
    first = np.unique(code, return_index=True)[1]
    rows = np.flatnonzero(different.to_numpy() != b"") if len(different) else np.array([], dtype=int)
    return cover[first[rows]], np.bincount(code, weights=need, minlength=len(different))[rows]


def _programme(
    cover: sp.csr_matrix, need: np.ndarray, p: int
) -> tuple[np.ndarray, sp.csr_matrix, np.ndarray]:
    """Cost, matrix and right-hand side over (sites, groups of schools): a group counts only when a site that
    covers it opens; p sites open.
    """
    groups, sites = cover.shape
    count = sp.csr_matrix(np.r_[np.ones(sites), np.zeros(groups)])
    return (
        np.r_[np.zeros(sites), -need],
        sp.vstack([sp.hstack([-cover, sp.eye(groups)]), count]).tocsr(),
        np.r_[np.zeros(groups), p],
    )


def best_cover(
    cover: sp.csr_matrix,
    need: np.ndarray,
    p: int,
    seconds: float = 40.0,
    gap: float = 1e-4,
    kernel: int = KERNEL,
) -> Cover:
    """The p sites that cover most need. `cover` schools x candidates, `need` not already covered by hubs that
    are open.

    Never worse than the greedy choice, which the programme's candidates include. `seconds` limits each of the
    two programmes; when the relaxation is not solved in time the bound falls back to what all candidates
    together cover. Raises RuntimeError when the solver fails for another reason.
    """
    start = time.perf_counter()
    whole, weight = _merged(cover, need)
    first, first_gains = greedy(whole, weight, p)
    n = whole.shape[1]
    bound, keep, status, chosen = float(weight.sum()), np.array(first, dtype=int), "nothing to choose", first
    if len(weight) and len(first) == p < n:
        cost, matrix, right = _programme(whole, weight, p)
        relaxed = linprog(
            cost, A_ub=matrix, b_ub=right, bounds=(0, 1), method="highs-ds", options={"time_limit": seconds}
        )
        if relaxed.status not in (0, 1):
            raise RuntimeError(f"the relaxation of the siting problem was not solved: {relaxed.message}")
        order = (whole.T @ weight).argsort(kind="stable")[::-1]
        if relaxed.status == 0:
            bound = min(bound, -relaxed.fun)
            price = relaxed.lower.marginals[:n] + relaxed.upper.marginals[:n]
            order = np.lexsort([np.arange(n), price, -relaxed.x[:n].round(9)])
        keep = np.union1d(order[:kernel], first)
        small, small_weight = _merged(whole[:, keep], weight)
        cost, matrix, right = _programme(small, small_weight, p)
        whole_numbers = np.r_[np.ones(len(keep)), np.zeros(len(small_weight))]
        limits = {"time_limit": seconds, "mip_rel_gap": gap}
        found = milp(
            cost,
            constraints=LinearConstraint(matrix, -np.inf, right),
            bounds=Bounds(0, 1),
            integrality=whole_numbers,
            options=limits,
        )
        if found.status not in (0, 1):
            raise RuntimeError(f"the siting problem was not solved: {found.message}")
        status = "solved" if found.status == 0 else f"stopped after {seconds:g} s"
        if found.x is not None and -found.fun > sum(first_gains):
            chosen = keep[np.flatnonzero(found.x[: len(keep)] > 0.5)].tolist()
    order, gains = greedy(whole, weight, p, among=chosen)
    covered = float(sum(gains))
    missing = 1 - covered / bound if bound > 0 else 0.0
    return Cover(order, covered, bound, max(missing, 0.0), time.perf_counter() - start, len(keep), status)


def counting_places(cover: sp.csr_matrix, need: np.ndarray, p: int, places: int) -> list[int]:
    """Sites one by one, each adding most need among the schools not yet served, of which it serves no more
    than its places. `cover` has a row per school, greatest need first. A greedy choice: the plan that minds
    capacity."""
    columns = cover.tocsc()
    columns.sort_indices()
    near = [columns.indices[a:b] for a, b in zip(columns.indptr, columns.indptr[1:], strict=False)]
    left, chosen = need.astype("float64").copy(), []
    for _ in range(min(p, len(near))):
        gains = [
            0.0 if site in chosen else left[rows[left[rows] > 0][:places]].sum()
            for site, rows in enumerate(near)
        ]
        best = int(np.argmax(gains))
        if gains[best] <= 0:
            break
        left[near[best][left[near[best]] > 0][:places]] = 0.0
        chosen.append(best)
    return chosen
