"""The national stage `siting`: where the remaining hubs should open, planned once for all of England.

Without hubs that can be placed, or schools that could lead one, the stage holds empty frames and the reason
in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from helpers import expectations, ingest, model, monitor
from helpers.base.params import Parameters
from helpers.support import routing, siting

# far above the half minute that all England takes: a plan must not depend on how busy the machine is
SECONDS = 600.0


def site(run: Parameters) -> dict:
    """Where the next hubs should open."""
    schools, asked = ingest.load(run), expectations.load(run).expectations
    return build(schools, model.load(run).baseline, asked, monitor.load(run).verdicts, run)


def build(
    schools: Mapping[str, Any],
    baseline: pd.DataFrame,
    expectations: pd.DataFrame,
    verdicts: pd.DataFrame,
    rules: Parameters,
) -> dict:
    """The results of the stage by name. `schools` holds register and hubs; `verdicts` are England's, of the
    stage `monitor`: no school on the referral list, be it only for a talk, is a candidate to lead a hub."""
    referred = routing.route(verdicts, schools["register"], rules).referrals["urn"]
    try:
        plan = siting.hub_plan(
            schools["register"],
            baseline,
            expectations,
            schools["hubs"],
            rules,
            referred=referred,
            seconds=SECONDS,
        )
    except siting.NoPlan as reason:
        plan = siting.no_plan(
            schools["register"], baseline, expectations, schools["hubs"], rules, referred, str(reason)
        )
    return siting.to_stage(plan)
