"""04 · What is the least that should improve? The minimum improvement of each school, and its parts."""

from __future__ import annotations

from helpers import ingest, model, peers
from helpers.base.params import Parameters
from helpers.base.stages import Results, Stage

FORMULA = ("national_path_pp", "slope", "floor_pp", "cap_pp", "min_ask_pp", "max_ask_pp", "rounding_pp")
STAGE = Stage(
    "expectations",
    "helpers.expectations.stage:set_minimums",
    after=(ingest.STAGE, model.STAGE, peers.STAGE),
    parameters=FORMULA,
)


def load(run: Parameters) -> Results:
    """The stage's results, set first where needed: expectations, calibration, special_ranges."""
    return STAGE.load(run)
