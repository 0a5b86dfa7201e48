"""Every year of absence that anything rests on: history back to the first year, the release, the outcomes after
it. Each school against its own neighbouring years, each area against its published movement, each year against
the one before for what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.base.years import year_after, year_words, years_between
from helpers.ingest.links import neighbours
from helpers.ingest.panel import one_figure_each
from helpers.ingest.quality.findings import DOWNLOAD, SHIFTED, Finding, capped, flag, hard, whole
from helpers.ingest.quality.pairing import LEAST_IN_LA, LEAST_SCHOOLS, Pairing, in_file_order, pair
from helpers.ingest.rates import PHASES

if TYPE_CHECKING:
    from helpers.ingest.readers.readings import Readings

# Limits, each with what was measured on all published years (2014/15 to 2018/19, 2021/22 to 2023/24; `own` is the
# correlation with the school's own figure, `slipped` with that of the row above or below).
NEAR_YEARS = 2  # neighbours: a school is compared with its own figures of up to two years away
FAR_YEARS = 4  # over the pandemic there is no nearer one
LEAST_OWN = {True: 0.45, False: 0.35}  # near: own at least 0.67, slipped at most 0.16; far: 0.54 and 0.12
LA_OWN, LA_Z = 0.25, -3.2  # an authority is below both: none is, of mainstream schools, in any year
LA_SLIPPED = 0.5  # in one authority the row above or below fits so well, and so much better: at most 0.38
LEVEL = (0.45, 2.3)  # mean of a phase over the same schools' mean of a neighbouring year: 0.61 to 1.64
LA_LEVEL = np.log(1.8)  # an authority's mean moves this many times more than England's: at most 1.4
MOST_FACTOR = 6.0  # no mainstream school moved by this from its nearest year, and 4 special ones did
MOST_JUMPS = 0.01  # share of the schools of a phase beyond it before it is the file and not the schools
# England's movement of the same schools, ours less the published one: at most 0.04 pp for mainstream schools where
# most of them are in the file; in a file of some at most 0.34, and four times as much is allowed
MOVED_PP = {"primary": 0.1, "secondary": 0.15, "special": 0.8}
# the same in an authority, less England's: pp, and standard errors on top. At most 4.0 standard errors (1.04 pp)
LA_MOVED = {"primary": (0.25, 4.0), "secondary": (0.4, 4.0)}
MOSTLY = 0.5  # share of the schools of a phase in the file for England's movement to be judged
LOST_SHARE, LOST_IN_LA = (
    0.02,
    (3, 0.3),
)  # schools of the year before without a figure: 0.9 %; in an authority 3
MOST_BLANK = {"absence_pct": 0.05, "persistent_pct": 0.15}  # of a publication's rows: 0.0 and 4.1 %
ONE_VALUE_LA = 0.6  # share of an authority's schools with the same figure: at most half
PANDEMIC = ("2019-20", "2020-21")  # no full year, and Covid sessions: told, never a reason to stop


def rests_on(year: str, release: str) -> bool:
    """Whether targets, their history, or verdicts on them are made from a year: all up to the second year after
    the release, the pandemic's own left out.
    """
    return year <= year_after(year_after(release)) and year not in PANDEMIC


def yearly_findings(readings: Readings, registers: dict[str, pd.DataFrame], release: str) -> list[Finding]:
    """What is wrong with a year as a whole, or with an authority or a school in it; hard where something rests
    on the year (`rests_on`), else a flag.
    """
    about = schools_of(readings)
    figures = readings.absence[readings.absence["absence_pct"].notna()]
    figures = figures.drop_duplicates(["publication", "year", "urn"])
    columns = {
        key: rows.set_index("urn")[["absence_pct", "file", "row", "possible_sessions"]]
        for key, rows in figures.groupby(["publication", "year"])
    }
    found = _blank(readings, release) + _stands_in(readings, registers)
    for key in columns:
        found += _same_in_la(key, columns[key], about, release)
        found += _against_own_years(key, columns, about, release)
        if key[1] not in registers:
            found += _movement(key, columns[key], readings, registers, about, release)
    return found + _lost(readings, registers, about, release)


def schools_of(readings: Readings) -> pd.DataFrame:
    """phase, la_code and roll of every school that any census counts, from the last that does. Index urn."""
    both = [f[["urn", "year", "phase", "la_code", "roll"]] for f in (readings.census, readings.census_detail)]
    rows = pd.concat(both).sort_values("year", kind="stable")
    return rows.drop_duplicates("urn", keep="last").set_index("urn")


def _blank(readings, release: str) -> list[Finding]:
    """Years of a publication whose rows are there and whose figures are not."""
    found = []
    empty = readings.absence_national[~readings.absence_national["year"].isin(readings.absence["year"])]
    for year, rows in empty.groupby("year"):
        words = f"the national rows of {year_words(year)} are there, and no school has a figure"
        place = dict(file=rows["file"].iloc[0], year=year, column="absence_pct", what_to_do=DOWNLOAD)
        found.append((hard if rests_on(year, release) else flag)("column_blank", words, **place))
    for (_, year), rows in readings.absence.groupby(["publication", "year"]):
        make = hard if rests_on(year, release) else flag
        for column in ("absence_pct", "persistent_pct"):
            blank = rows[column].isna()
            if column == "persistent_pct" and (rows["publication"] != "performance_tables").all():
                continue
            if blank.mean() > MOST_BLANK[column] and len(rows) >= LEAST_SCHOOLS:
                words = f"{blank.sum():,} of {len(rows):,} schools have no {column} in {year_words(year)}"
                place = dict(file=rows["file"].iloc[0], year=year, column=column)
                found.append(make("column_blank", words, what_to_do=DOWNLOAD, **place))
    return found


def _stands_in(readings, registers: dict[str, pd.DataFrame]) -> list[Finding]:
    """Years with a gate of their own whose figures come from the other publication alone."""
    rows = readings.absence[readings.absence["absence_pct"].notna()]
    there = rows.groupby("year")["publication"].agg(set)
    found = []
    for year in registers:
        if there.get(year) and "performance_tables" not in there[year]:
            file = rows.loc[rows["year"] == year, "file"].iloc[0]
            words = (
                f"the performance tables of {year_words(year)} are not there: another publication stands in"
            )
            todo = (
                "Add the file by school of the performance tables, or accept the other publication's schools."
            )
            found.append(flag("other_publication", words, file=file, year=year, what_to_do=todo))
    return found


def _same_in_la(key: tuple[str, str], mine: pd.DataFrame, about: pd.DataFrame, release: str) -> list[Finding]:
    """Authorities in which most schools of a phase have one and the same figure."""
    year = key[1]
    rows = mine.join(about[["phase", "la_code"]], how="inner")
    groups = rows.groupby(["la_code", "phase"])["absence_pct"]
    n, most = groups.size(), groups.agg(lambda s: s.value_counts().iloc[0])
    make = hard if rests_on(year, release) else flag
    place = dict(file=mine["file"].mode().iloc[0], year=year, column="absence_pct", what_to_do=SHIFTED)
    return capped(
        make(
            "column_constant",
            f"LA {la}: {most[la, phase]} of {n[la, phase]} {phase} schools have the same figure",
            la_code=str(la),
            **place,
        )
        for la, phase in n.index[(n >= LEAST_IN_LA) & (most > ONE_VALUE_LA * n)]
    )


def _against_own_years(key: tuple[str, str], columns: dict, about: pd.DataFrame, release: str) -> list:
    year, mine = key[1], columns[key]
    file = mine["file"].mode().iloc[0]
    make = hard if rests_on(year, release) else flag
    place = dict(file=file, year=year, column="absence_pct", what_to_do=SHIFTED)
    ordered = in_file_order(mine["absence_pct"], mine.reset_index().set_index("urn")["row"])
    found = []
    for phase in PHASES:
        rows = ordered[ordered.index.isin(about.index[about["phase"] == phase])]
        pairs = _pairs(year, rows, columns, about)
        near = {y: p for y, p in pairs.items() if abs(years_between(y, year)) <= NEAR_YEARS}
        near_enough = any(p.n >= LEAST_SCHOOLS for p in near.values())
        judged = near if near_enough else pairs
        judged = {y: p for y, p in judged.items() if p.n >= LEAST_SCHOOLS}
        if not judged:
            continue
        best_year = max(judged, key=lambda y: np.nan_to_num(judged[y].rho, nan=-1.0))
        best, what = judged[best_year], f"{phase} schools, {year_words(year)}"
        if not best.rho >= LEAST_OWN[near_enough]:
            words = (
                f"{what}: each school's figure goes with its own of {year_words(best_year)} at a rank correlation "
                f"of only {best.rho:.2f} inside authorities"
            )
            if best.slipped > best.rho + 0.2:
                words += f", and at {best.slipped:.2f} when every figure is moved by one row"
            found.append(
                make("figures_of_other_schools", f"{words}: rows were sorted, swapped or slipped", **place)
            )
        ratios = [p.ratio for p in judged.values()]
        if not any(LEVEL[0] <= ratio <= LEVEL[1] for ratio in ratios):
            words = (
                f"{what}: the mean is {ratios[0]:.2g} times that of the same schools in a neighbouring year"
            )
            found.append(
                make("unit_or_level", f"{words}: another unit (a share, or attendance), or scaled", **place)
            )
        elif phase != "special":
            found += capped(_las(judged, what, place, make))
        found += _jumped(mine, rows, judged, columns, phase, year, make, what)
    return found


def _pairs(year: str, rows: pd.DataFrame, columns: dict, about: pd.DataFrame) -> dict[str, Pairing]:
    """The rows of a year and phase beside each neighbouring year, of whichever publication has more of them."""
    out: dict[str, Pairing] = {}
    for (_, other), theirs in columns.items():
        if other == year or abs(years_between(other, year)) > FAR_YEARS:
            continue
        if rows.index.isin(theirs.index).sum() < LEAST_IN_LA:
            continue
        paired = pair(rows, theirs["absence_pct"], about["la_code"])
        if other not in out or paired.n > out[other].n:
            out[other] = paired
    return out


def _las(judged: dict[str, Pairing], what: str, place: dict, make) -> list[Finding]:
    """Authorities whose schools go with none of their neighbouring years, or all move far more than England's."""
    every = pd.concat([p.by_la.assign(year=year) for year, p in judged.items()])
    every = every[every["n"] >= LEAST_IN_LA]
    every["gain"] = every["slipped"] - every["rho"]
    by = every.groupby(level=0)
    best = by.agg(n=("n", "max"), rho=("rho", "max"), z=("z", "max"), gain=("gain", "min"))
    best["slipped"], best["log_ratio"] = by["slipped"].min(), by["log_ratio"].agg(lambda s: s.abs().min())
    near = any(p.rho >= 0.6 for p in judged.values())
    mixed = best[(best["rho"] < LA_OWN) & (best["z"] < LA_Z) & near]
    slipped = best[(best["gain"] > LA_SLIPPED) & (best["slipped"] > LA_SLIPPED)]
    found = []
    for la, r in best[best.index.isin(mixed.index) | best.index.isin(slipped.index)].iterrows():
        words = (
            f"LA {la}, {what}: the figures of its {r['n']:.0f} schools go with their own of other years at a "
            f"rank correlation of {r['rho']:.2f}"
        )
        if la in slipped.index:
            words += f", and at {r['slipped']:.2f} when every figure is moved by one row"
        found.append(make("figures_of_other_schools", words, la_code=str(la), value=str(la), **place))
    for la, r in best[best["log_ratio"] > LA_LEVEL].iterrows():
        words = (
            f"LA {la}, {what}: its schools' mean moved {np.exp(r['log_ratio']):.1f} times as far as England's"
        )
        found.append(make("unit_or_level", words, la_code=str(la), value=str(la), **place))
    return found


def _jumped(mine, rows, judged, columns, phase: str, year: str, make, what: str) -> list[Finding]:
    """Schools whose figure is many times that of every neighbouring year: a flag each, and the file when they
    are many.
    """
    apart = []
    for other in judged:
        theirs = pd.concat([f["absence_pct"] for (_, y), f in columns.items() if y == other])
        theirs = theirs[~theirs.index.duplicated()].reindex(rows.index)
        change = np.log((rows["own"] + 0.1) / (theirs + 0.1))
        apart.append((change - change.median()).abs())
    least = pd.concat(apart, axis=1).min(axis=1)
    wild = least[least > np.log(MOST_FACTOR)]
    place = dict(year=year, column="absence_pct")
    if len(wild) > max(5, MOST_JUMPS * least.notna().sum()):
        words = f"{what}: {len(wild):,} of {least.notna().sum():,} moved by more than {MOST_FACTOR:.0f} times"
        return [make("figures_jump", words, file=mine["file"].iloc[0], what_to_do=SHIFTED, **place)]
    out = []
    for urn, size in wild.items():
        r = mine.loc[urn]
        words = (
            f"URN {urn}, {what}: {r['absence_pct']:g} % is {np.exp(size):.0f} times away from its other years"
        )
        out.append(
            flag(
                "rate_jumped",
                words,
                file=r["file"],
                row=whole(r["row"]),
                urn=int(urn),
                value=f"{r['absence_pct']:g}",
                what_to_do="Read the row in the published file.",
                **place,
            )
        )
    return capped(out)


def _movement(
    key: tuple[str, str], mine: pd.DataFrame, readings, registers, about: pd.DataFrame, release: str
) -> list[Finding]:
    """How far the same schools moved since the nearest year with a gate of its own, beside the published
    movement of their area; weighted by sessions where all have them, else by the roll.
    """
    if not registers:
        return []
    year, file = key[1], mine["file"].mode().iloc[0]
    base = min(registers, key=lambda y: (abs(years_between(y, year)), y))
    before = one_figure_each(readings.absence[readings.absence["year"] == base]).set_index("urn")[
        "absence_pct"
    ]
    rows = mine.join(about, how="inner")
    rows["change"] = rows["absence_pct"] - before.reindex(rows.index)
    counts = rows["possible_sessions"]
    rows["w"] = counts if counts.notna().all() else rows["roll"]
    rows = rows[rows["change"].notna() & (rows["w"] > 0) & rows["phase"].isin(PHASES)]
    rates = readings.area_rates[readings.area_rates["measure"] == "absence"]
    published = rates.drop_duplicates(["year", "geography", "area_code", "area_name", "phase"])
    make = hard if rests_on(year, release) else flag
    place = dict(file=file, year=year, column="absence_pct", what_to_do=SHIFTED)
    found = []
    for phase in PHASES:
        part = rows[rows["phase"] == phase]
        steps = _steps(published[published["phase"] == phase], base, year)
        every = (about["phase"] == phase).sum()
        if len(part) < LEAST_SCHOOLS or steps.empty:
            continue
        ours = float(np.average(part["change"], weights=part["w"]))
        theirs = steps.get(("england", "England"), np.nan)
        if abs(ours - theirs) > MOVED_PP[phase] * (1 if len(part) >= MOSTLY * every else 4):
            words = (
                f"{phase} schools: since {year_words(base)} ours moved by {ours:+.2f} pp, and England's published "
                f"rate by {theirs:+.2f} pp"
            )
            found.append(make("year_differs", words, **place))
        elif phase in LA_MOVED:
            found += capped(_las_moved(part, steps, phase, ours - theirs, base, make, place))
    return found


def _steps(published: pd.DataFrame, base: str, year: str) -> pd.Series:
    """Published movement between two years by (geography, LA code or name)."""
    code = published["area_code"].where(published["geography"] == "la", published["area_name"])
    table = published.assign(code=code)[published["year"].isin([base, year])].dropna(
        subset=["rate_pct", "code"]
    )
    table = table.drop_duplicates(["geography", "code", "year"])
    table = table.pivot(index=["geography", "code"], columns="year", values="rate_pct")
    if not {base, year} <= set(table.columns):
        return pd.Series(dtype="float64")
    return (table[year] - table[base]).dropna()


def _las_moved(
    part, steps: pd.Series, phase: str, shift: float, base: str, make, place: dict
) -> list[Finding]:
    least, times = LA_MOVED[phase]
    groups = part.assign(wc=part["w"] * part["change"], w2=part["w"] ** 2).groupby("la_code")
    n, mean = groups.size(), groups["wc"].sum() / groups["w"].sum()
    error = part["change"].std() * np.sqrt(groups["w2"].sum()) / groups["w"].sum()
    theirs = pd.Series({code: step for (geography, code), step in steps.items() if geography == "la"})
    off = mean - theirs.reindex(mean.index) - shift
    bad = off[(n >= LEAST_IN_LA) & (off.abs() > least + times * error)]
    out = []
    for la in bad.index:
        words = (
            f"LA {la}, {phase} schools: since {year_words(base)} its {n[la]} schools moved by {mean[la]:+.2f} pp, "
            f"and its published rate by {theirs[la]:+.2f} pp"
        )
        out.append(make("year_differs", words, la_code=str(la), value=str(la), **place))
    return out


def _lost(readings, registers, about: pd.DataFrame, release: str) -> list[Finding]:
    """Years with schools missing that had a figure in the year before and have no successor: a partial
    publication. The release and 2018/19 are held to more by `completeness`.
    """
    figures = one_figure_each(readings.absence[readings.absence["absence_pct"].notna()])
    there = {year: set(rows["urn"]) for year, rows in figures.groupby("year")}
    files = figures.groupby("year")["file"].agg(lambda s: s.mode().iloc[0])
    newer, older = neighbours(readings.links)[::-1] if len(readings.links) else ({}, {})
    found = []
    for year in sorted(set(there) - set(registers) - {release}):
        earlier = [y for y in there if y < year]
        base = max(earlier) if earlier else min((y for y in there if y > year), default=None)
        if base is None:
            continue
        on = newer if base < year else older
        due = about[about.index.isin(there[base]) & about["phase"].isin(PHASES)]
        gone = [u for u in due.index if u not in there[year] and u not in on]
        lost = due.assign(lost=due.index.isin(gone))
        by_la = lost.groupby("la_code")["lost"].agg(["sum", "size"])
        over = by_la[by_la["sum"] > LOST_IN_LA[0] + LOST_IN_LA[1] * by_la["size"]]
        phases = lost.groupby("phase")["lost"].mean()
        if len(gone) <= LOST_SHARE * len(due) and over.empty and not (phases > 0.2).any():
            continue
        entire = sorted(by_la.index[by_la["sum"] == by_la["size"]])
        words = (
            f"partial publication of {year_words(year)}: {len(gone):,} of the {len(due):,} with a figure in "
            f"{year_words(base)} have none and no successor ("
            + ", ".join(f"{phase} {100 * share:.0f} %" for phase, share in phases.items())
            + f"); {len(entire)} LAs have none at all"
        )
        words += f", the first of them LA {entire[0]}" if entire else ""
        if len(over) > len(entire):
            part = sorted(set(over.index) - set(entire))
            words += f"; {len(part)} more lack many, such as LA {part[0]}"
        what = {
            True: "Nothing is said of these schools' outcome. " + DOWNLOAD,
            False: "Their history has a gap, and the forecast learns from fewer schools. " + DOWNLOAD,
        }[year > release]
        found.append(
            flag("partial_publication", words, file=files[year], year=year, column="urn", what_to_do=what)
        )
    return found
