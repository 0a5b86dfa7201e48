"""Where should the remaining hubs open? Candidate leads, the plan that covers most need within a travel limit, and naive plans beside it.

Need is ask x roll: the pupils more in school on an average day that the minimum improvements ask for. A hub covers a school of its own phase within
the limit. Choosing p sites that cover most need is the maximal covering location problem (Church and ReVelle 1974). Its linear relaxation over all
candidates gives a bound that no plan can beat; the whole-number programme is then solved on the candidates with the best reduced costs, so the gap
to the bound is stated for the full problem. HiGHS solves both. Distances are straight lines on the National Grid. Nobody has asked a candidate.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.spatial import cKDTree

from helpers.support.hub_places import assign, fits, hub_leads
from helpers.support.routing import Rules

ANNOUNCED, EARLIER_UNNAMED, STILL_TO_COME = 36, 21, 33  # of 90 planned
STRONG_Z = 1.28  # better than its circumstances by more than chance, as for the schools named in a report
LEAST_ROLL = {"primary": 200, "secondary": 550}  # the smallest announced leads have 203 and 572 pupils
KERNEL = 150
LIMITS_KM = (25.0, 40.0, 60.0)
LOAD_SHARE = 0.25  # the hubs are meant to reach 5,000 of about 20,000 schools
DRAWS = 50
NOW, BEST, BY_PLACES = "hubs open now", "best cover", "greedy, counting places"
LEAD_COLUMNS = ["urn", "school_name", "trust_name", "region_name", "phase", "serves", "easting", "northing"]


@dataclass(frozen=True)
class Cover:
    """Sites chosen (row numbers of the candidates, in the order in which each adds most), need covered, the most that any choice could cover,
    gap = 1 - need / bound, seconds, candidates offered to the whole-number programme, solver status in words."""

    chosen: list[int]
    need: float
    bound: float
    gap: float
    seconds: float
    kernel: int
    status: str


@dataclass(frozen=True)
class HubPlan:
    """`leads` and `leads_left_out` (hubs that are open), `funnel` and `candidates`, `sites` (the new ones of the best cover and of the plan that
    counts places: plan, added (order), urn, gain_pupils, covered_pct, who and where), `gains` (the same for every plan), `comparison` (one row per
    plan), `by_region` (need, cover and places), `solver` (a `Cover`), `limit_km`."""

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
STAGE_FILES = (*(f"{name}.parquet" for name in FRAMES), "solver.json")


def to_stage(plan: HubPlan) -> dict:
    """A plan as the files of a national stage, by name: made once, read by every region."""
    return {f"{name}.parquet": getattr(plan, name) for name in FRAMES} | {"solver.json": {**asdict(plan.solver), "limit_km": plan.limit_km}}


def from_stage(parts: dict) -> HubPlan:
    """The plan again, from the frames and values of `to_stage` by their names without ending."""
    solver = dict(parts["solver"])
    limit_km = solver.pop("limit_km")
    return HubPlan(**{name: parts[name] for name in FRAMES}, solver=Cover(**solver), limit_km=limit_km)


def demand(register: pd.DataFrame, baseline: pd.DataFrame, expectations: pd.DataFrame) -> pd.DataFrame:
    """Every school with an expectation: the register's columns that hubs need, `need_pupils` (ask x roll / 100), `strong_z` ((context-expected -
    baseline) / usual yearly error: how much better than its circumstances) and gap_pp."""
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
    out = expectations[["urn", "ask_pp", "gap_pp"]].merge(register[about], on="urn", how="left", validate="1:1")
    spread = baseline[["urn", "absence_pct", "baseline_pct", "context_expected_pct", "sd_pp"]]
    out = out.merge(spread, on="urn", how="left", validate="1:1")
    out["strong_z"] = (out["context_expected_pct"] - out["baseline_pct"]) / out["sd_pp"]
    out["need_pupils"] = out["ask_pp"] * out["roll"] / 100
    out["serves"] = np.where(out["all_through"].eq(True), "both", out["phase"])
    return out.dropna(subset=["easting", "northing"]).sort_values("urn", ignore_index=True)


def candidates(schools: pd.DataFrame, leads: pd.DataFrame, referred: pd.Series | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Schools that could lead a hub, strongest first, and the funnel (step, schools left). `schools` from `demand`; `referred` URNs on the referral
    list, where there is one."""
    steps = [
        ("has an expectation and a point on the map", pd.Series(True, index=schools.index)),
        ("does not lead a hub yet", ~schools["urn"].isin(leads["urn"])),
        ("is not selective", ~schools["selective"].eq(True).fillna(False)),
        (
            f"has at least {LEAST_ROLL['primary']} (primary) or {LEAST_ROLL['secondary']} pupils",
            schools["roll"] >= schools["phase"].map(LEAST_ROLL),
        ),
        (f"is better than its circumstances by {STRONG_Z} usual yearly errors or more", schools["strong_z"] >= STRONG_Z),
        ("has no gap to the best quarter of similar schools", schools["gap_pp"] <= 0),
        ("is not on the referral list", ~schools["urn"].isin([] if referred is None else referred)),
    ]
    keep, funnel = pd.Series(True, index=schools.index), []
    for words, mask in steps:
        keep &= mask.astype(bool)
        funnel.append({"step": words, "schools": int(keep.sum())})
    found = schools[keep].sort_values(["strong_z", "urn"], ascending=[False, True], ignore_index=True)
    return found, pd.DataFrame(funnel)


def covers(schools: pd.DataFrame, sites: pd.DataFrame, limit_km: float, road_factor: float = 1.0) -> sp.csr_matrix:
    """Schools x sites, 1 where the site serves the school's phase within the limit."""
    if schools.empty or sites.empty:
        return sp.csr_matrix((len(schools), len(sites)))
    trees = [cKDTree(f[["easting", "northing"]].to_numpy("float64")) for f in (schools, sites)]
    near = trees[0].sparse_distance_matrix(trees[1], 1000 * limit_km / road_factor, output_type="ndarray")
    ok = fits(schools["phase"].to_numpy()[near["i"]], sites["serves"].to_numpy()[near["j"]])
    return sp.csr_matrix((np.ones(ok.sum()), (near["i"][ok], near["j"][ok])), shape=(len(schools), len(sites)))


def greedy(cover: sp.csr_matrix, need: np.ndarray, p: int, among: list[int] | None = None) -> tuple[list[int], list[float]]:
    """Sites one by one, each adding most need not yet covered (ties: the first), and what each added. Stops when nothing is added."""
    columns, allowed = cover.tocsc(), np.arange(cover.shape[1]) if among is None else np.asarray(among, dtype=int)
    left, chosen, gains = need.astype("float64").copy(), [], []
    for _ in range(min(p, len(allowed))):
        gain = (cover.T @ left)[allowed]
        best = int(allowed[int(gain.argmax())])
        if gain.max() <= 0:
            break
        left[columns.indices[columns.indptr[best] : columns.indptr[best + 1]]] = 0.0
        chosen.append(best)
        gains.append(float(gain.max()))
    return chosen, gains


def _merged(cover: sp.csr_matrix, need: np.ndarray) -> tuple[sp.csr_matrix, np.ndarray]:
    """Schools that the same sites cover, as one with the sum of their needs; those that none covers left out. Loses nothing."""
    cover = cover.tocsr()
    cover.sort_indices()
    keys = pd.Series([cover.indices[a:b].tobytes() for a, b in zip(cover.indptr, cover.indptr[1:], strict=False)])
    code, different = pd.factorize(keys)
    first = np.unique(code, return_index=True)[1]
    rows = np.flatnonzero(different.to_numpy() != b"") if len(different) else np.array([], dtype=int)
    return cover[first[rows]], np.bincount(code, weights=need, minlength=len(different))[rows]


def _programme(cover: sp.csr_matrix, need: np.ndarray, p: int) -> tuple[np.ndarray, sp.csr_matrix, np.ndarray]:
    """Cost, matrix and right-hand side over (sites, groups of schools): a group counts only when a site that covers it opens; p sites open."""
    groups, sites = cover.shape
    count = sp.csr_matrix(np.r_[np.ones(sites), np.zeros(groups)])
    return np.r_[np.zeros(sites), -need], sp.vstack([sp.hstack([-cover, sp.eye(groups)]), count]).tocsr(), np.r_[np.zeros(groups), p]


def best_cover(cover: sp.csr_matrix, need: np.ndarray, p: int, seconds: float = 40.0, gap: float = 1e-4, kernel: int = KERNEL) -> Cover:
    """The p sites that cover most need. `cover` schools x candidates, `need` not already covered by hubs that are open.

    Never worse than the greedy choice, which the programme's candidates include. `seconds` limits each of the two programmes; when the relaxation is
    not solved in time the bound falls back to what all candidates together cover. Raises RuntimeError when the solver fails for another reason.
    """
    start = time.perf_counter()
    whole, weight = _merged(cover, need)
    first, first_gains = greedy(whole, weight, p)
    n = whole.shape[1]
    bound, keep, status, chosen = float(weight.sum()), np.array(first, dtype=int), "nothing to choose", first
    if len(weight) and len(first) == p < n:
        cost, matrix, right = _programme(whole, weight, p)
        relaxed = linprog(cost, A_ub=matrix, b_ub=right, bounds=(0, 1), method="highs-ds", options={"time_limit": seconds})
        if relaxed.status not in (0, 1):
            raise RuntimeError(f"the relaxation of the siting problem was not solved: {relaxed.message}")
        order = (whole.T @ weight).argsort(kind="stable")[::-1]
        if relaxed.status == 0:
            bound = min(bound, -relaxed.fun)
            price = relaxed.lower.marginals[:n] + relaxed.upper.marginals[:n]
            order = np.lexsort([np.arange(n), price, -relaxed.x[:n].round(9)])
        keep = np.union1d(order[:kernel], first)
        small, small_weight = _merged(whole[:, keep], weight)
        cost, matrix, right = _programme(small, small_weight, p)
        whole_numbers = np.r_[np.ones(len(keep)), np.zeros(len(small_weight))]
        limits = {"time_limit": seconds, "mip_rel_gap": gap}
        found = milp(
            cost, constraints=LinearConstraint(matrix, -np.inf, right), bounds=Bounds(0, 1), integrality=whole_numbers, options=limits
        )
        if found.status not in (0, 1):
            raise RuntimeError(f"the siting problem was not solved: {found.message}")
        status = "solved" if found.status == 0 else f"stopped after {seconds:g} s"
        if found.x is not None and -found.fun > sum(first_gains):
            chosen = keep[np.flatnonzero(found.x[: len(keep)] > 0.5)].tolist()
    order, gains = greedy(whole, weight, p, among=chosen)
    covered = float(sum(gains))
    missing = 1 - covered / bound if bound > 0 else 0.0
    return Cover(order, covered, bound, max(missing, 0.0), time.perf_counter() - start, len(keep), status)


def counting_places(cover: sp.csr_matrix, need: np.ndarray, p: int, places: int) -> list[int]:
    """Sites one by one, each adding most need among the schools not yet served, of which it serves no more than its places. `cover` has a row per
    school, greatest need first. A greedy choice: the plan that minds capacity."""
    columns = cover.tocsc()
    columns.sort_indices()
    near = [columns.indices[a:b] for a, b in zip(columns.indptr, columns.indptr[1:], strict=False)]
    left, chosen = need.astype("float64").copy(), []
    for _ in range(min(p, len(near))):
        gains = [0.0 if site in chosen else left[rows[left[rows] > 0][:places]].sum() for site, rows in enumerate(near)]
        best = int(np.argmax(gains))
        if gains[best] <= 0:
            break
        left[near[best][left[near[best]] > 0][:places]] = 0.0
        chosen.append(best)
    return chosen


def naive_plans(found: pd.DataFrame, schools: pd.DataFrame, p: int) -> dict[str, list[int]]:
    """Plans that somebody might make without a map: row numbers of the candidates `found`, by name of the plan."""
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


def served(load: pd.DataFrame, hubs: pd.DataFrame, rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    """Which schools of the planning load would find a place, and how many places each hub would use, all places of a hub taken together. `load` in
    any order; no lottery, for this is a plan and offers nobody anything."""
    rank = load["need_pupils"].rank(method="first").to_numpy().astype("int64")
    places = rules.intensive_places + rules.light_places
    _, taken = assign(load, hubs, places, rank, rules)
    return load.index.isin(load.index[taken["school"]]), np.bincount(taken["hub"].astype("int64"), minlength=len(hubs))


def _measure(name: str, hubs: pd.DataFrame, schools: pd.DataFrame, load: pd.DataFrame, rules: Rules) -> dict:
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
    rules: Rules | None = None,
    n_new: int | None = None,
    referred: pd.Series | None = None,
    seconds: float = 40.0,
) -> HubPlan:
    """The next hubs and what they would bring, beside naive plans. National frames of the contract; `hubs` as in docs/house.md.

    `n_new` sites, by default 33 for 36 announced hubs and in proportion. Places are compared on a planning load: the quarter of schools whose asks
    need most pupils; it is no referral list. The hubs that opened earlier are not named in the data: `with_unknown_low_pct` and `_high_pct` are the
    cover (5th and 95th percentile) when their number is drawn at random from the candidates and added. Raises ValueError when no hub can be placed
    or no school could lead.
    """
    rules = rules or Rules()
    schools = demand(register, baseline, expectations)
    leads, left_out = hub_leads(hubs, register)
    found, funnel = candidates(schools, leads, referred)
    n_new = round(STILL_TO_COME / ANNOUNCED * len(hubs)) if n_new is None else n_new
    if leads.empty or found.empty or n_new < 1:
        raise ValueError(f"no plan: {len(leads)} hubs on the map, {len(found)} candidate leads, {n_new} hubs to come")
    need = schools["need_pupils"].to_numpy()
    open_now = np.asarray(covers(schools, leads, rules.travel_limit_km, rules.road_factor).sum(axis=1)).ravel() > 0
    cover = covers(schools, found, rules.travel_limit_km, rules.road_factor)
    solver = best_cover(cover[~open_now], need[~open_now], n_new, seconds)
    load = schools.nlargest(round(LOAD_SHARE * len(schools)), "need_pupils").reset_index(drop=True)
    plans = {
        NOW: [],
        **naive_plans(found, schools, n_new),
        "greedy": greedy(cover, np.where(open_now, 0.0, need), n_new)[0],
        BEST: solver.chosen,
        BY_PLACES: _minding_places(found, load, leads, n_new, rules),
    }
    unknown = round(EARLIER_UNNAMED / ANNOUNCED * len(hubs))
    rows, gains, hubs_then = [], [], {}
    for name, chosen in plans.items():
        hubs_then[name] = pd.concat([leads, found.iloc[chosen][LEAD_COLUMNS]], ignore_index=True)
        rows.append(
            _measure(name, hubs_then[name], schools, load, rules) | _with_unknown(cover, need, open_now, chosen, unknown, rules.seed)
        )
        gains.append(_gains(name, chosen, found, cover, need, open_now))
    gained = pd.concat(gains, ignore_index=True)
    about = found[[*LEAD_COLUMNS, "la_name", "roll", "strong_z"]]
    sites = gained[gained["plan"].isin([BEST, BY_PLACES]) & (gained["added"] > 0)].merge(about, on="urn", how="left", validate="m:1")
    regions = _by_region(schools, load, hubs_then, rules)
    return HubPlan(leads, left_out, funnel, found, sites, gained, pd.DataFrame(rows), regions, solver, rules.travel_limit_km)


def _minding_places(found: pd.DataFrame, load: pd.DataFrame, leads: pd.DataFrame, n_new: int, rules: Rules) -> list[int]:
    """The greedy plan of `counting_places` for what the hubs that are open leave unserved of the planning load."""
    unserved = load[~served(load, leads, rules)[0]]
    near = covers(unserved, found, rules.travel_limit_km, rules.road_factor)
    return counting_places(near, unserved["need_pupils"].to_numpy(), n_new, rules.intensive_places + rules.light_places)


def _gains(name: str, chosen: list[int], found: pd.DataFrame, cover: sp.csr_matrix, need: np.ndarray, open_now: np.ndarray) -> pd.DataFrame:
    """plan, added (0 = the hubs that are open), urn of the site added, gain_pupils, covered_pct; each site where it adds most, then those that add
    nothing to the cover."""
    order, gain = greedy(cover, np.where(open_now, 0.0, need), len(chosen), among=chosen) if chosen else ([], [])
    order, gain = order + [c for c in chosen if c not in order], gain + [0.0] * (len(chosen) - len(gain))
    urns = pd.array([pd.NA, *found["urn"].iloc[order]], dtype="Int64")
    out = pd.DataFrame({"plan": name, "added": np.arange(len(order) + 1), "urn": urns, "gain_pupils": [0.0, *gain]})
    return out.assign(covered_pct=100 * (need[open_now].sum() + out["gain_pupils"].cumsum()) / need.sum())


def map_points(plan: HubPlan, schools: pd.DataFrame, road_factor: float = 1.0) -> pd.DataFrame:
    """Points to draw: layer, school_name, region_name, phase, easting_km, northing_km. Schools of `demand` by whether an open hub, a new one or none
    is within the limit, then the hubs."""
    new = plan.sites[plan.sites["plan"] == BEST]
    near = [nearest_km(schools, hubs, road_factor) <= plan.limit_km for hubs in (plan.leads, new)]
    names = ["school near a hub that is open", "school near a new hub only"]
    layers = schools.assign(layer=np.select([n.to_numpy() for n in near], names, default="school near no hub"))
    out = pd.concat([layers, plan.leads.assign(layer="hub open now"), new.assign(layer="new hub")], ignore_index=True)
    out["easting_km"], out["northing_km"] = out["easting"] / 1000, out["northing"] / 1000
    return out[["layer", "school_name", "region_name", "phase", "easting_km", "northing_km"]]


def _with_unknown(
    cover: sp.csr_matrix, need: np.ndarray, open_now: np.ndarray, chosen: list[int], unknown: int, seed: int
) -> dict[str, float]:
    """5th and 95th percentile of need covered (%) when `unknown` candidates, drawn at random, are hubs too. The same draws for every plan."""
    rng, columns, shares = np.random.default_rng(seed), cover.tocsc(), []
    fixed = open_now | (np.asarray(columns[:, chosen].sum(axis=1)).ravel() > 0)
    for _ in range(DRAWS):
        drawn = rng.choice(cover.shape[1], size=min(unknown, cover.shape[1]), replace=False)
        shares.append(100 * need[fixed | (np.asarray(columns[:, drawn].sum(axis=1)).ravel() > 0)].sum() / need.sum())
    return {"with_unknown_low_pct": float(np.quantile(shares, 0.05)), "with_unknown_high_pct": float(np.quantile(shares, 0.95))}


def _by_region(schools: pd.DataFrame, load: pd.DataFrame, hubs_then: dict[str, pd.DataFrame], rules: Rules) -> pd.DataFrame:
    """Plan (open now, best cover, counting places) x region x phase: hubs, need_pupils, covered_pct, schools of the planning load, and how many of
    them find a place."""
    keys, parts = ["region_name", "phase"], []
    for name in (NOW, BEST, BY_PLACES):
        hubs = hubs_then[name]
        within = nearest_km(schools, hubs, rules.road_factor) <= rules.travel_limit_km
        out = schools.assign(covered=schools["need_pupils"] * within).groupby(keys)[["need_pupils", "covered"]].sum()
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
