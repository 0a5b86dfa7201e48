"""The region in named facts: one row per school, one per local authority, and the figures that prose and
charts quote.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.base import text as words
from helpers.base.text import known, number, pct
from helpers.base.years import SCHOOL_DAYS
from helpers.report.inputs import PackInputs

PHASES = ("primary", "secondary")


def school_frame(inputs: PackInputs) -> pd.DataFrame:
    """One row per school with what the region's page counts and lists: schools joined with baseline and
    expectations, unrounded.
    """
    base = inputs.baseline[["urn", "context_expected_pct", "baseline_pct", "sd_pp"]]
    wanted = [name for name in inputs.expectations.columns if name == "urn" or name not in inputs.schools]
    frame = inputs.schools.merge(base, on="urn", how="left", validate="1:1").merge(
        inputs.expectations[wanted], on="urn", how="left", validate="1:1"
    )
    frame.loc[frame["status"] != "assessed", wanted[1:]] = np.nan
    frame["attendance_pct"] = 100 - frame["absence_pct"]
    frame["pupils"] = frame["weight_r_to_11"].fillna(frame["roll"])
    frame["shown_ask_pp"] = (frame["minimum_attendance_shown_pct"] - frame["attendance_pct"]).round(9)
    frame["against_typical_pp"] = frame["context_expected_pct"] - frame["absence_pct"]
    frame["pupil_days"] = frame["shown_ask_pp"] / 100 * SCHOOL_DAYS * frame["pupils"]
    return frame


def weighted_mean(values: pd.Series, weights: pd.Series) -> float | None:
    """Mean weighted by pupils over the schools that have both; None when there is none."""
    use = values.notna() & weights.notna() & (weights > 0)
    return float(np.average(values[use], weights=weights[use])) if use.any() else None


def region_facts(inputs: PackInputs) -> dict[str, dict]:
    """The named facts behind the region's words and charts: name -> {value, unit, decimals}. A fact that
    cannot be known is left out.
    """
    frame = school_frame(inputs)
    facts: dict[str, dict] = {}

    def add(name: str, value, unit: str = "", decimals: int = 0) -> None:
        if known(value):
            facts[name] = {"value": value, "unit": unit, "decimals": decimals}

    assessed = frame[frame["ask_pp"].notna()]
    add("schools", len(frame), "schools")
    add("schools_with_expectation", len(assessed), "schools")
    add("schools_without_expectation", len(frame) - len(assessed), "schools")
    add("local_authorities", frame["la_code"].nunique(), "local authorities")
    add("pupil_days", float(assessed["pupil_days"].sum()) if len(assessed) else None, "pupil-days")
    for phase in PHASES:
        some = assessed[assessed["phase"] == phase]
        add(f"{phase}_schools", len(some), "schools")
        for name, column, unit, decimals in [
            ("attendance", "attendance_pct", "%", 2),
            ("ask", "shown_ask_pp", "pp", 2),
            ("minimum", "minimum_attendance_shown_pct", "%", 2),
            ("best_quarter", "peers_best_quartile_attendance_pct", "%", 2),
        ]:
            add(f"{phase}_{name}", weighted_mean(some[column], some["pupils"]), unit, decimals)
        both = some[some["pre_pandemic_attendance_pct"].notna()]
        add(
            f"{phase}_pre_pandemic",
            weighted_mean(both["pre_pandemic_attendance_pct"], both["pupils"]),
            "%",
            2,
        )
        add(f"{phase}_chance", float(some["chance_unaided"].mean()) if len(some) else None, "", 2)
        place = ("england", "England") if inputs.region_name == "England" else ("region", inputs.region_name)
        rate = inputs.la_rates.get((*place, phase, "absence"))
        add(f"{phase}_published", 100 - rate if rate is not None else None, "%", 2)
    return facts


def cards(facts: dict[str, dict]) -> list[tuple[str, str]]:
    """The region in four figures, each with what it is."""

    def say(name: str) -> str:
        fact = facts[name]
        return (pct if fact["unit"] == "%" else number)(fact["value"], fact["decimals"])

    without = facts["schools_without_expectation"]["value"]
    none = f"; {say('schools_without_expectation')} have none, and their pages say why" if without else ""
    found = [
        (f"{say('schools_with_expectation')} of {say('schools')}", f"schools have a minimum{none}"),
        *(
            (
                f"{words.phase_words(phase)} +{say(f'{phase}_ask')}",
                f"points on average: from {say(f'{phase}_attendance')} to {say(f'{phase}_minimum')}",
            )
            for phase in PHASES
            if f"{phase}_attendance" in facts
        ),
    ]
    if "pupil_days" in facts:
        more = facts["pupil_days"]["value"] / SCHOOL_DAYS
        found.append(
            (f"{number(more)} more pupils", "in school on an average day, if all reach their minimum")
        )
    return found


def la_table(frame: pd.DataFrame) -> tuple[list[dict], dict[str, int]]:
    """One row per local authority, by name, unrounded, and the number of each ONS code on the map."""
    rows, numbers = [], {}
    groups = sorted(frame.groupby("la_code"), key=lambda pair: str(pair[1]["la_name"].iloc[0]))
    for i, (_, group) in enumerate(groups, start=1):
        codes = group["la_ons_code"].dropna()
        if len(codes):
            numbers[codes.iloc[0]] = i
        assessed = group[group["ask_pp"].notna()]
        row = {
            "number": i,
            "name": group["la_name"].iloc[0],
            "schools": len(group),
            "assessed": len(assessed),
        }
        for phase in PHASES:
            some = assessed[assessed["phase"] == phase]
            for name, column in (("attendance", "attendance_pct"), ("ask", "shown_ask_pp")):
                row[f"{phase}_{name}"] = weighted_mean(some[column], some["pupils"])
        rows.append(row | {"pupil_days": float(assessed["pupil_days"].sum())})
    return rows, numbers
