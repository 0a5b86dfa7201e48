"""School performance tables: absence and census of 2018/19 and 2022/23, absence of the two years after, and
absence by school in the EES layout.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .register import census_type, exists, urn_in
from .text import bare, pct, pct_sign, rounded, write_csv
from .world import World

FOLDERS = {2019: "2018-2019", 2023: "2022-2023"}
FOLLOWED = {
    2024: "2023-2024",
    2025: "2024-2025",
}  # absence alone: the two years over which the targets of 2022/23 are followed
NATIONAL = (
    ("PRI", "primary", "State-funded primary"),
    ("SEC", "secondary", "State-funded secondary"),
    ("SPE", "special", "State-funded special school"),
)
SUPPRESSED_UP_TO = 4  # persistent absentees that the 2018/19 table does not show
CENSUS_COLUMNS = (
    "URN,LA,ESTAB,SCHOOLTYPE,NOR,NORG,NORB,PNORG,PNORB,TSENELSE,PSENELSE,TSENELK,PSENELK,NUMEAL,NUMENGFL,NUMUNCFL,PNUMEAL,PNUMENGFL,"
    "PNUMUNCFL,NUMFSM,NUMFSMEVER"
).split(",")
ABS_META = (
    ("LA", "Local Authority Number", "TEXT", ""),
    ("ESTAB", "DfE number of establishment within LA", "TEXT", ""),
    ("URN", "School unique Reference Number", "TEXT", ""),
    (
        "PERCTOT",
        "Percentage of overall absence",
        "PCT",
        "Percentage of overall absence (authorised and unauthorised) for the full year.",
    ),
    (
        "PPERSABS10",
        "Percentage of enrolments who are persistent absentees",
        "PCT",
        "Missing 10% or more of possible sessions across the full year.",
    ),
)


def estab_in(world: World, year: int) -> np.ndarray:
    """Establishment number of each institution in a year: a school that became an academy may have had
    another one before.
    """
    r = world.register
    return np.where(
        year >= r["year_new"].fillna(9999), r["estab"], r["estab_old"].where(r["year_new"] < 9999, r["estab"])
    )


def absence_tables(world: World, folder: Path) -> list[Path]:
    """england_abs.csv of each year, with the national rows at the end."""
    out = []
    for year, name in (FOLDERS | FOLLOWED).items():
        sessions, register = world.sessions[year], world.register
        mine = np.flatnonzero(sessions.possible > 0)
        urns, estabs = urn_in(register, year), estab_in(world, year)
        order = mine[np.lexsort((urns[mine], register["la"].to_numpy()[mine]))]
        rows = []
        for i in order:
            absent = sessions.persistent[i]
            hide = year == 2019 and 0 < absent <= SUPPRESSED_UP_TO and sessions.enrolments[i] < 120
            share = "SUPP" if hide else pct(absent, sessions.enrolments[i])
            rows.append(
                (
                    501 + register["la"][i],
                    estabs[i],
                    urns[i],
                    pct(sessions.missed[i], sessions.possible[i]),
                    share,
                )
            )
        for code, phase, _ in NATIONAL:
            k = (register["phase"] == phase).to_numpy()
            total = (
                pct(sessions.missed[k].sum(), sessions.possible[k].sum()),
                pct(sessions.persistent[k].sum(), sessions.enrolments[k].sum()),
            )
            rows.append(("NAT", code, "", *total))
        path = folder / "performance-tables" / name / "england_abs.csv"
        out.append(
            write_csv(
                path, "LA,ESTAB,URN,PERCTOT,PPERSABS10".split(","), rows, bom=True, last_newline=year == 2019
            )
        )
    return out


def census_tables(world: World, folder: Path) -> list[Path]:
    """england_census.csv of both years and the two meta files of 2022/23."""
    out = []
    for year, name in FOLDERS.items():
        rows = [row for _, row in _census_rows(world, year)] + _national_rows(world, year)
        header = list(CENSUS_COLUMNS) + (["PNUMFSMEVER"] if year == 2019 else ["NORFSMEVER", "PNUMFSMEVER"])
        if year == 2023:
            header[2] = "Estab"
        path = folder / "performance-tables" / name / "england_census.csv"
        out.append(write_csv(path, header, rows, bom=True, last_newline=year == 2019))
    meta = folder / "performance-tables" / "2022-2023"
    out.append(write_csv(meta / "abs_meta.csv", ("Variable", "Label", "Type", "Description"), ABS_META))
    numbered = [
        (i + 1, c, c, "", "", "No", "Yes")
        for i, c in enumerate([*CENSUS_COLUMNS, "NORFSMEVER", "PNUMFSMEVER"])
    ]
    head = (
        "Field Number",
        "Field Reference",
        "Field Name",
        "Values",
        "Data Format",
        "LA level field?",
        "National level field?",
    )
    return [*out, write_csv(meta / "census_meta.csv", head, numbered)]


def in_census(world: World, year: int) -> np.ndarray:
    """Institutions with a row in the school census of a year, in the order of the file (by number)."""
    mine = exists(world.register, year) & (world.register["census"].to_numpy() | (year != 2023))
    mine &= ~(
        (world.register["opened"] == "").to_numpy()
        & (world.register["kind"] == "independent").to_numpy()
        & (year == 2019)
    )
    rows = np.flatnonzero(mine)
    return rows[np.argsort(urn_in(world.register, year)[rows], kind="stable")]


def _counts(world: World, year: int, i: int) -> dict[str, int]:
    """Whole pupils of one school as the census gives them."""
    frame = world.earlier if year == 2019 else world.now
    roll, eal, unknown = int(frame["roll"][i]), int(frame["eal"][i]), int(frame["eal_unknown"][i])
    girls = girls_on_roll(world, i) if year == 2023 else int(round(round(frame["girls_share"][i] * roll, 6)))
    base = (
        int(world.now["r_to_11"][i])
        if year == 2023
        else max(int(round(roll * world.now["r_to_11"][i] / world.now["roll"][i])), 0)
    )
    fsm6 = min(int(frame["fsm6"][i]), base)
    return dict(
        roll=roll,
        girls=girls,
        ehcp=int(frame["ehcp"][i]),
        sen=int(frame["sen"][i]),
        eal=eal,
        english=roll - eal - unknown,
        unknown=unknown,
        fsm=int(frame["fsm"][i]),
        fsm6=fsm6,
        base=base,
    )


def girls_on_roll(world: World, i: int) -> int:
    """Girls of a school in 2022/23: the sum over year groups of the rounded share, as in the school-level
    census.
    """
    return int(sum(girls_in(world, i)))


def girls_in(world: World, i: int) -> list[int]:
    """Girls by year group."""
    return [int(round(round(world.now["girls_share"][i] * n, 6))) for n in world.groups[i].tolist()]


def _cells(c: dict[str, int], year: int, share) -> list:
    n = c["roll"]
    cells = [n, c["girls"], n - c["girls"], share(c["girls"], n), share(n - c["girls"], n)]
    cells += [c["ehcp"], share(c["ehcp"], n), c["sen"], share(c["sen"], n)]
    cells += [
        c["eal"],
        c["english"],
        c["unknown"],
        share(c["eal"], n),
        share(c["english"], n),
        share(c["unknown"], n),
        c["fsm"],
    ]
    return cells + (
        [c["fsm6"], share(c["fsm6"], c["base"])]
        if year == 2019
        else [c["fsm6"], c["base"], share(c["fsm6"], c["base"])]
    )


def _census_rows(world: World, year: int):
    register, share = world.register, pct if year == 2019 else pct_sign
    types, urns, estabs = census_type(register), urn_in(register, year), estab_in(world, year)
    if year == 2019:
        types = types.replace({"State-funded AP school": "Pupil referral unit"})
    for i in in_census(world, year):
        counts = _counts(world, year, i)
        cells = _cells(counts, year, share)
        if types[i] == "Independent school":
            cells[9:] = ["NA"] * len(cells[9:])
        elif year == 2019 and register["kind"][i] == "sixteen_plus":
            cells = ["NA"] * len(cells)
        elif (
            year == 2019
            and types[i] in ("State-funded nursery", "Pupil referral unit")
            and counts["base"] == 0
        ):
            cells[-2:] = ["NA", "NA"]
        yield i, [urns[i], 501 + register["la"][i], estabs[i], types[i], *cells]


def _national_rows(world: World, year: int) -> list[list]:
    register, share, out = world.register, pct if year == 2019 else pct_sign, []
    for code, phase, label in NATIONAL:
        mine = [i for i in in_census(world, year) if register["phase"][i] == phase]
        counts = [
            _counts(world, year, i)
            for i in mine
            if not (year == 2019 and register["kind"][i] == "sixteen_plus")
        ]
        total = {k: sum(c[k] for c in counts) for k in counts[0]}
        name = "Special school" if phase == "special" and year == 2023 else label
        out.append(["NAT", "", code, name, *_cells(total, year, share)])
    return out


def ees_files(world: World, folder: Path) -> list[Path]:
    """Absence by school in the layout of Explore Education Statistics: years before the pandemic, a sample of
    2021/22 and 2023/24, and all of 2022/23 with session counts."""
    register, rng = world.register, world.rng(1)
    phase = register["phase"].to_numpy()
    before = np.isin(phase, ["secondary", "special"])
    rows = []
    for i in np.flatnonzero(before):
        for year in (2017, 2018, 2019):
            s = world.sessions[year]
            if s.possible[i]:
                rows.append(
                    (urn_in(register, year)[i], f"{year - 1}{year % 100}", pct(s.missed[i], s.possible[i]))
                )
    rows = [
        (time, "School", urn, value) for urn, time, value in sorted(rows, key=lambda r: (int(r[0]), r[1]))
    ]
    head = ["time_period", "geographic_level", "school_urn", "sess_overall_percent"]
    first = write_csv(
        folder / "school-absence" / "absence_by_secondary_and_special_201617_201819.csv", head, rows
    )
    draw, last = rng.random(len(register)), rng.random(len(register))
    chosen = draw < np.select([phase == "secondary", phase == "primary"], [0.85, 0.42], 0.0)
    rows = []
    for i in np.flatnonzero(chosen):
        for year in (2022, 2024):  # 2022/23 is in the full file below; no figure is given twice in one layout
            s = world.sessions[year]
            if s.possible[i] and (year != 2024 or last[i] < 0.62) and not (year == 2022 and last[i] > 0.985):
                rows.append((int(urn_in(register, year)[i]), f"{year - 1}{year % 100}", s, i))
    rows.sort(key=lambda r: (r[0], r[1]))
    head = [*head, "enrolments_pa_10_exact_percent", "sess_authorised_percent", "sess_unauthorised_percent"]
    second = write_csv(
        folder / "school-absence" / "absence_by_school_202122_and_202324_sample.csv",
        head,
        [_sample_row(*r) for r in rows],
    )
    return [first, second, _full_year(world, folder, 2023)]


def _sample_row(urn: int, time: str, s, i: int) -> list:
    five = [bare(rounded(x, s.possible[i], 5)) for x in (s.missed[i], s.authorised[i], s.unauthorised[i])]
    parts = five[1:] if s.year == 2024 else ["", ""]
    return [time, "School", urn, five[0], bare(rounded(s.persistent[i], s.enrolments[i], 5)), *parts]


def _full_year(world: World, folder: Path, year: int) -> Path:
    """All schools of a year with enrolments and sessions, so that areas can be added up exactly."""
    register, s = world.register, world.sessions[year]
    urns = urn_in(register, year)
    mine = np.flatnonzero(s.possible > 0)
    rows = []
    for i in mine[np.argsort(urns[mine], kind="stable")]:
        la = world.country.authorities[register["la"][i]]
        sess = [s.possible[i], s.missed[i], s.authorised[i], s.unauthorised[i]]
        rates = [bare(rounded(x, s.possible[i], 5)) for x in sess[1:]]
        kind = {
            "primary": "State-funded primary",
            "secondary": "State-funded secondary",
            "special": "Special",
        }[register["phase"][i]]
        tail = [
            s.persistent[i],
            bare(rounded(s.persistent[i], s.enrolments[i], 5)),
            s.severe[i],
            bare(rounded(s.severe[i], s.enrolments[i], 5)),
        ]
        head = [
            f"{year - 1}{year % 100}",
            "Academic year",
            "School",
            la.la_code,
            la.ons_code,
            kind,
            urns[i],
            s.enrolments[i],
        ]
        rows.append([*head, *sess, *rates, *tail])
    header = (
        "time_period,time_identifier,geographic_level,old_la_code,new_la_code,education_phase,school_urn,enrolments,sess_possible,sess_overall,"
        "sess_authorised,sess_unauthorised,sess_overall_percent,sess_authorised_percent,sess_unauthorised_percent,enrolments_pa_10_exact,"
        "enrolments_pa_10_exact_percent,enrolments_pa_50_exact,enrolments_pa_50_exact_percent"
    ).split(",")
    return write_csv(folder / "school-absence" / "absence_3term_school_202223.csv", header, rows)
