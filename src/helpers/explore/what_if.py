"""What moves when a parameter moves: targets, similar schools and fairness of all England, again within a
second.

Everything that a parameter on offer can change is computed anew with the method's own functions; what it
cannot change (the model, the distances) is taken from the finished run. The nearest schools are searched
once, inside and outside each school's region apart: whatever the penalty for another region, the K nearest
are among the K nearest of either side, so ranking those again gives exactly what a new search would give.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from helpers import ingest as official
from helpers import model as fitted
from helpers import peers as similarity
from helpers.base.faults import NotFound
from helpers.base.params import ENGLAND, Parameters, make
from helpers.expectations import formula
from helpers.explore import compare
from helpers.peers import search as peers

MOST_PEERS = 50  # the largest peers_k that a run may have: the lists are long enough for it
OFFERED = ("slope", "cap_pp", "floor_pp", "national_path_pp", "peers_k", "region_penalty")
PARTS = ("return_to_normal_pp", "national_part_pp", "context_part_pp", "limits_part_pp", "ask_pp")
PEER_COLUMNS = ["urn", "peer_urn", "rank", "distance", "same_region"]
FIFTHS = {"start": "absence_pct", "fsm": "fsm_pct"}


@dataclass(frozen=True)
class Near:
    """Candidates of the m schools of one peer block, c to a school, in ascending URN: `peer` (m, c; -1 for
    none), `squared` distance before any penalty (m, c), `same_region` (m, c), `level` (m, c): 0 for the block
    itself, 1, 2 for the blocks it is widened with when it is too small. `sizes` are the pool's sizes at each
    level.
    """

    block: str
    urn: np.ndarray
    peer: np.ndarray
    squared: np.ndarray
    same_region: np.ndarray
    level: np.ndarray
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class World:
    """A finished run and the wide lists of near schools: what every question needs, loaded once. `peers` are
    the run's own (PEER_COLUMNS).
    """

    run: Parameters
    register: pd.DataFrame
    baseline: pd.DataFrame
    weights: pd.DataFrame
    area_rates: pd.DataFrame
    peers: pd.DataFrame
    near: tuple[Near, ...]
    last_ranked: dict = field(default_factory=dict, compare=False)

    def ranked(self, k: int, region_penalty: float) -> pd.DataFrame:
        """The k similar schools of every school under a penalty; with the run's own settings the run's own."""
        if (k, region_penalty) == (self.run.peers_k, self.run.region_penalty):
            return self.peers
        if (k, region_penalty) not in self.last_ranked:
            self.last_ranked.clear()  # one ranking is 400,000 rows: keep the last
            self.last_ranked[k, region_penalty] = pd.concat(
                [rank(near, k, region_penalty) for near in self.near], ignore_index=True
            )
        return self.last_ranked[k, region_penalty]


@dataclass(frozen=True)
class WhatIf:
    """One answer: the parameters, `peers` (PEER_COLUMNS), `expectations` and `calibration` as in the
    contract.
    """

    run: Parameters
    peers: pd.DataFrame
    expectations: pd.DataFrame
    calibration: pd.DataFrame


def load(run: Parameters) -> World:
    """The world of a run: its national fit (made first where it is not there) and the wide lists of near
    schools.
    """
    schools, fit, similar = official.load(run), fitted.load(run), similarity.load(run)
    near = widely_near(schools.register, fit.baseline, fit.weights, schools.linked, run)
    return World(
        run,
        schools.register,
        fit.baseline,
        fit.weights,
        schools.area_rates,
        similar.peers[PEER_COLUMNS],
        near,
    )


def widely_near(
    register: pd.DataFrame,
    baseline: pd.DataFrame,
    weights: pd.DataFrame,
    linked_pairs: pd.DataFrame,
    run: Parameters,
    most: int = MOST_PEERS,
) -> tuple[Near, ...]:
    """The `most` nearest schools inside and the `most` nearest outside each school's region, by block; see
    `Near`.

    Frames as `peers.find_peers` takes them; the same spaces, blocks and barred pairs.
    """
    linked, info, far = (
        peers.linked_schools(linked_pairs),
        register.set_index("urn"),
        peers.far_per_100_km(run),
    )
    found = []
    for phase, space in peers.coordinates(register, weights, run.winsor_sd).items():
        space = space[space.index.isin(baseline["urn"])]
        of = info.loc[space.index]
        values = peers.with_place(space, of, far[phase])
        urns, block, region = space.index.to_numpy(), of["block"].to_numpy(), of["region_name"].to_numpy()
        for name in sorted(set(block)):
            found.append(_near_of_block(name, urns, block, region, values, linked, most))
    return tuple(found)


def _near_of_block(name, urns, block, region, values, linked, most) -> Near:
    """`Near` of one block of one phase."""
    members = np.flatnonzero(block == name)
    levels = [members] + [
        more for wider in peers.WIDER.get(name, []) if len(more := np.flatnonzero(block == wider))
    ]
    sizes = tuple(np.cumsum([len(level) for level in levels]).tolist())
    parts = []
    for number, pool in enumerate(levels):
        if number and sizes[number - 1] > most:
            break  # never widened as far as this, whatever K
        for here in sorted(set(region[members])):
            rows = members[region[members] == here]
            for same in (True, False):
                side = pool[(region[pool] == here) == same]
                if len(side):
                    parts.append(_nearest_on_side(rows, side, values, urns, linked, most, same, number))
    pairs = pd.concat(parts, ignore_index=True).sort_values(["urn", "peer"], kind="stable")
    at = pairs.groupby("urn").cumcount().to_numpy()
    row = np.searchsorted(urns[members], pairs["urn"].to_numpy())
    shape = (len(members), int(at.max(initial=-1)) + 1)
    filled = {
        key: np.full(shape, empty)
        for key, empty in (("peer", -1), ("squared", np.inf), ("same_region", False), ("level", 0))
    }
    for key, array in filled.items():
        array[row, at] = pairs[key].to_numpy()
    return Near(name, urns[members], **filled, sizes=sizes)


def _nearest_on_side(rows, side, values, urns, linked, most, same: bool, level: int) -> pd.DataFrame:
    """The `most` nearest of `side` (positions) for each of `rows` (positions), barred pairs left out: urn,
    peer, squared, same_region, level.
    """
    place = {urn: i for i, urn in enumerate(urns[side])}
    frames = []
    for start in range(0, len(rows), peers.CHUNK):
        some = rows[start : start + peers.CHUNK]
        barred = [
            np.array([place[u] for u in {urns[i], *linked.get(urns[i], ())} if u in place], dtype=int)
            for i in some
        ]
        found, distance = peers.nearest(values[some], values[side], np.zeros((1, 1)), barred, most)
        frames.append(
            pd.DataFrame(
                {
                    "urn": np.repeat(urns[some], found.shape[1]),
                    "peer": urns[side[found]].ravel(),
                    "squared": (distance**2).ravel(),
                }
            )
        )
    pairs = pd.concat(frames, ignore_index=True)
    return pairs[np.isfinite(pairs["squared"])].assign(same_region=same, level=level)


def rank(near: Near, k: int, region_penalty: float) -> pd.DataFrame:
    """The k nearest under a penalty for another region, as `find_peers` would rank them: PEER_COLUMNS,
    distance with the penalty.
    """
    deepest = 0
    while near.sizes[deepest] <= k and deepest + 1 < len(near.sizes):
        deepest += 1
    squared = np.round(near.squared + np.where(near.same_region, 0.0, region_penalty**2), 10)
    squared = np.where(near.level <= deepest, squared, np.inf)
    wanted = min(k, squared.shape[1])
    order = np.argsort(squared, axis=1, kind="stable")[:, :wanted]
    frame = pd.DataFrame(
        {
            "urn": np.repeat(near.urn, wanted),
            "peer_urn": np.take_along_axis(near.peer, order, axis=1).ravel(),
            "rank": np.tile(np.arange(1, wanted + 1), len(near.urn)),
            "distance": np.sqrt(np.take_along_axis(squared, order, axis=1)).ravel(),
            "same_region": np.take_along_axis(near.same_region, order, axis=1).ravel(),
        }
    )
    return frame[np.isfinite(frame["distance"])]


def what_if(world: World, offered: tuple[str, ...] = OFFERED, /, **changes: object) -> WhatIf:
    """Peers, targets and calibration of all England with some parameters changed (those `offered`).

    Raises ValueError for a parameter that is not on offer, `BadParameters` for a value out of its range,
    ValueError when the limits make the national path unreachable.
    """
    strange = set(changes) - set(offered)
    if strange:
        raise ValueError(
            f"{', '.join(sorted(strange))}: not among the parameters that can be moved here "
            f"({', '.join(offered)})"
        )
    run = make(**{**world.run.model_dump(), **changes})
    pairs = world.ranked(run.peers_k, run.region_penalty)
    made = formula.set_expectations(
        world.baseline, pairs, world.register, world.area_rates, run, year=run.release
    )
    return WhatIf(run, pairs, made.expectations, made.calibration)


def named(world: World, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` (with urn) with who each school is: school_name, la_name, region_name, phase."""
    return frame.merge(
        world.register[["urn", "school_name", "la_name", "region_name", "phase", "fsm_pct"]],
        on="urn",
        how="left",
        validate="1:1",
    )


def in_region(frame: pd.DataFrame, region: str) -> pd.DataFrame:
    """Rows of a region (all for England) of a frame with region_name."""
    return frame if region == ENGLAND else frame[frame["region_name"] == region]


def targets(world: World, before: WhatIf, now: WhatIf, region: str = ENGLAND) -> pd.DataFrame:
    """Every school's target before and now: urn, who it is, ask_before_pp, ask_now_pp, moved_pp,
    minimum_before_pct, minimum_now_pct (attendance), chance_before, chance_now; the most moved first.
    """
    columns = {
        "ask_pp": "ask_{}_pp",
        "minimum_attendance_shown_pct": "minimum_{}_pct",
        "chance_unaided": "chance_{}",
    }
    sides = [
        side.expectations[["urn", *columns]].rename(
            columns={name: new.format(when) for name, new in columns.items()}
        )
        for side, when in ((before, "before"), (now, "now"))
    ]
    out = in_region(named(world, sides[0].merge(sides[1], on="urn", validate="1:1")), region)
    out = out.assign(
        moved_pp=out["ask_now_pp"] - out["ask_before_pp"],
        size=(out["ask_now_pp"] - out["ask_before_pp"]).abs(),
    )
    return out.sort_values(["size", "urn"], ascending=[False, True], ignore_index=True).drop(columns="size")


def fairness(
    world: World, before: WhatIf, now: WhatIf, by: str = "start", region: str = ENGLAND
) -> pd.DataFrame:
    """Mean ask and mean chance with no real change, by phase and fifth of schools, before and now.

    `by` is `start` (last year's absence) or `fsm` (free school meals); fifths are of England within the
    phase, 1 the lowest. Columns: phase, fifth, schools, ask_before_pp, ask_now_pp, chance_before, chance_now.
    Raises KeyError for another `by`.
    """
    column = FIFTHS[by]
    start = world.register[["urn", "phase", "absence_pct", "fsm_pct"]]
    start = start[start["urn"].isin(now.expectations["urn"])]
    fifth = start.groupby("phase")[column].transform(
        lambda values: np.ceil(values.rank(method="first", pct=True) * 5)
    )
    rows = targets(world, before, now, region)
    rows = rows.assign(fifth=rows["urn"].map(pd.Series(fifth.to_numpy(), index=start["urn"]))).dropna(
        subset=["fifth"]
    )
    figures = ["ask_before_pp", "ask_now_pp", "chance_before", "chance_now"]
    out = (
        rows.groupby(["phase", "fifth"])
        .agg(schools=("urn", "size"), **{name: (name, "mean") for name in figures})
        .reset_index()
    )
    return out.astype({"fifth": "int64"})


def in_short(world: World, before: WhatIf, now: WhatIf, region: str = ENGLAND) -> dict[str, float]:
    """The move in a few figures: schools, moved (by 0.05 pp or more), mean_ask_before_pp, mean_ask_now_pp
    (over pupils), largest_move_pp, mean_chance_before, mean_chance_now, new_peers_share (share of pairs that
    were not there before).
    """
    rows = targets(world, before, now, region)
    roll = rows["urn"].map(world.register.set_index("urn")["roll"])
    was, are = (
        (w.peers["urn"] * 1_000_000 + w.peers["peer_urn"]).to_numpy() for w in (before, now)
    )  # URNs have six digits
    return {
        "schools": len(rows),
        "moved": int((rows["moved_pp"].abs() >= 0.05).sum()),
        "mean_ask_before_pp": float(np.average(rows["ask_before_pp"], weights=roll)),
        "mean_ask_now_pp": float(np.average(rows["ask_now_pp"], weights=roll)),
        "largest_move_pp": float(rows["moved_pp"].iloc[0]) if len(rows) else 0.0,
        "mean_chance_before": float(rows["chance_before"].mean()),
        "mean_chance_now": float(rows["chance_now"].mean()),
        "new_peers_share": float(1 - np.isin(are, was, assume_unique=True).mean())
        if before.peers is not now.peers
        else 0.0,
    }


def parts(before: WhatIf, now: WhatIf, urn: int) -> pd.DataFrame:
    """How one school's ask is made, before and now: part, before_pp, now_pp, moved_pp. Raises KeyError for a
    school without a minimum.
    """
    sides = [w.expectations.set_index("urn") for w in (before, now)]
    if urn not in sides[0].index:
        raise NotFound(f"school {urn} has no minimum in this run")
    rows = [(name, float(sides[0].at[urn, name]), float(sides[1].at[urn, name])) for name in PARTS]
    out = pd.DataFrame(rows, columns=["part", "before_pp", "now_pp"])
    return out.assign(moved_pp=out["now_pp"] - out["before_pp"])


def peers_of(world: World, now: WhatIf, urn: int) -> pd.DataFrame:
    """A school's similar schools: rank, peer_urn, school_name, la_name, region_name, same_region, km,
    distance, roll, fsm_pct, urban_rural, attendance_pct (last year), expected_pct (attendance next year if
    nothing changes nationally), better (by more than noise).
    """
    mine = now.peers[now.peers["urn"] == urn]
    info, base = world.register.set_index("urn"), world.baseline.set_index("urn")
    of, there = info.loc[mine["peer_urn"]], base.loc[mine["peer_urn"]]
    own = base.loc[urn]
    noise = world.run.named_z * np.hypot(own["sd_pp"], there["sd_pp"].to_numpy())
    out = mine[["rank", "peer_urn", "same_region", "distance"]].reset_index(drop=True)
    for name in ("school_name", "la_name", "region_name", "roll", "fsm_pct", "urban_rural"):
        out[name] = of[name].to_numpy()
    away = of[["easting", "northing"]].to_numpy("float64") - info.loc[urn, ["easting", "northing"]].to_numpy(
        "float64"
    )
    out["km"] = np.hypot(away[:, 0], away[:, 1]) / 1000
    out["attendance_pct"] = 100 - there["absence_pct"].to_numpy()
    out["expected_pct"] = 100 - there["baseline_pct"].to_numpy()
    out["better"] = own["baseline_pct"] - there["baseline_pct"].to_numpy() > noise
    return out


def choose(
    found: pd.DataFrame,
    same_region: bool = False,
    better: bool = False,
    most_km: float | None = None,
    urban_rural: str = "",
) -> pd.DataFrame:
    """Rows of `peers_of` that a reader asks for; a peer whose distance is not known is left out when
    `most_km` is given.
    """
    keep = pd.Series(True, index=found.index)
    if same_region:
        keep &= found["same_region"]
    if better:
        keep &= found["better"]
    if most_km is not None:
        keep &= found["km"] <= most_km
    if urban_rural:
        keep &= found["urban_rural"] == urban_rural
    return found[keep]


def why(world: World, urn: int, peer_urn: int) -> pd.DataFrame:
    """Feature by feature why two schools are (not) close: `peers.why`."""
    return peers.why(world.register, world.weights, urn, peer_urn, world.run.winsor_sd)


def as_run(world: World, now: WhatIf, name: str) -> compare.Run:
    """An answer in the form in which two runs are compared, so that a scenario is judged by the same
    functions as a finished run.
    """
    outcome = ["urn", *compare.PARTS, "ask_pp", "minimum_attendance_shown_pct", "chance_unaided"]
    schools = (
        world.register[["urn", *compare.ABOUT]]
        .merge(world.baseline[["urn", "baseline_pct"]], on="urn", how="left", validate="1:1")
        .merge(now.expectations[outcome], on="urn", how="left", validate="1:1")
    )
    return compare.Run(
        name,
        {"parameters": now.run.model_dump(exclude={"region", "data", "out"})},
        schools,
        now.peers[["urn", "peer_urn"]],
    )
