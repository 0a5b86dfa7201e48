"""Published absence rates by area, 2015/16 to 2024/25: sums of the schools' own sessions and enrolments, to
two decimals.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .country import REGIONS
from .text import rounded, write_csv
from .world import World

# Short name, long name, phase (all: every school), what is counted.
CODES = (
    ("PriTotAbs", "Total absence from Primary Schools- % half days missed", "primary", "missed"),
    ("PriUnauth", "Unauthorised absence from Primary Schools- % half days missed", "primary", "unauthorised"),
    ("PriAuth", "Authorised absence from Primary Schools- % half days missed", "primary", "authorised"),
    ("SecTotAbs", "Total absence from Secondary Schools- % half days missed", "secondary", "missed"),
    (
        "SecUnauth",
        "Unauthorised absence from Secondary Schools- % half days missed",
        "secondary",
        "unauthorised",
    ),
    ("SecAuth", "Authorised absence from Secondary Schools- % half days missed", "secondary", "authorised"),
    ("TotAbs", "Total absence from School- % half days missed", "all", "missed"),
    (
        "TotPerAbNew",
        ("% Total persistent absentees: Based on  missing 10% or more of pupils own possible sessions"),
        "all",
        "persistent",
    ),
    (
        "SFSecPerAbNew",
        (
            "State Funded Secondary school persistent absence rates: Based on  missing 10% or "
            "more of pupils own possible sessions"
        ),
        "secondary",
        "persistent",
    ),
    (
        "SFPriPerAbNew",
        "STATE-FUNDED PRIMARY Percentage of Persistent Absentees - 6 terms from 2013: Based "
        "on  missing 10% or more of pupils own "
        "possible sessions",
        "primary",
        "persistent",
    ),
    (
        "unauthorised_absence_special",
        "Total unauthorised absence from Special Schools",
        "special",
        "unauthorised",
    ),
    ("authorised_absence_special", "Total authorised absence from Special Schools", "special", "authorised"),
    ("total_absence_special", "Total absence from Special Schools", "special", "missed"),
    ("SpecPerAbNew", "Special School persistent absence rates (New definition)", "special", "persistent"),
    (
        "TotSevPerAbNew",
        (
            "% Total severely persistent absentees: Based on  missing 50% or more of pupils "
            "own possible sessions"
        ),
        "all",
        "severe",
    ),
    (
        "SFSecSevPerAbNew",
        "% State Funded Secondary school severely persistent absence rates: Based on  "
        "missing 50% or more of pupils own "
        "possible sessions",
        "secondary",
        "severe",
    ),
    (
        "SFPriSevPerAbNew",
        "% STATE-FUNDED PRIMARY Percentage of Persistent Absentees - 6 terms from 2013: "
        "Based on  missing 50% or more of pupils "
        "own possible sessions",
        "primary",
        "severe",
    ),
    (
        "SpecSevPerAbNew",
        "% Special School severe persistent 50% or more absence rates (New definition)",
        "special",
        "severe",
    ),
)
YEARS = range(2016, 2026)
NO_FULL_YEAR = 2020
FEWEST_SCHOOLS = 2  # a rate of one single special school is not published


def _areas(world: World) -> list[tuple[str, str, str, np.ndarray]]:
    """Areas of the file in its order: authorities by name, England, regions (London also in two parts, which
    stay empty as published).
    """
    la = world.register["la"].to_numpy()
    out = []
    for a in sorted(world.country.authorities, key=lambda a: a.name):
        region = a.region if a.region != "London" else ("Inner London" if a.index % 4 < 2 else "Outer London")
        out.append((a.name, f"{a.la_code}.0", region, la == a.index))
    out.append(("England", "970.0", "", la >= 0))
    for k, (_, _, number, name, *_) in enumerate(REGIONS):
        out.append((name, f"{number}.0", "", la // 4 == k))
        if name == "London":
            out += [("London (Inner)", "987.0", "", la < 0), ("London (Outer)", "988.0", "", la < 0)]
    return out


def area_rates(world: World, folder: Path) -> Path:
    """Write the complete grid of measures, years and areas; 2019/20 is blank, and so are rates of fewer than
    two special schools.
    """
    phase, areas, rows = world.register["phase"].to_numpy(), _areas(world), []
    for code, label, which, measure in CODES:
        in_phase = np.ones(len(phase), dtype=bool) if which == "all" else phase == which
        for year in YEARS:
            for name, number, region, inside in areas:
                value = "-"
                if year != NO_FULL_YEAR:
                    value = _rate(world, year, measure, inside & in_phase, which)
                rows.append((code, label if year == 2016 else "", year, name, value, number, region))
    header = ("Short Desc", "Data item", "Years", "LA and Regions", "Values", "LA Number", "Region")
    return write_csv(folder / "published-rates" / "la_region_england_absence_2016_2025.csv", header, rows)


def _rate(world: World, year: int, measure: str, mine: np.ndarray, which: str) -> str:
    s = world.sessions[year]
    mine = mine & (s.possible > 0)
    if not mine.any() or (which == "special" and mine.sum() < FEWEST_SCHOOLS):
        return "-"
    whole = s.enrolments if measure in ("persistent", "severe") else s.possible
    value = rounded(getattr(s, measure)[mine].sum(), whole[mine].sum(), 2)
    return f"{float(value):.17g}"  # as the publisher's spreadsheet exports it: 4.0599999999999996
