"""What happened to the schools: conversions with a new number, mergers, a split, closures, new schools, and
the gaps in the files.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .country import Country
from .names import Names
from .register import YEARS, make_school

# Share of open schools that take a new number at the start of the academic year that ends in this year.
CONVERSIONS = {
    2018: 0.015,
    2019: 0.020,
    2020: 0.020,
    2021: 0.020,
    2022: 0.025,
    2023: 0.015,
    2024: 0.030,
    2025: 0.030,
    2026: 0.020,
}
FIRST_NEW_URN = 905001
FIRST_GONE_URN = 908001
LATER_CENSUS = 2023  # conversions after this census leave its schools without a point in today's register


def _numbers(start: int, count: int) -> np.ndarray:
    return start + np.arange(count)


def add_history(
    rng: np.random.Generator, country: Country, names: Names, frame: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the register its past and future.

    Returns the register (with the institutions that closed added at the end) and the links: urn, link_urn,
    link_name, link_type, date.
    """
    frame = frame.copy()
    frame, merged = _mergers(rng, country, names, frame)
    frame, closed = _closures(rng, country, names, frame)
    frame = _new_schools(rng, frame)
    frame = _convert(rng, frame)
    frame = _gaps(rng, frame)
    frame["urn_old"] = frame["urn_old"].astype(np.int64)
    return frame, _links(rng, frame, merged, closed)


def _pick(rng: np.random.Generator, frame: pd.DataFrame, mask: pd.Series, count: int) -> list[int]:
    free = frame.index[
        mask
        & (frame["year_new"] == 9999)
        & (frame["first_year"] == 2010)
        & (frame["last_year"] == 2030)
        & frame["census"]
    ]
    return sorted(int(i) for i in rng.choice(free.to_numpy(), size=count, replace=False))


def _mergers(
    rng, country: Country, names: Names, frame: pd.DataFrame
) -> tuple[pd.DataFrame, list[tuple[int, int, str]]]:
    """Two infant-junior pairs became primaries and one all-through school was split. Returns (new, old, kind
    of link) row numbers too.
    """
    links, gone = [], []
    after = len(frame)
    for number, kind in zip(
        _pick(rng, frame, (frame["kind"] == "primary") & frame["urban"], 2),
        ("merged", "amalgamated"),
        strict=True,
    ):
        frame.loc[number, ["first_year", "urn_old"]] = [2021, FIRST_GONE_URN + 500 + number]
        frame.loc[number, "opened"] = "01/09/2020"
        for part, share in (("infant", 0.43), ("junior", 0.57)):
            old = frame.loc[number].to_dict() | dict(
                kind=part, low=YEARS[part][0], high=YEARS[part][1], share=share, parent=number, opened=""
            )
            old |= dict(
                first_year=2010,
                last_year=2020,
                name=names.school(int(old["la"]), part, ""),
                estab=str(3400 + len(gone)),
            )
            gone.append(old)
            links.append((number, after + len(gone) - 1, kind))
    secondary = _pick(rng, frame, (frame["kind"] == "secondary") & ~frame["academy"], 1)[0]
    mates = (frame["kind"] == "primary") & (frame["la"] == frame.loc[secondary, "la"])
    primary = _pick(rng, frame, mates, 1)[0]
    old = frame.loc[secondary].to_dict() | dict(
        kind="all_through", low=0, parent=secondary, share=1.3, first_year=2010, last_year=2020, opened=""
    )
    old |= dict(name=names.school(int(old["la"]), "all_through", ""), estab="4950")
    gone.append(old)
    for part in (primary, secondary):
        frame.loc[part, ["first_year", "urn_old"]] = [2021, FIRST_GONE_URN + 500 + part]
        frame.loc[part, "opened"] = "01/09/2020"
        links.append((part, after + len(gone) - 1, "Split School"))
    extra = pd.DataFrame(gone)
    extra["urn_old"] = _numbers(FIRST_GONE_URN, len(extra))
    return pd.concat([frame, extra], ignore_index=True), links


def _closures(rng, country: Country, names: Names, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[int]]:
    """Schools that closed between the two censuses without a successor."""
    rows = []
    for i in range(9):
        authority = country.authorities[int(rng.integers(len(country.authorities)))]
        phase = "secondary" if i == 0 else "primary"
        rows.append(
            make_school(rng, country, names, authority, phase, phase)
            | dict(last_year=2019 + i % 3, estab=str(3500 + i), opened="")
        )
    extra = pd.DataFrame(rows)
    extra["urn_old"] = _numbers(FIRST_GONE_URN + 100, len(extra))
    extra["postcode"] = [f"ZZ{40 + i} 1AA" for i in range(len(extra))]
    extra["trust"] = extra["trust"].where(extra["academy"], "")
    start = len(frame)
    return pd.concat([frame, extra], ignore_index=True), list(range(start, start + len(extra)))


def _new_schools(rng, frame: pd.DataFrame) -> pd.DataFrame:
    """Schools with no past: opened in September 2021, September 2022 or during 2022/23."""
    chosen = [
        *_pick(rng, frame, frame["kind"] == "primary", 8),
        *_pick(rng, frame, frame["kind"] == "secondary", 5),
    ]
    chosen += _pick(rng, frame, frame["phase"] == "special", 1)
    for i, number in enumerate(chosen):
        year, opened = ((2022, "01/09/2021"), (2023, "01/09/2022"), (2023, "01/01/2023"))[i % 3]
        frame.loc[number, "first_year"] = year
        frame.loc[number, "opened"] = opened
        frame.loc[number, "urn_old"] = FIRST_GONE_URN + 300 + i
        frame.loc[number, "school_type"] = (
            "Free schools special" if frame.loc[number, "phase"] == "special" else "Free schools"
        )
        frame.loc[number, "academy"] = True
        frame.loc[number, "trust"] = "WINDROSE LEARNING TRUST"
    return frame


def _convert(rng, frame: pd.DataFrame) -> pd.DataFrame:
    """New numbers, and for half of them a new establishment number, at the start of a year."""
    next_urn = FIRST_NEW_URN
    frame["name_old"], frame["estab_old"], frame["type_old"] = (
        frame["name"],
        frame["estab"],
        frame["school_type"],
    )
    state = frame["phase"].isin(["primary", "secondary", "special", "ap"]) & (frame["parent"] == -1)
    for year, share in CONVERSIONS.items():
        fits = state & (frame["academy"] == (year <= LATER_CENSUS))
        for number in _pick(rng, frame, fits, int(round(share * state.sum()))):
            frame.loc[number, "year_new"], frame.loc[number, "urn_new"] = year, next_urn
            if year <= LATER_CENSUS:
                frame.loc[number, "opened"] = f"01/09/{year - 1}"
                frame.loc[number, "name_old"] = frame.loc[number, "name"].replace("Academy", "School")
                frame.loc[number, "type_old"] = (
                    "Community school"
                    if frame.loc[number, "phase"] != "special"
                    else "Community special school"
                )
                if next_urn % 2:
                    frame.loc[number, "estab"] = str(int(frame.loc[number, "estab"]) + 600)
            next_urn += 1
    return frame


def _gaps(rng, frame: pd.DataFrame) -> pd.DataFrame:
    """Schools without absence figures, published absence without a census row, and schools that no map knows."""
    for phase, count in (("primary", 3), ("secondary", 2), ("special", 1)):
        frame.loc[_pick(rng, frame, frame["kind"] == phase, count), "absence"] = False
    frame.loc[
        frame["phase"].isin(["ap", "nursery", "independent"]) | (frame["kind"] == "sixteen_plus"), "absence"
    ] = False
    frame.loc[_pick(rng, frame, (frame["kind"] == "primary") & frame["absence"], 2), "census"] = False
    lost = _pick(rng, frame, frame["kind"] == "primary", 2)
    frame.loc[lost, ["point", "postcode"]] = [False, "NULL"]
    return frame


def _links(rng, frame: pd.DataFrame, merged: list[tuple[int, int, str]], closed: list[int]) -> pd.DataFrame:
    rows = []

    def pair(new: tuple[int, str], old: tuple[int, str], kind: str, date: str) -> None:
        tail = f" - {kind}" if kind else ""
        rows.append((new[0], old[0], old[1], f"Predecessor{tail}", date))
        rows.append((old[0], new[0], new[1], f"Successor{tail}", date))

    for school in frame[frame["year_new"] < 9999].itertuples():
        date = "" if rng.random() < 0.25 else f"01-09-{school.year_new - 1}"
        pair((school.urn_new, school.name), (school.urn_old, school.name_old), "", date)
    for new, old, kind in merged:
        ends = [(int(frame.loc[i, "urn_old"]), frame.loc[i, "name"]) for i in (new, old)]
        pair(ends[0], ends[1], kind, "01-09-2020")
    old_academies = frame[frame["academy"] & (frame["year_new"] == 9999) & (frame["first_year"] == 2010)]
    for i, school in enumerate(old_academies.itertuples()):
        if i % 3 == 0:
            pair(
                (school.urn_old, school.name),
                (920001 + i, school.name.replace("Academy", "School")),
                "",
                f"01-09-{2010 + i % 6}",
            )
    for school in frame[frame["kind"] == "upper"].itertuples():
        rows.append(
            (
                school.urn_old,
                930001 + school.Index,
                "Ormesk Federation Sixth Form°",
                "Sixth Form Centre Link",
                "",
            )
        )
    out = pd.DataFrame(rows, columns=["urn", "link_urn", "link_name", "link_type", "date"])
    return out.sort_values(["urn", "link_urn"], kind="stable", ignore_index=True)
