"""Circumstances of schools: whether a column is there at all, says more than one thing, lies where it must, goes
with itself in another census and with the columns that it is bound to.

Nothing here looks at absence. What is wrong with a whole column or an authority stops; one school's own jump
is for a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.base.params import DEFAULT
from helpers.base.years import year_words, years_between
from helpers.ingest.quality.findings import DOWNLOAD, SHIFTED, Finding, capped, flag, hard, whole
from helpers.ingest.quality.pairing import LEAST_IN_LA, LEAST_SCHOOLS, Pairing, in_file_order, pair
from helpers.ingest.quality.years import rests_on
from helpers.ingest.readers.readings import ETHNICITIES

if TYPE_CHECKING:
    from helpers.ingest.readers.readings import Readings

MAINSTREAM = ("primary", "secondary")


@dataclass(frozen=True)
class Bond:
    """Two columns that go together: `own` of one frame, `other` of another (of the nearest earlier census where
    `past`). `least`: by phase, the rank correlation inside authorities below which rows are said to have slipped;
    `level`, `la_level`: limits of the ratio of means, of England and (as a factor) of an authority beside
    England's; `la`: rank correlation and z below which an authority stops, `la_slip`: whether one stops where the
    row above or below fits; neither where authorities differ too much to be judged.
    """

    frame: str
    own: str
    other_frame: str
    other: str
    past: bool
    least: dict[str, float]
    measured: str
    sign: int = 1
    level: tuple[float, float] | None = None
    la_level: float | None = None
    la: tuple[float, float] | None = None
    la_slip: bool = True


def _both(value: float) -> dict[str, float]:
    return dict.fromkeys(MAINSTREAM, value)


# `measured`: as published, 2018/19 and 2022/23 (primary, secondary), then slipped; ratios of England; the
# authorities' extremes. Limits lie between the two, and leave another pair of years room.
STRONG, WEAK = (0.25, -3.2), (0.05, -4.2)
BONDS = [
    Bond(
        "census",
        "roll",
        "census",
        "roll",
        True,
        _both(0.55),
        "0.95, 0.91; 0.19; 0.98-1.09; 0.87-1.14",
        1,
        (0.7, 1.45),
        1.5,
        STRONG,
    ),
    Bond(
        "census",
        "girls_pct",
        "census",
        "girls_pct",
        True,
        {"primary": 0.16, "secondary": 0.3},
        "0.32, 0.60; 0.01; 1.00; 0.96-1.06",
        1,
        (0.93, 1.07),
        1.2,
        None,
        False,
    ),
    Bond(
        "census",
        "sen_support_pct",
        "census",
        "sen_support_pct",
        True,
        _both(0.3),
        "0.55, 0.61; 0.07; 1.09-1.13; 0.61-1.39",
        1,
        (0.6, 1.8),
        2.2,
        WEAK,
        False,
    ),
    Bond(
        "census",
        "ehcp_pct",
        "census",
        "ehcp_pct",
        True,
        _both(0.2),
        "0.37, 0.62; 0.03; 1.47-1.63; 0.60-3.4",
        1,
        (0.5, 2.6),
        5.0,
        WEAK,
        False,
    ),
    Bond(
        "census",
        "eal_pct",
        "census",
        "eal_pct",
        True,
        _both(0.5),
        "0.83, 0.87; 0.16; 1.06-1.07; 0.71-1.70",
        1,
        (0.65, 1.6),
        2.5,
        STRONG,
    ),
    Bond(
        "census",
        "fsm6_pct",
        "census",
        "fsm6_pct",
        True,
        _both(0.5),
        "0.87, 0.92; 0.21; 0.97-1.15; 0.84-1.27",
        1,
        (0.6, 1.7),
        1.8,
        STRONG,
    ),
    Bond(
        "census_detail",
        "fsm_pct",
        "census_detail",
        "fsm_pct",
        True,
        _both(0.45),
        "no two editions were there; as fsm6_pct",
        1,
        (0.55, 2.0),
        2.0,
        STRONG,
    ),
    *(
        Bond(
            "census_detail",
            name,
            "census_detail",
            name,
            True,
            _both(0.3),
            "no two editions were there; as eal_pct",
            1,
            None,
            None,
            None,
            False,
        )
        for name in (
            "white_british_pct",
            "white_other_pct",
            "pakistani_pct",
            "indian_pct",
            "bangladeshi_pct",
            "black_african_pct",
            "mixed_pct",
        )
    ),
    Bond(
        "census_detail",
        "fsm_pct",
        "census",
        "fsm6_pct",
        False,
        _both(0.55),
        "0.99, 0.97; 0.20; 0.87-0.92; 0.88-1.12",
        1,
        (0.7, 1.1),
        1.6,
        STRONG,
    ),
    Bond(
        "census_detail", "white_british_pct", "census", "eal_pct", False, _both(0.4), "0.81, 0.79; 0.14", -1
    ),
    Bond(
        "census_detail",
        "pupils_r_to_11",
        "census",
        "roll",
        False,
        _both(0.5),
        "0.98, 0.93; 0.17; 0.88-0.94; 0.84-1.14",
        1,
        (0.75, 1.05),
        1.5,
        STRONG,
    ),
    Bond(
        "deprivation",
        "idaci_rank",
        "census",
        "fsm6_pct",
        False,
        {"primary": 0.24},
        "0.61; 0.12",
        -1,
        None,
        None,
        None,
        False,
    ),
    Bond(
        "deprivation",
        "imd_rank",
        "deprivation",
        "idaci_rank",
        False,
        _both(0.5),
        "0.82, 0.83; 0.10; 0.98-1.01; 0.62-1.67",
        1,
        (0.8, 1.25),
        2.2,
        (0.05, -3.2),
        False,
    ),
    Bond(
        "establishments",
        "capacity",
        "census",
        "roll",
        False,
        {"secondary": 0.45},
        "0.83; 0.11; 1.08; 0.86-1.13",
        1,
        (0.75, 1.6),
        1.6,
        STRONG,
    ),
]
# What stands behind a column: where it is wrong, so are these.
FEW_BLANK = {"deprivation": 0.02, "census": 0.01, "census_detail": 0.01}  # mainstream: 0.01, 0 and 0.03 %
LA_BLANK = (3, 0.2)
NUMBERS = {
    "census": ["roll", "girls_roll", "sen_support_pct", "ehcp_pct", "eal_pct", "fsm6_pct"],
    "census_detail": [
        "roll",
        "girls_roll",
        "pupils_r_to_11",
        "fsm_pct",
        "eal_pct",
        "young_carer_pct",
        *ETHNICITIES,
    ],
    "deprivation": ["idaci_rank", "imd_rank"],
}
ONE_VALUE = 0.25  # share of mainstream schools with the same value, other than none: at most 6 %
ONE_VALUE_LA = 0.6
# Mean share of mainstream schools' pupils, 2022/23; another year may be this many times off, and half a point.
USUAL_FACTOR = 2.5
USUAL_PCT = {
    "white_british_pct": 68.4,
    "white_other_pct": 6.8,
    "gypsy_roma_traveller_pct": 0.5,
    "mixed_pct": 6.3,
    "indian_pct": 2.8,
    "pakistani_pct": 3.3,
    "bangladeshi_pct": 1.2,
    "other_asian_pct": 1.7,
    "black_caribbean_pct": 0.8,
    "black_african_pct": 3.6,
    "other_black_pct": 0.7,
    "chinese_pct": 0.6,
    "other_ethnic_pct": 1.9,
    "ethnicity_unclassified_pct": 1.5,
    "young_carer_pct": 0.4,
    "fsm_pct": 23.2,
    "eal_pct": 17.3,
    "fsm6_pct": 25.0,
    "sen_support_pct": 13.5,
    "ehcp_pct": 2.4,
}
USUAL_SLACK = {"young_carer_pct": 1.2, "gypsy_roma_traveller_pct": 0.4}  # on top, in points; others 0.3
WHITE_BRITISH_LEAST = 40.0  # the factor says nothing of a share of two thirds
# A school's own change since its last census that earns a flag: times (both sides plus one point), and points.
JUMP = {
    "ehcp_pct": (4.0, 14.0),
    "sen_support_pct": (4.0, 28.0),
    "eal_pct": (4.0, 28.0),
    "fsm6_pct": (4.0, 32.0),
}
ROLL_TIMES = 8.0
JUMPED_SHARE = 0.02
FSM_ABOVE, FSM_BELOW = 12.0, 30.0  # points of fsm_pct above and below fsm6_pct, schools of 50: 10 and 1 are
SAME_PLACE_M, ELSEWHERE_SHARE = 3000, 0.01  # two sources of a school's place: no school is 3 km apart
LA_OUTSIDE = (3, 0.3)  # schools of an authority outside it: at most 2
OPENED_IN_ORDER = 0.25  # rank correlation of URN and date of opening: 0.99


def circumstance_findings(
    readings: Readings, registers: dict[str, pd.DataFrame], release: str, tiny_roll: int = DEFAULT.tiny_roll
) -> list[Finding]:
    """What is wrong with the circumstances of the release, and of the censuses of other years that it uses."""
    found: list[Finding] = []
    for year in registers:
        for frame in ("census", "census_detail"):
            found += _there(readings, frame, year, release)
    found += _there(readings, "deprivation", release, release)
    spread = _bonds(readings, release)
    found += spread
    found += _usual(readings, release)
    if not spread:
        found += _jumps(readings, release, tiny_roll)
    register = registers.get(release)
    found += _places(readings, register) + _neighbourhoods(readings)
    return found + _opened(readings, release)


def column_of(readings: Readings, frame: str, column: str, year: str) -> pd.DataFrame:
    """own, above, below (`in_file_order`) of one year, where the frame has years. Index urn; may be empty."""
    rows = getattr(readings, frame)
    if "year" in rows:
        rows = rows[rows["year"] == year]
    rows = rows.drop_duplicates("urn").set_index("urn")
    if rows.empty:
        return pd.DataFrame({"own": [], "above": [], "below": []}, dtype="float64")
    if column == "girls_pct":
        values = 100 * rows["girls_roll"] / rows["roll"].where(rows["roll"] > 0)
    else:
        values = rows[column]
    order = rows["row"] if "row" in rows else pd.Series(np.arange(len(rows)), index=rows.index)
    return in_file_order(values.astype("float64"), order)


def _place(readings, frame: str, column: str, year: str) -> dict:
    rows = getattr(readings, frame)
    rows = rows[rows["year"] == year] if "year" in rows else rows
    return dict(file=rows["file"].iloc[0] if len(rows) else "", column=column, year=year)


def _about(readings, year: str) -> pd.DataFrame:
    """phase, la_code, roll of the schools of a census year. Index urn."""
    both = [
        f.loc[f["year"] == year, ["urn", "phase", "la_code", "roll"]]
        for f in (readings.census, readings.census_detail)
    ]
    return pd.concat(both).drop_duplicates("urn").set_index("urn")


def _there(readings, frame: str, year: str, release: str) -> list[Finding]:
    """Columns that are blank, or hold one value, throughout or in an authority; shares outside 0 to 100."""
    rows = getattr(readings, frame)
    rows = rows[rows["year"] == year] if "year" in rows else rows
    if rows.empty:
        return []
    about = _about(readings, year)
    about = about[about["phase"].isin(MAINSTREAM)]
    rows = rows.drop_duplicates("urn").set_index("urn").reindex(about.index)
    rows = rows[rows["file"].notna()]
    la = about["la_code"].reindex(rows.index)
    found = []
    for column in NUMBERS[frame]:
        place, values = _place(readings, frame, column, year), rows[column]
        make = hard if year == release or column in ("roll", "girls_roll") else flag
        blank = values.isna()
        by = blank.groupby(la).agg(["sum", "size"])
        by = by[by["sum"] > LA_BLANK[0] + LA_BLANK[1] * by["size"]]
        if blank.mean() > FEW_BLANK[frame]:
            words = f"{100 * blank.mean():.1f} % of mainstream schools have no {column} in {year_words(year)}"
            found.append(make("column_blank", words, what_to_do=SHIFTED, **place))
        else:
            for code, r in by.iterrows():
                words = f"LA {code}: {r['sum']} of {r['size']} mainstream schools have no {column}"
                found.append(make("column_blank", words, la_code=str(code), what_to_do=DOWNLOAD, **place))
            if year == release and frame != "deprivation":
                found += _blank_schools(rows, blank, column, place)
        if column.endswith("_pct") and ((values < 0) | (values > 100)).any():
            first = values[(values < 0) | (values > 100)]
            words = (
                f"{len(first):,} schools have a {column} outside 0 to 100 %, the first URN {first.index[0]}"
            )
            found.append(
                make("out_of_range", words, urn=int(first.index[0]), value=f"{first.iloc[0]:g}", **place)
            )
        found += _one_value(values, la, column, place, make)
    return found


def _blank_schools(rows, blank, column: str, place: dict) -> list[Finding]:
    if column.startswith(("pupils_", "girls_")):
        return []
    return capped(
        flag(
            "circumstance_missing",
            f"URN {urn}: no {column} is given: the model stands in for it, or the school is not assessed",
            urn=int(urn),
            row=whole(rows.at[urn, "row"]),
            **place,
        )
        for urn in rows.index[blank & (rows["roll"] > 0)]
    )


def _one_value(values: pd.Series, la: pd.Series, column: str, place: dict, make) -> list[Finding]:
    """The same value for very many schools: filled down, or put in by hand."""
    known = values[values.notna() & (values != 0)]
    if len(known) < LEAST_SCHOOLS:
        return []
    if column not in USUAL_PCT or USUAL_PCT[column] > 2:
        most = known.value_counts()
        if most.iloc[0] > ONE_VALUE * len(values):
            words = f"{most.iloc[0]:,} of {len(values):,} schools have the same {column}, {most.index[0]:g}"
            return [make("column_constant", words, value=f"{most.index[0]:g}", what_to_do=SHIFTED, **place)]
    if column not in (
        "roll",
        "fsm_pct",
        "fsm6_pct",
        "sen_support_pct",
        "white_british_pct",
        "eal_pct",
        "girls_roll",
    ):
        return []
    found = []
    for code, rows in known.groupby(la.reindex(known.index)):
        if len(rows) >= LEAST_IN_LA and (top := rows.value_counts()).iloc[0] > ONE_VALUE_LA * len(rows):
            words = (
                f"LA {code}: {top.iloc[0]} of {len(rows)} schools have the same {column}, {top.index[0]:g}"
            )
            found.append(make("column_constant", words, la_code=str(code), what_to_do=SHIFTED, **place))
    return capped(found)


def _bonds(readings, release: str) -> list[Finding]:
    """Every bond, in every census year that it can be judged in."""
    found: list[Finding] = []
    years = {f: sorted(set(getattr(readings, f)["year"])) for f in ("census", "census_detail")}
    for bond in BONDS:
        mine = years.get(bond.frame, [release])
        for year in mine if bond.past else [y for y in mine if y == release]:
            other_year = year
            if bond.past:
                # The earlier of two censuses is judged with the later one, not twice.
                others = [y for y in years[bond.other_frame] if y < year]
                if not others or not rests_on(year, release):
                    continue
                other_year = min(others, key=lambda y: abs(years_between(y, year)))
            found += _bond(readings, bond, year, other_year, release)
    return found


def _bond(readings, bond: Bond, year: str, other_year: str, release: str) -> list[Finding]:
    rows = column_of(readings, bond.frame, bond.own, year)
    other = column_of(readings, bond.other_frame, bond.other, other_year)["own"]
    about = _about(readings, year)
    place = _place(readings, bond.frame, bond.own, year) | {"what_to_do": SHIFTED}
    make = hard if bond.frame != "establishments" else flag
    beside = f"{bond.other} of {year_words(other_year)}" if bond.past else bond.other
    found = []
    for phase, least in bond.least.items():
        paired = pair(
            rows[rows.index.isin(about.index[about["phase"] == phase])], other, about["la_code"], bond.sign
        )
        if paired.n < LEAST_SCHOOLS:
            continue
        what = f"{bond.own}, {phase} schools, {year_words(year)}"
        if not paired.rho >= least:  # missing where all figures are the same
            words = f"{what}: it goes with {beside} at a rank correlation of only {paired.rho:.2f} within LAs"
            if paired.slipped > paired.rho + 0.2:
                words += f", and at {paired.slipped:.2f} when every figure is moved by one row"
            words += ": rows were sorted, swapped or slipped, or a column is in another's place"
            found.append(make("figures_of_other_schools", words, **place))
        elif bond.level and not bond.level[0] <= paired.ratio <= bond.level[1]:
            words = f"{what}: the mean is {paired.ratio:.2g} times that of {beside}"
            found.append(make("unit_or_level", f"{words}: another unit, or another column", **place))
        else:
            found += capped(_in_las(paired, bond, what, beside, make, place))
    return found


def _in_las(paired: Pairing, bond: Bond, what: str, beside: str, make, place: dict) -> list[Finding]:
    by = paired.by_la[paired.by_la["n"] >= LEAST_IN_LA]
    found = []
    mixed = by.index[:0] if bond.la is None else by.index[(by["rho"] < bond.la[0]) & (by["z"] < bond.la[1])]
    slipped = by.index[bond.la_slip & (by["slipped"] > 0.5) & (by["slipped"] - by["rho"] > 0.5)]
    for la in sorted({*mixed, *slipped}):
        words = f"LA {la}, {what}: it goes with {beside} at a rank correlation of {by.at[la, 'rho']:.2f}"
        if la in slipped:
            words += f", and at {by.at[la, 'slipped']:.2f} when every figure is moved by one row"
        found.append(make("figures_of_other_schools", words, la_code=str(la), value=str(la), **place))
    if bond.la_level:
        for la, size in by.loc[by["log_ratio"].abs() > np.log(bond.la_level), "log_ratio"].items():
            words = (
                f"LA {la}, {what}: beside {beside} its mean is {np.exp(size):.2g} times what it is elsewhere"
            )
            found.append(make("unit_or_level", words, la_code=str(la), value=str(la), **place))
    return found


def _usual(readings, release: str) -> list[Finding]:
    """England's mean of each share beside what it was: columns that have changed places."""
    found = []
    about = _about(readings, release)
    main = about.index[about["phase"].isin(MAINSTREAM)]
    if len(main) < 1000:
        return []
    for column, usual in USUAL_PCT.items():
        frame = "census_detail" if column in readings.census_detail and column != "eal_pct" else "census"
        mean = column_of(readings, frame, column, release)["own"].reindex(main).mean()
        slack = USUAL_SLACK.get(column, 0.3)
        low, high = usual / USUAL_FACTOR - slack, usual * USUAL_FACTOR + slack
        if column == "white_british_pct":
            low = WHITE_BRITISH_LEAST
        if not np.isnan(mean) and not low <= mean <= high:
            words = (
                f"the mean of {column} is {mean:.2g} %, and was {usual:g} %: another column, or another unit"
            )
            place = _place(readings, frame, column, release)
            found.append(hard("unit_or_level", words, value=f"{mean:.2f}", what_to_do=SHIFTED, **place))
    return found


def _jumps(readings, release: str, tiny_roll: int) -> list[Finding]:
    """One school's own jump since its last census, or between two columns of one year."""
    about = _about(readings, release)
    main = about.index[about["phase"].isin(MAINSTREAM) & (about["roll"] >= max(tiny_roll, 50))]
    earlier = [y for y in sorted(set(readings.census["year"])) if y < release]
    found = []

    def told(column: str, frame: str, urns: pd.Index, words) -> list[Finding]:
        place = _place(readings, frame, column, release)
        rows = getattr(readings, frame)
        rows = rows[rows["year"] == release].drop_duplicates("urn").set_index("urn")
        if len(urns) > max(12, JUMPED_SHARE * len(main)):
            text = (
                f"{len(urns):,} schools have a {column} out of all proportion to their own of another census"
            )
            return [hard("figures_jump", text, what_to_do=SHIFTED, **place)]
        return capped(
            flag(
                "circumstance_jumped",
                f"URN {urn}: {words(urn)}",
                urn=int(urn),
                la_code=str(about.at[urn, "la_code"]),
                row=whole(rows.at[urn, "row"]),
                value=f"{rows.at[urn, column]:g}",
                what_to_do="Read the row; one figure here moves the expectation of this school and of its peers.",
                **place,
            )
            for urn in urns
        )

    for column, (times, points) in JUMP.items() if earlier else ():
        now = column_of(readings, "census", column, release)["own"].reindex(main)
        then = column_of(readings, "census", column, earlier[-1])["own"].reindex(main)
        change = np.log((now + 1) / (then + 1))
        off = (change - change.median()).abs() > np.log(times)
        urns = main[off & ((now - then).abs() > points)]
        words = f"{column} was {{:.1f}} % in {year_words(earlier[-1])} and is {{:.1f}} %"
        found += told(column, "census", urns, lambda u, w=words, a=then, b=now: w.format(a[u], b[u]))
    if earlier:
        now = column_of(readings, "census", "roll", release)["own"].reindex(main)
        then = column_of(readings, "census", "roll", earlier[-1])["own"].reindex(main)
        # Schools that were opening grow; those that had a hundred pupils do not grow to eight times as many.
        off = np.log(now / then.where(then > 0)).abs() > np.log(ROLL_TIMES)
        urns = main[off & ((then >= 100) | (now < then))]
        then_year = year_words(earlier[-1])
        found += told(
            "roll", "census", urns, lambda u: f"roll was {then[u]:.0f} in {then_year} and is {now[u]:.0f}"
        )
    fsm = column_of(readings, "census_detail", "fsm_pct", release)["own"].reindex(main)
    fsm6 = column_of(readings, "census", "fsm6_pct", release)["own"].reindex(main)
    none = main[(fsm - fsm6 > FSM_ABOVE) & (fsm6 == 0)]
    if len(none):
        words = (
            f"{len(none)} schools with free meals now have none that ever had them in six years, the first "
            f"URN {none[0]}: the count leaves out their age groups"
        )
        todo = "Look at the share of free meals of these schools, not at the one of six years."
        found.append(
            flag(
                "circumstance_jumped",
                words,
                what_to_do=todo,
                **_place(readings, "census", "fsm6_pct", release),
            )
        )
    urns = main[((fsm - fsm6 > FSM_ABOVE) & (fsm6 > 0)) | (fsm6 - fsm > FSM_BELOW)]
    found += told(
        "fsm_pct",
        "census_detail",
        urns,
        lambda u: f"{fsm[u]:.1f} % now have free meals, {fsm6[u]:.1f} % ever had in six years",
    )
    return found


def _places(readings, register: pd.DataFrame | None) -> list[Finding]:
    """A school's place in two files; schools of an authority outside it."""
    points = readings.points.drop_duplicates("urn").set_index("urn")
    found = []
    for name in ("deprivation", "establishments"):
        other = getattr(readings, name).drop_duplicates("urn").set_index("urn")
        theirs = other[["easting", "northing"]].add_suffix("_other")
        both = points[["easting", "northing", "file"]].join(theirs, how="inner")
        apart = np.hypot(both["easting"] - both["easting_other"], both["northing"] - both["northing_other"])
        far = both.assign(km=apart / 1000)[apart > SAME_PLACE_M]
        if far.empty:
            continue
        beside = getattr(readings, name)["file"].iloc[0]
        place = dict(file=far["file"].iloc[0], column="easting", what_to_do=SHIFTED)
        las = register.set_index("urn")["la_code"].reindex(both.index) if register is not None else None
        worst = _worst_la(apart > SAME_PLACE_M, las)
        if len(far) > ELSEWHERE_SHARE * len(both) or worst:
            words = f"{len(far):,} of {len(both):,} schools lie more than 3 km from where {beside} has them"
            words += f", most of LA {worst} among them" if worst else ""
            found.append(hard("coordinates_shifted", words, la_code=worst, **place))
            continue
        found += capped(
            flag(
                "point_elsewhere",
                f"URN {urn}: its point lies {r.km:.0f} km from that of {beside}",
                urn=int(urn),
                **place,
            )
            for urn, r in far.iterrows()
        )
    return found


def _worst_la(odd: pd.Series, la: pd.Series | None) -> str:
    """The first authority of which many rows are odd; empty when there is none."""
    if la is None:
        return ""
    by = odd.groupby(la).agg(["sum", "size"])
    by = by[by["sum"] > LA_OUTSIDE[0] + LA_OUTSIDE[1] * by["size"]]
    return str(by.index[0]) if len(by) else ""


def _neighbourhoods(readings) -> list[Finding]:
    """One neighbourhood has one rank: in the file by school, and beside the published list if it is there."""
    rows = readings.deprivation[readings.deprivation["lsoa11_code"].notna()]
    if rows.empty:
        return []
    file, found = rows["file"].iloc[0], []
    published = readings.deprivation_lsoa.drop_duplicates("lsoa11_code").set_index("lsoa11_code")
    for column in ("idaci_rank", "imd_rank"):
        place = dict(file=file, column=column, what_to_do=SHIFTED)
        groups = rows.groupby("lsoa11_code")[column]
        several = groups.nunique()
        odd = several.index[several > 1]
        if len(published):
            told = rows["lsoa11_code"].map(published[column])
            odd = odd.union(
                pd.Index(
                    rows.loc[told.notna() & rows[column].notna() & (told != rows[column]), "lsoa11_code"]
                )
            )
        if len(odd) > max(5, 0.005 * len(several)):
            words = f"{len(odd):,} neighbourhoods have more than one {column}, or another than is published"
            found.append(hard("ranks_differ", words, value=str(odd[0]), **place))
        else:
            found += [
                flag(
                    "ranks_differ",
                    f"neighbourhood {code} has more than one {column}, or another than is published",
                    value=str(code),
                    **place,
                )
                for code in odd
            ]
    return found


def _opened(readings, release: str) -> list[Finding]:
    """Numbers are given in the order of opening; dates that do not follow them belong to other schools."""
    rows = readings.census_detail[readings.census_detail["year"] == release].drop_duplicates("urn")
    known = rows[rows["open_date"].notna()]
    if len(known) < LEAST_SCHOOLS:
        return []
    rho = known["urn"].rank().corr(known["open_date"].astype("int64").rank())
    if rho >= OPENED_IN_ORDER:
        return []
    words = f"dates of opening go with the schools' numbers at a rank correlation of only {rho:.2f}"
    return [
        hard(
            "figures_of_other_schools",
            words,
            what_to_do=SHIFTED,
            **_place(readings, "census_detail", "open_date", release),
        )
    ]
