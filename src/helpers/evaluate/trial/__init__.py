"""09 · How would we know that support works? Trials and comparisons rehearsed on years without a policy."""

from __future__ import annotations

from helpers import ingest, model, peers
from helpers.base.params import Parameters
from helpers.base.stages import Results, Stage
from helpers.evaluate import backtests

STAGE = Stage(
    "learning",
    "helpers.evaluate.trial.stage:rehearse",
    after=(ingest.STAGE, model.STAGE, peers.STAGE, backtests.STAGE),
)


def load(run: Parameters) -> Results:
    """The rehearsal's results, made first where needed: sizes, power_curve, placebo, promises, changes and more."""
    return STAGE.load(run)
