"""Fifths, numbered alike everywhere: 1 holds the lowest values, 5 the highest."""

from __future__ import annotations

import pandas as pd

LOWEST, HIGHEST = 1, 5


def fifths(values: pd.Series, parts: int = HIGHEST) -> pd.Series:
    """The fifth of each value, 1 to 5 (or 1 to `parts`), equally large; ties are parted by their order.
    Missing values have none.
    """
    return pd.qcut(values.rank(method="first"), parts, labels=False) + LOWEST
