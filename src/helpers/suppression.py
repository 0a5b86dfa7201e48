"""Which averages may be published without telling any school's own figure: small cells, dominated cells, extreme cells, and what can be subtracted.

Areas form a tree (England, regions, local authorities). Whoever reads the published areas can add and subtract them, and so reach every
*remainder*: a published area less the published areas inside it. All that can be reached is a union of remainders, so it is enough that
every remainder is safe. Terms as in Hundepool and others, Statistical Disclosure Control (Wiley, 2012): minimum frequency, dominance,
secondary suppression.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

MIN_SCHOOLS = 10  # fewer schools than this are never averaged
MIN_OUTSIDE = 3  # schools that must remain when one trust or authority takes out its own, which it knows
MAX_SHARE_ONE = 0.4  # of the pupils of a cell, in its largest school
MAX_SHARE_TWO = 0.6  # in its two largest schools
MIN_WIDTH_PP = 0.3  # what stays open about every school's ask, in points, when all else is known but the other schools' asks

PARTS = ("region_name", "la_code")


def is_safe(schools: pd.DataFrame, low: float, high: float) -> bool:
    """Whether the average ask of these schools (columns urn, la_code, trust_name, weight, ask_pp) tells nothing about one of them.

    `low` and `high` are the published limits between which every ask lies: an average close to one of them would tell that all are.
    """
    return not why_not(schools, low, high)


def why_not(schools: pd.DataFrame, low: float, high: float) -> str:
    """The first rule that a cell breaks, as a code; empty when it is safe."""
    if len(schools) < MIN_SCHOOLS:
        return "few_schools"
    weights = np.sort(schools["weight"].to_numpy(dtype=float))[::-1]
    total = weights.sum()
    if weights[0] > MAX_SHARE_ONE * total or weights[:2].sum() > MAX_SHARE_TWO * total:
        return "dominated"
    holders = [schools["trust_name"].value_counts()]
    if schools["la_code"].nunique() > 1:
        holders.append(schools["la_code"].value_counts())
    if any(len(counts) and len(schools) - counts.iloc[0] < MIN_OUTSIDE for counts in holders):
        return "one_holder"
    sum_of_asks = float((schools["weight"] * schools["ask_pp"]).sum())
    most = min(high, (sum_of_asks - low * (total - weights[0])) / weights[0])
    least = max(low, (sum_of_asks - high * (total - weights[0])) / weights[0])
    return "extreme" if most - least < MIN_WIDTH_PP else ""


def publishable(schools: pd.DataFrame, low: float, high: float) -> set[tuple[str, ...]]:
    """The areas whose averages may all be published together: () is England, (region,) a region, (region, la_code) an authority.

    `schools` holds one phase: urn, region_name, la_code, trust_name, weight, ask_pp. First the unsafe areas go (primary suppression); then, while a
    remainder is unsafe, the smallest published area beside it goes too (secondary suppression), or the area itself when there is none beside.
    """
    members = areas(schools)
    published = {area for area, rows in members.items() if is_safe(rows, low, high)}
    while True:
        unsafe = [area for area, rest in remainders(members, published).items() if len(rest) and not is_safe(rest, low, high)]
        if not unsafe:
            return published
        area = max(unsafe, key=lambda other: (len(other), other))
        beside = inside(area, published)
        gone = min(beside, key=lambda other: (len(members[other]), other)) if beside else area
        published.discard(gone)


def areas(schools: pd.DataFrame) -> dict[tuple[str, ...], pd.DataFrame]:
    """The schools of every area of the tree."""
    found: dict[tuple[str, ...], pd.DataFrame] = {(): schools} if len(schools) else {}
    for depth in (1, 2):
        for area, rows in schools.groupby(list(PARTS[:depth]), sort=True):
            found[tuple(area)] = rows
    return found


def inside(area: tuple[str, ...], published: set[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The largest published areas within an area: those that no other published area lies between."""
    within = [other for other in published if len(other) > len(area) and other[: len(area)] == area]
    return [other for other in within if not any(len(o) < len(other) and other[: len(o)] == o for o in within)]


def remainders(members: dict[tuple[str, ...], pd.DataFrame], published: set[tuple[str, ...]]) -> dict[tuple[str, ...], pd.DataFrame]:
    """What is left of each published area when the published areas inside it are taken away: all that subtraction can reach."""
    found = {}
    for area in published:
        taken = [members[other]["urn"] for other in inside(area, published)]
        rows = members[area]
        found[area] = rows[~rows["urn"].isin(pd.concat(taken))] if taken else rows
    return found
