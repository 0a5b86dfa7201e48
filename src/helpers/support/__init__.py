"""06 · Who is offered help, and where? Schools proposed for support, places at hubs, and where new hubs
should open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from helpers import expectations, ingest, model, monitor, records
from helpers.base.params import Parameters, explained, in_group
from helpers.base.stages import Results, Stage

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from helpers.support.places import Places
    from helpers.support.routing import Routed
    from helpers.support.siting import HubPlan

ROUTING, PLACES_AT_HUBS, SITING = in_group("routing"), in_group("places"), in_group("siting")
STAGE = Stage(
    "siting",
    "helpers.support.stage:site",
    after=(ingest.STAGE, model.STAGE, expectations.STAGE, monitor.STAGE),
    parameters=("seed", *ROUTING, *PLACES_AT_HUBS, *SITING),
)
LOOKS = {
    "school near a hub that is open": "#8a9299",
    "school near a new hub only": "#1d70b8",
    "school near no hub": "#b35c00",
    "hub open now": "#0b0c0c",
    "new hub": "#00703c",
}
NOW, BEST = "hubs open now", "best cover"  # names of plans, as in `siting`
RULES = {"rule": "Rule", "value": "Value", "meaning": "Meaning"}
ANSWERS = {"answer": "Answer", "schools": "Schools"}
COVER = ["plan", "hubs", "covered_25km_pct", "covered_40km_pct", "covered_60km_pct", "median_km", "p95_km"]
PLACES = [
    "plan",
    "places",
    "places_used",
    "hubs_full",
    "load_served_pct",
    "with_unknown_low_pct",
    "with_unknown_high_pct",
]


@dataclass(frozen=True)
class Support:
    """What England's verdicts lead to. `routed` (referrals, left_out, counts of answers) before people are
    heard; `referrals`: the list with what people agreed, challenged and decided; `places`: who is offered
    which place (offers, contests, used).
    """

    routed: Routed
    referrals: pd.DataFrame
    places: Places


def load(run: Parameters) -> Results:
    """The plan's results as they lie on disk; `plan` gives them as one object."""
    return STAGE.load(run)


def plan(run: Parameters) -> HubPlan:
    """Where the remaining hubs should open, planned once for England."""
    from helpers.support import siting

    return siting.from_stage(load(run))


def rules(run: Parameters) -> pd.DataFrame:
    """Rules of routing and of places at hubs: rule, value, meaning."""
    return pd.DataFrame(explained(run, "routing", "places"), columns=["rule", "value", "meaning"])


def propose(run: Parameters) -> Support:
    """Schools proposed for support and the places offered to them, for all England: places are shared over
    regions.

    Raises `DataRefused` for a decision that cannot be read.
    """
    from helpers.support import places, routing

    routed = routing.route(monitor.load(run).verdicts, ingest.load(run).register, run)
    decided = records.decisions(run, routed.referrals)
    referrals = routing.with_records(routed.referrals, records.load(run).agreed, decided)
    return Support(routed, referrals, places.offer_places(referrals, plan(run).leads, run))


def agreed(run: Parameters) -> pd.DataFrame:
    """Ambitions agreed and challenges recorded, all England: urn, kind, value, date, reason, recorded_by."""
    return records.load(run).agreed


def by_threshold(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Schools above each threshold two years running, and by luck alone, long: z, which, n."""
    from helpers.support import routing

    return routing.count_by_threshold(verdicts).melt(id_vars="z", var_name="which", value_name="n")


def by_outcome(offers: pd.DataFrame) -> pd.DataFrame:
    """Offers counted: round, outcome, schools, median_km."""
    groups = offers.groupby(["round", "outcome"])
    return groups.agg(schools=("urn", "size"), median_km=("km", "median")).reset_index()


def map_points(run: Parameters) -> pd.DataFrame:
    """Points of the map of all England: schools by whether a hub is near, and hubs; layer, school_name,
    region_name, phase, easting_km, northing_km.
    """
    from helpers.support import siting

    asked = expectations.load(run).expectations
    schools = siting.demand(ingest.load(run).register, model.load(run).baseline, asked)
    return siting.map_points(plan(run), schools, run.road_factor)


def map_figure(points: pd.DataFrame, large: bool = False) -> go.Figure:
    """The map: hubs drawn over schools, both axes in km. `large`: small dots, for all England."""
    import plotly.express as px

    hubs = points["layer"].isin(["hub open now", "new hub"])
    looks = {
        "color_discrete_map": LOOKS,
        "category_orders": {"layer": list(LOOKS)},
        "symbol_map": {"hub open now": "square", "new hub": "triangle-up"},
    }
    drawn = pd.concat([points[~hubs], points[hubs]])
    figure = px.scatter(
        drawn,
        x="easting_km",
        y="northing_km",
        color="layer",
        symbol="layer",
        hover_name="school_name",
        **looks,
    )
    figure.update_traces(marker={"size": 3 if large else 5})
    figure.for_each_trace(
        lambda t: t.update(marker={"size": 11}) if t.name in ("hub open now", "new hub") else None
    )
    figure.update_yaxes(scaleanchor="x", showgrid=False).update_xaxes(showgrid=False)
    return figure


def headlines(plan: HubPlan) -> list[tuple[str, float, str, int]]:
    """Facts about the plan: name, value, unit, decimals."""
    from helpers.support import siting

    return siting.headlines(plan)


def conclusions(plan: HubPlan) -> list[str]:
    """What the plan comes to, in sentences."""
    from helpers.support import siting

    return siting.conclusions(plan)
