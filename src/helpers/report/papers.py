"""What a run rests on, in words: its input files, their years and their hashes."""

from __future__ import annotations

import re

import pandas as pd

from helpers.base import text
from helpers.base.text import known
from helpers.base.years import year_words

# What the readers call a file, in words. Only these feed a school's number; other files are listed on the
# region's page.
TITLES = {
    "absence_performance_tables": "Absence by school, performance tables (DfE)",
    "absence_ees": "Absence by school, Explore Education Statistics (DfE)",
    "census_performance_tables": "School census, performance tables (DfE)",
    "census_spc": "Schools, pupils and their characteristics (DfE)",
    "area_rates": "Absence in England, regions and local authorities (DfE)",
    "links": "Links between earlier and later schools (GIAS)",
    "points": "Places of schools (GIAS)",
    "establishments": "Register of schools (GIAS)",
    "deprivation_schools": "English indices of deprivation 2019 (MHCLG)",
    "deprivation_lsoa": "English indices of deprivation 2019 (MHCLG)",
    "la_boundaries": "Boundaries of local authorities (ONS)",
}


def source_lines(files: pd.DataFrame | None, manifest: dict, release: str) -> list[str]:
    """The input files behind a school's number, in words: one line per kind of file, with the years up to the
    release that it covers.
    """
    years: dict[str, dict[str, None]] = {}
    for entry in input_entries(files, manifest):
        if entry["kind"] in TITLES:
            years.setdefault(entry["title"], {}).update(
                dict.fromkeys(year for year in entry["years"] if year <= release)
            )
    order = list(dict.fromkeys(TITLES.values()))
    return [
        title + (f", {span(list(years[title]))}" if years[title] else "")
        for title in sorted(years, key=order.index)
    ]


def span(years: list[str]) -> str:
    """Years in words: up to three are listed, more are told as first to last."""
    shown = [year_words(year) for year in sorted(years)]
    return text.listed(shown) if len(shown) <= 3 else f"{shown[0]} to {shown[-1]}"


def input_entries(files: pd.DataFrame | None, manifest: dict) -> list[dict]:
    """The run's input files: kind, title, years (list), file and sha256. From what the readers took each file
    for, else from the manifest.
    """
    if files is not None and len(files):
        records = files.to_dict("records")
    else:
        listed = manifest.get("inputs", [])
        if isinstance(listed, dict):
            listed = [
                {"file": name, **(value if isinstance(value, dict) else {"sha256": value})}
                for name, value in listed.items()
            ]
        records = listed
    rows = []
    for record in records:
        file = str(record.get("file") or record.get("path") or "")
        kind = str(record.get("taken_for") or "")
        title = TITLES.get(kind) or (kind or file.rsplit("/", 1)[-1]).replace("_", " ")
        years = record.get("years")
        years = (
            re.split(r"[\s,;]+", years)
            if isinstance(years, str)
            else list(years)
            if years is not None and known_list(years)
            else []
        )
        rows.append(
            {
                "kind": kind,
                "title": title[:1].upper() + title[1:],
                "years": [str(year) for year in years if known(year)],
                "file": file.replace("\\", "/").rsplit("/", 1)[-1],
                "sha256": str(record.get("sha256") or ""),
            }
        )
    return rows


def known_list(value: object) -> bool:
    """Whether a value read from a table is a sequence and not a missing number."""
    return hasattr(value, "__len__")
