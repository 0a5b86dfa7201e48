"""All national stages by name, in the order in which they can be built."""

from __future__ import annotations

from helpers import expectations, ingest, model, monitor, peers, records, support
from helpers.base.stages import Stage
from helpers.evaluate import backtests, trial

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
        backtests.STAGE,
        trial.STAGE,
    )
}
