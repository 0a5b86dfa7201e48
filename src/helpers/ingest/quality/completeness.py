"""What a cut-off or forgotten file lacks: years, schools with a figure, areas with rates, links, points and
deprivation ranks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from helpers.base.years import year_words
from helpers.ingest.links import direct_links, neighbours
from helpers.ingest.quality.findings import DOWNLOAD, SHIFTED, Finding, capped, flag, hard
from helpers.ingest.rates import MEASURES, PHASES

if TYPE_CHECKING:
    from helpers.ingest.readers.readings import Readings

# Limits, each with what the published data show (2018/19 and 2022/23).
# 55 of 21,214 and 33 of 21,281 published schools are in no census: they changed their number during the year
NOT_IN_CENSUS_SHARE = 0.01
MISSING_SHARE = {
    "primary": 0.005,
    "secondary": 0.02,
    "special": 0.05,
}  # census schools without a figure: at most 0.14, 0.88 and 1.8 %
MISSING_IN_LA = (3, 0.05)  # at most 2 in any LA; allowed: 3 schools and 5 % of the LA's
ONE_SIDED_SHARE = 0.05  # links given by one of the two schools only: 1.3 %
WITHOUT_SUCCESSOR_SHARE = 0.25  # schools gone since 2018/19 that have no successor: 6.4 %
WITHOUT_POINT_SHARE = 0.08  # open schools without a point: 2.2 %
WITHOUT_IDACI_SHARE = 0.02  # 1 of 22,067
OUTSIDE_LA_SHARE = 0.02  # schools more than 3 km outside their LA's polygon: 0.05 %
OUTSIDE_IN_LA = (3, 0.2)  # in one authority: at most 3
NEAR_LA_M = 3000
WALES = range(400_000, 500_000)  # URNs of Welsh schools: they end the links file and concern nobody here


def coverage_findings(readings: Readings, registers: dict[str, pd.DataFrame], release: str) -> list[Finding]:
    """What a cut-off or forgotten file lacks: years, schools with a figure by LA and phase, areas with rates,
    links, points, deprivation.
    """
    found = []
    for year, register in registers.items():
        found += (
            _year_there(readings, year)
            + _figures_there(readings, register, year)
            + _rates_there(readings, register, year)
        )
    if release in registers:
        register = registers[release]
        found += _links_there(readings, registers, release) + _places_there(readings, register, release)
    return found


def _year_there(readings, year: str) -> list[Finding]:
    found = []
    for name, words in (
        ("absence", "absence by school"),
        ("census", "school census"),
        ("area_rates", "published rates of areas"),
    ):
        if not (getattr(readings, name)["year"] == year).any():
            todo = f"Add the file that holds {words} of {year_words(year)}, or choose another release."
            found.append(
                hard(
                    "year_missing",
                    f"no {words} for {year_words(year)}",
                    year=year,
                    column="year",
                    value=year,
                    what_to_do=todo,
                )
            )
    return found


def _figures_there(readings, register: pd.DataFrame, year: str) -> list[Finding]:
    """Census schools with pupils of compulsory age nearly all have a figure, and nearly all figures are of
    schools of the census.
    """
    rows = readings.absence[
        (readings.absence["year"] == year) & (readings.absence["publication"] == "performance_tables")
    ]
    if rows.empty:
        return []
    file, published = rows["file"].iloc[0], set(rows["urn"])
    due = register[
        register["in_census"]
        & register["phase"].isin(PHASES)
        & (register["roll"] > 0)
        & (register["block"] != "sixteen_plus")
    ]
    due = due.assign(lost=~due["urn"].isin(published))
    found = []
    for phase, share in due.groupby("phase")["lost"].mean().items():
        if share > MISSING_SHARE[phase]:
            words = f"{100 * share:.1f} % of the {phase} schools of the census have no row in this file"
            found.append(
                hard("incomplete_file", words, file=file, year=year, column="urn", what_to_do=DOWNLOAD)
            )
    by_la = (
        due.groupby(["la_code", "la_name", "region_name", "phase"], dropna=False)["lost"]
        .agg(["sum", "size"])
        .reset_index()
    )
    over = by_la[by_la["sum"] > MISSING_IN_LA[0] + MISSING_IN_LA[1] * by_la["size"]]
    for r in over.to_dict("records"):
        words = (
            f"{r['la_name']} (LA {r['la_code']}): {r['sum']} of {r['size']} {r['phase']} schools of "
            "the census have no row in this file"
        )
        place = dict(
            file=file,
            year=year,
            column="la_code",
            value=r["la_code"],
            la_code=r["la_code"],
            region_name=r["region_name"],
        )
        found.append(hard("incomplete_file", words, what_to_do=DOWNLOAD, **place))
    outside = rows[~rows["urn"].isin(register.loc[register["in_census"], "urn"])]
    if len(outside) > NOT_IN_CENSUS_SHARE * len(rows):
        census = readings.census[readings.census["year"] == year]
        first = outside.iloc[0]
        words = (
            f"{len(outside):,} schools with a published rate are not in this census, first URN "
            f"{first['urn']} in LA {first['la_code']}"
        )
        place = dict(
            file=census["file"].iloc[0] if len(census) else file,
            year=year,
            column="urn",
            value=str(first["urn"]),
            la_code=str(first["la_code"]),
        )
        found.append(hard("incomplete_file", words, what_to_do=DOWNLOAD, **place))
    return capped(found)


def _rates_there(readings, register: pd.DataFrame, year: str) -> list[Finding]:
    """Every area has a row, blank or not, for each phase and measure that the file holds or must hold; every
    LA of the register is an area.
    """
    rates = readings.area_rates[readings.area_rates["year"] == year]
    if rates.empty:
        return []
    file = rates["file"].iloc[0]
    areas = set(zip(rates["geography"], rates["area_code"], strict=True))
    found = []
    cells = {
        key: set(zip(rows["geography"], rows["area_code"], strict=True))
        for key, rows in rates.groupby(["phase", "measure"])
    }
    held = readings.area_rates[["phase", "measure"]].drop_duplicates().itertuples(index=False)
    for phase, measure in sorted({*map(tuple, held), *((p, m) for p in PHASES for m in MEASURES)}):
        lost = sorted(areas - cells.get((phase, measure), set()))
        if lost:
            words = (
                f"{measure}, {phase}, {year_words(year)}: {len(lost)} of {len(areas)} areas have no "
                f"row, first {lost[0][0]} {lost[0][1]}"
            )
            found.append(
                hard(
                    "incomplete_file",
                    words,
                    file=file,
                    year=year,
                    column=measure,
                    value=lost[0][1],
                    what_to_do=DOWNLOAD,
                )
            )
    las = set(register.loc[register["phase"].isin(PHASES), "la_code"].dropna())
    absent = sorted(las - {code for geography, code in areas if geography == "la"})
    if absent:
        words = (
            f"{len(absent)} LAs have schools in {year_words(year)} and no published rates, the first "
            f"of them LA {absent[0]}"
        )
        found.append(
            hard(
                "incomplete_file",
                words,
                file=file,
                year=year,
                column="area_code",
                value=absent[0],
                la_code=absent[0],
                what_to_do=DOWNLOAD,
            )
        )
    return found


def _links_there(readings, registers: dict[str, pd.DataFrame], release: str) -> list[Finding]:
    """Links are given by both schools, and schools that are gone have successors; a cut-off links file loses
    one side.
    """
    if readings.links.empty:
        return [
            hard(
                "year_missing",
                "no links between schools were found",
                column="link_urn",
                what_to_do="Add the links file of the register of schools.",
            )
        ]
    file = readings.links["file"].iloc[0]
    kind = readings.links["link_type"].str.strip().str.lower()
    pairs = [
        set(zip(rows[new], rows[old], strict=True))
        for rows, new, old in (
            (readings.links[kind.str.startswith("predecessor")], "urn", "link_urn"),
            (readings.links[kind.str.startswith("successor")], "link_urn", "urn"),
        )
    ]
    england = {p for p in pairs[0] | pairs[1] if not any(urn in WALES for urn in p)}
    share = len(england & (pairs[0] ^ pairs[1])) / max(len(england), 1)
    found = []
    if share > ONE_SIDED_SHARE:
        words = (
            f"{100 * share:.1f} % of the links are given by only one of the two schools: the file was cut off"
        )
        found.append(
            hard(
                "incomplete_file",
                words,
                file=file,
                column="link_urn",
                row=len(readings.links) + 1,
                what_to_do=DOWNLOAD,
            )
        )
    successors = neighbours(readings.links)[1]
    for year, before in registers.items():
        gone = before.loc[before["in_census"] & ~before["urn"].isin(registers[release]["urn"]), "urn"]
        if year < release and len(gone) >= 30:
            without = 1 - gone.isin(list(successors)).mean()
            if without > WITHOUT_SUCCESSOR_SHARE:
                words = (
                    f"{100 * without:.0f} % of the {len(gone):,} schools that were there in "
                    f"{year_words(year)} and are gone have no successor"
                )
                found.append(
                    hard("incomplete_file", words, file=file, column="link_urn", what_to_do=DOWNLOAD)
                )
    if direct_links(readings.links).empty:
        found.append(
            hard(
                "incomplete_file",
                "no predecessor or successor links were found",
                file=file,
                column="link_type",
                what_to_do=SHIFTED,
            )
        )
    return found


def _places_there(readings, register: pd.DataFrame, release: str) -> list[Finding]:
    """Points and deprivation ranks reach nearly every school, and points lie in their LA."""
    found = []
    if len(readings.points):
        file = readings.points["file"].iloc[0]
        closed = set(neighbours(readings.links)[1]) if len(readings.links) else set()
        still = register[~register["urn"].isin(closed)]
        share = 1 - still["urn"].isin(readings.points["urn"]).mean()
        if share > WITHOUT_POINT_SHARE:
            words = (
                f"{100 * share:.1f} % of the schools of {year_words(release)} that have no successor "
                "are not in this file"
            )
            found.append(
                hard("incomplete_file", words, file=file, column="urn", year=release, what_to_do=DOWNLOAD)
            )
    lacking = register["idaci_rank"].isna().mean()
    if lacking > WITHOUT_IDACI_SHARE:
        file = readings.deprivation["file"].iloc[0] if len(readings.deprivation) else ""
        words = f"{100 * lacking:.1f} % of the schools of {year_words(release)} have no deprivation rank"
        found.append(
            hard("incomplete_file", words, file=file, column="idaci_rank", year=release, what_to_do=DOWNLOAD)
        )
    return found + _points_in_their_la(readings, register, release)


def _points_in_their_la(readings, register: pd.DataFrame, release: str) -> list[Finding]:
    """Schools more than 3 km outside their LA: a few are errors of the register of schools, many mean shifted
    coordinates.
    """
    known = register[register["easting"].notna() & register["la_ons_code"].notna()]
    if not len(readings.la_boundaries) or known.empty:
        return []
    shapes = readings.la_boundaries.drop_duplicates("la_ons_code").set_index("la_ons_code").geometry
    known = known[known["la_ons_code"].isin(shapes.index)]
    points = gpd.GeoSeries(
        gpd.points_from_xy(known["easting"], known["northing"]), index=known.index, crs=shapes.crs
    )
    home = gpd.GeoSeries(shapes.reindex(known["la_ons_code"]).to_numpy(), index=known.index, crs=shapes.crs)
    far = known.assign(metres=points.distance(home))
    far = far[far["metres"] > NEAR_LA_M]
    todo = (
        "Some boarding special schools do lie outside their LA; otherwise the point is wrong, and so "
        "are the distances to its peers."
    )
    found = [
        flag(
            "point_outside_la",
            (f"{r.school_name} (URN {r.urn}): its point lies {r.metres / 1000:.0f} km outside {r.la_name}"),
            year=release,
            urn=int(r.urn),
            la_code=r.la_code,
            region_name=r.region_name,
            column="easting",
            value=f"{r.easting:.0f}",
            what_to_do=todo,
        )
        for r in far.itertuples()
    ]
    by_la = known.assign(far=known.index.isin(far.index)).groupby("la_code")["far"].agg(["sum", "size"])
    by_la = by_la[by_la["sum"] > OUTSIDE_IN_LA[0] + OUTSIDE_IN_LA[1] * by_la["size"]]
    found += [
        hard(
            "coordinates_shifted",
            f"LA {la}: {r['sum']} of {r['size']} schools lie more than 3 km outside it",
            file=readings.points["file"].iloc[0] if len(readings.points) else "",
            column="easting",
            year=release,
            la_code=str(la),
            what_to_do=SHIFTED,
        )
        for la, r in by_la.iterrows()
    ]
    if len(far) > OUTSIDE_LA_SHARE * len(known):
        words = f"{len(far):,} of {len(known):,} schools lie more than 3 km outside their LA"
        file = readings.points["file"].iloc[0] if len(readings.points) else ""
        return [
            hard("coordinates_shifted", words, file=file, column="easting", year=release, what_to_do=SHIFTED)
        ]
    return found
