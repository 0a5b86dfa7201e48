"""Words and counts that recorded shocks, schools' own weeks and the published in-year figures share."""

from __future__ import annotations

import numpy as np
import pandas as pd

MAIN = ["possible_sessions", "overall_absence_sessions", "authorised_sessions", "unauthorised_sessions"]
REASONS = [
    "illness_sessions",
    "medical_sessions",
    "religious_sessions",
    "excluded_sessions",
    "holiday_sessions",
]
COUNTS = [*MAIN, *REASONS]
# Kinds of shock, by code.
NAMES = {
    "illness": "illness",
    "religious_observance": "religious observance",
    "holidays": "term-time holidays",
    "exclusions": "exclusions (suspensions included)",
    "closure": "school days lost: strike, weather or another closure (the files do not say which)",
    "medical": "medical or dental appointments",
    "other_authorised": "other authorised absence",
    "no_reason_given": "unauthorised absence without a recorded reason",
    "mixed": "no single reason accounts for half of it",
}


def weekdays(start: pd.Series, end: pd.Series) -> np.ndarray:
    """Mondays to Fridays from `start` to `end`, both included. Holidays are not taken off: they differ by
    area.
    """
    first, last = (pd.to_datetime(s).to_numpy().astype("datetime64[D]") for s in (start, end))
    return np.busday_count(first, last + 1)
