"""The register of invented schools: kind, place, type, age range, when it opened, changed its number or
closed.

One row per institution that existed in any year; an institution keeps its identity when it becomes an academy
and its number changes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .country import GRAMMAR, INFANT_JUNIOR, MIDDLE_TIER, REGIONS, Authority, Country
from .names import Names, postcode

SHARES = (0.070, 0.145, 0.100, 0.095, 0.110, 0.110, 0.125, 0.140, 0.105)
COUNTS = {"primary": 1850, "secondary": 349, "special": 110, "ap": 35, "nursery": 40, "independent": 20}
MIDDLES_PER_AUTHORITY = 13
FIRST_URN = 900001
# Year groups by kind (Reception is 0); 12 and 13 only where the school has a sixth form.
YEARS = {
    "primary": (0, 6),
    "infant": (0, 2),
    "junior": (3, 6),
    "first": (0, 4),
    "middle_primary": (4, 7),
    "middle": (5, 8),
    "secondary": (7, 11),
    "selective": (7, 11),
    "upper": (9, 11),
    "all_through": (0, 11),
    "technical": (10, 11),
    "sixteen_plus": (12, 13),
    "special": (0, 11),
    "ap": (7, 11),
    "nursery": (-2, -1),
    "independent": (0, 11),
}
CENSUS_TYPE = {
    "primary": "State-funded primary",
    "secondary": "State-funded secondary",
    "special": "State-funded special school",
    "ap": "State-funded AP school",
    "nursery": "State-funded nursery",
    "independent": "Independent school",
}


def _allot(total: int, weights: list[float]) -> list[int]:
    """Whole numbers in proportion to the weights that add up to the total (largest remainders)."""
    raw = [total * w / sum(weights) for w in weights]
    out = [int(x) for x in raw]
    order = sorted(range(len(raw)), key=lambda i: (out[i] - raw[i], i))
    for i in order[: total - sum(out)]:
        out[i] += 1
    return out


def _kinds(rng: np.random.Generator, authority: Authority, phase: str, count: int) -> list[str]:
    """Kinds of the schools of one phase in one authority."""
    name = authority.name
    if phase == "primary":
        if name in MIDDLE_TIER:
            firsts = int(round(0.6 * count))
            middles = 2 if name == MIDDLE_TIER[1] else 0
            return (
                ["first"] * firsts + ["middle_primary"] * middles + ["primary"] * (count - firsts - middles)
            )
        pairs = int(round(count * (0.17 if name in INFANT_JUNIOR else 0.015)))
        infants = pairs + (2 if name in INFANT_JUNIOR else 0)
        return ["infant"] * infants + ["junior"] * pairs + ["primary"] * (count - infants - pairs)
    if phase == "secondary":
        grammars = int(round(count * GRAMMAR.get(name, 0.0))) or int(rng.random() < 0.35)
        middles = MIDDLES_PER_AUTHORITY if name in MIDDLE_TIER else 0
        kinds = ["selective"] * grammars + ["middle"] * middles
        rest = count - grammars
        uppers = int(round(0.6 * rest)) if middles else 0
        kinds += ["upper"] * uppers
        for _ in range(rest - uppers):
            draw = rng.random()
            kinds.append(
                "all_through"
                if draw < 0.085
                else "technical"
                if draw < 0.11
                else "sixteen_plus"
                if draw < 0.122
                else "secondary"
            )
        return kinds
    return [phase] * count


# Types of establishment and the upper ends of their shares, about as nationally; church schools have their
# own mix.
TYPES = {
    "primary": (
        ("Community school", 0.52),
        ("Academy converter", 0.80),
        ("Academy sponsor led", 0.95),
        ("Foundation school", 1.0),
    ),
    "church primary": (
        ("Voluntary aided school", 0.35),
        ("Voluntary controlled school", 0.62),
        ("Academy converter", 1.0),
    ),
    "secondary": (
        ("Academy converter", 0.58),
        ("Academy sponsor led", 0.83),
        ("Community school", 0.94),
        ("Foundation school", 1.0),
    ),
    "church secondary": (
        ("Voluntary aided school", 0.3),
        ("Academy converter", 0.75),
        ("Academy sponsor led", 1.0),
    ),
    "technical": (("University technical college", 0.7), ("Studio schools", 1.0)),
    "sixteen_plus": (("Free schools 16 to 19", 1.0),),
    "special": (
        ("Community special school", 0.5),
        ("Academy special converter", 0.8),
        ("Foundation special school", 1.0),
    ),
    "ap": (("Pupil referral unit", 0.55), ("Academy alternative provision converter", 1.0)),
    "nursery": (("Local authority nursery school", 1.0),),
    "independent": (("Other independent school", 1.0),),
}


def _school_type(rng: np.random.Generator, phase: str, kind: str, church: str) -> str:
    """GIAS type of establishment."""
    draw = rng.random()
    mix = TYPES[kind if kind in ("technical", "sixteen_plus") else f"church {phase}" if church else phase]
    return next(name for name, end in mix if draw <= end)


def _urban_rural(rng: np.random.Generator, kind: str, phase: str) -> tuple[bool, str]:
    rural = {"city": 0.02, "borough": 0.12, "county": 0.58}[kind] * (0.45 if phase != "primary" else 1.0)
    draw, size = rng.random(), rng.random()
    if draw < rural:
        return (
            False,
            "(England/Wales) Rural village"
            if size < 0.5
            else "(England/Wales) Rural town and fringe"
            if size < 0.85
            else ("(England/Wales) Rural hamlet and isolated dwellings"),
        )
    return (
        True,
        "(England/Wales) Urban major conurbation"
        if kind == "city"
        else "(England/Wales) Urban city and town",
    )


def make_register(rng: np.random.Generator, country: Country, names: Names) -> pd.DataFrame:
    """All institutions of 2022/23 with their place and type; history.py adds those that came, went or changed
    their number.
    """
    rows = []
    for phase, total in COUNTS.items():
        power = (
            2 if phase == "special" else 1
        )  # a few authorities have a single special school, whose figures get suppressed
        for region, in_region in enumerate(_allot(total, list(SHARES))):
            four = country.authorities[4 * region : 4 * region + 4]
            for authority, count in zip(
                four, _allot(in_region, [a.weight**power for a in four]), strict=True
            ):
                for kind in _kinds(rng, authority, phase, count):
                    rows.append(make_school(rng, country, names, authority, phase, kind))
    frame = pd.DataFrame(rows)
    frame["trust"] = frame["trust"].where(frame["academy"], "")
    frame = frame.sort_values(["la", "phase_order"], kind="stable").reset_index(drop=True)
    frame["estab"] = _estabs(frame)
    frame["postcode"] = [
        postcode(i, la) for i, la in zip(frame.groupby("la").cumcount(), frame["la"], strict=True)
    ]
    frame["urn_old"] = FIRST_URN + np.arange(len(frame))
    return frame


def make_school(
    rng: np.random.Generator, country: Country, names: Names, authority: Authority, phase: str, kind: str
) -> dict:
    """One school as a row of the register, drawn from `rng`."""
    draw = rng.random()
    faith = {"primary": (0.26, 0.36), "secondary": (0.065, 0.16)}.get(phase, (0, 0))
    church = (
        ""
        if kind in ("technical", "sixteen_plus", "middle", "upper")
        else ("Church of England" if draw < faith[0] else "Roman Catholic" if draw < faith[1] else "")
    )
    urban, label = _urban_rural(rng, authority.kind, phase)
    easting, northing = country.place(rng, authority.index, urban)
    school_type = _school_type(rng, phase, kind, church)
    name = names.school(authority.index, kind, church)
    if phase == "special" and rng.random() < 0.05:
        school_type = "Non-maintained special school"
    single = "Girls" if name.endswith("Girls") else "Boys" if name.endswith("Boys") else "Mixed"
    if kind == "secondary" and single == "Mixed":
        sex = rng.random()
        single = "Girls" if sex < 0.045 else "Boys" if sex < 0.075 else "Mixed"
    low, high = YEARS[kind]
    sixth = kind in ("selective", "upper", "sixteen_plus") or (
        kind in ("secondary", "all_through", "technical") and rng.random() < 0.6
    )
    academy = school_type.startswith(("Academy", "Free", "University", "Studio"))
    return dict(
        phase=phase,
        kind=kind,
        la=authority.index,
        region=REGIONS[authority.index // 4][0],
        name=name,
        church=church,
        urban=urban,
        urban_rural=label,
        easting=easting,
        northing=northing,
        school_type=school_type,
        academy=academy,
        sex=single,
        low=low,
        high=high,
        sixth=sixth,
        trust=names.trusts[(authority.index // 4 * 3 + int(rng.integers(7))) % len(names.trusts)],
        phase_order=list(COUNTS).index(phase),
        first_year=2010,
        last_year=2030,
        urn_new=0,
        year_new=9999,
        estab_old=0,
        opened="" if rng.random() < 0.45 else f"01/09/{int(rng.integers(1955, 2016))}",
        census=True,
        absence=True,
        point=True,
        parent=-1,
        share=1.0,
    )


def _estabs(frame: pd.DataFrame) -> list[str]:
    """Establishment numbers: 4 digits, unique within an authority, in the ranges in use for each phase."""
    base = {
        "primary": 2000,
        "secondary": 4000,
        "special": 7000,
        "ap": 1100,
        "nursery": 1000,
        "independent": 6000,
    }
    place = frame.groupby(["la", "phase"]).cumcount()
    return [str(base[p] + i) for p, i in zip(frame["phase"], place, strict=True)]


def census_type(frame: pd.DataFrame) -> pd.Series:
    """Type of school in the performance-tables census."""
    kind = frame["phase"].map(CENSUS_TYPE)
    return kind.mask(frame["school_type"] == "Non-maintained special school", "Non-maintained special school")


def urn_in(frame: pd.DataFrame, year: int) -> np.ndarray:
    """Number of each institution in the academic year that ends in `year`."""
    return np.where(year >= frame["year_new"], frame["urn_new"], frame["urn_old"]).astype(np.int64)


def exists(frame: pd.DataFrame, year: int) -> np.ndarray:
    """Which institutions are open in the academic year that ends in `year`."""
    return ((frame["first_year"] <= year) & (frame["last_year"] >= year)).to_numpy()
