"""Which averages may be published without telling any school's own figure: small cells, dominated cells,
extreme cells, and what can be subtracted.

Areas form a tree (England, regions, local authorities). Whoever reads the published areas can add and
subtract them, and so reach every *remainder*: a published area less the published areas inside it. All that
can be reached is a union of remainders, so it is enough that every remainder is safe. Terms as in Hundepool
and others, Statistical Disclosure Control (Wiley, 2012): minimum frequency, dominance, secondary suppression.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

MIN_SCHOOLS = 10  # fewer schools than this are never averaged
MIN_OUTSIDE = 3  # schools that must remain when one trust or authority takes out its own, which it knows
MAX_SHARE_ONE = 0.4  # of the pupils of a cell, in its largest school
MAX_SHARE_TWO = 0.6  # in its two largest schools
MIN_WIDTH_PP = 0.3  # what must stay open about every school's ask, in points, for a reader who knows no ask
MIN_WIDTH_INSIDER_PP = 0.2  # the same, for somebody who knows the asks of some schools
FEW_LEFT = 3 * MIN_SCHOOLS  # beyond this nobody's own schools matter

PARTS = ("region_name", "la_code")


def is_safe(schools: pd.DataFrame, low: float, high: float) -> bool:
    """Whether the average ask of these schools (columns urn, la_code, trust_name, weight, ask_pp) tells
    nothing about one of them.

    `low` and `high` are the published limits between which every ask lies: an average close to one of them
    would tell that all are.
    """
    return not why_not(schools, low, high)


def why_not(schools: pd.DataFrame, low: float, high: float) -> str:
    """The first rule that a cell breaks, as a code; empty when it is safe."""
    if len(schools) < MIN_SCHOOLS:
        return "few_schools"
    weights = np.sort(schools["weight"].to_numpy(dtype=float))[::-1]
    if weights[0] > MAX_SHARE_ONE * weights.sum() or weights[:2].sum() > MAX_SHARE_TWO * weights.sum():
        return "dominated"
    if width(schools, low, high) < MIN_WIDTH_PP:
        return "extreme"
    for rest in _without_holders(schools):
        if len(rest) < MIN_OUTSIDE or width(rest, low, high) < MIN_WIDTH_INSIDER_PP:
            return "one_holder"
    return ""


def width(schools: pd.DataFrame, low: float, high: float) -> float:
    """How far apart the least and the most are, in points, that the largest of these schools may be asked for
    when their average is known.

    No school's range is narrower: a smaller one weighs less in the average.
    """
    weights, asks = schools["weight"].to_numpy(dtype=float), schools["ask_pp"].to_numpy(dtype=float)
    total, sum_of_asks, largest = weights.sum(), float(weights @ asks), weights.max()
    most = min(high, (sum_of_asks - low * (total - largest)) / largest)
    least = max(low, (sum_of_asks - high * (total - largest)) / largest)
    return most - least


def _without_holders(schools: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """What is left for somebody who knows the asks of some: a trust its schools', an authority its own, the
    largest school its own.

    Only those who know so much that few are left; a cell of one authority is not kept from that authority.
    """
    yield schools.drop(schools["weight"].idxmax())
    for name in ("trust_name", "la_code"):
        counts = schools[name].value_counts()
        for holder in counts[(counts > 1) & (len(schools) - counts < FEW_LEFT)].index:
            if name == "trust_name" or len(counts) > 1:
                yield schools[schools[name] != holder]


def publishable(schools: pd.DataFrame, low: float, high: float) -> set[tuple[str, ...]]:
    """The areas whose averages may all be published together: () is England, (region,) a region, (region,
    la_code) an authority.

    `schools` holds one phase: urn, region_name, la_code, trust_name, weight, ask_pp. First the unsafe areas
    go (primary suppression); then, while a remainder is unsafe, the smallest published area beside it goes
    too (secondary suppression), or the area itself when there is none beside.
    """
    members = areas(schools)
    published = {area for area, rows in members.items() if is_safe(rows, low, high)}
    known: dict[tuple, bool] = {}  # a remainder that did not change is not judged again
    while True:
        unsafe = []
        for area in published:
            taken = (area, *inside(area, published))
            if taken not in known:
                rest = remainder(members, *taken)
                known[taken] = not len(rest) or is_safe(rest, low, high)
            if not known[taken]:
                unsafe.append(area)
        if not unsafe:
            return published
        area = max(unsafe, key=lambda other: (len(other), other))
        beside = inside(area, published)
        published.discard(min(beside, key=lambda other: (len(members[other]), other)) if beside else area)


def areas(schools: pd.DataFrame) -> dict[tuple[str, ...], pd.DataFrame]:
    """The schools of every area of the tree."""
    found: dict[tuple[str, ...], pd.DataFrame] = {(): schools} if len(schools) else {}
    for depth in (1, 2):
        for area, rows in schools.groupby(list(PARTS[:depth]), sort=True):
            found[tuple(area)] = rows
    return found


def inside(area: tuple[str, ...], published: set[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The largest published areas within an area, in order: those that no other published area lies between."""
    within = sorted(other for other in published if len(other) > len(area) and other[: len(area)] == area)
    return [
        other for other in within if not any(len(o) < len(other) and other[: len(o)] == o for o in within)
    ]


def remainder(
    members: dict[tuple[str, ...], pd.DataFrame], area: tuple[str, ...], *taken: tuple[str, ...]
) -> pd.DataFrame:
    """The schools of an area that are in none of the areas taken away."""
    rows = members[area]
    return rows[~rows["urn"].isin(pd.concat([members[other]["urn"] for other in taken]))] if taken else rows
