"""Shocks that people enter by hand, with evidence: one CSV per release, checked line by line before any of it
counts.

Columns: scope (school or la), id (URN or three-digit authority code), phase (for an authority; blank means
all), start, end (YYYY-MM-DD), code, effect_year_pp (points of the school's absence rate of the year),
evidence, entered_by, entered_on. docs/in-year-format.md explains each.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from helpers.base.faults import DataRefused
from helpers.base.years import SCHOOL_DAYS, years_starting
from helpers.ingest.readers.readings import FileReport
from helpers.ingest.readers.tables import Table, decode, read_table, unpack
from helpers.records.vocabulary import NAMES, weekdays

REQUIRED = (
    "scope",
    "id",
    "phase",
    "start",
    "end",
    "code",
    "effect_year_pp",
    "evidence",
    "entered_by",
    "entered_on",
)
COLUMNS = [
    "scope",
    "urn",
    "la_code",
    "phase",
    "year",
    "start",
    "end",
    "code",
    "effect_year_pp",
    "evidence",
    "entered_by",
    "entered_on",
]
LEAST_EVIDENCE = 10  # characters: enough for a date and a document
TODO = "Correct the line, or take it out; nothing of the file is used until every line is sound."


def empty() -> pd.DataFrame:
    """No recorded shocks, with the columns that a file of them gives."""
    kinds = dict.fromkeys(COLUMNS, "str") | {"urn": "Int64", "effect_year_pp": "float64"}
    kinds |= dict.fromkeys(["start", "end", "entered_on"], "datetime64[s]")
    return pd.DataFrame({c: pd.Series(dtype=k) for c, k in kinds.items()})


def read_recorded_shocks(path: str | Path) -> pd.DataFrame:
    """The recorded shocks of a file; columns `COLUMNS`.

    Raises `DataRefused` naming file, row, column, value and what to do: unknown code or scope, dates reversed
    or in two school years, an effect larger than if every pupil had been away on all of those days, no
    evidence, nobody's name, the same shock twice.
    """
    path = Path(path)
    report = FileReport(path.name)
    table = read_table(decode(unpack(path.read_bytes(), path.name), path.name), None, report)
    for column in REQUIRED:
        if column not in table:
            report.fault(
                "hard",
                "missing_column",
                f"column {column} is missing",
                1,
                column,
                what_to_do=f"Columns: {', '.join(REQUIRED)}.",
            )
    if report.faults:
        raise DataRefused(report.faults)
    rows = _convert(table)
    _check(rows, table, report)
    if report.faults:
        raise DataRefused(report.faults)
    school = rows["scope"] == "school"
    rows["urn"] = pd.to_numeric(rows["id"].where(school), errors="coerce").astype("Int64")
    rows["la_code"] = rows["id"].mask(school)
    return rows[COLUMNS]


def _convert(table: Table) -> pd.DataFrame:
    frame = {c: table.text(c) for c in ("scope", "id", "phase", "code", "evidence", "entered_by")}
    frame |= {c: table.dates(c, "%Y-%m-%d") for c in ("start", "end", "entered_on")}
    rows = pd.DataFrame(frame).assign(effect_year_pp=table.numbers("effect_year_pp", 0, 100))
    rows["phase"] = rows["phase"].fillna("")
    start, end = _school_year(rows["start"]), _school_year(rows["end"])
    rows["year"] = start.where(start == end)
    return rows


def _school_year(dates: pd.Series) -> pd.Series:
    begins = dates.dt.year - (dates.dt.month < 9)
    return years_starting(begins)


def _check(rows: pd.DataFrame, table: Table, report: FileReport) -> None:
    known = rows["start"].notna() & rows["end"].notna()
    days = pd.Series(0, index=rows.index)
    days[known] = weekdays(rows.loc[known, "start"], rows.loc[known, "end"])
    most = 100 * days / SCHOOL_DAYS
    school, number = rows["scope"] == "school", rows["id"].str.fullmatch(r"[0-9]{6}").eq(True)
    checks = [
        ("unknown_scope", "scope", ~rows["scope"].isin(["school", "la"]), "the scope is school or la"),
        ("bad_urn", "id", school & ~number, "a school is named by its six-digit URN"),
        (
            "bad_la",
            "id",
            (rows["scope"] == "la") & ~rows["id"].str.fullmatch(r"[0-9]{3}").eq(True),
            "an authority by its three digits",
        ),
        (
            "bad_phase",
            "phase",
            ~rows["phase"].isin(["", "primary", "secondary"]),
            "the phase is primary, secondary or blank",
        ),
        ("unknown_code", "code", ~rows["code"].isin(list(NAMES)), f"the code is one of {', '.join(NAMES)}"),
        ("no_date", "start", ~known, "both dates are needed"),
        ("dates_reversed", "end", known & (rows["end"] < rows["start"]), "the shock ends before it starts"),
        (
            "two_school_years",
            "end",
            known & rows["year"].isna(),
            "the dates lie in two school years: enter one line for each",
        ),
        (
            "no_effect",
            "effect_year_pp",
            rows["effect_year_pp"].isna(),
            "say by how many points the year's rate was raised",
        ),
        (
            "effect_too_large",
            "effect_year_pp",
            known & (rows["effect_year_pp"] > most),
            "more than if all pupils were away on all these days",
        ),
        (
            "no_evidence",
            "evidence",
            ~(rows["evidence"].str.len() >= LEAST_EVIDENCE).eq(True),
            "say what shows it: a letter, a notice, a register",
        ),
        ("nobody", "entered_by", rows["entered_by"].isna(), "say who entered it"),
        ("no_entry_date", "entered_on", rows["entered_on"].isna(), "say when it was entered"),
        (
            "entered_twice",
            "id",
            rows.duplicated(["scope", "id", "phase", "start", "code"]),
            "the same shock stands on an earlier line",
        ),
    ]
    for code, column, bad, message in checks:
        at = np.flatnonzero(bad.to_numpy())
        report.faults_at("hard", code, message, table.lines[at], column, table.cells(column)[at], TODO)
