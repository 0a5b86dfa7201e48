"""The circumstances of a school as numbers: one row of `FEATURES` per feature, with its group and the reason
why it is there.

Features describe who attends, how large the school is, whom it admits and where it stands. Absence of any
kind is never a feature.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.base import contract

IDACI_RANKS = 32_844  # LSOAs of England 2011: ranks run from 1 (most deprived) to this number
ANGLICAN = ["Church of England", "Anglican", "Other Anglican Faith"]
MUSLIM = ["Muslim", "Islam", "Sunni Deobandi"]
TECHNICAL = ["University technical college", "Studio schools"]
RURALITY = [
    ("major", 0.0),
    ("minor", 1.0),
    ("city", 2.0),
    ("town and", 3.0),
    ("village", 4.0),
    ("hamlet", 5.0),
]

GROUPS = [
    "free school meals",
    "special educational needs",
    "English as an additional language",
    "ethnicity",
    "neighbourhood deprivation",
    "size",
    "year groups",
    "school type and admissions",
    "urban or rural",
    "region",
]


@dataclass(frozen=True)
class Feature:
    """One feature of the context model. `peer` lists the phases whose peer search uses it; `rising` is +1
    where more can only mean more absence.
    """

    name: str
    group: str
    reason: str
    peer: tuple[str, ...] = ()
    rising: int = 0


BOTH = ("primary", "secondary")

FEATURES = [
    Feature("fsm_pct", GROUPS[0], "low family income now goes with more absence", (), 1),
    Feature("fsm6_pct", GROUPS[0], "low family income at any time in six years", BOTH, 1),
    Feature("sen_support_pct", GROUPS[1], "pupils with SEN support miss more sessions", BOTH, 1),
    Feature(
        "ehcp_pct",
        GROUPS[1],
        "pupils with an EHC plan miss more sessions, often for medical reasons",
        BOTH,
        1,
    ),
    Feature("young_carer_pct", GROUPS[1], "young carers miss more sessions; counted differently by schools"),
    Feature(
        "eal_pct",
        GROUPS[2],
        "pupils whose first language is not English attend more, other things equal",
        BOTH,
    ),
    Feature("white_british_pct", GROUPS[3], "attendance differs by ethnic group", BOTH),
    Feature("white_other_pct", GROUPS[3], "attendance differs by ethnic group", ("secondary",)),
    Feature(
        "gypsy_roma_traveller_pct",
        GROUPS[3],
        "Gypsy, Roma and Traveller pupils have by far the lowest attendance",
        BOTH,
    ),
    Feature("mixed_pct", GROUPS[3], "attendance differs by ethnic group"),
    Feature("indian_pct", GROUPS[3], "attendance differs by ethnic group"),
    Feature("pakistani_pct", GROUPS[3], "attendance differs by ethnic group", BOTH),
    Feature("bangladeshi_pct", GROUPS[3], "attendance differs by ethnic group"),
    Feature("other_asian_pct", GROUPS[3], "attendance differs by ethnic group"),
    Feature("black_caribbean_pct", GROUPS[3], "attendance differs by ethnic group"),
    Feature("black_african_pct", GROUPS[3], "attendance differs by ethnic group", BOTH),
    Feature("other_black_pct", GROUPS[3], "attendance differs by ethnic group"),
    Feature("chinese_pct", GROUPS[3], "attendance differs by ethnic group"),
    Feature("other_ethnic_pct", GROUPS[3], "attendance differs by ethnic group"),
    Feature(
        "ethnicity_unclassified_pct", GROUPS[3], "many unknowns mean that the other shares are understated"
    ),
    Feature(
        "idaci",
        GROUPS[4],
        "income deprivation of families around the school, 0 least to 1 most deprived",
        BOTH,
    ),
    Feature("imd", GROUPS[4], "deprivation of the neighbourhood in all respects, 0 least to 1 most deprived"),
    Feature("log_roll", GROUPS[5], "small schools differ from large ones", BOTH),
    Feature("mean_year_group", GROUPS[6], "absence rises with age through secondary school", BOTH),
    Feature("sixth_form_pct", GROUPS[6], "a sixth form changes who is on roll", ("secondary",)),
    Feature("nursery_pct", GROUPS[6], "nursery pupils are on roll but not in the absence figures"),
    Feature("years_6_to_8_pct", GROUPS[6], "middle schools hold the transition years"),
    *(
        Feature(f"block_{block}", GROUPS[6], "age range of the school")
        for block in ("infant", "junior", "first", "middle", "upper", "all_through", "fourteen_plus")
    ),
    Feature("girls_pct", GROUPS[7], "girls and boys differ slightly"),
    Feature("girls_school", GROUPS[7], "single-sex schools differ in intake", ("secondary",)),
    Feature("boys_school", GROUPS[7], "single-sex schools differ in intake"),
    Feature("selective", GROUPS[7], "grammar schools admit by test"),
    Feature(
        "grammar_area_pct",
        GROUPS[7],
        "a non-selective school beside grammar schools has another intake",
        ("secondary",),
    ),
    Feature("catholic", GROUPS[7], "faith schools differ in intake and catchment", ("primary",)),
    Feature("church_of_england", GROUPS[7], "faith schools differ in intake and catchment"),
    Feature("muslim", GROUPS[7], "faith schools differ in intake and holidays", ("secondary",)),
    Feature("other_faith", GROUPS[7], "faith schools differ in intake and catchment"),
    Feature("technical", GROUPS[7], "UTCs and studio schools admit at 13 or 14"),
    Feature("rurality", GROUPS[8], "0 major conurbation to 5 hamlets: travel and community differ", BOTH),
    Feature("sparse", GROUPS[8], "sparsely settled areas"),
]
REGION_PREFIX = "region_"


def flag(mask: pd.Series) -> pd.Series:
    """1 where true, 0 where not."""
    return mask.astype("float64")


def design(register: pd.DataFrame) -> pd.DataFrame:
    """Numeric features of each school, columns in a fixed order, index as given. Missing stays missing.

    `register`: columns of the dictionary's table `schools`. Raises KeyError naming a column that is not
    there.
    """
    direct = [f.name for f in FEATURES if f.name.endswith("_pct") or f.name == "mean_year_group"]
    needed = [
        *direct,
        "roll",
        "idaci_rank",
        "imd_rank",
        "block",
        "sex_of_school",
        "denomination",
        "school_type",
        "urban_rural",
        "selective",
        "region_name",
    ]
    absent = [c for c in needed if c not in register]
    if absent:
        raise KeyError(f"the register lacks the columns {absent}: rebuild it with register.build_register")
    columns = {c: register[c].astype("float64") for c in direct}
    faith, sex, kind, place = (
        register[c].fillna("").astype(str)
        for c in ("denomination", "sex_of_school", "school_type", "urban_rural")
    )
    columns["log_roll"] = np.log(register["roll"].astype("float64").where(register["roll"] > 0))
    columns["idaci"] = 1 - register["idaci_rank"].astype("float64") / IDACI_RANKS
    columns["imd"] = 1 - register["imd_rank"].astype("float64") / IDACI_RANKS
    for feature in FEATURES:
        if feature.name.startswith("block_"):
            columns[feature.name] = flag(register["block"] == feature.name.removeprefix("block_"))
    columns["girls_school"], columns["boys_school"] = flag(sex == "Girls"), flag(sex == "Boys")
    columns["selective"] = register["selective"].fillna(False).astype("float64")
    columns["catholic"] = flag(faith == "Roman Catholic")
    columns["church_of_england"] = flag(faith.isin(ANGLICAN))
    columns["muslim"] = flag(faith.isin(MUSLIM))
    known = [
        "",
        "Unknown",
        "No religious character",
        "Does not apply",
        "Not applicable",
        "None",
        "Roman Catholic",
        *ANGLICAN,
        *MUSLIM,
    ]
    columns["other_faith"] = flag(~faith.isin(known))
    columns["technical"] = flag(kind.isin(TECHNICAL))
    rank = pd.Series(np.nan, index=register.index)
    for word, value in RURALITY:
        rank = rank.mask(rank.isna() & place.str.contains(word, case=False, regex=False), value)
    columns["rurality"] = rank
    columns["sparse"] = flag(place.str.contains("sparse", case=False, regex=False))
    out = pd.DataFrame({f.name: columns[f.name] for f in FEATURES}, index=register.index)
    for region in sorted(register["region_name"].dropna().unique()):
        out[REGION_PREFIX + region] = flag(register["region_name"] == region)
    return out


def in_words(name: str) -> str:
    """A feature as a reader sees it: the label of the column that it is, else its name in plain letters."""
    plain = name.removeprefix(REGION_PREFIX) if name.startswith(REGION_PREFIX) else name
    rest = " (not known)" if plain.endswith("_missing") else ""
    plain = plain.removesuffix("_missing")
    try:
        return contract.plain_label(plain) + rest
    except KeyError:
        return plain.replace("_", " ").capitalize() + rest


def group_of(name: str) -> str:
    """The named group that a column of `design` belongs to. An indicator of missing values belongs with its
    feature.
    """
    name = name.removesuffix("_missing")
    if name.startswith(REGION_PREFIX):
        return "region"
    return next(f.group for f in FEATURES if f.name == name)


def reasons(columns: list[str]) -> list[tuple[str, str]]:
    """(feature, one-line reason) for columns of `design`."""
    known = {f.name: f.reason for f in FEATURES}
    return [
        (c, known.get(c.removesuffix("_missing"), "regions differ in health, weather and holidays"))
        for c in columns
    ]


def peer_features(phase: str) -> list[str]:
    """The compact list of features that the peer search of a phase compares."""
    return [f.name for f in FEATURES if phase in f.peer]
