"""The words of text columns: closed lists with the publishers' own spellings, and where two sources tell the same
thing, whether they do.

A word that decides who is compared with whom must be known: an unknown one stops. Other unknown words are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from helpers.base.years import year_words
from helpers.ingest.quality.findings import SHIFTED, Finding, capped, flag, hard, whole
from helpers.ingest.readers.harmonise import REGIONS

if TYPE_CHECKING:
    from helpers.ingest.readers.readings import Readings

_PLACES = [
    "Urban major conurbation",
    "Urban minor conurbation",
    "Urban city and town",
    "Urban city and town in a sparse setting",
    "Rural town and fringe",
    "Rural town and fringe in a sparse setting",
    "Rural village",
    "Rural village in a sparse setting",
    "Rural hamlet and isolated dwellings",
    "Rural hamlet and isolated dwellings in a sparse setting",
]
# The classification of 2021, which newer registers carry.
_PLACES_2021 = [
    f"{kind}: {where} to a major town or city"
    for kind in ("Urban", "Larger rural", "Smaller rural", "Rural")
    for where in ("Nearer", "Further from")
] + [
    f"{kind}: Further from a major town or city"
    for kind in ("Urban", "Larger rural", "Smaller rural", "Rural")
]
_FAITHS = [
    "No religious character",
    "Church of England",
    "Roman Catholic",
    "Christian",
    "Other Christian Faith",
    "Jewish",
    "Other Jewish Faith",
    "Muslim",
    "Sunni Deobandi",
    "Methodist",
    "Sikh",
    "Hindu",
    "Buddhist",
    "Quaker",
    "Multi-faith",
    "Inter- / non- denominational",
    "Seventh Day Adventist",
    "United Reformed Church",
    "Greek Orthodox",
    "Anglican",
    "Other Anglican Faith",
    "Anglican/Christian",
    "Anglican/Church of England",
    "Anglican/Evangelical",
    "Church of England/Christian",
    "Church of England/Evangelical",
    "Church of England/Free Church",
    "Church of England/Methodist",
    "Church of England/Methodist/United Reform Church/Baptist",
    "Church of England/Roman Catholic",
    "Church of England/United Reformed Church",
    "Christian/Evangelical",
    "Christian/Methodist",
    "Christian/non-denominational",
    "Free Church",
    "Methodist/Church of England",
    "Moravian",
    "Plymouth Brethren Christian Church",
    "Protestant",
    "Protestant/Evangelical",
    "Reformed Baptist",
    "Roman Catholic/Anglican",
    "Roman Catholic/Church of England",
    "Charadi Jewish",
    "Jewish Orthodox",
    "Orthodox Jewish",
    "Islam/Muslim",
    "Other",
    "Unknown",
]
_TYPES = [
    "Academy converter",
    "Academy sponsor led",
    "Academy special converter",
    "Academy special sponsor led",
    "Academy alternative provision converter",
    "Academy alternative provision sponsor led",
    "Academy 16-19 converter",
    "Academy 16 to 19 sponsor led",
    "Academy secure 16 to 19",
    "City technology college",
    "Community school",
    "Community special school",
    "Foundation school",
    "Foundation special school",
    "Free schools",
    "Free schools 16 to 19",
    "Free schools alternative provision",
    "Free schools special",
    "Local authority nursery school",
    "Non-maintained special school",
    "Online provider",
    "Pupil referral unit",
    "Studio schools",
    "University technical college",
    "Voluntary aided school",
    "Voluntary controlled school",
]


@dataclass(frozen=True)
class Words:
    """A text column of the census: the words it may hold, whether they decide blocks, peers or the model, the
    largest share of mainstream schools that may have none, and that share as measured.
    """

    known: tuple[str, ...]
    decides: bool
    most_blank: float | None
    blank: float | None = None


# Shares of blanks of mainstream schools are those of 2022/23.
VOCABULARY = {
    "sex_of_school": Words(("Mixed", "Girls", "Boys"), True, 0.01, 0.0003),
    "admissions_policy": Words(("Not applicable", "Non-selective", "Selective"), True, 0.12, 0.0285),
    "denomination": Words(tuple(_FAITHS), True, 0.01, 0.0),
    "urban_rural": Words((*_PLACES, *_PLACES_2021), True, 0.01, 0.0),
    "middle_school": Words(("Middle deemed primary", "Middle deemed secondary"), True, None),
    "school_type": Words(tuple(_TYPES), True, 0.01, 0.0),
    "region_name": Words(REGIONS, True, 0.01, 0.0),
    "governance": Words(("Academy", "LA Maintained"), False, 0.01, 0.0),
}
TOLD_TWICE = ("sex_of_school", "admissions_policy", "denomination", "school_type")
FAITHS_TOLD_ALIKE = ("No religious character", "Church of England", "Roman Catholic", "Muslim", "Jewish")
# Of the schools that the register of schools puts under a word, the share that the census puts there: at least
# 0.93 (2022/23 beside 2026). In one authority more than half must be at odds.
AGREE, LEAST_TOLD, LA_AGREE, LEAST_IN_LA = 0.8, 10, 0.5, 6
IN_NAMES = {"Church of England": r"\bc ?of ?e\b|church of england", "Roman Catholic": r"catholic|\brc\b"}
NAMED = 0.9  # of the schools with a faith in their name, the share of that faith: 0.988 and 0.994
GIRLS = {"Girls": (80.0, 100.0), "Boys": (0.0, 25.0)}  # per cent girls: 85.6 to 100, and 0 to 23.5
MIXED = (0.5, 99.5)  # a mixed school outside: 0.1 % of them, schools that change
ODD_SHARE = 0.01


def word_findings(readings: Readings, release: str) -> list[Finding]:
    """Unknown words, columns without words, and words that another source or the figures of the school belie, in
    the detailed census of the release.
    """
    detail = readings.census_detail[readings.census_detail["year"] == release].drop_duplicates("urn")
    if detail.empty:
        return []
    file = detail["file"].iloc[0]
    main = detail[detail["phase"].isin(["primary", "secondary"])]
    found: list[Finding] = []
    for column, words in VOCABULARY.items():
        place = dict(file=file, year=release, column=column)
        found += _unknown(detail, column, words, place) + _blank(main, column, words, place)
    told = readings.establishments.drop_duplicates("urn").set_index("urn")
    for column in TOLD_TWICE:
        found += _at_odds(main.set_index("urn"), told, column, dict(file=file, year=release, column=column))
    found += _rural(main.set_index("urn"), told, dict(file=file, year=release, column="urban_rural"))
    found += _names(main, dict(file=file, year=release, column="denomination"))
    found += _sexes(detail, dict(file=file, year=release, column="sex_of_school"))
    return found + _types(detail, file, release) + _middle(detail, file, release)


def _unknown(detail, column: str, words: Words, place: dict) -> list[Finding]:
    strange = detail[detail[column].notna() & ~detail[column].isin(words.known)]
    make = hard if words.decides else flag
    todo = "Write it as the publisher does; a new word must be added to the list of known words first."
    return [
        make(
            "unknown_word",
            f"{word!r} is no known word for {column} ({len(rows):,} schools, first URN {rows['urn'].iloc[0]})",
            row=whole(rows["row"].iloc[0]),
            urn=whole(rows["urn"].iloc[0]) if len(rows) == 1 else None,
            value=str(word),
            what_to_do=todo,
            **place,
        )
        for word, rows in strange.groupby(column)
    ][:12]


def _blank(main, column: str, words: Words, place: dict) -> list[Finding]:
    """Nothing written, throughout or too often; and one word for all."""
    blank = main[column].isna()
    if words.most_blank is None:
        return []
    found = []
    if blank.mean() > words.most_blank:
        text = (
            f"{100 * blank.mean():.1f} % of the schools have no {column}; usual is {100 * words.blank:.1f} %"
        )
        found.append(hard("column_blank", text, what_to_do=SHIFTED, **place))
    elif main[column].nunique() == 1 and len(main) > 100:
        text = f"every school has the {column} {main[column].dropna().iloc[0]!r}"
        found.append(hard("column_constant", text, what_to_do=SHIFTED, **place))
    else:
        by = blank.groupby(main["la_code"]).agg(["sum", "size"])
        for la, r in by[by["sum"] > 3 + 0.5 * by["size"]].iterrows():
            text = f"LA {la}: {r['sum']} of {r['size']} mainstream schools have no {column}"
            found.append(hard("column_blank", text, la_code=str(la), what_to_do=SHIFTED, **place))
    return capped(found)


def _at_odds(main, told, column: str, place: dict) -> list[Finding]:
    """The register of schools beside the census, word by word and authority by authority."""
    both = main.join(told[[column]].rename(columns={column: "told"}), how="inner")
    both = both[both["told"].notna() & both["told"].isin(VOCABULARY[column].known)]
    both["odd"] = both[column].fillna("") != both["told"]
    if (
        column == "admissions_policy"
    ):  # a blank, "not applicable" and "non-selective" are written for each other
        both["odd"] &= (both["told"] == "Selective") | (both[column] == "Selective")
    if column == "denomination":  # two sources divide the smaller faiths otherwise
        both = both[both["told"].isin(FAITHS_TOLD_ALIKE)]
    found = []
    for word, rows in both.groupby("told"):
        if len(rows) >= LEAST_TOLD and 1 - rows["odd"].mean() < AGREE:
            text = (
                f"only {100 * (1 - rows['odd'].mean()):.0f} % of the {len(rows):,} schools that the register "
            )
            text += f"of schools calls {word!r} are so here"
            found.append(hard("words_at_odds", text, value=str(word), what_to_do=SHIFTED, **place))
    found += _las_at_odds(both, place)
    if not found and column in ("sex_of_school", "admissions_policy"):
        odd = both[both["odd"] & both[column].notna()]
        found = [
            flag(
                "words_at_odds",
                f"{r.school_name} (URN {r.Index}): {getattr(r, column)} here, {r.told} in the register of schools",
                urn=int(r.Index),
                row=whole(r.row),
                value=str(getattr(r, column)),
                what_to_do="Look the school up.",
                **place,
            )
            for r in odd.itertuples()
        ]
    return capped(found)


def _las_at_odds(both: pd.DataFrame, place: dict) -> list[Finding]:
    by = both.groupby("la_code")["odd"].agg(["sum", "size"])
    return capped(
        hard(
            "words_at_odds",
            f"LA {la}: {r['sum']} of {r['size']} schools have another word here than elsewhere",
            la_code=str(la),
            what_to_do=SHIFTED,
            **place,
        )
        for la, r in by[(by["sum"] >= LEAST_IN_LA) & (by["sum"] > LA_AGREE * by["size"])].iterrows()
    )


def _rural(main, told, place: dict) -> list[Finding]:
    """Rural or urban, in both classifications."""
    both = main.join(told[["urban_rural"]].rename(columns={"urban_rural": "told"}), how="inner")
    both = both[both["told"].notna() & both["urban_rural"].notna()]
    rural = both["told"].str.contains("rural", case=False)
    both["odd"] = both["urban_rural"].str.contains("rural", case=False) != rural
    found = []
    for is_rural, rows in both.groupby(rural):
        if len(rows) >= LEAST_TOLD and 1 - rows["odd"].mean() < AGREE - 0.2:
            word = "rural" if is_rural else "urban"
            text = (
                f"only {100 * (1 - rows['odd'].mean()):.0f} % of the {len(rows):,} schools that the register "
            )
            text += f"of schools calls {word} are so here"
            found.append(hard("words_at_odds", text, value=word, what_to_do=SHIFTED, **place))
    return found + _las_at_odds(both, place)


def _names(main: pd.DataFrame, place: dict) -> list[Finding]:
    """Schools with a faith in their name have that faith."""
    found, odd = [], pd.Series(False, index=main.index)
    for faith, pattern in IN_NAMES.items():
        named = main[main["school_name"].fillna("").str.contains(pattern, case=False, regex=True)]
        right = named["denomination"].fillna("").str.contains(faith, regex=False)
        odd |= (~right).reindex(main.index, fill_value=False)
        if len(named) >= LEAST_TOLD and right.mean() < NAMED:
            text = f"only {100 * right.mean():.0f} % of {len(named):,} schools with {faith} in their name have it"
            found.append(hard("words_at_odds", text, value=faith, what_to_do=SHIFTED, **place))
    by = pd.DataFrame({"odd": odd, "la_code": main["la_code"]})
    faiths = main["school_name"].fillna("").str.contains("|".join(IN_NAMES.values()), case=False, regex=True)
    return found + _las_at_odds(by[faiths], place)


def _sexes(detail: pd.DataFrame, place: dict) -> list[Finding]:
    """Girls' schools hold girls."""
    rows = detail[detail["roll"] >= 50]
    girls = 100 * rows["girls_roll"] / rows["roll"]
    limits = rows["sex_of_school"].map(GIRLS)
    known = limits.notna() & girls.notna()
    odd = [bool(k) and not lo[0] <= g <= lo[1] for k, lo, g in zip(known, limits, girls, strict=True)]
    mixed = (rows["sex_of_school"] == "Mixed") & ~girls.between(*MIXED) & rows["phase"].ne("special")
    bad, many = rows[odd], rows[mixed]
    if len(bad) > max(5, 0.05 * known.sum()) or len(many) > max(5, ODD_SHARE * len(rows)):
        text = f"{len(bad):,} single-sex schools are not, and {len(many):,} mixed schools have one sex"
        return [hard("words_at_odds", text, what_to_do=SHIFTED, **place)]
    return [
        flag(
            "words_at_odds",
            f"{r.school_name} (URN {r.urn}): {r.sex_of_school}, and {100 * r.girls_roll / r.roll:.0f} % girls",
            urn=int(r.urn),
            row=whole(r.row),
            value=str(r.sex_of_school),
            what_to_do="Look the school up.",
            **place,
        )
        for r in bad.itertuples()
    ]


def _types(detail: pd.DataFrame, file: str, release: str) -> list[Finding]:
    """Academies are academies, special schools are special: 3 schools of 22,034 are not."""
    academy = detail["school_type"].str.contains(
        "academy|free school|technical|studio|city technology", case=False, na=False
    )
    special = detail["school_type"].str.contains("special", case=False, na=False)
    known = detail["school_type"].notna()
    found = []
    for column, odd in (
        (
            "governance",
            known & detail["governance"].notna() & (academy != (detail["governance"] == "Academy")),
        ),
        ("school_type", known & (special != (detail["phase"] == "special"))),
    ):
        rows = detail[odd]
        place = dict(file=file, year=release, column=column, what_to_do=SHIFTED)
        if len(rows) > max(5, 0.002 * len(detail)):
            text = f"{len(rows):,} schools have a type that does not go with their {column}"
            found.append(hard("words_at_odds", f"{text}, {year_words(release)}", **place))
    return found


def _middle(detail: pd.DataFrame, file: str, release: str) -> list[Finding]:
    """Schools labelled middle end before Year 11 (95 of 104 do), and such schools are so labelled (all but 2)."""
    early = detail[[f"pupils_year_{n}" for n in (4, 5, 6)]].sum(axis=1)
    late = detail[["pupils_year_10", "pupils_year_11"]].sum(axis=1)
    middle = detail[["pupils_year_7", "pupils_year_8"]].sum(axis=1)
    shape = (early > 0.1 * detail["roll"]) & (middle > 0.2 * detail["roll"]) & (late < 0.02 * detail["roll"])
    shape &= detail["phase"].isin(["primary", "secondary"])
    labelled = detail["middle_school"].notna()
    found = []
    place = dict(file=file, year=release, column="middle_school", what_to_do=SHIFTED)
    for rows, text in (
        (detail[labelled & ~shape], "are called middle schools and have not their year groups"),
        (detail[shape & ~labelled], "have the year groups of middle schools and are not called so"),
    ):
        if len(rows) > max(3, 0.3 * labelled.sum()):
            found.append(
                hard("words_at_odds", f"{len(rows):,} schools {text}, {year_words(release)}", **place)
            )
    return found
