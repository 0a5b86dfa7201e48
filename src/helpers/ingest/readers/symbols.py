"""Numbers as published: per cent signs, thousands commas, and the symbols that stand for a number that is not
given.

A symbol is missing data, is counted by kind, and is never zero. Anything else that is not a number is
refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

MISSING = {
    "": "left blank",
    "supp": "suppressed: the group is too small to publish",
    "ne": "no entries",
    "na": "not applicable or not available",
    "np": "not published",
    "c": "confidential",
    "x": "not available",
    "z": "not applicable",
    "low": "rounds to zero but is not zero",
    "u": "too unreliable to publish",
    "-": "not available",
}
BLANK = "blank"

_NUMBER = re.compile(
    r"([+-]?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)?(?:\.[0-9]*)?)((?:[eE][+-]?[0-9]{1,3})?)\s*%?"
)


@dataclass
class Numbers:
    """A parsed column: `values` (float64, NaN where missing or unreadable), the largest number of `decimals`
    published, how often each symbol stood in for a number, and the positions of the cells that are
    neither."""

    values: np.ndarray
    decimals: int = 0
    symbols: Counter = field(default_factory=Counter)
    unreadable: np.ndarray = field(default_factory=lambda: np.array([], dtype=int))


def parse_number(text: str) -> tuple[float, int] | None:
    """The number in one cell and its decimals as published, or None when the cell holds no number.

    >>> parse_number("46.9%"), parse_number("1,250"), parse_number("SUPP")
    ((46.9, 1), (1250.0, 0), None)
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    digits, exponent = match.groups()
    if digits.strip("+-.") == "":
        return None
    whole = float(digits.replace(",", "") + exponent)
    if not np.isfinite(whole):
        return None
    decimals = len(digits.partition(".")[2]) - (int(exponent[1:]) if exponent else 0)
    return whole, max(decimals, 0)


def symbol_of(text: str) -> str | None:
    """The symbol in one cell as it should be counted, or None when the cell holds no known symbol."""
    text = text.strip()
    if text.lower() not in MISSING:
        return None
    return text or BLANK


def to_numbers(cells: Sequence[str]) -> Numbers:
    """Parse a column of text. Each different text is parsed once: a column of 24,000 schools holds few
    different ones.
    """
    codes, different = pd.factorize(np.asarray(cells, dtype=object))
    values = np.full(len(different), np.nan)
    wrong = np.zeros(len(different), dtype=bool)
    symbols_at: dict[int, str] = {}
    decimals = 0
    for position, text in enumerate(different):
        parsed = parse_number(text)
        if parsed is not None:
            values[position] = parsed[0]
            decimals = max(decimals, parsed[1])
            continue
        symbol = symbol_of(text)
        if symbol is None:
            wrong[position] = True
        else:
            symbols_at[position] = symbol
    times = np.bincount(codes, minlength=len(different))
    symbols: Counter = Counter()
    for position, symbol in symbols_at.items():
        symbols[symbol] += int(times[position])
    if not len(different):
        return Numbers(np.array([], dtype=float))
    return Numbers(values[codes], decimals, symbols, np.flatnonzero(wrong[codes]))
