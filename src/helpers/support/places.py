"""Places at hubs: which hub can help which school, and who is offered a place when there are not enough.

Need comes first, distance second. The set of schools offered a place is the one with the greatest need that
the places can hold (the sets that can be placed form a matroid, so one linear programme on ranks finds it
exactly); then the same schools are placed at the least total distance. Both programmes are transportation
problems, whose corner solutions are whole numbers; HiGHS solves them. Schools whose needs tie are ordered by
a lottery that anyone can repeat: the number drawn is a hash of seed, round and URN. Distances are straight
lines on the National Grid.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.optimize import linprog
from scipy.sparse.csgraph import connected_components, shortest_path
from scipy.spatial import cKDTree

from helpers.base.params import DEFAULT, Parameters

OFFER_COLUMNS = [
    "urn",
    "round",
    "outcome",
    "hub_urn",
    "hub_name",
    "km",
    "same_region",
    "same_trust",
    "need_pupils",
    "need_step",
    "draw",
    "tied_with",
    "won_draw",
    "why",
]
CONTEST_COLUMNS = ["round", "contest", "urn", "need_step", "draw", "outcome"]


@dataclass(frozen=True)
class Places:
    """`offers` (one row per school asked for: outcome `offered`, `lost_draw`, `full`, `nobody_near`, and why
    in words), `contests` (the lottery's record: who tied with whom for the last places, the numbers drawn,
    the outcome), `used` (hub_urn, round, places, used)."""

    offers: pd.DataFrame
    contests: pd.DataFrame
    used: pd.DataFrame


def hub_leads(hubs: pd.DataFrame, register: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hubs that can be placed on the map (urn, school_name, trust_name, region_name, phase, serves, easting,
    northing) and the others with a code.

    `hubs` as in docs/house.md. `serves` is `primary`, `secondary` or `both` (all-through): a hub helps
    schools of its own phase. The trust is the register's, so that it can be compared with a school's. A lead
    named twice counts once.
    """
    known = hubs.drop_duplicates("urn").merge(
        register[["urn", "region_name", "phase", "all_through", "easting", "northing", "trust_name"]].astype(
            {"urn": "Int64"}
        ),
        on="urn",
        how="left",
        validate="m:1",
        suffixes=("_announced", ""),
    )
    known = pd.concat([known[known["urn"].notna()], hubs[hubs["urn"].isna()]], ignore_index=True)
    reasons = [
        known["urn"].isna(),
        known["phase"].isna(),
        known["easting"].isna(),
        ~known["phase"].isin(["primary", "secondary"]),
    ]
    known["code"] = np.select(
        [r.to_numpy() for r in reasons],
        ["no_urn", "not_in_register", "no_point", "not_mainstream"],
        default="",
    )
    known["serves"] = np.where(known["all_through"].eq(True), "both", known["phase"])
    placed = known[known["code"] == ""].astype({"urn": "int64"}).sort_values("urn", ignore_index=True)
    columns = ["urn", "school_name", "trust_name", "region_name", "phase", "serves", "easting", "northing"]
    return placed[columns], known.loc[known["code"] != "", ["school_name", "urn", "code"]].reset_index(
        drop=True
    )


def fits(phase: object, serves: object) -> np.ndarray:
    """Whether a hub that serves `serves` helps a school of `phase`, element by element."""
    phase, serves = np.asarray(phase, dtype=object), np.asarray(serves, dtype=object)
    return (phase == serves) | (serves == "both")


def reach(schools: pd.DataFrame, leads: pd.DataFrame, rules: Parameters) -> pd.DataFrame:
    """Every allowed pair of school and hub: school, hub (row numbers), km, same_region, same_trust, cost_km
    (km plus what the region and the trust add). A hub of the school's own trust is allowed and flagged by
    default: to forbid it may leave the school with nobody, to ignore it would let a trust fill public places
    with its own schools. No school is offered itself."""
    if schools.empty or leads.empty:
        empty = {
            "school": "int64",
            "hub": "int64",
            "km": "float64",
            "same_region": "bool",
            "same_trust": "bool",
            "cost_km": "float64",
        }
        return pd.DataFrame({c: pd.Series(dtype=t) for c, t in empty.items()})
    places = [cKDTree(f[["easting", "northing"]].to_numpy("float64")) for f in (schools, leads)]
    near = places[0].sparse_distance_matrix(
        places[1], 1000 * rules.travel_limit_km / rules.road_factor, output_type="ndarray"
    )
    pairs = pd.DataFrame(
        {
            "school": near["i"].astype("int64"),
            "hub": near["j"].astype("int64"),
            "km": near["v"] / 1000 * rules.road_factor,
        }
    )
    here, there = (
        schools.iloc[pairs["school"]].reset_index(drop=True),
        leads.iloc[pairs["hub"]].reset_index(drop=True),
    )
    trust, hub_trust = (
        here["trust_name"].str.casefold().str.strip(),
        there["trust_name"].str.casefold().str.strip(),
    )
    pairs["same_region"] = here["region_name"].eq(there["region_name"])
    pairs["same_trust"] = trust.eq(hub_trust) & trust.fillna("").ne("")
    pairs["cost_km"] = (
        pairs["km"] + rules.other_region_km * ~pairs["same_region"] + rules.own_trust_km * pairs["same_trust"]
    )
    keep = fits(here["phase"], there["serves"]) & (here["urn"] != there["urn"]).to_numpy()
    if rules.own_trust == "forbid":
        keep &= ~pairs["same_trust"].to_numpy()
    return pairs[keep].sort_values(["school", "cost_km", "hub"], ignore_index=True)


def draw(urn: int, round_name: str, seed: int) -> float:
    """The lottery number of a school, 0 to 1, low wins: the first 13 hex digits of SHA-256 of
    `seed:round:urn`, as a fraction.
    """
    digest = hashlib.sha256(f"{seed}:{round_name}:{urn}".encode()).hexdigest()
    return int(digest[:13], 16) / 16**13


def _solve(pairs: pd.DataFrame, cost: np.ndarray, places: np.ndarray, must: np.ndarray | None) -> np.ndarray:
    """Which pairs to take at the least cost: each school at most once (exactly once where `must`), each hub
    at most its places.
    """
    n_schools, ones, each = int(pairs["school"].max()) + 1, np.ones(len(pairs)), np.arange(len(pairs))
    by_school = sp.csr_matrix((ones, (pairs["school"], each)), shape=(n_schools, len(pairs)))
    by_hub = sp.csr_matrix((ones, (pairs["hub"], each)), shape=(len(places), len(pairs)))
    if must is None:
        limits = {"A_ub": sp.vstack([by_school, by_hub]), "b_ub": np.r_[np.ones(n_schools), places]}
    else:
        limits = {"A_ub": by_hub, "b_ub": places, "A_eq": by_school[must], "b_eq": np.ones(len(must))}
    found = linprog(cost, bounds=(0, 1), method="highs-ds", **limits)
    if found.status != 0 or np.abs(found.x - found.x.round()).max() > 1e-6:
        raise RuntimeError(f"the placement was not solved to whole places: {found.message}")
    return found.x.round().astype(bool)


def assign(
    schools: pd.DataFrame, leads: pd.DataFrame, places: int, rank: np.ndarray, rules: Parameters
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All allowed pairs (`reach`, numbered by the rows of `schools`) and those taken: as many of the highest
    ranks as the places hold, at the least total cost_km. `rank` is a different number from 1 for each school,
    higher first; schools without a point take no part."""
    known = np.flatnonzero(schools["easting"].notna())
    pairs = reach(schools.iloc[known], leads, rules)
    pairs["school"] = known[pairs["school"]]
    if pairs.empty or not places:
        return pairs, pairs.iloc[:0]
    capacity = np.full(len(leads), float(places))
    offered = np.unique(
        pairs.loc[_solve(pairs, -rank[pairs["school"]].astype("float64"), capacity, None), "school"]
    )
    open_to = pairs[pairs["school"].isin(offered)].reset_index(drop=True)
    return pairs, open_to[_solve(open_to, open_to["cost_km"].to_numpy(), capacity, offered)]


def place(
    schools: pd.DataFrame, leads: pd.DataFrame, places: int, round_name: str, rules: Parameters | None = None
) -> Places:
    """Offer `places` places at each hub. `schools`: urn, phase, need_pupils, region_name, trust_name,
    easting, northing, each URN once; `leads` from `hub_leads`. `round_name` (such as `2018-19 intensive`)
    goes into the lottery and the record. Raises ValueError for a doubled URN or a need that is missing.
    """
    rules = rules or DEFAULT
    if schools["urn"].duplicated().any() or schools["need_pupils"].isna().any():
        raise ValueError("each school must come once, with its need")
    schools, leads = (
        schools.sort_values("urn", ignore_index=True),
        leads.sort_values("urn", ignore_index=True),
    )
    out = schools[["urn", "need_pupils"]].assign(round=round_name)
    out["need_step"] = np.floor(out["need_pupils"] / rules.tie_pupils + 1e-9).astype("int64")
    out["draw"] = [draw(u, round_name, rules.seed) for u in out["urn"]]
    rank = np.empty(len(out), dtype="int64")
    rank[np.lexsort([-out["draw"], out["need_step"]])] = np.arange(1, len(out) + 1)
    pairs, taken = assign(schools, leads, places, rank, rules)
    at = taken.set_index("school").reindex(out.index)
    out["hub_urn"] = leads["urn"].astype("Int64").reindex(at["hub"]).to_numpy()
    out["hub_urn"] = out["hub_urn"].astype("Int64")
    out["hub_name"] = leads["school_name"].reindex(at["hub"]).to_numpy()
    out["km"] = at["km"].to_numpy("float64")
    for column in ("same_region", "same_trust"):
        out[column] = at[column].eq(True).to_numpy(bool)
    out["tied_with"] = _ties(out, pairs, taken, len(leads))
    out["won_draw"] = out["urn"].isin({u for tied in out["tied_with"] for u in tied})
    near, tied = out.index.isin(pairs["school"]), np.array([len(t) > 0 for t in out["tied_with"]], dtype=bool)
    out["outcome"] = np.select(
        [out.index.isin(taken["school"]), ~near, tied], ["offered", "nobody_near", "lost_draw"], "full"
    )
    counted = np.bincount(taken["hub"].astype("int64"), minlength=len(leads))
    used = pd.DataFrame({"hub_urn": leads["urn"], "round": round_name, "places": places, "used": counted})
    out["why"] = _explain(out, schools, leads, pairs, counted >= places, rules)
    return Places(out[OFFER_COLUMNS], _contests(out), used)


def _ties(out: pd.DataFrame, pairs: pd.DataFrame, taken: pd.DataFrame, n_hubs: int) -> list[list[int]]:
    """For each school without a place, the URNs of those that hold one which it could have had (at once, or
    by moving others on) and whose need is in the same step: only the draw stands between them."""
    if taken.empty:
        return [[] for _ in range(len(out))]
    holder = taken.set_index("school")["hub"]
    could = pairs[pairs["school"].isin(holder.index)]
    moves = sp.csr_matrix(
        (np.ones(len(could)), (holder.loc[could["school"]], could["hub"])), shape=(n_hubs, n_hubs)
    )
    frees = np.isfinite(
        shortest_path(moves, unweighted=True)
    )  # frees[h, g]: a place at h can be freed by moving schools on as far as g
    at = out.loc[holder.index].groupby([holder.to_numpy(), "need_step"])["urn"].agg(list).to_dict()
    tied: list[list[int]] = [[] for _ in range(len(out))]
    for school, hubs in pairs[~pairs["school"].isin(holder.index)].groupby("school")["hub"]:
        step = out.at[school, "need_step"]
        tied[school] = sorted(
            u for hub in np.flatnonzero(frees[hubs.to_numpy()].any(axis=0)) for u in at.get((hub, step), [])
        )
    return tied


def _contests(out: pd.DataFrame) -> pd.DataFrame:
    """The lottery's record: every school for which the draw decided, numbered by contest (schools tied with
    one another, directly or in a chain).
    """
    losers = out[out["outcome"] == "lost_draw"]
    took_part = out[out["won_draw"] | out.index.isin(losers.index)].reset_index(drop=True)
    number = pd.Series(took_part.index, index=took_part["urn"])
    edges = losers[["urn", "tied_with"]].explode("tied_with")
    graph = sp.csr_matrix(
        (np.ones(len(edges)), (number.loc[edges["urn"]], number.loc[edges["tied_with"]])),
        shape=(len(number),) * 2,
    )
    took_part["contest"] = (
        connected_components(graph, directed=False)[1] + 1 if len(number) else pd.Series(dtype="int64")
    )
    return took_part[CONTEST_COLUMNS].sort_values(["contest", "draw"], ignore_index=True)


def _explain(
    out: pd.DataFrame,
    schools: pd.DataFrame,
    leads: pd.DataFrame,
    pairs: pd.DataFrame,
    full: np.ndarray,
    rules: Parameters,
) -> list[str]:
    """One or two sentences for each school: what it is offered and why not something nearer, or why nothing."""
    options = dict(list(pairs.sort_values(["school", "km"]).groupby("school")))
    nearest = _nearest(schools, leads, rules)
    names = leads["school_name"].to_numpy()
    words = []
    for row in out.itertuples():
        if row.outcome == "nobody_near":
            far = f"The nearest is {nearest[row.Index]}." if nearest[row.Index] else ""
            words.append(f"No hub that may help it lies within {rules.travel_limit_km:g} km. {far}".strip())
            continue
        mine = options[row.Index]
        if row.outcome == "offered":
            text = (
                f"Offered {row.hub_name}, {row.km:.0f} "
                f"km{' (own trust: a person should look)' if row.same_trust else ''}."
            )
            nearer = mine[mine["km"] < row.km - 1e-9].tail(2)
            words.append(
                " ".join(
                    [text, *(_passed_over(names[o.hub], o, full[o.hub], row) for o in nearer.itertuples())]
                )
            )
            continue
        near = "; ".join(f"{names[o.hub]}, {o.km:.0f} km" for o in mine.head(2).itertuples())
        which, are = ("The hub", "is") if len(mine) == 1 else (f"All {len(mine)} hubs", "are")
        text = f"{which} within reach ({near}{' and others' if len(mine) > 2 else ''}) {are} full: "
        if row.outcome == "lost_draw":
            n = len(row.tied_with)
            text += (
                f"{n} school{'s' if n > 1 else ''} with the same need drew a lower number than its "
                f"{row.draw:.4f}."
            )
        else:
            text += "the places went to schools with greater need."
        words.append(text)
    return words


def _passed_over(name: str, option, is_full: bool, row) -> str:
    """Why a nearer hub was not the one offered."""
    if is_full:
        return f"{name} was nearer ({option.km:.0f} km) but is full."
    why = "is in its own trust" if option.same_trust and not row.same_trust else "is in another region"
    return f"{name} was nearer ({option.km:.0f} km) but {why}."


def _nearest(schools: pd.DataFrame, leads: pd.DataFrame, rules: Parameters) -> list[str]:
    """Name and distance of the nearest hub that serves the school's phase, however far; empty where there is
    none or no point.
    """
    told = pd.Series("", index=schools.index, dtype="str")
    for phase, group in schools[schools["easting"].notna()].groupby("phase"):
        open_to = leads[fits(np.full(len(leads), phase), leads["serves"])].reset_index(drop=True)
        if len(open_to):
            metres, which = cKDTree(open_to[["easting", "northing"]]).query(group[["easting", "northing"]])
            km = metres / 1000 * rules.road_factor
            told.loc[group.index] = [
                f"{open_to.at[j, 'school_name']}, {k:.0f} km" for k, j in zip(km, which, strict=True)
            ]
    return told.tolist()


def offer_places(referrals: pd.DataFrame, leads: pd.DataFrame, rules: Parameters | None = None) -> Places:
    """Both kinds of place. Intensive ones first, to the schools of that tier; one that finds none takes part
    in the light-touch round.

    `referrals` from `support.route` (or `with_records`). A school that a person decided against (`no_offer`,
    `wait`) takes no part, and the talk list never does. Each school has one row in `offers`: its last round.
    """
    rules = rules or DEFAULT
    asked = referrals[
        referrals["decision"].isin(["offer", ""]) & referrals["tier"].isin(["intensive", "light_touch"])
    ]
    year = asked["year"].iloc[0] if len(asked) else "none"
    first = place(
        asked[asked["tier"] == "intensive"], leads, rules.intensive_places, f"{year} intensive", rules
    )
    served = first.offers.loc[first.offers["outcome"] == "offered", "urn"]
    second = place(asked[~asked["urn"].isin(served)], leads, rules.light_places, f"{year} light-touch", rules)
    offers = pd.concat([first.offers[first.offers["urn"].isin(served)], second.offers], ignore_index=True)
    return Places(
        offers.sort_values("urn", ignore_index=True),
        pd.concat([first.contests, second.contests], ignore_index=True),
        pd.concat([first.used, second.used], ignore_index=True),
    )
