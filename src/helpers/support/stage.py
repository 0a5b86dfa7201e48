"""The national stage `siting`: where the remaining hubs should open, planned once for all of England.

Without hubs that can be placed, or schools that could lead one, the stage holds empty frames and the reason
in words.
"""

from __future__ import annotations

import pandas as pd

from helpers.support import routing, siting
from helpers.support.routing import Rules

STAGE_FILES = siting.STAGE_FILES
# far above the half minute that all England takes: a plan must not depend on how busy the machine is
SECONDS = 600.0


def build(
    ingest: dict, baseline: pd.DataFrame, expectations: pd.DataFrame, verdicts: pd.DataFrame, seed: int
) -> dict:
    """The files of the stage by name. `ingest` holds register and hubs; `verdicts` are England's, of the
    stage `monitor`: no school on the referral list, be it only for a talk, is a candidate to lead a hub."""
    rules = Rules(seed=seed)
    referred = routing.route(verdicts, ingest["register"], rules).referrals["urn"]
    try:
        plan = siting.hub_plan(
            ingest["register"],
            baseline,
            expectations,
            ingest["hubs"],
            rules,
            referred=referred,
            seconds=SECONDS,
        )
    except siting.NoPlan as reason:
        plan = siting.no_plan(
            ingest["register"], baseline, expectations, ingest["hubs"], rules, referred, str(reason)
        )
    return siting.to_stage(plan)
