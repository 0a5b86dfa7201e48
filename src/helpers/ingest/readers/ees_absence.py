"""Absence by school as Explore Education Statistics publishes it: one row per school and year, with session
counts or without.

Session counts, where given, are kept for roll-ups (sums before ratios). `absence_pct` is the published rate,
or the one that the counts make where no rate is published; where both are given they must agree.
https://explore-education-statistics.service.gov.uk/find-statistics/pupil-absence-in-schools-in-england
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.base.years import academic_year
from helpers.ingest.readers.formats import Format
from helpers.ingest.readers.tables import Table

RATES = {
    "absence_pct": ("sess_overall_percent", "sess_overall", "sess_possible"),
    "persistent_pct": ("enrolments_pa_10_exact_percent", "enrolments_pa_10_exact", "enrolments"),
    "severe_pct": ("enrolments_pa_50_exact_percent", "enrolments_pa_50_exact", "enrolments"),
    "authorised_pct": ("sess_authorised_percent", "sess_authorised", "sess_possible"),
    "unauthorised_pct": ("sess_unauthorised_percent", "sess_unauthorised", "sess_possible"),
}


def read_absence(table: Table) -> dict[str, pd.DataFrame]:
    """`absence` with its years. Rows of other levels, and of single terms, are left out and counted."""
    table = _only(table, "geographic_level", {"school"}, "rows of other geographic levels")
    table = _only(table, "time_identifier", {"academic year"}, "rows of part of a year")
    year = years(table)
    rates, decimals = {}, 0
    for name, (percent, part, whole) in RATES.items():
        published, places = table.numbers_and_decimals(percent, 0, 100)
        computed = ratio_pct(table.numbers(part, 0), table.numbers(whole, 0))
        _agree(table, percent, published, computed, places)
        rates[name] = np.where(np.isnan(published), computed, published)
        if name == "absence_pct":
            decimals = places
    absence = pd.DataFrame(
        {
            "urn": table.urns("school_urn" if "school_urn" in table else "urn"),
            "year": year,
            **rates,
            "possible_sessions": table.numbers("sess_possible", 0),
            "missed_sessions": table.numbers("sess_overall", 0),
            "enrolments": table.numbers("enrolments", 0),
            "decimals": decimals,
            "la_code": table.la_codes("old_la_code"),
            "publication": "ees",
            "row": table.lines,
        }
    )
    return {"absence": absence}


def ratio_pct(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part of a whole in per cent; NaN where either is not published or the whole is zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, 100 * part / whole, np.nan)


def years(table: Table) -> pd.Series:
    """Academic years of `time_period` (202223); one that cannot be read is a hard fault."""
    cells = pd.Series(table.cells("time_period"), dtype="str")
    known = {text: academic_year(text) for text in cells.unique()}
    bad = np.flatnonzero(cells.map(lambda text: known[text] is None).to_numpy())
    if len(bad):
        table.report.faults_at(
            "hard",
            "bad_year",
            "this is not an academic year like 202223",
            table.lines[bad],
            "time_period",
            cells.iloc[bad],
            "Check that no column has shifted.",
        )
    table.report.years |= {year for year in known.values() if year}
    return cells.map(known).astype("str")


def _only(table: Table, column: str, wanted: set[str], what: str) -> Table:
    if column not in table:
        return table
    keep = table.text(column).str.lower().isin(wanted).to_numpy()
    if not keep.all():
        table.report.note(f"{int((~keep).sum()):,} {what} left out")
    return table.where(keep)


def _agree(table: Table, column: str, published: np.ndarray, computed: np.ndarray, decimals: int) -> None:
    """The published rate must be the ratio of the published counts, to its own rounding."""
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(np.abs(published - computed) > 0.5 * 10.0**-decimals + 1e-9)
    if len(bad):
        table.report.faults_at(
            "hard",
            "rate_is_not_its_counts",
            "the published rate is not the ratio of the published counts",
            table.lines[bad],
            column,
            [f"{published[i]:g} (counts give {computed[i]:.{decimals + 1}f})" for i in bad],
            "Check that no column has shifted; else ask the publisher which of the two is right.",
        )


FORMATS = (
    Format(
        "absence_ees",
        "absence by school (Explore Education Statistics)",
        ("time_period", "geographic_level", ("school_urn", "urn"), "sess_overall_percent"),
        read_absence,
        ("absence",),
        (
            "time_identifier",
            "old_la_code",
            "sess_possible",
            "sess_overall",
            "sess_authorised",
            "sess_unauthorised",
            "sess_authorised_percent",
            "sess_unauthorised_percent",
            "enrolments",
            "enrolments_pa_10_exact",
            "enrolments_pa_10_exact_percent",
            "enrolments_pa_50_exact",
            "enrolments_pa_50_exact_percent",
        ),
        key=("school_urn", "urn"),
    ),
)
