"""School performance tables: absence by school (`england_abs.csv`) and school census (`england_census.csv`).

The files name no year: it comes from their path. Their last three rows are national (primary, secondary,
special); a file without them was cut off. Published by DfE,
https://www.compare-school-performance.service.gov.uk/download-data.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.ingest.readers.formats import Format
from helpers.ingest.readers.harmonise import CENSUS_PHASES
from helpers.ingest.readers.tables import DOWNLOAD_AGAIN, Table

NATIONAL = {"pri": "primary", "sec": "secondary", "spe": "special"}


def read_absence(table: Table) -> dict[str, pd.DataFrame]:
    """`absence` and `absence_national` without their year: the folder reader knows it."""
    national = _national(table, "la")
    schools, totals = table.where(~national), table.where(national)
    absence_pct, decimals = schools.numbers_and_decimals("perctot", 0, 100)
    absence = pd.DataFrame(
        {
            "urn": schools.urns(),
            "absence_pct": absence_pct,
            "persistent_pct": schools.numbers("ppersabs10", 0, 100),
            "decimals": decimals,
            "la_code": schools.la_codes("la"),
            "publication": "performance_tables",
            "row": schools.lines,
        }
    )
    absence_national = pd.DataFrame(
        {
            "phase": totals.text("estab").str.lower().map(NATIONAL),
            "absence_pct": totals.numbers("perctot", 0, 100),
            "persistent_pct": totals.numbers("ppersabs10", 0, 100),
        }
    )
    return {"absence": absence, "absence_national": absence_national}


def read_census(table: Table) -> dict[str, pd.DataFrame]:
    """`census` without its year. Independent schools are dropped and counted. Percentages come from the
    counts where the denominator is published (the roll, or `NORFSMEVER`), else as published."""
    national = _national(table, "urn")
    schools = table.where(~national)
    phase = schools.mapped("schooltype", CENSUS_PHASES, "type of school")
    covered = phase.notna().to_numpy()
    table.report.note(f"{int((~covered).sum()):,} independent schools left out")
    schools, phase = schools.where(covered), phase[covered].reset_index(drop=True)
    roll = schools.numbers("nor", 0)
    pupils = {
        name: schools.numbers(column, 0)
        for name, column in (
            ("sen_support", "tsenelk"),
            ("ehcp", "tsenelse"),
            ("eal", "numeal"),
            ("fsm6", "numfsmever"),
        )
    }
    fsm6_roll = schools.numbers("norfsmever", 0)
    census = pd.DataFrame(
        {
            "urn": schools.urns(),
            "la_code": schools.la_codes("la"),
            "estab": schools.text("estab"),
            "school_type_census": schools.text("schooltype"),
            "phase": phase,
            "roll": roll,
            "girls_roll": schools.numbers("norg", 0),
            "boys_roll": schools.numbers("norb", 0),
            "sen_support_pct": share_pct(pupils["sen_support"], roll, schools.numbers("psenelk", 0, 100)),
            "ehcp_pct": share_pct(pupils["ehcp"], roll, schools.numbers("psenelse", 0, 100)),
            "eal_pct": share_pct(pupils["eal"], roll, schools.numbers("pnumeal", 0, 100)),
            "fsm6_pct": share_pct(pupils["fsm6"], fsm6_roll, schools.numbers("pnumfsmever", 0, 100)),
            "fsm6_roll": fsm6_roll,
            "row": schools.lines,
            **{f"{name}_pupils": values for name, values in pupils.items()},
        }
    )
    return {"census": census}


def share_pct(part: np.ndarray, whole: np.ndarray, published_pct: np.ndarray) -> np.ndarray:
    """Part of a whole in per cent, unrounded; the published percentage where part or whole is not published."""
    with np.errstate(divide="ignore", invalid="ignore"):
        computed = np.where(whole > 0, 100 * part / whole, np.nan)
    return np.where(np.isnan(computed), published_pct, computed)


def _national(table: Table, marked_in: str) -> np.ndarray:
    """Which rows are the national ones. All three must be there: they are the last rows of the file."""
    national = pd.Series(table.cells(marked_in), dtype="str").str.strip().str.upper().eq("NAT").to_numpy()
    found = set(pd.Series(table.cells("estab")[national], dtype="str").str.strip().str.lower())
    lost = [code.upper() for code in NATIONAL if code not in found]
    if lost:
        table.report.fault(
            "hard",
            "truncated",
            (f"the national rows that end this file are missing ({', '.join(lost)}): the file was cut off"),
            row=table.lines[-1] if len(table) else None,
            column=table.published["estab"],
            what_to_do=DOWNLOAD_AGAIN,
        )
    return national


FORMATS = (
    Format(
        "absence_performance_tables",
        "absence by school (performance tables)",
        ("LA", "ESTAB", "URN", "PERCTOT", "PPERSABS10"),
        read_absence,
        ("absence", "absence_national"),
    ),
    Format(
        "census_performance_tables",
        "school census (performance tables)",
        (
            "URN",
            "LA",
            "ESTAB",
            "SCHOOLTYPE",
            "NOR",
            "NORG",
            "NORB",
            "TSENELSE",
            "PSENELSE",
            "TSENELK",
            "PSENELK",
            "NUMEAL",
            "PNUMEAL",
            "NUMFSMEVER",
            "PNUMFSMEVER",
        ),
        read_census,
        ("census",),
        ("NORFSMEVER",),
    ),
)
