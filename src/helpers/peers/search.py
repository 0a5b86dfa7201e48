"""Statistically similar schools: the nearest in circumstances within the same kind of school, and those of
them that do better.

Circumstances only: no absence figure enters the distance. Each feature is standardised over its phase, cut
off at a few standard deviations and weighted; schools of another region carry a penalty, not a wall. All
pairs are compared (no approximation), so the answer is reproducible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.base.faults import NotFound
from helpers.base.params import DEFAULT, Parameters
from helpers.model.features import design
from helpers.peers.kept_peers import keep
from helpers.peers.naming import name_schools

CHUNK = 400  # most schools compared with all others at a time: memory, not results
CELLS = 3_000_000  # most distances held at a time: 24 MB an array, whatever the size of the country
WIDER = {
    "infant": ["primary"],
    "junior": ["primary"],
    "first": ["primary"],
    "primary": ["infant", "junior", "first"],
    "middle": ["primary", "secondary"],
    "upper": ["secondary"],
    "fourteen_plus": ["upper", "secondary"],
    "all_through": ["secondary"],
    "secondary": ["upper", "all_through"],
    "secondary_selective": [],
}
PEER_COLUMNS = ["urn", "peer_urn", "rank", "distance", "closeness", "same_region", "km", "named"]
CLOSENESS = ["very close", "close", "fairly close", "not close"]


@dataclass(frozen=True)
class PeerFit:
    """`peers` (contract), `alternatives` (the same columns, ranks after the peers), `summary` (one row per
    school), `thresholds` by phase.
    """

    peers: pd.DataFrame
    alternatives: pd.DataFrame
    summary: pd.DataFrame
    thresholds: pd.DataFrame


def far_per_100_km(parameters: Parameters) -> dict[str, float]:
    """Distance that 100 km on the map are worth, by phase."""
    return {"primary": parameters.primary_far, "secondary": parameters.secondary_far}


def coordinates(
    register: pd.DataFrame, weights: pd.DataFrame, winsor_sd: float = DEFAULT.winsor_sd
) -> dict[str, pd.DataFrame]:
    """Per phase, weighted standardised features of assessed schools (index urn, ascending): Euclidean
    distance here is the peers' distance.

    Scaled so that two schools that differ by one standard deviation in every feature are 1 apart. Missing
    values stand at the phase's median.
    """
    out = {}
    for phase, w in weights.groupby("phase", sort=True):
        schools = (
            register[(register["phase"] == phase) & (register["status"] == "assessed")]
            .sort_values("urn")
            .set_index("urn")
        )
        x = design(schools)[list(w["feature"])]
        x = x.fillna(x.median()).fillna(0.0)
        z = (x - x.mean()) / x.std(ddof=0).replace(0.0, 1.0)
        scale = w["weight"].to_numpy() / np.sqrt((w["weight"] ** 2).sum())
        out[phase] = z.clip(-winsor_sd, winsor_sd) * scale
    return out


def linked_schools(linked_pairs: pd.DataFrame) -> dict[int, set[int]]:
    """Predecessors and successors of each school, either way round."""
    both: dict[int, set[int]] = {}
    for a, b in linked_pairs[["urn", "related_urn"]].dropna().astype("int64").itertuples(index=False):
        both.setdefault(a, set()).add(b)
        both.setdefault(b, set()).add(a)
    return both


def nearest(
    own: np.ndarray, pool: np.ndarray, penalty: np.ndarray, barred: list[np.ndarray], k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Positions and distances of the k nearest pool rows for each own row; ties go to the earlier row.
    `penalty` (own, pool) is added to the squared distance.
    """
    squared = ((own**2).sum(axis=1)[:, None] + (pool**2).sum(axis=1)[None, :] - 2 * own @ pool.T).clip(
        min=0.0
    ) + penalty
    for i, positions in enumerate(barred):
        squared[i, positions] = np.inf
    squared = np.round(squared, 10)  # so that ties are ties whatever the order of summation
    part = np.sort(np.argpartition(squared, min(k, squared.shape[1] - 1), axis=1)[:, : k + 1], axis=1)
    values = np.take_along_axis(squared, part, axis=1)
    order = np.argsort(values, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(part, order, axis=1), np.sqrt(np.take_along_axis(values, order, axis=1))


def with_place(space: pd.DataFrame, info: pd.DataFrame, far_per_100_km: float) -> np.ndarray:
    """Coordinates with the place on the map as two more: 100 km are worth `far_per_100_km`. A school without
    a point stands in the middle.
    """
    place_m = info[["easting", "northing"]].astype("float64")
    return np.hstack(
        [space.to_numpy(), place_m.fillna(place_m.mean()).to_numpy() * (far_per_100_km / 100_000)]
    )


def peer_sets(
    register: pd.DataFrame, weights: pd.DataFrame, linked_pairs: pd.DataFrame, parameters: Parameters
) -> pd.DataFrame:
    """The peers alone, without names or words: urn, peer_urn, rank, distance. Arguments as in `find_peers`;
    all assessed schools.
    """
    info, linked, far = register.set_index("urn"), linked_schools(linked_pairs), far_per_100_km(parameters)
    found = [
        _search(
            space,
            info.loc[space.index],
            linked,
            parameters.peers_k,
            parameters.region_penalty,
            far[phase],
        )[0]
        for phase, space in coordinates(register, weights, parameters.winsor_sd).items()
    ]
    return pd.concat(found, ignore_index=True)


def _search(
    space: pd.DataFrame,
    info: pd.DataFrame,
    linked: dict[int, set[int]],
    k: int,
    region_penalty: float,
    far_per_100_km: float,
    more: int = 0,
) -> tuple[pd.DataFrame, dict[int, str]]:
    """k nearest, and `more` behind them, for each school of one phase within its block; long frame and the
    code of widened blocks. A block is widened when it has not k others.
    """
    urns, block, region = space.index.to_numpy(), info["block"].to_numpy(), info["region_name"].to_numpy()
    place = {u: i for i, u in enumerate(urns)}
    values = with_place(space, info, far_per_100_km)
    frames, widened = [], {}
    for name in sorted(set(block)):
        members = np.flatnonzero(block == name)
        pool, code = members, ""
        for wider in WIDER.get(name, []):
            others = np.flatnonzero(block == wider)
            if len(pool) <= k and len(others):
                pool = np.sort(np.concatenate([pool, others]))
                code = f"{code}, {wider}" if code else f"widened: {name} with {wider}"
        where = {p: i for i, p in enumerate(pool)}
        step = max(1, min(CHUNK, CELLS // len(pool)))
        for start in range(0, len(members), step):
            rows = members[start : start + step]
            penalty = np.where(region[rows][:, None] == region[pool][None, :], 0.0, region_penalty**2)
            barred = [
                np.array(  # type: ignore[type-var]
                    [
                        where[place[u]]
                        for u in {urns[i], *linked.get(urns[i], ())}
                        if u in place and place[u] in where
                    ],
                    dtype=int,
                )
                for i in rows
            ]
            found, distance = nearest(
                values[rows], values[pool], penalty, barred, min(k + more, len(pool) - 1)
            )
            frames.append(
                pd.DataFrame(
                    {
                        "urn": np.repeat(urns[rows], found.shape[1]),
                        "peer_urn": urns[pool[found]].ravel(),
                        "rank": np.tile(np.arange(1, found.shape[1] + 1), len(rows)),
                        "distance": distance.ravel(),
                    }
                )
            )
            if code:
                widened.update({int(u): code for u in urns[rows]})
    pairs = pd.concat(frames, ignore_index=True)
    return pairs[np.isfinite(pairs["distance"])], widened


def _still_compared(
    frozen: pd.DataFrame, info: pd.DataFrame, linked: dict[int, set[int]], widened: dict[int, str]
) -> np.ndarray:
    """Rows of `frozen` whose two schools are both in `info`, of the same kind (or of one that a small block
    is widened with), and not linked.
    """
    block = info["block"]
    here = frozen["urn"].isin(info.index) & frozen["peer_urn"].isin(info.index)
    ours, theirs = block.reindex(frozen["urn"]), block.reindex(frozen["peer_urn"])
    pairs = zip(frozen["urn"], frozen["peer_urn"], ours, theirs, strict=True)
    fits = [
        (a == b or (u in widened and b in WIDER.get(a, ()))) and v not in linked.get(u, ())
        for u, v, a, b in pairs
    ]
    return here.to_numpy() & np.array(fits, dtype=bool)


def find_peers(
    register: pd.DataFrame,
    baseline: pd.DataFrame,
    weights: pd.DataFrame,
    linked_pairs: pd.DataFrame,
    parameters: Parameters,
    frozen: pd.DataFrame | None = None,
) -> PeerFit:
    """The `peers_k` most similar schools of each school in `baseline`, near-equal alternatives, and up to
    `named_max` that do better.

    `register` table `schools`; `baseline` and the result's `peers` as in the contract; `weights` from the
    context model (phase, feature, weight); `linked_pairs` (urn, related_urn). `parameters`: peers_k,
    region_penalty, named_max, named_cap. `frozen` (urn, peer_urn, rank, named): an earlier run's peers and
    near-equals; the peers are kept where they still exist, and those named are named first. Named schools
    have a baseline lower by more than `named_z` standard deviations of the difference. Returns `PeerFit`.
    Raises ValueError when a school of the baseline is not assessed in the register.
    """
    p, far = parameters, far_per_100_km(parameters)
    linked = linked_schools(linked_pairs)
    info = register.set_index("urn")
    all_pairs, codes = [], {}
    for phase, space in coordinates(register, weights, p.winsor_sd).items():
        space = space[space.index.isin(baseline["urn"])]
        here = info.loc[space.index]
        found, widened = _search(
            space, here, linked, p.peers_k, p.region_penalty, far[phase], p.near_equals_searched
        )
        if frozen is not None:
            allowed = _still_compared(frozen, here, linked, widened)
            place = pd.DataFrame(with_place(space, here, far[phase]), index=space.index)
            found = keep(found, frozen, allowed, place, here["region_name"], p.peers_k, p.region_penalty)
        all_pairs.append(found.assign(phase=phase))
        codes.update(widened)
    pairs = pd.concat(all_pairs, ignore_index=True)
    strangers = set(baseline["urn"]) - set(register.loc[register["status"] == "assessed", "urn"])
    if strangers:
        raise ValueError(
            f"the baseline holds schools that the register does not assess, for example {min(strangers)}: "
            "build both from the same run"
        )
    # Millions of pairs: what is needed of a school is looked up by its place, never as a row of a frame.
    mine, theirs = info.index.get_indexer(pairs["urn"]), info.index.get_indexer(pairs["peer_urn"])
    region = pd.factorize(info["region_name"])[0]
    place = info[["easting", "northing"]].to_numpy("float64")
    pairs["same_region"] = (region[mine] == region[theirs]) & (region[mine] >= 0)
    pairs["km"] = np.hypot(*(place[mine] - place[theirs]).T) / 1000.0
    b = baseline.set_index("urn")[["baseline_pct", "sd_pp"]].reindex(info.index).to_numpy()
    own, other = b[mine], b[theirs]
    last = pairs[pairs["rank"] == p.peers_k].set_index("urn")["distance"]
    reach = pairs["urn"].map(last).fillna(np.inf) * p.near_equal
    pairs = pairs.assign(better=own[:, 0] - other[:, 0] > p.named_z * np.hypot(own[:, 1], other[:, 1]))
    before = frozen[frozen["named"]] if frozen is not None else pairs.head(0)
    pairs["was_named"] = _pair(pairs).isin(_pair(before))
    pairs = pairs[
        (pairs["rank"] <= p.peers_k) | (pairs["distance"] <= reach) | pairs["was_named"]
    ].reset_index(drop=True)
    is_peer = pairs["rank"] <= p.peers_k
    thresholds = _thresholds(pairs[is_peer], [p.very_close_share, p.close_share, p.fairly_close_share])
    edges = thresholds.set_index("phase")
    pairs["closeness"] = "not close"
    for word in reversed(CLOSENESS[:-1]):
        pairs.loc[pairs["distance"] <= pairs["phase"].map(edges[word]), "closeness"] = word
    pairs["named"] = name_schools(pairs, p.named_max, p.named_cap, p.named_within_km)
    summary = _summary(pairs, is_peer, codes, edges)
    listed = ~is_peer & (pairs["named"] | (pairs["rank"] <= p.peers_k + p.near_equals_listed))
    return PeerFit(
        pairs.loc[is_peer, PEER_COLUMNS].reset_index(drop=True),
        pairs.loc[listed, PEER_COLUMNS].reset_index(drop=True),
        summary,
        thresholds,
    )


def _pair(pairs: pd.DataFrame) -> pd.Series:
    """The two schools of each pair as one number: URNs have six digits."""
    return pairs["urn"].astype("int64") * 1_000_000 + pairs["peer_urn"].astype("int64")


def _thresholds(peers: pd.DataFrame, shares: list[float]) -> pd.DataFrame:
    """Distances up to which a pair is called very close, close, fairly close: quantiles, at `shares`, of all
    pairs of peers of the phase.
    """
    rows = [
        {"phase": phase, **dict(zip(CLOSENESS[:3], g["distance"].quantile(shares), strict=True))}
        for phase, g in peers.groupby("phase")
    ]
    return pd.DataFrame(rows)


def _summary(
    pairs: pd.DataFrame, is_peer: pd.Series, codes: dict[int, str], edges: pd.DataFrame
) -> pd.DataFrame:
    """One row per school: urn, n_peers, n_named, code, mean_distance, closeness of the set, no_close_peers,
    times_named.
    """
    peers = pairs[is_peer]
    out = peers.groupby("urn").agg(
        phase=("phase", "first"), n_peers=("peer_urn", "size"), mean_distance=("distance", "mean")
    )
    out["n_named"] = pairs.groupby("urn")["named"].sum().reindex(out.index).fillna(0).astype("int64")
    out["code"] = pd.Series(codes, dtype="object").reindex(out.index).fillna("")
    out["closeness"] = "not close"
    for word in reversed(CLOSENESS[:-1]):
        out.loc[out["mean_distance"] <= out["phase"].map(edges[word]), "closeness"] = word
    out["no_close_peers"] = out["closeness"] == "not close"
    out["times_named"] = (
        pairs.loc[pairs["named"], "peer_urn"].value_counts().reindex(out.index).fillna(0).astype("int64")
    )
    return out.reset_index()


def why(
    register: pd.DataFrame,
    weights: pd.DataFrame,
    urn: int,
    peer_urn: int,
    winsor_sd: float = DEFAULT.winsor_sd,
) -> pd.DataFrame:
    """Feature by feature, why two schools are (not) close: feature, ours, theirs, share_of_distance (shares
    of the squared distance, before any penalty).

    Raises `NotFound` for a URN that is not assessed, ValueError for schools of different phases.
    """
    for phase, space in coordinates(register, weights, winsor_sd).items():
        if urn in space.index and peer_urn in space.index:
            features = list(weights.loc[weights["phase"] == phase, "feature"])
            raw = design(register[register["urn"].isin([urn, peer_urn])].set_index("urn"))[features]
            squared = (space.loc[urn] - space.loc[peer_urn]) ** 2
            share = squared / squared.sum() if squared.sum() > 0 else squared
            out = pd.DataFrame(
                {
                    "feature": features,
                    "ours": raw.loc[urn].to_numpy(),
                    "theirs": raw.loc[peer_urn].to_numpy(),
                    "share_of_distance": share.to_numpy(),
                }
            )
            return out.sort_values("share_of_distance", ascending=False, kind="stable", ignore_index=True)
    assessed = set(register.loc[register["status"] == "assessed", "urn"])
    for u in (urn, peer_urn):
        if u not in assessed:
            raise NotFound(
                f"school {u} is not among the assessed primary and secondary schools of the register"
            )
    raise ValueError(f"schools {urn} and {peer_urn} are of different phases: they are never compared")
