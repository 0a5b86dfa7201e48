"""What a regional team receives on support: the referral sheet with columns for a person's decision, the
places proposed, the sites, one page.

Everything is a proposal. The CSV and the spreadsheet hold the same rows; the sheet that comes back filled in
is read as decisions.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from helpers.base import text as words
from helpers.base.params import ENGLAND, Parameters
from helpers.base.sheet_safe import guarded_frame
from helpers.base.store import atomic_folder
from helpers.base.text import number, pct, plural
from helpers.base.years import year_before, year_words
from helpers.report import hub_map, sheets
from helpers.report.pages import ASSETS, environment
from helpers.support.routing import DECISION_COLUMNS, TIERS, odds
from helpers.support.siting import BEST, BY_PLACES, NOW, HubPlan

CSV, BOOK = "confidential-referrals.csv", "confidential-referrals.xlsx"
MOST_ROWS = 150
TIER_WORDS = {
    "intensive": "Intensive help",
    "light_touch": "Light-touch help",
    "talk_to_us": "A talk, no place",
}
OUTCOMES = {
    "offered": "A place is proposed",
    "lost_draw": "No place: lost the draw",
    "full": "No place: hubs within reach are full",
    "nobody_near": "No place: no hub within reach",
}
SHEET = [
    "urn",
    "school_name",
    "la_name",
    "region_name",
    "phase",
    "roll",
    "trust_name",
    "tier",
    "why",
    "need_pupils",
    "place",
    "hub_name",
    "hub_urn",
    "km",
    "same_trust",
    "place_why",
    "agreed_attendance_pct",
    "agreed_on",
    "challenges",
    "year",
    "shortfall_pp",
    "z",
    "shortfall_pp_before",
    "z_before",
    "fixed_z",
    "chance_by_luck",
    *DECISION_COLUMNS,
]
SITES = [
    "plan",
    "added",
    "urn",
    "school_name",
    "la_name",
    "region_name",
    "phase",
    "serves",
    "roll",
    "strong_z",
    "gain_pupils",
    "covered_pct",
]
HEADINGS = {
    "place": "Place proposed",
    "place_why": "Why this place, or none",
    "region_name": "Region",
    "why": "Why it is on the list",
}
NOTES = [
    (
        "proposal",
        (
            "A referral is a proposal with its reasons. A person decides and writes it in the last four "
            "columns: offer, no_offer or wait."
        ),
    ),
    (
        "luck",
        (
            "Bad luck alone would put about as many schools on this list. Being on it is a reason to offer help."
        ),
    ),
    (
        "two",
        (
            "A school is listed only when it was above what it was asked in two years running, each measured "
            "from its own starting point."
        ),
    ),
    (
        "place",
        (
            "Greatest need first, within each hub’s places and the travel limit; then the least distance. "
            "Distances are straight lines."
        ),
    ),
    ("sites", "The schools named as possible hubs have not been asked."),
]


def referral_sheet(referrals: pd.DataFrame, offers: pd.DataFrame) -> pd.DataFrame:
    """One row per school on the list with the place proposed, greatest need first within each kind of help;
    decisions last. Columns `SHEET`.
    """
    places = offers[["urn", "outcome", "hub_name", "hub_urn", "km", "same_trust", "why"]].rename(
        columns={"why": "place_why"}
    )
    out = referrals.merge(places, on="urn", how="left", validate="1:1")
    neither = np.where(out["tier"].eq("talk_to_us"), "None: a talk only", "None: a person decided so")
    out["place"] = out["outcome"].map(OUTCOMES).fillna(pd.Series(neither, index=out.index))
    out["same_trust"] = out["same_trust"].astype("object").where(out["outcome"].eq("offered"), None)
    return out.reindex(columns=SHEET)


def write_support(
    to: Path,
    run: Parameters,
    sheet: pd.DataFrame,
    left_out: pd.DataFrame,
    plan: HubPlan,
    points: pd.DataFrame,
    boundaries: gpd.GeoDataFrame,
    missing: list[str],
) -> None:
    """Write `index.html`, the referral sheet as CSV and as a spreadsheet, and the style sheet to the folder
    `to`, whole or not at all.

    `sheet` of `referral_sheet` and `left_out` of the region; `plan` of all England; `points` of
    `siting.map_points` and `boundaries` those to draw; `missing`: sentences on what is not there.
    """
    sites = plan.sites if run.region == ENGLAND else plan.sites[plan.sites["region_name"] == run.region]
    told = [
        words.reason_name(code) if code in words.REASONS else text
        for code, text in zip(left_out["code"], left_out["words"], strict=True)
    ]
    reasons = (
        left_out.assign(reason=told)
        .groupby("reason")
        .size()
        .reset_index(name="schools")
        .sort_values("schools", ascending=False)
    )
    title = f"{words.place(run.region, capital=True)}: who is offered support"
    with atomic_folder(to) as folder:
        (folder / "assets").mkdir()
        shutil.copy(ASSETS / "pack.css", folder / "assets" / "pack.css")
        guarded_frame(sheet).to_csv(
            folder / CSV, index=False, encoding="utf-8-sig", lineterminator="\n", date_format="%Y-%m-%d"
        )
        made = {
            "Referrals": sheets.table(
                _worded(sheet),
                SHEET,
                "referrals",
                f"Schools proposed for help: {run.region}",
                run.is_sample,
                HEADINGS,
                of=("referrals", "offers"),
            ),
            "Sites": sheets.table(
                sites,
                SITES,
                "sites",
                f"Where the next hubs could open: {run.region}",
                run.is_sample,
                HEADINGS,
                of=("hub_sites",),
            ),
            "Not routed": sheets.table(
                reasons,
                list(reasons),
                "left_out",
                "Schools that are not considered, with the reason",
                run.is_sample,
                {"schools": "Schools", "reason": "Reason"},
                of=("left_out",),
            ),
        }
        about = [
            "Schools proposed for help, with the reason for each, and a place at a hub where there is one.",
            *missing,
            NOTES[0][1],
            NOTES[1][1],
        ]
        sheets.write(folder / BOOK, made, title, about, NOTES, run.is_sample)
        page = (
            environment()
            .get_template("support.html")
            .render(**_page(run, title, sheet, reasons, sites, plan, points, boundaries, missing))
        )
        (folder / "index.html").write_text(page, encoding="utf-8", newline="\n")


def _worded(sheet: pd.DataFrame) -> pd.DataFrame:
    decided = {column: sheet[column].replace("", None) for column in DECISION_COLUMNS}
    return sheet.assign(
        tier=sheet["tier"].map(TIER_WORDS), phase=sheet["phase"].map(words.phase_words), **decided
    )


def _page(run, title, sheet, reasons, sites, plan, points, boundaries, missing) -> dict:
    """Everything the template says, formatted."""
    listed = {tier: sheet[sheet["tier"] == tier] for tier in TIERS}
    comparison = plan.comparison.set_index("plan")
    best = sites[sites["plan"] == BEST]
    drawn = points["layer"].value_counts()
    described = (
        f"{plural(int(drawn.get(hub_map.OPEN, 0)), 'hub')} open now and "
        f"{plural(int(drawn.get(hub_map.NEW, 0)), 'new hub')} of the plan, with "
        f"the schools within {plan.limit_km:g} km of one. All sites are in the table."
    )
    return {
        "title": title,
        "region": run.region,
        "sample": run.is_sample,
        "missing": missing,
        "counts": [(TIER_WORDS[t], number(len(rows)), _places(rows)) for t, rows in listed.items()],
        "rows": [_row(r) for r in sheet.head(MOST_ROWS).to_dict("records")],
        "more": number(len(sheet) - MOST_ROWS) if len(sheet) > MOST_ROWS else "",
        "reasons": [
            (row.reason[0].upper() + row.reason[1:], number(row.schools)) for row in reasons.itertuples()
        ],
        "limit": f"{plan.limit_km:g}",
        "plans": [
            _plan(name, comparison.loc[name], plan.limit_km)
            for name in (NOW, BEST, BY_PLACES)
            if name in comparison.index
        ],
        "naive": _naive(comparison, plan.limit_km),
        "no_plan": "" if len(comparison) else plan.solver.status,
        "map": hub_map.hub_map(
            "sites", f"{run.region}: hubs and the schools near them", boundaries, points, described
        )
        if len(plan.leads)
        else "",
        "sites": [
            (r.school_name, r.la_name, words.phase_words(r.phase), number(r.roll), number(r.gain_pupils))
            for r in best.itertuples(index=False)
        ],
        "files": {"csv": CSV, "book": BOOK},
        "hub_places": number(run.intensive_places + run.light_places),
        "none_placed": _none_placed(sheet),
        "words": words,
    }


def _places(rows: pd.DataFrame) -> str:
    proposed = rows["place"].eq(OUTCOMES["offered"]).sum()
    return (
        f"{plural(int(proposed), 'place')} proposed"
        if len(rows) and rows["tier"].iloc[0] != "talk_to_us"
        else "no place is offered"
    )


def _none_placed(sheet: pd.DataFrame) -> str:
    """Why no place is proposed at all, where every school that could have one lacks a hub within reach."""
    could = sheet[sheet["place"].isin(list(OUTCOMES.values()))]
    if could.empty or not could["place"].eq(OUTCOMES["nobody_near"]).all():
        return ""
    return (
        f"No place can be proposed: no hub is within reach of {'it' if len(could) == 1 else 'any of them'}."
    )


def _row(r: dict) -> dict:
    known = words.known
    aims = (
        [f"Agreed ambition: {pct(r['agreed_attendance_pct'], 1)}."]
        if known(r["agreed_attendance_pct"])
        else []
    )
    aims += [f"Challenge: {r['challenges']}"] if r["challenges"] else []
    decided = f"{r['decision']}: {r['reason']} ({r['decided_by']}, {r['date']})" if r["decision"] else ""
    place = r["place_why"] if known(r["place_why"]) else r["place"]
    about = f"{r['la_name']}, {words.phase_words(r['phase']).lower()}, {number(r['roll'])} pupils"
    return {
        "urn": r["urn"],
        "name": r["school_name"],
        "about": about,
        "tier": TIER_WORDS[r["tier"]],
        "why": _short(r),
        "need": number(r["need_pupils"], 1),
        "place": place,
        "said": " ".join(aims),
        "decided": decided,
    }


def _short(r: dict) -> str:
    """By how much, in which years, and how likely by luck; the sheet has it in full sentences."""
    if r["tier"] == "talk_to_us":
        far = (
            f"{number(r['fixed_z'], 1)} times its usual yearly swing above in {year_words(r['year'])}, from the "
            "first starting point"
        )
        return f"{far}; by luck {odds(r['chance_by_luck'])}."
    years = (
        (r["shortfall_pp_before"], r["z_before"], year_before(r["year"])),
        (r["shortfall_pp"], r["z"], r["year"]),
    )
    parts = [
        f"{number(pp, 1)} points in {year_words(year)} ({number(z, 1)} times its usual yearly swing)"
        for pp, z, year in years
    ]
    return f"{parts[0]} and {parts[1]}; by luck {odds(r['chance_by_luck'])}."


def _plan(name: str, row: pd.Series, limit: float) -> dict:
    return {
        "name": name[0].upper() + name[1:],
        "hubs": number(row["hubs"]),
        "covered": pct(row[f"covered_{limit:g}km_pct"], 1),
        "served": pct(row["load_served_pct"], 1),
        "median": number(row["median_km"]),
        "p95": number(row["p95_km"]),
    }


def _naive(comparison: pd.DataFrame, limit: float) -> str:
    """The naive plans in a sentence."""
    others = comparison.drop(index=[NOW, BEST, BY_PLACES, "greedy"], errors="ignore")[
        f"covered_{limit:g}km_pct"
    ]
    return (
        words.listed([f"{pct(value, 1)} ({name})" for name, value in others.items()]) if len(others) else ""
    )
