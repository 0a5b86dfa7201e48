"""The national stage `expectations`: the minimum improvement of every assessed school, and special schools'
range.
"""

from __future__ import annotations

import pandas as pd

from helpers import ingest, model, peers
from helpers.base.params import Parameters
from helpers.expectations import formula, sensitivity


def set_minimums(run: Parameters) -> dict[str, pd.DataFrame]:
    """The formula applied to every assessed school, how much one pupil would move it, and the range of
    special schools, for which no minimum is set.
    """
    schools, fitted, similar = ingest.load(run), model.load(run), peers.load(run)
    asked = formula.set_expectations(
        fitted.baseline, similar.peers, schools.register, schools.area_rates, run, year=run.release
    )
    moved = sensitivity.moves(
        asked.expectations, fitted.baseline, fitted.one_pupil, schools.register, fitted.model["forecast"], run
    )
    return {
        "expectations": asked.expectations.merge(moved, on="urn", how="left", validate="1:1"),
        "calibration": asked.calibration,
        "special_ranges": formula.special_range(schools.register, schools.panel),
    }
