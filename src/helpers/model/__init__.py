"""02 · What would be expected of a school in these circumstances? Absence typical of a school's context, and
the baseline: what next year would bring with no real change.
"""

from __future__ import annotations

import pandas as pd

from helpers import ingest
from helpers.base.fifths import fifths
from helpers.base.params import Parameters
from helpers.base.stages import Results, Stage

__all__ = ["STAGE", "features_in_words", "fifths", "load", "not_explained"]

STAGE = Stage(
    "model",
    "helpers.model.stage:fit",
    after=(ingest.STAGE,),
    parameters=("seed", "learnt_share", "primary_lambda", "primary_spread"),
)


def load(run: Parameters) -> Results:
    """The stage's results, fitted first where needed: context, drivers, scores, weights, features, baseline,
    evidence, one_pupil and model.
    """
    return STAGE.load(run)


def not_explained(
    schools: pd.DataFrame, drivers: pd.DataFrame, baseline: pd.DataFrame, fitted: Results
) -> float:
    """Largest difference, in points, between a school's expected absence and the sum of its phase's mean and
    its parts.

    `schools`: urn, phase; `drivers`: urn, contribution_pp; `baseline`: urn, context_expected_pct.
    """
    means = schools.set_index("urn")["phase"].map(fitted.model["phase_mean"])
    rebuilt = (drivers.groupby("urn")["contribution_pp"].sum() + means).dropna()
    return float((rebuilt - baseline.set_index("urn")["context_expected_pct"]).abs().max())


def features_in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame with a column `feature`, its names replaced by what a reader calls them."""
    from helpers.model.features import in_words

    return frame.assign(feature=frame["feature"].map(in_words))
