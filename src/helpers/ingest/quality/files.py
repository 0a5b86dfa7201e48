"""Checks of the files against themselves and each other: rows that are there twice, identities that a shifted
column breaks, areas that disagree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from helpers.base.years import year_words
from helpers.ingest.quality.findings import DOWNLOAD, SHIFTED, Finding, capped, flag, hard, whole

if TYPE_CHECKING:
    from helpers.ingest.readers.readings import Readings

# Limits, each with what the published data show (2018/19 and 2022/23).
GIRLS_AND_BOYS_SHARE = 0.01  # 1 of 21,959 and 30 of 22,025 rolls are not girls + boys (by 1 to 5 pupils)
YEARS_R_TO_11_SHARE = (
    0.01  # in 27 of 22,034 schools the key stages and the year groups differ by a few pupils
)
ONLY_IN_DETAIL = (
    25  # schools of the detailed census that the other census leaves out: 9, all of them hospital schools
)


def duplicate_findings(readings: Readings) -> list[Finding]:
    """Rows that say the same thing twice. A URN twice in one year of one publication or census is hard,
    whichever file it comes from.
    """
    keys = {
        "absence": ["publication", "year", "urn"],
        "census": ["year", "urn"],
        "census_detail": ["year", "urn"],
        "points": ["urn"],
        "deprivation": ["urn"],
        "deprivation_lsoa": ["lsoa11_code"],
        "area_rates": ["year", "geography", "area_code", "phase", "measure"],
    }
    found = []
    for name, key in keys.items():
        frame = getattr(readings, name)
        again = frame[frame.duplicated(key)]
        for row in again.head(200).to_dict("records"):
            words = ", ".join(str(row[k]) for k in reversed(key))
            place = dict(
                file=row["file"],
                year=str(row.get("year", "")),
                row=whole(row["row"]) if "row" in row else None,
            )
            place |= dict(
                urn=whole(row["urn"]) if "urn" in row else None,
                la_code=str(row.get("la_code", "")),
                column=key[-1],
                value=str(row[key[-1]]),
            )
            found.append(
                hard(
                    "duplicate_row",
                    f"this row is there twice ({words})",
                    what_to_do="Remove one of the two rows.",
                    **place,
                )
            )
    return capped(found)


def identity_findings(readings: Readings, years: list[str]) -> list[Finding]:
    """Sums and shares that must hold inside the censuses, and between the two censuses of a year. Broken ones
    mean a shifted column.
    """
    found = []
    for year in years:
        census = readings.census[readings.census["year"] == year]
        detail = readings.census_detail[readings.census_detail["year"] == year]
        found += _within_census(census, year) + _within_detail(detail) + _between(census, detail, year)
    absence = readings.absence
    parts = (absence["authorised_pct"] + absence["unauthorised_pct"] - absence["absence_pct"]).abs() > 0.11
    found += _rows(
        absence[parts],
        "authorised_pct",
        "authorised and unauthorised absence do not add up to overall absence",
    )
    sessions = (
        100 * absence["missed_sessions"] / absence["possible_sessions"] - absence["absence_pct"]
    ).abs() > 0.06
    found += _rows(
        absence[sessions],
        "absence_pct",
        "sessions missed over possible sessions are not the rate in the same row",
    )
    return found


def _rows(rows: pd.DataFrame, column: str, message: str) -> list[Finding]:
    """A hard finding per row."""
    found = [
        hard(
            "identity_broken",
            f"URN {r['urn']}: {message}",
            file=r["file"],
            row=whole(r["row"]),
            column=column,
            value=str(r[column]),
            year=r["year"],
            urn=int(r["urn"]),
            la_code=str(r["la_code"]),
            what_to_do=SHIFTED,
        )
        for r in rows.head(200).to_dict("records")
    ]
    return capped(found)


def _within_census(census: pd.DataFrame, year: str) -> list[Finding]:
    if census.empty:
        return []
    found = []
    apart = (census["girls_roll"] + census["boys_roll"] - census["roll"]).abs()
    if (apart > 0).mean() > GIRLS_AND_BOYS_SHARE:
        found += _rows(census[apart > 0], "roll", "girls and boys do not add up to the roll")
    else:
        found += _rows(
            census[apart > census["roll"].clip(lower=100) * 0.05],
            "roll",
            "girls and boys do not add up to the roll",
        )
    for part, of in (
        ("sen_support_pupils", "roll"),
        ("ehcp_pupils", "roll"),
        ("eal_pupils", "roll"),
        ("fsm6_pupils", "fsm6_roll"),
        ("fsm6_roll", "roll"),
    ):
        found += _rows(census[census[part] > census[of]], part, f"more pupils in {part} than in {of}")
    # Shares are computed from these counts, so they cannot be held against them: `circumstances` holds them
    # against the school's own of another census.
    sen = census["sen_support_pupils"] + census["ehcp_pupils"]
    found += _rows(census[sen > census["roll"]], "ehcp_pupils", "more pupils with SEN than on roll")
    estab = ~census["estab"].fillna("").str.fullmatch(r"\d{4}")
    found += _rows(census[estab], "estab", "the establishment number is not four digits")
    twice = census.duplicated(["la_code", "estab"]) & ~census.duplicated("urn")
    found += _rows(census[twice], "estab", "another school has the same LA and establishment number")
    plans = census.groupby("phase")[["ehcp_pct", "sen_support_pct"]].median()
    wrong = [
        p
        for p in plans.index
        if p in ("primary", "secondary", "special")
        and (plans.loc[p].idxmax() == "ehcp_pct") != (p == "special")
    ]
    if wrong:
        words = (
            f"{wrong[0]} schools have a median of {plans.loc[wrong[0], 'ehcp_pct']:.0f} % of pupils "
            "with an EHC plan and "
        )
        words += (
            f"{plans.loc[wrong[0], 'sen_support_pct']:.0f} % with SEN support: the two columns are in "
            "each other's place"
        )
        found.append(
            hard(
                "identity_broken",
                words,
                file=census["file"].iloc[0],
                column="ehcp_pct",
                year=year,
                what_to_do=SHIFTED,
            )
        )
    types = census.groupby("phase")["roll"].median()
    if {"primary", "secondary"} <= set(types.index) and types["primary"] >= types["secondary"]:
        words = (
            f"the median primary roll ({types['primary']:.0f}) is not below the median secondary roll "
            f"({types['secondary']:.0f})"
        )
        found.append(
            hard(
                "identity_broken",
                words,
                file=census["file"].iloc[0],
                column="roll",
                year=year,
                what_to_do=SHIFTED,
            )
        )
    return found


def _within_detail(detail: pd.DataFrame) -> list[Finding]:
    if detail.empty:
        return []
    groups = [c for c in detail if c.startswith("pupils_") and c != "pupils_r_to_11"]
    found = _rows(
        detail[detail[groups].sum(axis=1) > detail["roll"] + 0.5],
        "roll",
        "year groups hold more pupils than the roll",
    )
    compulsory = ["pupils_year_r", *(f"pupils_year_{n}" for n in range(1, 12))]
    apart = (detail[compulsory].sum(axis=1, min_count=1) - detail["pupils_r_to_11"]).abs() > 0.5
    if apart.mean() > YEARS_R_TO_11_SHARE:
        found += _rows(detail[apart], "pupils_r_to_11", "Years R to 11 do not add up")
    not_ethnic = {"fsm_pct", "eal_pct", "young_carer_pct"}
    ethnic = [c for c in detail if c.endswith("_pct") and c not in not_ethnic]
    total = detail[ethnic].sum(axis=1, min_count=len(ethnic))
    found += _rows(
        detail[(total - 100).abs() > 0.6], "white_british_pct", "the ethnic groups do not add up to 100 %"
    )
    return found


def _between(census: pd.DataFrame, detail: pd.DataFrame, year: str) -> list[Finding]:
    """The two censuses of a year hold the same schools, rolls, areas and phases."""
    if census.empty or detail.empty:
        return []
    found = []
    a, b = census.drop_duplicates("urn"), detail.drop_duplicates("urn")
    both = a.merge(b, on="urn", suffixes=("", "_detail"), validate="one_to_one")
    for column in ("roll", "girls_roll", "boys_roll", "la_code", "phase"):
        known = both[column].notna() & both[f"{column}_detail"].notna()
        off = both[known & (both[column] != both[f"{column}_detail"])]
        found += _rows(off, column, f"{column} differs from {b['file'].iloc[0]}")
    off = both[(both["eal_pct"] - both["eal_pct_detail"]).abs() > 0.06]
    found += _rows(
        off, "eal_pct", f"pupils with English as an additional language differ from {b['file'].iloc[0]}"
    )
    lost = a[~a["urn"].isin(b["urn"])]
    if len(lost):
        found.append(
            _lacking(
                b["file"].iloc[0],
                year,
                f"{len(lost):,} schools of the performance-tables census are not in this file",
                lost,
            )
        )
    extra = b[~b["urn"].isin(a["urn"])]
    if extra["phase"].isin(["primary", "secondary"]).any() or len(extra) > ONLY_IN_DETAIL:
        found.append(
            _lacking(
                a["file"].iloc[0],
                year,
                f"{len(extra):,} schools of the detailed school census are not in this file",
                extra,
            )
        )
    return found


def _lacking(file: str, year: str, words: str, rows: pd.DataFrame) -> Finding:
    first = rows.iloc[0]
    place = dict(
        file=file,
        year=year,
        column="urn",
        value=str(first["urn"]),
        urn=int(first["urn"]),
        la_code=str(first["la_code"]),
    )
    return hard(
        "incomplete_file",
        f"{words}, the first of them URN {first['urn']} in LA {first['la_code']}",
        what_to_do=DOWNLOAD,
        **place,
    )


def area_findings(readings: Readings, registers: dict[str, pd.DataFrame]) -> list[Finding]:
    """No school in two areas, no LA in two regions, no LA that no other file knows."""
    found = []
    region_of = (
        pd.concat([r[["la_code", "region_name"]] for r in registers.values()]).dropna().drop_duplicates()
    )
    two = region_of[region_of.duplicated("la_code", keep=False)]
    for la_code, rows in two.groupby("la_code"):
        words = f"LA {la_code} lies in two regions: {', '.join(sorted(rows['region_name']))}"
        found.append(
            hard("la_in_two_regions", words, la_code=str(la_code), column="region_name", what_to_do=SHIFTED)
        )
    lookup = region_of.drop_duplicates("la_code").set_index("la_code")["region_name"]
    known = set(readings.census_detail["la_code"]) | set(
        readings.area_rates.loc[readings.area_rates["geography"] == "la", "area_code"]
    )
    for year, register in registers.items():
        rows = readings.absence[(readings.absence["year"] == year) & readings.absence["la_code"].notna()]
        census = register.set_index("urn")["la_code"]
        there = rows.assign(la_census=rows["urn"].map(census))
        moved = there[there["la_census"].notna() & (there["la_code"] != there["la_census"])]
        for r in moved.head(200).to_dict("records"):
            regions = (lookup.get(r["la_code"]), lookup.get(r["la_census"]))
            words = (
                f"URN {r['urn']} is in LA {r['la_code']} in this file and in LA {r['la_census']} in "
                f"the census of {year_words(year)}"
            )
            place = dict(
                file=r["file"],
                row=whole(r["row"]),
                column="la_code",
                value=str(r["la_code"]),
                year=year,
                urn=int(r["urn"]),
            )
            make = flag if regions[0] == regions[1] and len(moved) <= 10 else hard
            found.append(
                make(
                    "school_in_two_areas",
                    words,
                    la_code=str(r["la_census"]),
                    what_to_do="Correct the LA in one of the two files.",
                    **place,
                )
            )
        if known:
            strange = register[~register["la_code"].isin(known)]
            found += [
                hard(
                    "unknown_la",
                    f"URN {r.urn} is in LA {r.la_code}, which no list of areas holds",
                    column="la_code",
                    value=str(r.la_code),
                    year=year,
                    urn=int(r.urn),
                    what_to_do=SHIFTED,
                )
                for r in strange.head(20).itertuples()
            ]
        nowhere = register[register["region_name"].isna()]
        found += [
            hard(
                "no_region",
                f"URN {r.urn} has no region: no file says where LA {r.la_code} lies",
                year=year,
                urn=int(r.urn),
                la_code=str(r.la_code),
                column="region_name",
                what_to_do="Add the school census or area rates that hold this LA.",
            )
            for r in nowhere.head(20).itertuples()
        ]
    return capped(found)
