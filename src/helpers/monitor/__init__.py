"""07 · What happened since, and what may be said about it? Shocks found in area figures, and verdicts by school."""

from __future__ import annotations

from helpers import expectations, ingest, model, records
from helpers.base.params import Parameters
from helpers.base.stages import Results, Stage

STAGE = Stage(
    "monitor",
    "helpers.monitor.stage:follow",
    after=(ingest.STAGE, model.STAGE, expectations.STAGE, records.STAGE),
    assets=("data/calendar.csv",),
)


def load(run: Parameters) -> Results:
    """The stage's results, made first where needed: verdicts, shocks, snapshots, periods and what they rest on."""
    return STAGE.load(run)
