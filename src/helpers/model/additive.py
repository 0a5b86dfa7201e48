"""A linear model that may bend: each feature enters as itself and as hinges at its quantiles, all shrunk
together (ridge).

Additive by construction, so each feature's part can be read off and summed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from sklearn.linear_model import RidgeCV

KNOT_QUANTILES = (0.2, 0.4, 0.6, 0.8)
PENALTIES = np.logspace(0, 4, 9)


@dataclass
class AdditiveRidge:
    """Ridge regression on features and their hinges. The penalty is chosen by leave-one-out error inside the
    training rows.
    """

    knots: list[np.ndarray] = field(default_factory=list)
    owner: np.ndarray | None = None

    def _basis(self, x: np.ndarray) -> np.ndarray:
        x = np.clip(x, self.low, self.high)
        columns = [x[:, [j]] for j in range(x.shape[1])]
        columns += [np.maximum(0.0, x[:, [j]] - knots) for j, knots in enumerate(self.knots) if len(knots)]
        return (np.hstack(columns) - self.mean) / self.scale

    def fit(self, x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> AdditiveRidge:
        """`x` (rows, features) without missing values, `y` (rows,), `weight` (rows,) positive."""
        self.low, self.high = x.min(axis=0), x.max(axis=0)  # never extrapolate beyond what was seen
        self.knots = []
        for j in range(x.shape[1]):
            values = np.unique(x[:, j])
            inner = np.unique(np.quantile(x[:, j], KNOT_QUANTILES)) if len(values) > 6 else np.array([])
            self.knots.append(inner[(inner > values[0]) & (inner < values[-1])] if len(inner) else inner)
        self.owner = np.concatenate(
            [np.arange(x.shape[1]), np.repeat(np.arange(x.shape[1]), [len(k) for k in self.knots])]
        )
        self.mean, self.scale = 0.0, 1.0
        basis = self._basis(x)
        self.mean, self.scale = basis.mean(axis=0), basis.std(axis=0)
        self.scale[self.scale < 1e-12] = 1.0
        self.model = RidgeCV(PENALTIES).fit((basis - self.mean) / self.scale, y, sample_weight=weight)
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.model.predict(self._basis(x))

    def contributions(self, x: np.ndarray, group: np.ndarray, n_groups: int) -> tuple[np.ndarray, float]:
        """Parts by group (rows, n_groups) and the intercept; they add up to `predict`."""
        terms = self._basis(x) * self.model.coef_
        parts = np.zeros((len(x), n_groups))
        for g in range(n_groups):
            parts[:, g] = terms[:, group[self.owner] == g].sum(axis=1)
        return parts, float(self.model.intercept_)
