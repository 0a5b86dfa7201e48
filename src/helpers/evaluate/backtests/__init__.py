"""08 · Does the method keep what it promises? Back-tests on years that it had not seen."""

from __future__ import annotations

from helpers import expectations, ingest, model, peers
from helpers.base.params import Parameters
from helpers.base.stages import Results, Stage

STAGE = Stage(
    "evaluation",
    "helpers.evaluate.backtests.stage:back_test",
    after=(ingest.STAGE, model.STAGE, peers.STAGE, expectations.STAGE),
)


def load(run: Parameters) -> Results:
    """The back-tests' results, made first where needed: bars, variants, fairness, coverage, trades, backtests,
    improved, pairs.
    """
    return STAGE.load(run)
