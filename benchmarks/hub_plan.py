"""Where the next hubs would open, and a rehearsal of routing on pre-pandemic years: aggregates only, no
school is named.

    python benchmarks/hub_plan.py --data ../shared/open-data

The rehearsal is a placebo: nobody was asked anything in 2016/17 to 2018/19. It asks what would have been
asked, with today's parameters and similar schools, and shows how many secondaries two years of verdicts would
list and what the places hold.
"""

from __future__ import annotations

import argparse
import time

import pandas as pd

from helpers.base import params
from helpers.base.params import DEFAULT, make
from helpers.base.paths import resolve
from helpers.expectations import formula
from helpers.model import forecast
from helpers.monitor import verdicts as judgement
from helpers.run.stages import STAGES
from helpers.support import places as hub_places
from helpers.support import routing, siting

PAIRS = (("2016-17", "2017-18"), ("2017-18", "2018-19"))


def rehearsal(register, panel, fitted: dict, peers, area_rates, run) -> pd.DataFrame:
    """Verdicts of secondaries for two pre-pandemic years, with `fixed_z` (measured from the first year's
    target and spread).
    """
    nothing = pd.DataFrame(
        {
            "urn": pd.Series(dtype="int64"),
            "shock_effect_pp": pd.Series(dtype="float64"),
            "shock_codes": pd.Series(dtype="str"),
        }
    )
    seen, start, moved = [], None, 0.0
    for before, after in PAIRS:
        pair = forecast.transition(register, panel, before, after, "secondary", run.seed)
        seen_then = pair[["urn", "phase", "roll", "fsm_pct"]].assign(
            absence_pct=pair["y"], context_expected_pct=pair["c"]
        )
        base = forecast.baseline_of(seen_then, fitted)
        both = peers[peers["urn"].isin(base["urn"]) & peers["peer_urn"].isin(base["urn"])]
        asked = formula.set_expectations(base, both, register, area_rates, run, year=before).expectations
        movement = judgement.movement(area_rates, pair, before, after)
        outcomes = pair[["urn"]].assign(absence_pct=pair["y_next"], year=after)
        each = judgement.verdicts(base, asked, outcomes, movement, nothing)
        start = (
            each.merge(base[["urn", "sd_pp"]], on="urn", validate="1:1").set_index("urn")
            if start is None
            else start
        )
        total = each["movement_pp"] + moved
        each["fixed_z"] = (each["absence_pct"] - total - each["urn"].map(start["target_absence_pct"])) / each[
            "urn"
        ].map(start["sd_pp"])
        moved = each["urn"].map(start["movement_pp"])
        seen.append(each)
    return pd.concat(seen, ignore_index=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="data/sample", help="folder of official files")
    parser.add_argument("--out", default="outputs/bench", help="where the national fit is kept")
    given = parser.parse_args()
    run = params.make(region="England", data=str(resolve(given.data)), out=given.out)
    ingest, model = STAGES["ingest"].load(run), STAGES["model"].load(run)
    similar, asks = STAGES["peers"].load(run)["peers"], STAGES["expectations"].load(run)["expectations"]
    report(
        run,
        ingest["register"],
        ingest["panel"],
        ingest["area_rates"],
        model["baseline"],
        model["model"]["forecast"],
        similar,
        asks,
        ingest["hubs"],
    )


def report(run, register, panel, area_rates, baseline, fitted, peers, asks, hubs) -> None:
    """Print the tables."""
    with pd.option_context(
        "display.width", 220, "display.max_columns", 40, "display.max_colwidth", 80, "display.precision", 1
    ):
        for limit in siting.LIMITS_KM:
            start = time.perf_counter()
            plan = siting.hub_plan(register, baseline, asks, hubs, make(travel_limit_km=limit, seed=run.seed))
            solver = plan.solver
            on_map = f"{len(plan.leads)} hubs on the map, {len(plan.leads_left_out)} not"
            taken = time.perf_counter() - start
            print(
                f"\n== Travel limit {limit:g} km: {on_map}, {len(plan.candidates):,} candidates, "
                f"{len(solver.chosen)} sites; {taken:.1f} s in all"
            )
            print(
                f"   {solver.status} in {solver.seconds:.1f} s on {solver.kernel} candidates, "
                f"{100 * solver.gap:.3f} % below the bound over all"
            )
            print(plan.comparison.set_index("plan").T.to_string())
            if limit == make().travel_limit_km:
                print(plan.funnel.to_string(index=False))
                print(plan.by_region.pivot(index=["region_name", "phase"], columns="plan").to_string())
        verdicts = rehearsal(register, panel, fitted, peers, area_rates, run)
        routed = routing.route(verdicts, register, run)
        print(
            f"\n== Rehearsal of routing (placebo), {verdicts['urn'].nunique():,} secondaries with a verdict"
        )
        print(routing.count_by_threshold(verdicts).to_string(index=False))
        print(routed.counts.to_string(index=False))
        start = time.perf_counter()
        places = hub_places.offer_places(routed.referrals, plan.leads, run)
        offers = places.offers.merge(routed.referrals[["urn", "tier"]], on="urn", validate="1:1")
        print(
            f"places offered in {time.perf_counter() - start:.1f} s; "
            f"{places.contests['contest'].nunique()} draws with {len(places.contests)} schools"
        )
        print(pd.crosstab([offers["tier"], offers["round"]], offers["outcome"]).to_string())
        print(offers.loc[offers["outcome"] == "offered", "km"].describe(percentiles=[0.5, 0.95]).to_string())
        print(places.used.groupby("round")[["places", "used"]].sum().to_string())
        schools = siting.demand(register, baseline, asks)
        load = schools.nlargest(round(DEFAULT.planning_share * len(schools)), "need_pupils")
        start = time.perf_counter()
        full = hub_places.place(load, plan.leads, make().light_places, "planning load")
        contests, taken = full.contests["contest"].nunique(), time.perf_counter() - start
        print(
            f"\n== As many schools as the hubs are meant to reach, {len(load):,}, at the {len(plan.leads)} "
            f"on the map ({taken:.1f} s)"
        )
        print(full.offers["outcome"].value_counts().to_string())
        print(
            f"{contests} draws between {len(full.contests)} schools; nearer hub full: "
            f"{full.offers['why'].str.contains('but is full').sum()}"
        )


if __name__ == "__main__":
    main()
