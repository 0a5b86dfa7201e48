"""Invented schools and their yearly verdicts, as the referral list reads them."""

from __future__ import annotations

import numpy as np
import pandas as pd

YEARS = ("2017-18", "2018-19")
MISSED = "missed_by_more_than_noise"


def schools(status: list[str]) -> pd.DataFrame:
    """A register of one school per status, numbered from 100000, a kilometre apart."""
    n = len(status)
    phase = ["special" if s == "special_range_only" else "secondary" for s in status]
    return pd.DataFrame(
        {
            "urn": 100_000 + np.arange(n),
            "school_name": [f"Invented {i}" for i in range(n)],
            "la_name": "Somewhere",
            "region_name": "London",
            "phase": phase,
            "status": status,
            "roll": 800.0,
            "trust_name": "A Trust",
            "easting": 1000.0 * np.arange(n),
            "northing": 0.0,
        }
    )


def verdict(urn: int, year: str, z: float, word: str | None = None, **more) -> dict:
    """A school's verdict for a year: the word that follows from `z` (shortfall in spreads), or the one given."""
    word = word or (MISSED if z > 1 else "within_noise" if z > 0 else "met")
    return {"urn": urn, "year": year, "z": z, "verdict": word, "shortfall_pp": 0.6 * z, **more}


def both_years(urn: int, before: float, last: float, **more) -> list[dict]:
    """A school's verdicts for the two `YEARS`, from its `z` in each."""
    return [verdict(urn, YEARS[0], before, **more), verdict(urn, YEARS[1], last, **more)]
