"""Which of the similar schools that do better are named: near first, fairly shared out, and the same as
before where names are kept.
"""

from __future__ import annotations

import math

import pandas as pd


def does_better(own: tuple[float, float], other: tuple[float, float], z: float) -> bool:
    """Whether another school is expected to do better by more than `z` errors of the difference. Each school
    is its expected absence and its error, in per cent and points.
    """
    return own[0] - other[0] > z * math.hypot(own[1], other[1])


def name_schools(pairs: pd.DataFrame, named_max: int, named_cap: int, within_km: float) -> pd.Series:
    """True for the pairs to be named: better by more than noise, same region first (most similar first), then
    the nearest on the map, never beyond `within_km`; who was named in the run whose peers are kept
    comes first. No school is named more than `named_cap` times.

    Schools choose in rounds (everybody's first choice before anybody's second), worst-off for choice first,
    so that the cap falls fairly.
    """
    near = pairs["km"].isna() | (pairs["km"] <= within_km)
    better = pairs[pairs["better"] & near].assign(abroad_km=pairs["km"].where(~pairs["same_region"], 0.0))
    order = ["urn", "was_named", "same_region", "abroad_km", "rank"]
    better = better.sort_values(order, ascending=[True, False, False, True, True])
    choices = {u: g.index.to_list() for u, g in better.groupby("urn", sort=True)}
    peer = pairs["peer_urn"].to_dict()
    times: dict[int, int] = {}
    named: set[int] = set()
    fewest_first = sorted(choices, key=lambda u: (len(choices[u]), u))
    again = better.groupby("urn")["was_named"].sum().clip(upper=named_max).to_dict()
    for turns in (again, {u: named_max - n for u, n in again.items()}):
        for turn in range(named_max):
            for u in fewest_first:
                if turn < turns[u]:
                    _first_free(choices[u], peer, times, named, named_cap)
    return pd.Series(pairs.index.isin(named), index=pairs.index)


def _first_free(
    choices: list[int], peer: dict[int, int], times: dict[int, int], named: set[int], named_cap: int
) -> None:
    """Name the first choice that is not named too often already; choices looked at are used up."""
    while choices:
        at = choices.pop(0)
        if times.get(peer[at], 0) < named_cap:
            times[peer[at]] = times.get(peer[at], 0) + 1
            named.add(at)
            return
