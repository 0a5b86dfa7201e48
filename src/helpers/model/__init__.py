"""02 · What would be expected of a school in these circumstances? Absence typical of a school's context, and the
baseline: what next year would bring with no real change.
"""

from __future__ import annotations

from helpers import ingest
from helpers.base.params import Parameters
from helpers.base.stages import Results, Stage

STAGE = Stage(
    "model", "helpers.model.stage:fit", after=(ingest.STAGE,), parameters=("seed", "primary_lambda")
)


def load(run: Parameters) -> Results:
    """The stage's results, fitted first where needed: context, drivers, scores, weights, features, baseline, evidence,
    one_pupil and model.
    """
    return STAGE.load(run)
