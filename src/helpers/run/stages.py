"""All national stages by name, in the order in which they can be built."""

from __future__ import annotations

from helpers import evaluate, expectations, ingest, model, monitor, peers, records, support
from helpers.base.stages import Stage

STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        ingest.STAGE,
        model.STAGE,
        peers.STAGE,
        expectations.STAGE,
        records.STAGE,
        monitor.STAGE,
        support.STAGE,
        evaluate.BACKTESTS,
        evaluate.TRIALS,
    )
}
