"""The register of a year: one row per school, with its circumstances, its published figures and exactly one
status.

It holds every state-funded or non-maintained special school of that year's census (performance-tables census
and the detailed school census together) and every URN whose absence was published without being in either.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from helpers.base.faults import DataRefused, Fault
from helpers.base.params import DEFAULT
from helpers.base.years import PRE_PANDEMIC, year_words
from helpers.ingest import age_ranges
from helpers.ingest.links import SAME, nearest, neighbours, predecessors
from helpers.ingest.panel import build_panel, nearest_other_year, one_figure_each, register_urns, year_start
from helpers.ingest.readers.readings import Readings

FROM_DETAIL = [
    "la_ons_code",
    "la_name",
    "region_name",
    "school_name",
    "postcode",
    "school_type",
    "trust_name",
    "sex_of_school",
    "denomination",
    "admissions_policy",
    "middle_school",
    "all_through",
    "urban_rural",
    "governance",
    "open_date",
    "fsm_pct",
    "young_carer_pct",
    "white_british_pct",
    "white_other_pct",
    "gypsy_roma_traveller_pct",
    "mixed_pct",
    "indian_pct",
    "pakistani_pct",
    "bangladeshi_pct",
    "other_asian_pct",
    "black_caribbean_pct",
    "black_african_pct",
    "other_black_pct",
    "chinese_pct",
    "other_ethnic_pct",
    "ethnicity_unclassified_pct",
]
FROM_CENSUS = ["school_type_census", "sen_support_pct", "ehcp_pct", "eal_pct", "fsm6_pct"]
FROM_ABSENCE = ["absence_pct", "persistent_pct", "publication"]
FROM_EITHER = ["la_code", "phase", "roll", "girls_roll"]
ESSENTIAL = [
    "roll",
    "fsm_pct",
    "fsm6_pct",
    "sen_support_pct",
    "ehcp_pct",
    "eal_pct",
    "white_british_pct",
    "mean_year_group",
    "idaci_rank",
]
SPECIAL_GUESS_PCT = (
    20.0  # above this a school of which nothing else is known is taken for special: see `_phase_of_uncounted`
)
STATUSES = [
    "assessed",
    "no_published_absence",
    "not_in_census",
    "special_range_only",
    "alternative_provision",
    "nursery",
    "new",
    "tiny",
    "incomplete_data",
]


def build_register(readings: Readings, release: str, tiny_roll: int = DEFAULT.tiny_roll) -> pd.DataFrame:
    """One row per school of the year `release`, sorted by URN: the dictionary's table `schools` and a few
    working columns.

    In: `readings` as in docs/house.md. Missing stays missing; percentages 0-100 unrounded. Raises
    `DataRefused` when no census covers the year. Where the performance-tables census and the detailed one
    carry the same thing, the first is taken (the gate compares them).
    """
    census, detail, absence = (
        _of_year(f, release)
        for f in (readings.census, readings.census_detail, one_figure_each(readings.absence))
    )
    if census.empty and detail.empty:
        what = "Add the performance tables or the school census of that year, or choose another release."
        raise DataRefused(
            Fault("hard", "no_census", f"no school census for {release} was found", what_to_do=what)
        )
    urns = register_urns(readings, release)
    out = pd.DataFrame(index=urns)
    for column in FROM_EITHER:
        out[column] = census[column].reindex(urns).combine_first(detail[column].reindex(urns))
    out["in_census"] = urns.isin(census.index) | urns.isin(detail.index)
    out[FROM_CENSUS] = census[FROM_CENSUS].reindex(urns)
    out[FROM_DETAIL] = detail[FROM_DETAIL].reindex(urns)
    out["eal_pct"] = out["eal_pct"].fillna(detail["eal_pct"].reindex(urns))
    out[FROM_ABSENCE] = absence[FROM_ABSENCE].reindex(urns)
    out["girls_pct"] = 100 * out["girls_roll"] / out["roll"].where(out["roll"] > 0)
    shares = age_ranges.year_shares(detail).reindex(urns)
    out[shares.columns] = shares
    out["block"] = age_ranges.blocks(detail).reindex(urns)
    out["selective"] = age_ranges.selective(detail).reindex(urns)
    out["grammar_area_pct"] = out["la_code"].map(
        age_ranges.grammar_area(detail).groupby(detail["la_code"]).first()
    )
    out["capacity"] = (
        readings.establishments.drop_duplicates("urn").set_index("urn")["capacity"].reindex(urns)
    )
    before = predecessors(readings.links)
    out["became_urn"] = _became(before, urns, out["in_census"])
    _fill_uncounted(out, readings, absence)
    _fill_area(out, readings, release)
    out["block"] = out["block"].fillna(out["phase"])
    _place(out, readings)
    _history(out, readings, release)
    out["status"], out["status_note"] = _status(out, before, release, tiny_roll)
    return out.drop(columns=["girls_roll", "school_type_census"]).reset_index()


def _of_year(frame: pd.DataFrame, year: str) -> pd.DataFrame:
    """Rows of one year by URN. A repeated URN is the gate's business: the first row is kept so that the gate
    can be reached.
    """
    return frame[frame["year"] == year].drop_duplicates("urn").set_index("urn")


def _became(before: pd.DataFrame, urns: pd.Index, in_census: pd.Series) -> pd.Series:
    """For a school of the census: the URN outside it under which it went on during the year (one to one); for
    that URN: the school it was.
    """
    counted = set(urns[in_census])
    pairs = before[
        (before["kind"] == SAME)
        & before["urn"].isin(set(urns) - counted)
        & before["predecessor_urn"].isin(counted)
    ]
    there = dict(zip(pairs["predecessor_urn"], pairs["urn"], strict=True)) | dict(
        zip(pairs["urn"], pairs["predecessor_urn"], strict=True)
    )
    return pd.Series(urns.map(there), index=urns).astype("Int64")


def _fill_uncounted(out: pd.DataFrame, readings, absence: pd.DataFrame) -> None:
    """Schools with a figure and no census row: LA from the absence row, the rest from the school it was, from
    GIAS and from the points. In place.

    Phase: of the school it was, else GIAS, else guessed from the rate (above 20 % special, else primary: only
    the label and the note use it, because such a school is never assessed). Counts and shares stay missing:
    they would be counted twice.
    """
    rows = ~out["in_census"]
    was = out.loc[rows, "became_urn"]
    gias, points = (
        readings.establishments.drop_duplicates("urn").set_index("urn"),
        readings.points.drop_duplicates("urn").set_index("urn"),
    )
    elsewhere = (
        readings.census_detail.sort_values("year", kind="stable")
        .drop_duplicates("urn", keep="last")
        .set_index("urn")
    )
    for column in (
        "la_code",
        "phase",
        "school_name",
        "school_type",
        "postcode",
        "trust_name",
        "sex_of_school",
        "denomination",
        "admissions_policy",
    ):
        filled = out.loc[rows, column]
        sources = [absence, gias, points] if column in ("la_code", "school_name") else [gias]
        for source in sources:
            if column in source:
                filled = filled.fillna(source[column].reindex(filled.index))
        known = was.dropna().astype("int64")
        filled = filled.fillna(known.map(out[column]).reindex(filled.index))
        out.loc[rows, column] = filled
    out["school_name"] = (
        out["school_name"]
        .fillna(elsewhere["school_name"].reindex(out.index))
        .fillna(points["school_name"].reindex(out.index))
    )
    out["school_name"] = out["school_name"].fillna(gias["school_name"].reindex(out.index))
    out["school_name"] = out["school_name"].fillna(
        pd.Series([f"School {u} (no name in the files)" for u in out.index], index=out.index)
    )
    out["phase_guessed"] = out["phase"].isna()
    guess = np.where(out["absence_pct"] > SPECIAL_GUESS_PCT, "special", "primary")
    out["phase"] = out["phase"].fillna(pd.Series(guess, index=out.index))


def _fill_area(out: pd.DataFrame, readings, release: str) -> None:
    """LA name, ONS code and region by LA code: from the detailed census, else the published area rates, else
    the region in which most of the LA's schools are found in another year's census (LAs that have been merged
    since). In place.
    """
    detail = readings.census_detail.assign(_far=readings.census_detail["year"] != release).sort_values(
        "_far", kind="stable"
    )
    by_census = detail.drop_duplicates("la_code").set_index("la_code")
    rates = readings.area_rates
    by_rates = rates[rates["geography"] == "la"].drop_duplicates("area_code").set_index("area_code")
    by_rates = by_rates.rename(columns={"area_name": "la_name"})
    region_of = detail.drop_duplicates("urn").set_index("urn")["region_name"].reindex(out.index)
    by_schools = region_of.groupby(out["la_code"]).agg(
        lambda s: s.mode().iloc[0] if s.notna().any() else None
    )
    for column in ("region_name", "la_name", "la_ons_code"):
        for source in (by_census, by_rates):
            if column in source:
                out[column] = out[column].fillna(out["la_code"].map(source[column]))
    out["region_name"] = out["region_name"].fillna(out["la_code"].map(by_schools))


def _place(out: pd.DataFrame, readings) -> None:
    """Coordinates (GIAS points, else the deprivation file, else GIAS attributes) and deprivation ranks of the
    neighbourhood. In place.

    Ranks come from the file by school; for a school closed since, from its only successor; where neither has
    them, from the LSOA polygon that holds the school's point.
    """
    dep = readings.deprivation.drop_duplicates("urn").set_index("urn")
    sources = [
        readings.points.drop_duplicates("urn").set_index("urn"),
        dep,
        readings.establishments.drop_duplicates("urn").set_index("urn"),
    ]
    out["easting"], out["northing"] = np.nan, np.nan
    for source in sources:
        found = source[["easting", "northing"]].reindex(out.index)
        take = out["easting"].isna() & found.notna().all(axis=1)
        out.loc[take, ["easting", "northing"]] = found[take]
    ranks = ["idaci_rank", "imd_rank"]
    out[["lsoa11_code", *ranks]] = dep[["lsoa11_code", *ranks]].reindex(out.index)
    # A school that has closed since has no point in today's files, but its only successor mostly stands on
    # its site.
    placed = set(out.index[out["easting"].notna()]) | set(dep.index[dep["idaci_rank"].notna()])
    newer = neighbours(readings.links)[1] if len(readings.links) else {}
    heirs = {
        u: found
        for u in out.index[out[ranks].isna().all(axis=1)]
        if u in newer and len(found := nearest(u, newer, placed)) == 1
    }
    on_site = dep.reindex([found[0] for found in heirs.values()])[
        ["easting", "northing", "lsoa11_code", *ranks]
    ].set_axis(list(heirs), axis=0)
    for column in on_site:
        out[column] = out[column].fillna(on_site[column].reindex(out.index))
    need = out[ranks].isna().all(axis=1) & out["easting"].notna()
    if need.any() and len(readings.lsoa_boundaries) and len(readings.deprivation_lsoa):
        points = gpd.GeoDataFrame(
            {"urn": out.index[need]},
            geometry=gpd.points_from_xy(out.loc[need, "easting"], out.loc[need, "northing"]),
            crs="EPSG:27700",
        )
        inside = (
            points.sjoin(readings.lsoa_boundaries[["lsoa11_code", "geometry"]], predicate="within")
            .drop_duplicates("urn")
            .set_index("urn")
        )
        by_lsoa = readings.deprivation_lsoa.drop_duplicates("lsoa11_code").set_index("lsoa11_code")
        out.loc[inside.index, "lsoa11_code"] = inside["lsoa11_code"]
        for rank in ranks:
            out.loc[inside.index, rank] = inside["lsoa11_code"].map(by_lsoa[rank])


def _history(out: pd.DataFrame, readings, release: str) -> None:
    """`pre_pandemic_absence_pct`, `pre_pandemic_urn` (missing when several schools stand behind it),
    `pre_pandemic_kind`, and the nearest other year's figure of the same school (`other_year`,
    `other_year_pct`). In place."""
    history = build_panel(readings, readings.links, release)
    then = history[history["year"] == PRE_PANDEMIC].set_index("urn")
    out["pre_pandemic_absence_pct"] = then["absence_pct"].reindex(out.index)
    out["pre_pandemic_urn"] = then["published_urn"].reindex(out.index).astype("Int64")
    out["pre_pandemic_kind"] = then["link_kind"].reindex(out.index)
    other = nearest_other_year(history, release)
    out[["other_year", "other_year_pct"]] = other.reindex(out.index)


def _status(
    out: pd.DataFrame, before: pd.DataFrame, release: str, tiny_roll: int
) -> tuple[pd.Series, pd.Series]:
    """The first reason that applies, in the order of docs/house.md, and the reason in words; `assessed` where
    none does.
    """
    has_past = set(before["urn"])
    shown_year = year_words(release)
    opened_late = (out["open_date"] > year_start(release)) & ~out.index.isin(has_past)
    covered = [c for c in ESSENTIAL if out.loc[out["in_census"], c].notna().any()]
    missing = out[covered].isna()
    none = out["absence_pct"].isna()
    rules = [
        (
            "alternative_provision",
            out["phase"] == "ap",
            "Alternative provision: absence by school is not published.",
        ),
        (
            "nursery",
            out["phase"] == "nursery",
            "Nursery school: absence is not published below compulsory school age.",
        ),
        ("no_published_absence", none, f"No absence rate was published for this school for {shown_year}."),
        (
            "not_in_census",
            ~out["in_census"],
            f"An absence rate was published, but the school is in no census of {shown_year}.",
        ),
        (
            "special_range_only",
            out["phase"] == "special",
            "Special school: year-to-year change is too large for a point expectation.",
        ),
        ("new", opened_late, f"Opened after the start of {shown_year} with no predecessor: not a full year."),
        (
            "tiny",
            out["roll"] < tiny_roll,
            f"Fewer than {tiny_roll} pupils on roll: the rate is mostly chance.",
        ),
        ("incomplete_data", missing.any(axis=1), "Something the model cannot do without is missing: "),
    ]
    status = np.select(
        [mask.to_numpy() for _, mask, _ in rules], [name for name, _, _ in rules], default="assessed"
    )
    note = pd.Series(
        np.select([mask.to_numpy() for _, mask, _ in rules], [words for _, _, words in rules], default=""),
        index=out.index,
        dtype="str",
    )
    status = pd.Series(status, index=out.index, dtype="str")
    for urn in out.index[status == "incomplete_data"]:
        note[urn] += ", ".join(c for c in covered if missing.at[urn, c]) + "."
    older_only = (status == "no_published_absence") & (out["block"] == "sixteen_plus")
    note = note.mask(
        older_only, note + " It has sixth-form pupils only, whom the published figures do not cover."
    )
    other = out["became_urn"].astype("str")
    changed = out["became_urn"].notna()
    note = note.mask(
        changed & ~out["in_census"],
        note + " It was " + other + " until it changed its number: both carry a part-year figure.",
    )
    note = note.mask(
        changed & out["in_census"],
        note + " It became " + other + " during the year: both numbers carry a part-year figure.",
    )
    note = note.mask(out["phase_guessed"], note + " No file gives its phase: it is guessed from the rate.")
    return status, note.str.strip()


def status_counts(register: pd.DataFrame) -> dict[str, int]:
    """Schools by status, every status of the contract listed. Adds up to the register."""
    counts = register["status"].value_counts()
    return {name: int(counts.get(name, 0)) for name in STATUSES}
