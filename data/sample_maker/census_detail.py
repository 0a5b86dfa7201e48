"""The school-level underlying data of "Schools, pupils and their characteristics" 2022/23: all 268 columns,
consistent with one another.
"""

from __future__ import annotations

from pathlib import Path

from .performance_tables import _counts, girls_in, in_census
from .register import urn_in
from .text import pct, write_csv
from .world import World

COLUMNS = Path(__file__).with_name("spc_columns.txt").read_text(encoding="utf-8").split("\n")[:-1]
GROUP_NAMES = ["Nursery 1", "Nursery 2", "Reception", *(f"Year group {k}" for k in range(1, 14))]
PHASE = {
    "primary": "State-funded primary",
    "secondary": "State-funded secondary",
    "special": "State-funded special school",
    "ap": "State-funded AP school",
    "nursery": "State-funded nursery",
    "independent": "Independent school",
}
# Columns that the census does not collect from independent schools.
NOT_COLLECTED = ("number of ", "Number of ", "% of ", "Infants ")
ALWAYS = "number of pupils of compulsory school age and above (rounded)"


def census_detail(world: World, folder: Path) -> Path:
    """Write the file, one row per school of the census."""
    rows = []
    for i in in_census(world, 2023):
        cells = _identity(world, i) | _pupils(world, i) | _characteristics(world, i)
        if world.register["phase"][i] == "independent":
            for name in COLUMNS:
                collected = name == ALWAYS or not (name.startswith(NOT_COLLECTED) or _is_year_group(name))
                cells[name] = cells.get(name, "0") if collected else "z"
        if unknown := set(cells) - set(COLUMNS):
            raise KeyError(f"not columns of the published file: {sorted(unknown)}")
        rows.append([cells.get(name, "0") for name in COLUMNS])
    return write_csv(
        folder / "school-census" / "spc_school_level_underlying_data_202223.csv.gz", COLUMNS, rows
    )


def _is_year_group(name: str) -> bool:
    return name.startswith(("Full time", "Part time")) and "aged" not in name


def _identity(world: World, i: int) -> dict[str, object]:
    s = world.register.loc[i]
    la = world.country.authorities[s["la"]]
    phase = (
        "Non-maintained special school"
        if s["school_type"] == "Non-maintained special school"
        else PHASE[s["phase"]]
    )
    admissions = (
        "Selective"
        if s["kind"] == "selective"
        else "Non-selective"
        if s["phase"] == "secondary"
        else "Not applicable"
    )
    middle = {"middle": "Middle deemed secondary", "middle_primary": "Middle deemed primary"}.get(
        s["kind"], ""
    )
    size = (int(world.now["roll"][i]) - 1) // 100
    governance = (
        "Independent" if s["phase"] == "independent" else "Academy" if s["academy"] else "LA Maintained"
    )
    return {
        "time_period": "202223",
        "time_identifier": "Academic year",
        "geographic_level": "School",
        "country_code": "E92000001",
        "country_name": "England",
        "region_name": s["region"],
        "region_code": la.region_code,
        "urn": urn_in(world.register, 2023)[i],
        "old_la_code": la.la_code,
        "la_name": la.name,
        "new_la_code": la.ons_code,
        "estab": s["estab"],
        "school_name": s["name"],
        "laestab": f"{la.la_code}{s['estab']}",
        "phase_type_grouping": phase,
        "trust": s["trust"],
        "opendate": s["opened"],
        "sex_of_school_description": s["sex"],
        "typeofestablishment_name": s["school_type"],
        "middle_school": middle,
        "all_through_school": "Yes" if s["kind"] == "all_through" else "",
        "hospital_school": "",
        "denomination": s["church"] or "No religious character",
        "admissions_policy": admissions,
        "district_administrative_code": la.ons_code,
        "district_administrative_name": la.name,
        "parl_con_code": f"X14{la.index * 3 + i % 3 + 1:06d}",
        "parl_con_name": f"{la.name} {('East', 'Central', 'West')[i % 3]}",
        "ward_code": f"X05{la.index * 40 + i % 40 + 1:06d}",
        "ward_name": f"{la.name} Ward {i % 40 + 1}",
        "urban_rural": s["urban_rural"],
        "school_postcode": s["postcode"],
        "academy_flag": governance,
        "school_size": "Up to 100 pupils" if size <= 0 else f"{size}01 to {size + 1}00 pupils",
    }


def _ages(name: str, sex: str) -> list[str]:
    """Column names of the ages 0 to 19 for a sex: the publisher's spelling wavers between hyphens and spaces,
    so look them up.
    """
    plain = {c.lower().replace("-", " "): c for c in COLUMNS if " aged " in c}
    return [plain[f"{name} {sex} aged {age}"] for age in range(20)]


AGE_COLUMNS = {(t, s): _ages(t, s) for t in ("full time", "part time") for s in ("girls", "boys")}


def _pupils(world: World, i: int) -> dict[str, object]:
    """Pupils by age, year group and sex. Reception is aged 4 at the start of the year; three in five nursery
    pupils are part time.
    """
    out: dict[str, object] = {}
    total = dict.fromkeys(("girls", "boys", "full", "part"), 0)
    for k, (n, girls) in enumerate(zip(world.groups[i].tolist(), girls_in(world, i), strict=True)):
        for sex, count in (("girls", girls), ("boys", n - girls)):
            part = (3 * count + 2) // 5 if k < 2 else 0
            for mode, pupils in (("part time", part), ("full time", count - part)):
                out[AGE_COLUMNS[mode, sex][k + 2]] = pupils
                out[f"{mode.capitalize()} {sex} {GROUP_NAMES[k]}"] = pupils
            total[sex] += count
            total["part"] += part
            total["full"] += count - part
    roll = total["girls"] + total["boys"]
    groups = world.groups[i]
    half = total["full"] * 2 + total["part"]
    return out | {
        "Number of early year pupils (years E1 and E2)": 0,
        "Number of nursery pupils (years N1 and N2)": groups[:2].sum(),
        "Number of reception pupils (year R)": groups[2],
        "Number of key stage 1 pupils (years 1 and 2)": groups[3:5].sum(),
        "Number of key stage 2 pupils (years 3 to 6)": groups[5:9].sum(),
        "Number of key stage 3 pupils (years 7 to 9)": groups[9:12].sum(),
        "Number of key stage 4 pupils (years 10 and 11)": groups[12:14].sum(),
        "Number of key stage 5 pupils (years 12 to 14)": groups[14:].sum(),
        "Number of pupils not reception or key stage 1 to 5": 0,
        "headcount total girls": total["girls"],
        "headcount total boys": total["boys"],
        "full time pupils": total["full"],
        "part time pupils": total["part"],
        "headcount of pupils": roll,
        "fte pupils": f"{half // 2}.{half % 2 * 5}",
        ALWAYS: groups[3:].sum(),
    }


def _characteristics(world: World, i: int) -> dict[str, object]:
    """Free school meals, ethnicity, language and young carers: counts and percentages of the roll."""
    now, c = world.now, _counts(world, 2023, i)
    roll, base = c["roll"], c["base"]
    eligible, in_base = c["fsm"], min(c["fsm"], c["base"])
    taken = eligible * (78 + i % 9) // 100
    infants = int(world.groups[i][2:5].sum()) * (84 + i % 7) // 100
    out: dict[str, object] = {
        "number of FSM eligible pupils taking a free school meal on census day": taken,
        "% of FSM eligible pupils taking free school meals": pct(taken, roll),
        "number of pupils known to be eligible for free school meals": eligible,
        "% of pupils known to be eligible for free school meals": pct(eligible, roll),
        "Number of pupils (used for FSM calculation in Performance Tables)": base,
        "number of pupils known to be eligible for free school meals (Performance Tables)": in_base,
        "% of pupils known to be eligible for free school meals (Performance Tables)": pct(in_base, base),
        "Infants taken a free school meal on census day": infants,
        "number of pupils unclassified": now["ethnic:unclassified"][i],
        "% of pupils unclassified": pct(now["ethnic:unclassified"][i], roll),
        "number of pupils who are a young carer": now["young_carers"][i],
        "% of pupils who are a young carer": pct(now["young_carers"][i], roll),
        "number of dual subsidiary registrations": i % 23 if world.register["phase"][i] == "ap" else 0,
    }
    for name in (c for c in now.columns if c.startswith("ethnic:") and c != "ethnic:unclassified"):
        group = name.removeprefix("ethnic:")
        out[f"number of pupils classified as {group} ethnic origin"] = now[name][i]
        out[f"% of pupils classified as {group} ethnic origin"] = pct(now[name][i], roll)
    language = "pupils whose first language is"
    believed = "known or believed to be"
    for label, count in (
        (f"{believed} English", c["english"]),
        (f"{believed} other than English", c["eal"]),
        ("unclassified", c["unknown"]),
    ):
        out[f"number of {language} {label}"] = count
        out[f"% of {language} {label}"] = pct(count, roll)
    return out
