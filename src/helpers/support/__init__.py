"""06 · Who is offered help, and where? Schools proposed for support, places at hubs, and where new hubs should open."""

from __future__ import annotations

from helpers import expectations, ingest, model, monitor
from helpers.base.params import Parameters
from helpers.base.stages import Results, Stage

STAGE = Stage(
    "siting",
    "helpers.support.stage:site",
    after=(ingest.STAGE, model.STAGE, expectations.STAGE, monitor.STAGE),
    parameters=("seed",),
)


def load(run: Parameters) -> Results:
    """The plan's results as they lie on disk; `plan` gives them as one object."""
    return STAGE.load(run)


def plan(run: Parameters):
    """Where the remaining hubs should open (`siting.HubPlan`), planned once for England."""
    from helpers.support import siting

    return siting.from_stage(load(run))
