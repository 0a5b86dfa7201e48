"""How the year went, for the regional team: verdicts in words, shocks with their effect both ways, what is
missing. A page, a CSV, a spreadsheet.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.base import text as words
from helpers.base.params import Parameters
from helpers.base.sheet_safe import guarded_frame
from helpers.base.store import atomic_folder
from helpers.base.text import number, pct, plural, signed
from helpers.base.years import year_words
from helpers.report import charts, sheets
from helpers.report.pages import ASSETS, environment

CSV, BOOK = "confidential-verdicts.csv", "confidential-verdicts.xlsx"
MOST_ROWS = 150
PHASES = ("primary", "secondary")
WORDS = {
    "met": "Met",
    "within_noise": "Too close to call",
    "missed_by_more_than_noise": "Missed clearly",
    "too_early": "Too early to say",
}
AMBITIONS = {
    "reached": "ambition reached",
    "not_reached": "ambition not reached",
    "too_early": "ambition stands",
}
SHEET = [
    "urn",
    "school_name",
    "la_name",
    "phase",
    "year",
    "verdict",
    "words",
    "absence_pct",
    "target_absence_pct",
    "movement_pp",
    "shock_effect_pp",
    "shock_codes",
    "shortfall_pp",
    "z",
    "verdict_without_shocks",
    "shortfall_without_shocks_pp",
    "z_without_shocks",
    "fixed_z",
    "met_as_published",
    "reopened",
    "agreed_attendance_pct",
    "agreed_on",
    "agreed_reason",
    "ambition",
]
SHOCKS = [
    "area_name",
    "phase",
    "year",
    "start",
    "end",
    "words",
    "excess_pp",
    "days_lost",
    "effect_year_pp",
    "not_counted",
]
NOTED = [
    "scope",
    "urn",
    "la_code",
    "phase",
    "year",
    "start",
    "end",
    "code",
    "effect_year_pp",
    "evidence",
    "entered_by",
    "entered_on",
]
HEADINGS = {
    "code": "Kind of shock",
    "words": "In words",
    "scope": "School or authority",
    "evidence": "Evidence",
    "entered_by": "Entered by",
    "entered_on": "Entered on",
    "verdict": "Verdict on the minimum",
}
NOTES = [
    (
        "verdict",
        (
            "A verdict is a word about one year of one school, after allowing for how the region’s schools of its "
            "phase moved and for recorded events."
        ),
    ),
    ("noise", "Too close to call: no further off than chance moves such a school in nine years of ten."),
    (
        "shocks",
        (
            "Every verdict is given with the events and without. An event says when and where figures stood out, "
            "not why."
        ),
    ),
    (
        "ambition",
        (
            "An agreed ambition is the school’s own aim, above its minimum. It is never a reason to call a "
            "year missed."
        ),
    ),
    (
        "year two",
        (
            "The second year is measured from a new starting point, the first year’s outcome, so that one "
            "bad "
            "year does not count twice."
        ),
    ),
]


def write_monitor(
    to: Path,
    run: Parameters,
    verdicts: pd.DataFrame,
    shocks: pd.DataFrame,
    noted: pd.DataFrame,
    inputs: pd.DataFrame,
) -> None:
    """Write `index.html`, the verdicts as CSV and spreadsheet and the style sheet to the folder `to`, whole
    or not at all.

    `verdicts`: of the region, with school_name, la_name and phase; `shocks` of the region's areas; `noted`
    recorded by hand or found in schools' own weeks, of the region; `inputs` of `monitor.stage.inputs`.
    """
    years = sorted(verdicts["year"].unique())
    title = (
        f"{words.place(run.region, capital=True)}: progress in {words.listed([year_words(y) for y in years])}"
    )
    sheet = verdicts.reindex(columns=SHEET)
    worded = sheet.assign(
        **{c: sheet[c].map(WORDS) for c in ("verdict", "verdict_without_shocks")},
        phase=sheet["phase"].map(words.phase_words),
        shock_codes=sheet["shock_codes"].str.replace("_", " ").str.replace("+", ", "),
        ambition=sheet["ambition"].map(AMBITIONS),
    )
    with atomic_folder(to) as folder:
        (folder / "assets").mkdir()
        shutil.copy(ASSETS / "pack.css", folder / "assets" / "pack.css")
        guarded_frame(sheet).to_csv(
            folder / CSV, index=False, encoding="utf-8-sig", lineterminator="\n", date_format="%Y-%m-%d"
        )
        made = {
            "Verdicts": sheets.table(
                worded,
                SHEET,
                "verdicts",
                f"Verdicts: {run.region}",
                run.is_sample,
                HEADINGS,
                of=("verdicts", "schools"),
            ),
            "Shocks in areas": sheets.table(
                shocks,
                SHOCKS,
                "shocks",
                "Weeks in which an area stood out",
                run.is_sample,
                HEADINGS,
                of=("shocks",),
            ),
            "Shocks recorded": sheets.table(
                noted,
                NOTED,
                "noted",
                "Shocks recorded, or found in own weeks",
                run.is_sample,
                HEADINGS,
                of=("monitor.noted",),
            ),
        }
        about = [
            "Was the minimum reached, once we allow for what happened to all schools and for recorded events?",
            *(text for _, text in NOTES[:3]),
        ]
        sheets.write(folder / BOOK, made, title, about, NOTES, run.is_sample)
        page = (
            environment()
            .get_template("monitor.html")
            .render(**_page(run, title, verdicts, years, shocks, noted, inputs))
        )
        (folder / "index.html").write_text(page, encoding="utf-8", newline="\n")


def worth_a_look(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The schools of a page: missed by more than noise in the last year that has verdicts, or reopened,
    changed by shocks, with an ambition or unlike its region; largest shortfall first."""
    known = verdicts[verdicts["z"].notna()]
    last = known[known["year"] == known["year"].max()] if len(known) else known
    changed = (
        verdicts["verdict"].ne(verdicts["verdict_without_shocks"])
        | verdicts["reopened"]
        | verdicts["ambition"].ne("")
    )
    rows = pd.concat(
        [verdicts[changed], last[last["verdict"] == "missed_by_more_than_noise"]]
    ).drop_duplicates(["urn", "year"])
    rows = rows.assign(
        first=rows["verdict"].ne(rows["verdict_without_shocks"]) | rows["reopened"] | rows["ambition"].ne("")
    )
    return rows.sort_values(["first", "z", "urn"], ascending=[False, False, True], ignore_index=True).drop(
        columns="first"
    )


def _page(run: Parameters, title: str, verdicts, years, shocks, noted, inputs) -> dict:
    """Everything the template says, formatted."""
    rows = worth_a_look(verdicts)
    counts = []
    for year in years:
        for phase in PHASES:
            some = verdicts[(verdicts["year"] == year) & (verdicts["phase"] == phase)]
            if len(some):
                counts.append(
                    (
                        year_words(year),
                        words.phase_words(phase),
                        *(number(int((some["verdict"] == w).sum())) for w in WORDS),
                    )
                )
    judged = set(years)
    counted = shocks[
        shocks["not_counted"].eq("") & shocks["effect_year_pp"].gt(0) & shocks["year"].isin(judged)
    ]
    return {
        "title": title,
        "region": run.region,
        "sample": run.is_sample,
        "missing": [
            f"{r.input[0].upper()}{r.input[1:]}: none. So {r.words}."
            for r in inputs.itertuples()
            if not r.there
        ],
        "inputs": [(r.input[0].upper() + r.input[1:], r.found) for r in inputs.itertuples() if r.there],
        "verdict_words": list(WORDS.values()),
        "counts": counts,
        "spreads": [chart for year in years if (chart := spread(verdicts, year, run.noise_z))],
        "rows": [_row(r) for r in rows.head(MOST_ROWS).to_dict("records")],
        "more": number(len(rows) - MOST_ROWS) if len(rows) > MOST_ROWS else "",
        "n_shocks": plural(len(shocks), "event"),
        "n_counted": number(len(counted)),
        "shocks": [
            _shock(r, judged)
            for r in shocks.sort_values("effect_year_pp", ascending=False).head(40).itertuples()
        ],
        "noted": [_noted(r, verdicts) for r in noted.itertuples()],
        "files": {"csv": CSV, "book": BOOK},
        "words": words,
    }


def spread(verdicts: pd.DataFrame, year: str, noise_z: float) -> dict | None:
    """How far schools were from their target in units of what chance does, as a chart and in words; chance
    ends at `noise_z`.
    """
    z = verdicts.loc[(verdicts["year"] == year) & verdicts["z"].notna(), "z"]
    if len(z) < 10:
        return None
    edges = np.arange(-3.0, 4.01, 0.5)
    heights, _ = np.histogram(z.clip(-2.99, 3.99), edges)
    title = f"Distance from the target in {year_words(year)}, in usual yearly swings"
    told = (
        f"{plural(len(z), 'school')}. Left of 0: better than asked. Right of {noise_z:g}: more than "
        "chance makes likely. End bars hold what lies beyond."
    )
    bins = list(zip(edges[:-1].tolist(), heights.tolist(), strict=True))
    marks = [(0.0, "on target"), (noise_z, "missed clearly")]
    return {
        "title": title,
        "svg": charts.histogram(f"z-{year}", title, bins, 0.5, marks, told, ""),
        "told": told,
    }


def _row(r: dict) -> dict:
    about = f"URN {r['urn']}. {r['la_name']}, {words.phase_words(r['phase']).lower()}"
    tags = [AMBITIONS[r["ambition"]]] if r["ambition"] else []
    tags += ["target reopened"] if r["reopened"] else []
    tags += ["events change it"] if r["verdict"] != r["verdict_without_shocks"] else []
    return {
        "urn": r["urn"],
        "name": r["school_name"],
        "about": about,
        "year": year_words(r["year"]),
        "verdict": WORDS[r["verdict"]],
        "tags": tags,
        "asked": pct(r["target_absence_pct"], 2),
        "was": _figure(r["absence_pct"], pct, 1),
        "moved": _figure(r["movement_pp"], signed, 2),
        "events": _figure(r["shock_effect_pp"], signed, 2),
        "left": _figure(r["shortfall_pp"], signed, 2),
    }


def _figure(value: float, form: Callable[[float, int], str], decimals: int) -> str:
    return form(value, decimals) if words.known(value) else "–"


def _shock(r, judged: set[str]) -> tuple:
    size = (
        f"{number(r.days_lost, 1)} days lost" if r.code == "closure" else f"{number(r.excess_pp, 2)} points"
    )
    counts = {
        "": "yes",
        "in_movement": "no: the whole region has it",
        "not_believable": "no: too large to be believed",
    }[r.not_counted]
    if r.year not in judged:
        counts = "no: no verdict for that year"
    when = f"{words.day(r.start)} to {words.day(r.end)}"
    return r.area_name, words.phase_words(r.phase), when, r.words, size, number(r.effect_year_pp, 2), counts


def _noted(r, verdicts: pd.DataFrame) -> tuple:
    names = verdicts.drop_duplicates("urn").set_index("urn")["school_name"]
    who = names.get(r.urn, f"URN {r.urn}") if words.known(r.urn) else _authority(r.la_code, verdicts)
    when = f"{words.day(r.start)} to {words.day(r.end)}"
    return who, when, r.code.replace("_", " "), number(r.effect_year_pp, 2), r.evidence, r.entered_by


def _authority(la_code: str, verdicts: pd.DataFrame) -> str:
    """An authority's name, where one of its schools is judged here."""
    names = verdicts.loc[verdicts["la_code"] == la_code, "la_name"] if "la_code" in verdicts else pd.Series()
    return names.iloc[0] if len(names) else f"Authority {la_code}"
