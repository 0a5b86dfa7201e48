"""One school, many years: the register of a year and the URN x year panel, with predecessors joined through
the links.

The panel follows each school of a release's register back (and on) through academisation, mergers and splits,
and says how each figure was come by. The register itself is built in `register.py`, which needs the panel for
the pre-pandemic figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.base.years import first_of, years_between
from helpers.ingest.links import MERGED, SAME, SPLIT, nearest, neighbours, predecessors

if TYPE_CHECKING:
    from helpers.ingest.readers.readings import Readings

MEASURES = ["absence_pct", "persistent_pct", "authorised_pct", "unauthorised_pct", "severe_pct"]
PANEL = [
    "urn",
    "year",
    "published_urn",
    "published_urns",
    "link_kind",
    *MEASURES,
    "decimals",
    "roll",
    "publication",
]
SOURCE_RANK = {"performance_tables": 0, "ees": 1}


def year_start(year: str) -> pd.Timestamp:
    """1 September of an academic year like `2022-23`."""
    return pd.Timestamp(first_of(year), 9, 1)


def one_figure_each(absence: pd.DataFrame) -> pd.DataFrame:
    """One row per urn x year: the performance tables where they carry the figure, else the other publication.
    Repeats are the gate's business.
    """
    order = absence.assign(
        _rank=absence["publication"].map(SOURCE_RANK).fillna(9), _none=absence["absence_pct"].isna()
    )
    order = order.sort_values(["year", "urn", "_none", "_rank"], kind="stable")
    return order.drop_duplicates(["year", "urn"]).drop(columns=["_rank", "_none"]).reset_index(drop=True)


def register_urns(readings: Readings, release: str) -> pd.Index:
    """URNs of the register of a year: both censuses and every published absence figure of that year."""
    frames = (readings.census, readings.census_detail, readings.absence)
    found = pd.concat([f.loc[f["year"] == release, "urn"] for f in frames])
    return pd.Index(np.sort(found.unique()).astype("int64"), name="urn")


def build_panel(readings: Readings, links: pd.DataFrame, release: str | None = None) -> pd.DataFrame:
    """URN x year: every published figure of each school of the release's register, its predecessors joined.

    Out: urn (of the release's register; default release = newest year with a census), year, published_urn
    (Int64; missing when several), published_urns (text, `+` between several), link_kind, absence_pct,
    persistent_pct, authorised_pct, unauthorised_pct, severe_pct (%), decimals, roll (pupils in the nearest
    census, of all schools behind the figure), publication. `link_kind`:
    * `own`: published for the school itself; `same_school`: for its only predecessor (after the release: its
    only successor);
    * `merged`: mean of all schools that it came from, itself included where it took others in, weighted by
    their roll;
    * `split`: figure of the whole from which the school came;
    * `merged_incomplete`, `split_incomplete`: one of them has no figure or no roll, so the value is missing.
    No row: nothing was published. Nursery schools have no absence figures and count for no weight.
    """
    release = release or max([*readings.census["year"], *readings.census_detail["year"]], default="")
    urns = register_urns(readings, release)
    steps = neighbours(links)
    before = predecessors(links)
    kinds = dict(zip(zip(before["urn"], before["predecessor_urn"], strict=True), before["kind"], strict=True))
    left = before.groupby("predecessor_urn")["link_date"].max()
    figures = one_figure_each(readings.absence)
    both = pd.concat(
        [f[["urn", "year", "roll", "phase"]] for f in (readings.census, readings.census_detail)]
    ).drop_duplicates(["urn", "year"])
    rolls = {year: rows.set_index("urn")["roll"] for year, rows in both.groupby("year")}
    census = {year: set(roll.index) for year, roll in rolls.items()}
    nursery = set(both.loc[both["phase"] == "nursery", "urn"])
    parts = []
    for year, rows in figures.groupby("year"):
        there = set(rows["urn"])
        counted = census.get(year) or _thought_to_exist(year, census, left)
        groups = _groups(
            urns, steps, kinds, there, counted, census.get(release, set()), year in census, year > release
        )
        parts.append(
            _figures_of(groups, rows.set_index("urn"), _nearest_roll(year, rolls), nursery).assign(year=year)
        )
    if not parts:
        return pd.DataFrame(columns=PANEL)
    out = pd.concat(parts, ignore_index=True)[PANEL].sort_values(["urn", "year"], ignore_index=True)
    return out.astype(
        {"urn": "int64", "published_urn": "Int64", "decimals": "Int64"}
        | dict.fromkeys([*MEASURES, "roll"], "float64")
    )


def _thought_to_exist(year: str, census: dict[str, set], left: pd.Series) -> set:
    """Schools taken to exist in a year without a census: those in the next census, and those in the last one
    that were replaced since.
    """
    later = [census[y] for y in sorted(census) if y > year][:1]
    earlier = [census[y] for y in sorted(census) if y < year][-1:]
    since = set(left.index[left >= year_start(year)])
    return set().union(*later) | {u for before in earlier for u in before & since}


def _groups(
    urns,
    steps: tuple[dict, dict],
    kinds: dict,
    there: set,
    counted: set,
    alive: set,
    certain: bool,
    ahead: bool,
) -> list[tuple[int, tuple, str]]:
    """(urn, schools behind its figure, link_kind) for one year.

    `there` has a figure; `counted` was in that year's census, or where there is none is thought to have
    existed (`certain` says which); `alive` is in the release's census; `ahead` means a year after the
    release.
    """
    out, known = [], there | counted
    for urn in map(int, urns):
        if ahead:
            found = nearest(urn, steps[1], there) if urn not in there and urn in steps[1] else []
            if urn in there:
                out.append((urn, (urn,), "own"))
            elif len(found) == 1 and kinds.get((found[0], urn)) == SAME:
                out.append((urn, (found[0],), SAME))
            continue
        found = _founders(urn, steps[0], there, known, certain) if urn in steps[0] else []
        kind = {p: kinds[(urn, p)] for p in found}
        if urn in there or (certain and urn in counted):
            # It was there itself. It has taken in others only where both were counted then and the other has
            # gone since.
            joined = [
                p for p in found if kind[p] != SPLIT and p in counted and urn in counted and p not in alive
            ]
            if joined:
                out.append((urn, (urn, *joined), MERGED))
            elif urn in there:
                out.append((urn, (urn,), "own"))
        elif found:
            whole = SPLIT in kind.values()
            out.append((urn, tuple(found), SPLIT if whole else SAME if len(found) == 1 else MERGED))
    return out


def _founders(urn: int, older: dict, there: set, known: set, certain: bool) -> list[int]:
    """The schools of a year from which `urn` came, among those `known` to have existed.

    Without a census of that year a school that has no figure may not have been open yet: then whoever came
    before it and has one stands for it.
    """
    found: list[int] = []
    for school in nearest(urn, older, known):
        before = [] if certain or school in there else nearest(school, older, there)
        found += [p for p in before or [school] if p not in found and p != urn]
    return found


def _nearest_roll(year: str, rolls: dict[str, pd.Series]) -> pd.Series:
    """Roll by URN from that year's census, else from the nearest one (later before earlier at the same
    distance).
    """
    order = sorted(rolls, key=lambda y: (abs(years_between(y, year)), y < year))
    out = pd.Series(dtype="float64")
    for y in order:
        out = out.combine_first(rolls[y]) if len(out) else rolls[y]
    return out


def _figures_of(
    groups: list[tuple[int, tuple, str]], rows: pd.DataFrame, roll: pd.Series, nursery: set
) -> pd.DataFrame:
    """Figures of one year for groups of schools. Single schools keep the published figure; several are
    averaged by roll, or coded incomplete.
    """
    groups = [
        (u, tuple(m for m in members if m not in nursery) or members, kind) for u, members, kind in groups
    ]
    groups = [
        (u, members, "own" if members == (u,) else SAME if kind == MERGED and len(members) == 1 else kind)
        for u, members, kind in groups
    ]
    one = [(u, m[0], kind) for u, m, kind in groups if len(m) == 1 and m[0] in rows.index]
    single = pd.DataFrame(one, columns=["urn", "published_urn", "link_kind"])
    single = single.merge(rows, left_on="published_urn", right_index=True, how="left", validate="many_to_one")
    single["published_urns"] = single["published_urn"].astype("str")
    single["roll"] = single["published_urn"].map(roll)
    joint = [(u, m, kind) for u, m, kind in groups if len(m) > 1 and any(p in rows.index for p in m)]
    involved = {p for _, m, _ in joint for p in m}
    few, few_rolls = rows[rows.index.isin(involved)], roll[roll.index.isin(involved)]
    several = [_mean_of(u, m, kind, few, few_rolls) for u, m, kind in joint]
    return pd.concat([single, pd.DataFrame(several)], ignore_index=True).reindex(
        columns=[c for c in PANEL if c != "year"]
    )


def _mean_of(urn: int, members: tuple, kind: str, rows: pd.DataFrame, roll: pd.Series) -> dict:
    """Roll-weighted mean of several schools, or a row coded incomplete when a figure or a roll is missing, or
    when the whole was split.
    """
    base = {"urn": urn, "published_urns": "+".join(map(str, members)), "link_kind": f"{kind}_incomplete"}
    here = rows.reindex(list(members))
    weight = roll.reindex(list(members))
    if kind == SPLIT or here["absence_pct"].isna().any() or not (weight > 0).all():
        return base
    means = {
        m: float((here[m] * weight).sum() / weight.sum()) if here[m].notna().all() else np.nan
        for m in MEASURES
    }
    return (
        base
        | means
        | {
            "link_kind": kind,
            "roll": float(weight.sum()),
            "decimals": here["decimals"].min(),
            "publication": here["publication"].iloc[0],
        }
    )


def nearest_other_year(panel: pd.DataFrame, year: str) -> pd.DataFrame:
    """The figure of the nearest other year (the earlier of two as near) of each school.

    In: a panel. Out: index urn, columns other_year, other_year_pct. Only figures of the same school count
    (`own`, `same_school`): means of several and figures of a whole that was split are of other children.
    """
    known = panel[
        (panel["year"] != year) & panel["link_kind"].isin(["own", SAME]) & panel["absence_pct"].notna()
    ]
    far = known["year"].map(lambda other: abs(years_between(other, year)))
    known = (
        known.assign(_far=far)
        .sort_values(["_far", "year"], kind="stable")
        .drop_duplicates("urn")
        .set_index("urn")
    )
    return known[["year", "absence_pct"]].set_axis(["other_year", "other_year_pct"], axis=1)
