"""A school's own in-year extract: sessions by week, from the school or straight from its
management-information system.

Two shapes, told by their columns: *wide*, a row per week (and year group) with totals, and *long*, a row per
week, (year group) and attendance code with a count, as systems export registers. No pupil may be in it: a
column that names pupils is refused. docs/in-year-format.md describes both. Codes: DfE, Working together to
improve school attendance (August 2024) and the codes in force before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.base.faults import DataRefused, Fault
from helpers.base.years import years_starting
from helpers.ingest.readers.readings import FileReport
from helpers.ingest.readers.tables import Table, decode, normal, read_table, unpack
from helpers.records.vocabulary import COUNTS

SPELLINGS = {
    "urn": ("urn", "school urn", "school_urn"),
    "week_commencing": (
        "week_commencing",
        "week commencing",
        "w/c",
        "week beginning",
        "week starting",
        "week_start",
    ),
    "year_group": ("year_group", "year group", "ncy", "nc year", "national curriculum year"),
    "possible_sessions": ("possible_sessions", "possible sessions", "possible", "sessions possible", "poss"),
    "attended_sessions": (
        "attended_sessions",
        "attended sessions",
        "attendances",
        "attended",
        "present",
        "sessions attended",
    ),
    "authorised_sessions": (
        "authorised_sessions",
        "authorised absences",
        "authorised absence",
        "authorised",
        "auth",
    ),
    "unauthorised_sessions": (
        "unauthorised_sessions",
        "unauthorised absences",
        "unauthorised absence",
        "unauthorised",
        "unauth",
    ),
    "pupils": ("pupils", "pupils on roll", "number on roll", "roll", "nor"),
    "code": ("code", "mark", "attendance code", "attendance mark"),
    "count": ("count", "sessions", "number of sessions", "number of marks", "marks", "total"),
}
WIDE = (
    "urn",
    "week_commencing",
    "possible_sessions",
    "attended_sessions",
    "authorised_sessions",
    "unauthorised_sessions",
)
LONG = ("urn", "week_commencing", "code", "count")
PERSONAL = (
    "upn",
    "uln",
    "surname",
    "forename",
    "first name",
    "last name",
    "pupil name",
    "name",
    "dob",
    "date of birth",
    "adno",
    "admission number",
)
PRESENT, ACTIVITY = ("/", "\\", "L"), ("B", "K", "P", "V", "W", "J")
AUTHORISED, UNAUTHORISED = ("C", "C1", "C2", "E", "H", "I", "J1", "M", "R", "S", "T"), ("G", "N", "O", "U")
CLOSED = ("Y", "Y1", "Y2", "Y3", "Y4", "Y5", "Y6", "Y7")
KINDS = dict.fromkeys((*PRESENT, *ACTIVITY), "attended_sessions") | dict.fromkeys(
    AUTHORISED, "authorised_sessions"
)
KINDS |= dict.fromkeys(UNAUTHORISED, "unauthorised_sessions") | dict.fromkeys(CLOSED, "closed_sessions")
KINDS |= dict.fromkeys(("D", "Q", "X", "Z", "#"), "not_required_sessions")
REASON_OF = {
    "I": "illness_sessions",
    "M": "medical_sessions",
    "R": "religious_sessions",
    "E": "excluded_sessions",
    "G": "holiday_sessions",
}
WEEKS = ["urn", "week_commencing", "year", "year_group", "pupils", *COUNTS, "closed_sessions", "absence_pct"]
MOST_SESSIONS = 10  # in a week, per pupil
ALL = "all"
EXPORT = "Export it again, or correct the line by hand."


@dataclass(frozen=True)
class OwnExtract:
    """`weeks`: urn x week x year group (`all` where none is given), columns `WEEKS`; a reason that the
    extract does not give is NaN, never zero. `shape`: wide or long. `notes`: what a person should know
    (flags), e.g. weeks that were moved to their Monday."""

    weeks: pd.DataFrame
    shape: str
    notes: list[Fault] = field(default_factory=list)


def recognise(header: list[str]) -> str | None:
    """`wide`, `long` or None, from the column names alone."""
    found = _columns(header)
    return "wide" if set(WIDE) <= set(found) else "long" if set(LONG) <= set(found) else None


def _columns(header: list[str]) -> dict[str, str]:
    """Our name -> the extract's column."""
    have = {normal(name): name for name in header}
    return {ours: have[s] for ours, spellings in SPELLINGS.items() for s in reversed(spellings) if s in have}


def find_own_extracts(folder: str | Path) -> list[Path]:
    """The CSV files in the `own-extracts` folder of a data folder, in order; none when there is no such
    folder.
    """
    return sorted((Path(folder) / "own-extracts").glob("*.csv"))


def read_own_extract(path: str | Path) -> OwnExtract:
    """One extract, of one or more schools. Raises `DataRefused` naming file, row, column, value and what to
    do; nothing of a refused file is used.
    """
    path = Path(path)
    report = FileReport(path.name)
    text = decode(unpack(path.read_bytes(), path.name), path.name)
    if not text.strip():
        raise DataRefused(Fault("hard", "empty_file", "the file is empty", path.name, what_to_do=EXPORT))
    table = read_table(text, None, report)
    header = list(table.published.values())
    _refuse_pupils(header, report)
    shape = recognise(header)
    if shape is None:
        _say_what_is_missing(header, report)
    _stop(report)
    rows = _identity(table, _columns(header), report)
    rows = (
        _wide(table, header, rows, report)
        if shape == "wide"
        else _long(table, _columns(header), rows, report)
    )
    _stop(report)
    _check(rows, report)
    _stop(report)
    return OwnExtract(_finish(rows), shape, report.faults)


def _stop(report: FileReport) -> None:
    if any(f.severity == "hard" for f in report.faults):
        raise DataRefused([f for f in report.faults if f.severity == "hard"])


def _refuse_pupils(header: list[str], report: FileReport) -> None:
    for name in header:
        if normal(name).replace("_", " ") in PERSONAL:
            report.fault(
                "hard",
                "pupil_data",
                "this column tells pupils apart, and no pupil may be in an extract",
                1,
                name,
                what_to_do=(
                    "Export totals by week (and year group, if wished) without it, and delete this file."
                ),
            )


def _say_what_is_missing(header: list[str], report: FileReport) -> None:
    found = _columns(header)
    wanted = LONG if "code" in found or "count" in found else WIDE
    for name in wanted:
        if name not in found:
            report.fault(
                "hard",
                "missing_column",
                f"the column for {name} is missing",
                1,
                name,
                ", ".join(header),
                f"Name it {SPELLINGS[name][0]!r} (also understood: {', '.join(SPELLINGS[name][1:])}).",
            )


def _identity(table: Table, columns: dict[str, str], report: FileReport) -> pd.DataFrame:
    """urn, Monday of the week, year group, pupils and the line of each row."""
    column = columns["week_commencing"]
    text = table.text(column)
    iso = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")
    dates = iso.fillna(pd.to_datetime(text, format="%d/%m/%Y", errors="coerce")).astype("datetime64[s]")
    bad = np.flatnonzero(dates.isna())
    message = "this is not a date like 2024-09-09 or 09/09/2024"
    report.faults_at(
        "hard", "unreadable_date", message, table.lines[bad], column, table.cells(column)[bad], EXPORT
    )
    moved = np.flatnonzero(dates.notna() & dates.dt.day_of_week.ne(0))
    report.faults_at(
        "flag",
        "not_a_monday",
        "the date is not a Monday: taken for the week that it lies in",
        table.lines[moved],
        column,
        table.cells(column)[moved],
        "Check that the extract's weeks begin on Mondays.",
    )
    monday = dates - pd.to_timedelta(dates.dt.day_of_week, unit="D")
    out = pd.DataFrame({"line": table.lines, "urn": table.urns(columns["urn"]), "week_commencing": monday})
    out["year_group"] = table.text(columns["year_group"]).fillna(ALL) if "year_group" in columns else ALL
    out["pupils"] = table.numbers(columns["pupils"], 0) if "pupils" in columns else np.nan
    return out


def _wide(table: Table, header: list[str], rows: pd.DataFrame, report: FileReport) -> pd.DataFrame:
    columns = _columns(header)
    for name in WIDE[2:]:
        rows[name] = table.numbers(columns[name], 0)
        bad = np.flatnonzero(np.isnan(rows[name]))
        report.faults_at(
            "hard",
            "no_number",
            "a count is needed here; suppressed or blank totals cannot be used",
            table.lines[bad],
            columns[name],
            table.cells(columns[name])[bad],
            EXPORT,
        )
    codes = {normal(name)[5:].upper(): name for name in header if normal(name).startswith(("code_", "code "))}
    _refuse_codes([c for c in codes if c not in KINDS], [1] * len(codes), "header", report)
    for code, ours in REASON_OF.items():
        rows[ours] = table.numbers(codes[code], 0) if code in codes else np.nan
    closed = [table.numbers(codes[c], 0) for c in CLOSED if c in codes]
    rows["closed_sessions"] = np.nansum(closed, axis=0) if closed else np.nan
    key = ["urn", "week_commencing", "year_group"]
    again = np.flatnonzero(rows.duplicated(key))
    values = [
        f"{r.urn} {r.week_commencing:%Y-%m-%d} {r.year_group}" for r in rows.loc[again, key].itertuples()
    ]
    report.faults_at(
        "hard",
        "duplicate_week",
        "an earlier line has the same school, week and year group",
        table.lines[again],
        "",
        values,
        EXPORT,
    )
    return rows


def _long(table: Table, columns: dict[str, str], rows: pd.DataFrame, report: FileReport) -> pd.DataFrame:
    rows["code"] = pd.Series(table.cells(columns["code"]), dtype="str").str.strip().str.upper()
    rows["count"] = table.numbers(columns["count"], 0)
    unknown = rows[~rows["code"].isin(list(KINDS))]
    _refuse_codes(unknown["code"].tolist(), unknown["line"].tolist(), columns["code"], report)
    none = np.flatnonzero(rows["count"].isna())
    report.faults_at(
        "hard",
        "no_number",
        "a count is needed here",
        table.lines[none],
        columns["count"],
        table.cells(columns["count"])[none],
        EXPORT,
    )
    key = ["urn", "week_commencing", "year_group"]
    again = rows[rows.duplicated([*key, "code"])]
    message = "an earlier line has the same week, year group and code"
    report.faults_at("hard", "duplicate_code", message, again["line"], columns["code"], again["code"], EXPORT)
    _stop(report)
    rows["kind"] = rows["code"].map(KINDS)
    kinds = (
        rows.pivot_table(index=key, columns="kind", values="count", aggfunc="sum")
        .reindex(columns=sorted(set(KINDS.values())))
        .fillna(0.0)
    )
    by_code = (
        rows.pivot_table(index=key, columns="code", values="count", aggfunc="sum")
        .reindex(columns=list(REASON_OF))
        .fillna(0.0)
    )
    first = rows.groupby(key).agg(line=("line", "min"), pupils=("pupils", "max"))
    out = pd.concat([first, kinds, by_code.rename(columns=REASON_OF)], axis=1).reset_index()
    out["possible_sessions"] = out[["attended_sessions", "authorised_sessions", "unauthorised_sessions"]].sum(
        axis=1
    )
    return out


def _refuse_codes(codes: list[str], lines: list[int], column: str, report: FileReport) -> None:
    todo = f"Known codes: {' '.join(KINDS)}. Map a local code to the national one in the export."
    report.faults_at(
        "hard",
        "unknown_code",
        "this is not a national attendance code",
        lines[: len(codes)],
        column,
        codes,
        todo,
    )


def _check(rows: pd.DataFrame, report: FileReport) -> None:
    """Sums that must hold in every week."""
    missed = rows["authorised_sessions"] + rows["unauthorised_sessions"]
    named = rows[list(REASON_OF.values())].drop(columns="holiday_sessions").sum(axis=1)
    per_pupil = rows["possible_sessions"] / rows["pupils"]
    checks = [
        (
            "does_not_add_up",
            "possible_sessions",
            (rows["attended_sessions"] + missed - rows["possible_sessions"]).abs() > 0.5,
            "attended, authorised and unauthorised sessions do not add up to the possible ones",
        ),
        (
            "reason_exceeds_kind",
            "authorised_sessions",
            named > rows["authorised_sessions"] + 0.5,
            "the reasons I, M, R and E together exceed authorised absence",
        ),
        (
            "reason_exceeds_kind",
            "unauthorised_sessions",
            rows["holiday_sessions"] > rows["unauthorised_sessions"] + 0.5,
            "reason G exceeds unauthorised absence",
        ),
        (
            "too_many_sessions",
            "possible_sessions",
            per_pupil > MOST_SESSIONS,
            "there are at most ten sessions per pupil in a week",
        ),
    ]
    for code, column, bad, message in checks:
        at = rows[bad.fillna(False)]
        report.faults_at("hard", code, message, at["line"], column, at[column], EXPORT)
    groups = rows.groupby(["urn", "week_commencing"])["year_group"].agg(set)
    both = groups[groups.map(lambda g: ALL in g and len(g) > 1)]
    at = rows.set_index(["urn", "week_commencing"]).loc[both.index, "line"] if len(both) else []
    message = "the week has year groups and a total: its sessions would count twice"
    report.faults_at("hard", "total_and_parts", message, at, "year_group", None, EXPORT)


def _finish(rows: pd.DataFrame) -> pd.DataFrame:
    out = rows.copy()
    out["overall_absence_sessions"] = out["authorised_sessions"] + out["unauthorised_sessions"]
    begins = out["week_commencing"].dt.year - (out["week_commencing"] + pd.Timedelta(days=4)).dt.month.lt(9)
    out["year"] = years_starting(begins)
    out["absence_pct"] = (
        100 * out["overall_absence_sessions"] / out["possible_sessions"].where(out["possible_sessions"] > 0)
    )
    return out[WEEKS].sort_values(["urn", "week_commencing", "year_group"], ignore_index=True)


def whole_school(weeks: pd.DataFrame) -> pd.DataFrame:
    """Weeks of the whole school: year groups added up. A reason that one of them does not give stays missing.
    Columns as `weeks`, and cum_absence_pct (% since the first week of the extract in that year)."""
    keys = ["urn", "year", "week_commencing"]
    counts = [*COUNTS, "closed_sessions", "pupils"]
    out = weeks.groupby(keys, as_index=False)[counts].agg(lambda s: s.sum(skipna=False))
    out["absence_pct"] = (
        100 * out["overall_absence_sessions"] / out["possible_sessions"].where(out["possible_sessions"] > 0)
    )
    sums = out.groupby(["urn", "year"])[["overall_absence_sessions", "possible_sessions"]].cumsum()
    out["cum_absence_pct"] = (
        100
        * sums["overall_absence_sessions"]
        / sums["possible_sessions"].where(sums["possible_sessions"] > 0)
    )
    return out.assign(year_group=ALL)[[*WEEKS, "cum_absence_pct"]]


def no_weeks() -> pd.DataFrame:
    """No weeks, with the columns and types of `whole_school`."""
    kinds = dict.fromkeys([*WEEKS, "cum_absence_pct"], "float64") | {
        "urn": "int64",
        "week_commencing": "datetime64[s]",
    }
    return pd.DataFrame(
        {c: pd.Series(dtype=k) for c, k in (kinds | {"year": "str", "year_group": "str"}).items()}
    )
