"""Where should the remaining hubs open? Candidate leads, the plan that covers most need within a travel
limit, and naive plans beside it.

Need is ask x roll: the pupils more in school on an average day that the minimum improvements ask for. A hub
covers a school of its own phase within the limit; `coverage.py` chooses the sites. Distances are straight
lines on the National Grid. Nobody has asked a candidate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.spatial import cKDTree

from helpers.base.params import DEFAULT, Parameters
from helpers.support.places import assign, fits, hub_leads
from helpers.support.site_search import Cover, best_cover, counting_places, covers, greedy

LIMITS_KM = (25.0, 40.0, 60.0)
DRAWS = 50
NOW, BEST, BY_PLACES = "hubs open now", "best cover", "greedy, counting places"
GAINS = {"plan": "str", "added": "int64", "urn": "Int64", "gain_pupils": "float64", "covered_pct": "float64"}
LEAD_COLUMNS = ["urn", "school_name", "trust_name", "region_name", "phase", "serves", "easting", "northing"]


class NoPlan(ValueError):
    """There is nothing to plan with; the message says what is missing."""


@dataclass(frozen=True)
class HubPlan:
    """`leads` and `leads_left_out` (hubs that are open), `funnel` and `candidates`, `sites` (the new ones of
    the best cover and of the plan that counts places: plan, added (order), urn, gain_pupils, covered_pct, who
    and where), `gains` (the same for every plan), `comparison` (one row per plan), `by_region` (need, cover
    and places), `solver` (a `Cover`), `limit_km`."""

    leads: pd.DataFrame
    leads_left_out: pd.DataFrame
    funnel: pd.DataFrame
    candidates: pd.DataFrame
    sites: pd.DataFrame
    gains: pd.DataFrame
    comparison: pd.DataFrame
    by_region: pd.DataFrame
    solver: Cover
    limit_km: float


FRAMES = ("leads", "leads_left_out", "funnel", "candidates", "sites", "gains", "comparison", "by_region")


def to_stage(plan: HubPlan) -> dict:
    """A plan as the results of a national stage, by name: made once, read by every region."""
    solver = {**asdict(plan.solver), "limit_km": plan.limit_km}
    return {**{name: getattr(plan, name) for name in FRAMES}, "solver": solver}


def from_stage(parts: Mapping[str, Any]) -> HubPlan:
    """The plan again, from the frames and values of `to_stage` by their names."""
    solver = dict(parts["solver"])
    limit_km = solver.pop("limit_km")
    return HubPlan(**{name: parts[name] for name in FRAMES}, solver=Cover(**solver), limit_km=limit_km)


def demand(register: pd.DataFrame, baseline: pd.DataFrame, expectations: pd.DataFrame) -> pd.DataFrame:
    """Every school with an expectation: the register's columns that hubs need, `need_pupils` (ask x roll /
    100), `strong_z` ((context-expected - baseline) / usual yearly error: how much better than its
    circumstances) and gap_pp."""
    about = [
        "urn",
        "school_name",
        "la_name",
        "region_name",
        "phase",
        "roll",
        "trust_name",
        "selective",
        "all_through",
        "easting",
        "northing",
    ]
    out = expectations[["urn", "ask_pp", "gap_pp"]].merge(
        register[about], on="urn", how="left", validate="1:1"
    )
    spread = baseline[["urn", "absence_pct", "baseline_pct", "context_expected_pct", "sd_pp"]]
    out = out.merge(spread, on="urn", how="left", validate="1:1")
    out["strong_z"] = (out["context_expected_pct"] - out["baseline_pct"]) / out["sd_pp"]
    out["need_pupils"] = out["ask_pp"] * out["roll"] / 100
    out["serves"] = np.where(out["all_through"].eq(True), "both", out["phase"])
    return out.dropna(subset=["easting", "northing"]).sort_values("urn", ignore_index=True)


def candidates(
    schools: pd.DataFrame,
    leads: pd.DataFrame,
    referred: pd.Series | None = None,
    rules: Parameters = DEFAULT,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Schools that could lead a hub, strongest first, and the funnel (step, schools left). `schools` from
    `demand`; `referred` URNs on the referral list, where there is one."""
    least = {"primary": rules.lead_primary_roll, "secondary": rules.lead_secondary_roll}
    steps = [
        ("has an expectation and a point on the map", pd.Series(True, index=schools.index)),
        ("does not lead a hub yet", ~schools["urn"].isin(leads["urn"])),
        ("is not selective", ~schools["selective"].eq(True).fillna(False)),
        (
            f"has at least {least['primary']} (primary) or {least['secondary']} pupils",
            schools["roll"] >= schools["phase"].map(least),
        ),
        (
            f"is better than its circumstances by {rules.lead_z} usual yearly errors or more",
            schools["strong_z"] >= rules.lead_z,
        ),
        ("has no gap to the best quarter of similar schools", schools["gap_pp"] <= 0),
        ("is not on the referral list", ~schools["urn"].isin([] if referred is None else referred)),
    ]
    keep, funnel = pd.Series(True, index=schools.index), []
    for words, mask in steps:
        keep &= mask.astype(bool)
        funnel.append({"step": words, "schools": int(keep.sum())})
    found = schools[keep].sort_values(["strong_z", "urn"], ascending=[False, True], ignore_index=True)
    return found, pd.DataFrame(funnel)


def naive_plans(found: pd.DataFrame, schools: pd.DataFrame, p: int) -> dict[str, list[int]]:
    """Plans that somebody might make without a map: row numbers of the candidates `found`, by name of the
    plan.
    """
    first = found.reset_index().drop_duplicates("la_name").set_index("la_name")["index"]
    by_la = schools.groupby("la_name")["need_pupils"].sum().sort_values(ascending=False)
    return {
        "strongest for their circumstances": list(range(min(p, len(found)))),
        "lowest absence": found.sort_values(["absence_pct", "urn"]).index[:p].tolist(),
        "one per LA with most need": [int(first[la]) for la in by_la.index if la in first.index][:p],
    }


def nearest_km(schools: pd.DataFrame, hubs: pd.DataFrame, road_factor: float = 1.0) -> pd.Series:
    """Distance of each school to the nearest hub that serves its phase; NaN where none does."""
    km = pd.Series(np.nan, index=schools.index)
    for phase, group in schools.groupby("phase"):
        open_to = hubs[fits(np.full(len(hubs), phase), hubs["serves"])]
        if len(open_to):
            metres, _ = cKDTree(open_to[["easting", "northing"]]).query(group[["easting", "northing"]])
            km.loc[group.index] = metres / 1000 * road_factor
    return km


def served(load: pd.DataFrame, hubs: pd.DataFrame, rules: Parameters) -> tuple[np.ndarray, np.ndarray]:
    """Which schools of the planning load would find a place, and how many places each hub would use, all
    places of a hub taken together. `load` in any order; no lottery, for this is a plan and offers nobody
    anything."""
    rank = load["need_pupils"].rank(method="first").to_numpy().astype("int64")
    places = rules.intensive_places + rules.light_places
    _, taken = assign(load, hubs, places, rank, rules)
    return load.index.isin(load.index[taken["school"]]), np.bincount(
        taken["hub"].astype("int64"), minlength=len(hubs)
    )


def _measure(
    name: str, hubs: pd.DataFrame, schools: pd.DataFrame, load: pd.DataFrame, rules: Parameters
) -> dict:
    """One row of the comparison."""
    need, km = schools["need_pupils"].to_numpy(), nearest_km(schools, hubs, rules.road_factor)
    row = {"plan": name, "hubs": len(hubs)}
    for limit in LIMITS_KM:
        row[f"covered_{limit:g}km_pct"] = 100 * need[(km <= limit).to_numpy()].sum() / need.sum()
    placed, used = served(load, hubs, rules)
    places = rules.intensive_places + rules.light_places
    return row | {
        "median_km": float(km.median()),
        "p95_km": float(km.quantile(0.95)),
        "places": len(hubs) * places,
        "places_used": int(used.sum()),
        "hubs_full": int((used >= places).sum()),
        "load_served_pct": 100 * load.loc[placed, "need_pupils"].sum() / load["need_pupils"].sum(),
    }


def hub_plan(
    register: pd.DataFrame,
    baseline: pd.DataFrame,
    expectations: pd.DataFrame,
    hubs: pd.DataFrame,
    rules: Parameters | None = None,
    n_new: int | None = None,
    referred: pd.Series | None = None,
    seconds: float = 40.0,
) -> HubPlan:
    """The next hubs and what they would bring, beside naive plans. National frames of the contract; `hubs` as
    in docs/house.md.

    `n_new` sites, by default 33 for 36 announced hubs and in proportion. Places are compared on a planning
    load: the quarter of schools whose asks need most pupils; it is no referral list. The hubs that opened
    earlier are not named in the data: `with_unknown_low_pct` and `_high_pct` are the cover (5th and 95th
    percentile) when their number is drawn at random from the candidates and added. Raises `NoPlan` when no
    hub can be placed or no school could lead.
    """
    rules = rules or DEFAULT
    schools = demand(register, baseline, expectations)
    leads, left_out = hub_leads(hubs, register)
    found, funnel = candidates(schools, leads, referred, rules)
    n_new = round(rules.hubs_to_come / rules.hubs_announced * len(hubs)) if n_new is None else n_new
    if leads.empty or found.empty or n_new < 1:
        raise NoPlan(
            f"no plan: {len(leads)} hubs on the map, {len(found)} candidate leads, {n_new} hubs to come"
        )
    need = schools["need_pupils"].to_numpy()
    open_now = (
        np.asarray(covers(schools, leads, rules.travel_limit_km, rules.road_factor).sum(axis=1)).ravel() > 0
    )
    cover = covers(schools, found, rules.travel_limit_km, rules.road_factor)
    solver = best_cover(cover[~open_now], need[~open_now], n_new, seconds)
    load = schools.nlargest(round(rules.planning_share * len(schools)), "need_pupils").reset_index(drop=True)
    plans = {
        NOW: [],
        **naive_plans(found, schools, n_new),
        "greedy": greedy(cover, np.where(open_now, 0.0, need), n_new)[0],
        BEST: solver.chosen,
        BY_PLACES: _minding_places(found, load, leads, n_new, rules),
    }
    unknown = round(rules.hubs_unnamed / rules.hubs_announced * len(hubs))
    rows, gains, hubs_then = [], [], {}
    for name, chosen in plans.items():
        hubs_then[name] = pd.concat([leads, found.iloc[chosen][LEAD_COLUMNS]], ignore_index=True)
        rows.append(
            _measure(name, hubs_then[name], schools, load, rules)
            | _with_unknown(cover, need, open_now, chosen, unknown, rules.seed)
        )
        gains.append(_gains(name, chosen, found, cover, need, open_now))
    gained = pd.concat(gains, ignore_index=True)
    about = found[[*LEAD_COLUMNS, "la_name", "roll", "strong_z"]]
    sites = gained[gained["plan"].isin([BEST, BY_PLACES]) & (gained["added"] > 0)].merge(
        about, on="urn", how="left", validate="m:1"
    )
    regions = _by_region(schools, load, hubs_then, rules)
    return HubPlan(
        leads,
        left_out,
        funnel,
        found,
        sites,
        gained,
        pd.DataFrame(rows),
        regions,
        solver,
        rules.travel_limit_km,
    )


def no_plan(
    register: pd.DataFrame,
    baseline: pd.DataFrame,
    expectations: pd.DataFrame,
    hubs: pd.DataFrame,
    rules: Parameters,
    referred: pd.Series | None,
    reason: str,
) -> HubPlan:
    """The plan where there is none: what is known of hubs and candidates, empty tables with the columns of a
    plan, and the reason as the solver's status."""
    leads, left_out = hub_leads(hubs, register)
    found, funnel = candidates(demand(register, baseline, expectations), leads, referred, rules)
    gains = pd.DataFrame({c: pd.Series(dtype=k) for c, k in GAINS.items()})
    about = found.head(0)[[*LEAD_COLUMNS, "la_name", "roll", "strong_z"]]
    sites = gains.merge(about, on="urn", how="left", validate="m:1")
    covered = [f"covered_{limit:g}km_pct" for limit in LIMITS_KM]
    measures = [*covered, "median_km", "p95_km", "places", "places_used", "hubs_full", "load_served_pct"]
    measures += ["with_unknown_low_pct", "with_unknown_high_pct"]
    comparison = pd.DataFrame(
        {"plan": pd.Series(dtype="str"), "hubs": pd.Series(dtype="int64")}
        | dict.fromkeys(measures, pd.Series(dtype="float64"))
    )
    regions = pd.DataFrame(
        {c: pd.Series(dtype="str") for c in ("region_name", "phase", "plan")}
        | dict.fromkeys(
            ["need_pupils", "covered_pct", "hubs", "load_schools", "load_placed"], pd.Series(dtype="float64")
        )
    )
    solver = Cover([], 0.0, 0.0, 0.0, 0.0, 0, reason)
    return HubPlan(
        leads, left_out, funnel, found, sites, gains, comparison, regions, solver, rules.travel_limit_km
    )


def _minding_places(
    found: pd.DataFrame, load: pd.DataFrame, leads: pd.DataFrame, n_new: int, rules: Parameters
) -> list[int]:
    """The greedy plan of `counting_places` for what the hubs that are open leave unserved of the planning
    load.
    """
    unserved = load[~served(load, leads, rules)[0]]
    near = covers(unserved, found, rules.travel_limit_km, rules.road_factor)
    return counting_places(
        near, unserved["need_pupils"].to_numpy(), n_new, rules.intensive_places + rules.light_places
    )


def _gains(
    name: str,
    chosen: list[int],
    found: pd.DataFrame,
    cover: sp.csr_matrix,
    need: np.ndarray,
    open_now: np.ndarray,
) -> pd.DataFrame:
    """plan, added (0 = the hubs that are open), urn of the site added, gain_pupils, covered_pct; each site
    where it adds most, then those that add nothing to the cover."""
    order, gain = (
        greedy(cover, np.where(open_now, 0.0, need), len(chosen), among=chosen) if chosen else ([], [])
    )
    order, gain = order + [c for c in chosen if c not in order], gain + [0.0] * (len(chosen) - len(gain))
    urns = pd.array([pd.NA, *found["urn"].iloc[order]], dtype="Int64")
    out = pd.DataFrame(
        {"plan": name, "added": np.arange(len(order) + 1), "urn": urns, "gain_pupils": [0.0, *gain]}
    )
    return out.assign(covered_pct=100 * (need[open_now].sum() + out["gain_pupils"].cumsum()) / need.sum())


def map_points(plan: HubPlan, schools: pd.DataFrame, road_factor: float = 1.0) -> pd.DataFrame:
    """Points to draw: layer, school_name, region_name, phase, easting_km, northing_km. Schools of `demand` by
    whether an open hub, a new one or none is within the limit, then the hubs."""
    new = plan.sites[plan.sites["plan"] == BEST]
    near = [nearest_km(schools, hubs, road_factor) <= plan.limit_km for hubs in (plan.leads, new)]
    names = ["school near a hub that is open", "school near a new hub only"]
    layers = schools.assign(
        layer=np.select([n.to_numpy() for n in near], names, default="school near no hub")
    )
    out = pd.concat(
        [layers, plan.leads.assign(layer="hub open now"), new.assign(layer="new hub")], ignore_index=True
    )
    out["easting_km"], out["northing_km"] = out["easting"] / 1000, out["northing"] / 1000
    return out[["layer", "school_name", "region_name", "phase", "easting_km", "northing_km"]]


def _with_unknown(
    cover: sp.csr_matrix, need: np.ndarray, open_now: np.ndarray, chosen: list[int], unknown: int, seed: int
) -> dict[str, float]:
    """5th and 95th percentile of need covered (%) when `unknown` candidates, drawn at random, are hubs too.
    The same draws for every plan.
    """
    rng, columns, shares = np.random.default_rng(seed), cover.tocsc(), []
    fixed = open_now | (np.asarray(columns[:, chosen].sum(axis=1)).ravel() > 0)
    for _ in range(DRAWS):
        drawn = rng.choice(cover.shape[1], size=min(unknown, cover.shape[1]), replace=False)
        shares.append(
            100 * need[fixed | (np.asarray(columns[:, drawn].sum(axis=1)).ravel() > 0)].sum() / need.sum()
        )
    return {
        "with_unknown_low_pct": float(np.quantile(shares, 0.05)),
        "with_unknown_high_pct": float(np.quantile(shares, 0.95)),
    }


def _by_region(
    schools: pd.DataFrame, load: pd.DataFrame, hubs_then: dict[str, pd.DataFrame], rules: Parameters
) -> pd.DataFrame:
    """Plan (open now, best cover, counting places) x region x phase: hubs, need_pupils, covered_pct, schools
    of the planning load, and how many of them find a place."""
    keys, parts = ["region_name", "phase"], []
    for name in (NOW, BEST, BY_PLACES):
        hubs = hubs_then[name]
        within = nearest_km(schools, hubs, rules.road_factor) <= rules.travel_limit_km
        out = (
            schools.assign(covered=schools["need_pupils"] * within)
            .groupby(keys)[["need_pupils", "covered"]]
            .sum()
        )
        out["covered_pct"] = 100 * out.pop("covered") / out["need_pupils"]
        counted = load.assign(placed=served(load, hubs, rules)[0]).groupby(keys)
        for column, count in (
            ("hubs", hubs.groupby(keys).size()),
            ("load_schools", counted.size()),
            ("load_placed", counted["placed"].sum()),
        ):
            out[column] = count.reindex(out.index).fillna(0).astype("int64")
        parts.append(out.reset_index().assign(plan=name))
    return pd.concat(parts, ignore_index=True)


def headlines(plan: HubPlan) -> list[tuple[str, float, str, int]]:
    """Named figures of a plan (name, value, unit, decimals); none where there is no plan."""
    if plan.comparison.empty:
        return []
    plans = plan.comparison.set_index("plan")
    cover = plans[f"covered_{plan.limit_km:g}km_pct"]
    return [
        ("need_covered_now_pct", cover[NOW], "%", 1),
        ("need_covered_best_pct", cover[BEST], "%", 1),
        ("need_covered_greedy_pct", cover["greedy"], "%", 1),
        ("need_covered_naive_pct", cover.drop([NOW, BEST, BY_PLACES, "greedy"]).max(), "%", 1),
        ("siting_gap_pct", 100 * plan.solver.gap, "%", 2),
        ("hub_distance_median_km", plans.at[BEST, "median_km"], "km", 0),
        ("hub_distance_95th_km", plans.at[BEST, "p95_km"], "km", 0),
        ("load_served_best_cover_pct", plans.at[BEST, "load_served_pct"], "%", 1),
        ("load_served_counting_places_pct", plans.at[BY_PLACES, "load_served_pct"], "%", 1),
    ]


def conclusions(plan: HubPlan) -> list[str]:
    """What a plan says, in sentences; the reason where there is none."""
    told = {
        name: f"{value:.{decimals}f}{unit if unit == '%' else ' ' + unit}"
        for name, value, unit, decimals in headlines(plan)
    }
    if not told:
        return [f"Where the next hubs should open cannot be planned: {plan.solver.status}."]
    return [
        f"{len(plan.solver.chosen)} sites chosen from {len(plan.candidates):,} candidates would raise the "
        "need near a hub from "
        f"{told['need_covered_now_pct']} to {told['need_covered_best_pct']} (England); the best naive plan "
        f"reaches {told['need_covered_naive_pct']}. "
        f"No choice of candidates can beat it by more than {told['siting_gap_pct']} of what it adds.",
        "Near is not served: with their places those hubs would serve "
        f"{told['load_served_best_cover_pct']} of the planning load's need; "
        f"the plan that counts places serves {told['load_served_counting_places_pct']}.",
    ]
