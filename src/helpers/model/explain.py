"""What each group of circumstances adds to a school's context-expected absence, in percentage points, summing
exactly.

The linear part is additive by itself. For the boosted trees the parts are Shapley values between groups,
against one reference school (Lundberg et al. 2020, interventional form with a single background), in closed
form: a leaf reached from mixed coordinates of the school and of the reference needs the groups A (only the
school's values pass) and B (only the reference's pass), and its value is shared between them with weights
(|A|-1)!|B|!/(|A|+|B|)! and -|A|!(|B|-1)!/(|A|+|B|)!. No sampling: the parts add up to the last digit.
"""

from __future__ import annotations

from math import factorial

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor


def _leaf_paths(nodes: np.ndarray) -> list[tuple[float, list[tuple[int, float, bool]]]]:
    """(value, conditions) of each leaf; a condition is (feature, threshold, goes left)."""
    paths: list[tuple[float, list[tuple[int, float, bool]]]] = []
    stack: list[tuple[int, list[tuple[int, float, bool]]]] = [(0, [])]
    while stack:
        at, conditions = stack.pop()
        node = nodes[at]
        if node["is_leaf"]:
            paths.append((float(node["value"]), conditions))
            continue
        feature, threshold = int(node["feature_idx"]), float(node["num_threshold"])
        stack.append((int(node["left"]), [*conditions, (feature, threshold, True)]))
        stack.append((int(node["right"]), [*conditions, (feature, threshold, False)]))
    return paths


def tree_contributions(
    model: HistGradientBoostingRegressor,
    x: np.ndarray,
    reference: np.ndarray,
    group: np.ndarray,
    n_groups: int,
) -> tuple[np.ndarray, float]:
    """Shapley parts by group of each row against the reference, and the model's value at the reference.

    `x` (rows, features) and `reference` (features,) hold no missing values; `group` (features,) is the group
    number of each feature. Returns (rows, n_groups) in the model's unit, whose row sums are prediction minus
    the value at the reference.
    """
    parts = np.zeros((len(x), n_groups))
    weights = [
        [0.0 if a + b == 0 else factorial(a) * factorial(b) / factorial(a + b) for b in range(n_groups + 1)]
        for a in range(n_groups + 1)
    ]
    share = np.array(weights)
    for (tree,) in model._predictors:
        for value, conditions in _leaf_paths(tree.nodes):
            own: dict[int, np.ndarray] = {}
            base: dict[int, bool] = {}
            for feature, threshold, left in conditions:
                g = int(group[feature])
                passes = (x[:, feature] <= threshold) == left
                own[g] = own[g] & passes if g in own else passes
                base[g] = base.get(g, True) and bool((reference[feature] <= threshold) == left)
            in_a = {g: own[g] for g in own if not base[g]}
            in_b = {g: ~own[g] for g in own if base[g]}
            alive = np.ones(len(x), dtype=bool)
            for passes in in_a.values():
                alive &= passes  # neither school nor reference passes: this leaf plays no part
            if not alive.any():
                continue
            a = len(in_a)
            b = sum((other.astype(int) for other in in_b.values()), start=np.zeros(len(x), dtype=int))
            scale = np.where(alive, value, 0.0)
            for g in in_a:
                parts[:, g] += scale * share[a, b] / a
            for g, other in in_b.items():
                parts[:, g] -= np.where(other, scale * share[a, b] / np.maximum(b, 1), 0.0)
    return parts, float(model.predict(reference[None, :])[0])
