"""08 and 09 · Does the method keep what it promises, and how would we know that support works? Back-tests on held-out
years, and trials rehearsed on years without a policy.
"""

from __future__ import annotations

from helpers import expectations, ingest, model, peers
from helpers.base.params import Parameters
from helpers.base.stages import Results, Stage

BACKTESTS = Stage(
    "evaluation",
    "helpers.evaluate.backtests.stage:back_test",
    after=(ingest.STAGE, model.STAGE, peers.STAGE, expectations.STAGE),
)
TRIALS = Stage(
    "learning",
    "helpers.evaluate.trial.stage:rehearse",
    after=(ingest.STAGE, model.STAGE, peers.STAGE, BACKTESTS),
)


def load(run: Parameters) -> Results:
    """The back-tests' results, made first where needed: bars, variants, fairness, coverage, trades, backtests,
    improved, pairs.
    """
    return BACKTESTS.load(run)


def rehearsal(run: Parameters) -> Results:
    """The rehearsed trials' results, made first where needed: sizes, power_curve, placebo, promises, changes and more."""
    return TRIALS.load(run)
