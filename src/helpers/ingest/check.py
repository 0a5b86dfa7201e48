"""`abie check`: what each file was taken for, what is wrong with it, how the files join, and how the sums
compare, without a run.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from helpers.base.faults import DataRefused, Fault
from helpers.base.years import PRE_PANDEMIC
from helpers.ingest import catalogue, register
from helpers.ingest.quality.gate import run_gate
from helpers.ingest.readers import Readings, read_folder


def check_folder(folder: Path, release: str | None, console: Console) -> bool:
    """Check a folder and print what was found. Returns True when nothing stops a run. Raises `DataRefused`
    for a folder that is not there.
    """
    if not folder.is_dir():
        raise DataRefused(
            Fault(
                "hard",
                "no_data",
                f"there is no folder {folder}",
                what_to_do="Give the folder that holds the official files.",
            )
        )
    with console.status("reading the files"):
        readings = read_folder(folder)
    console.print(
        _table(
            readings.files[["path", "taken_for", "years", "rows", "notes"]], "What each file was taken for"
        )
    )
    counted = [
        (r.path, c, s, n)
        for r in readings.files.itertuples()
        for c, by in (r.symbols or {}).items()
        for s, n in by.items()
    ]
    symbols = pd.DataFrame(counted, columns=["file", "column", "symbol", "times"])
    by_symbol = symbols.groupby(["file", "symbol"], as_index=False).agg(
        columns=("column", "nunique"), times=("times", "sum")
    )
    console.print(_table(by_symbol, "Symbols read as missing, never as zero"))
    console.print(_table(joins(readings), "How the files join"))
    faults = [*readings.faults, *catalogue.verify(folder, catalogue.read_catalogue(), readings.files)]
    year = release or newest_release(readings)
    if not year:
        faults.append(
            Fault(
                "hard",
                "no_release",
                "no year has both absence and a census by school",
                what_to_do="Add the missing file.",
            )
        )
    elif not any(f.severity == "hard" for f in readings.faults):
        with console.status("reconciling with published rates"):
            years = [y for y in (PRE_PANDEMIC, year) if y in set(readings.census["year"])]
            gate = run_gate(readings, {y: register.build_register(readings, y) for y in years}, year)
        console.print(
            _table(
                worst_differences(gate.reconciliation),
                "Ours against published: England, and the worst region and local authority",
            )
        )
        console.print(
            _table(
                pd.Series(gate.status_counts).rename_axis("status").reset_index(name="schools"),
                f"Schools by status, {year}",
            )
        )
        faults += [f for f in gate.faults if f not in faults]
    hard = [f for f in faults if f.severity == "hard"]
    flags = [f for f in faults if f.severity == "flag"]
    _print_faults(hard, "Hard faults: these stop a run", console, most=200)
    _print_faults(flags, "Flags: a person should look", console, most=15)
    console.print(
        f"{len(hard)} hard faults, {len(flags)} flags: "
        + ("a run would stop." if hard else f"ready to run for {year}.")
    )
    return not hard


def newest_release(readings: Readings) -> str:
    """The newest year that has absence, a census and the detailed census; empty when there is none."""
    years = set(readings.absence["year"]) & set(readings.census["year"]) & set(readings.census_detail["year"])
    return max(years, default="")


def joins(readings: Readings) -> pd.DataFrame:
    """How many schools of each census find their match in the other files: columns what, matched, of,
    share_pct.
    """
    rows = []
    for year in sorted(set(readings.census["year"])):
        census = set(readings.census.loc[readings.census["year"] == year, "urn"])
        absence = set(readings.absence.loc[readings.absence["year"] == year, "urn"])
        detail = set(readings.census_detail.loc[readings.census_detail["year"] == year, "urn"])
        rows.append((f"{year}: absence rows that have a census row", len(absence & census), len(absence)))
        for name, other in (
            ("detailed census", detail),
            ("a point", set(readings.points["urn"])),
            ("IDACI", set(readings.deprivation["urn"])),
        ):
            if other:
                rows.append((f"{year}: census rows that have {name}", len(census & other), len(census)))
    frame = pd.DataFrame(rows, columns=["what", "matched", "of"])
    return frame.assign(share_pct=(100 * frame["matched"] / frame["of"].where(frame["of"] > 0)).round(1))


def worst_differences(reconciliation: pd.DataFrame) -> pd.DataFrame:
    """England's row and the row with the largest share of its tolerance used, per year, geography, phase and
    measure.
    """
    used = reconciliation.assign(
        used=(reconciliation["difference_pp"].abs() / reconciliation["tolerance_pp"])
    )
    worst = used.sort_values("used", ascending=False, kind="stable").drop_duplicates(
        ["year", "geography", "phase", "measure"]
    )
    worst = worst.sort_values(["year", "measure", "phase", "geography"])
    columns = [
        "year",
        "measure",
        "phase",
        "geography",
        "area_name",
        "n_schools",
        "ours_pct",
        "published_pct",
        "difference_pp",
        "tolerance_pp",
    ]
    return worst[[*columns, "verdict"]].round(3)


def _table(frame: pd.DataFrame, title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in frame.columns:
        number = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(
            name.replace("_", " "), justify="right" if number else "left", no_wrap=number, overflow="fold"
        )
    for row in frame.itertuples(index=False):
        table.add_row(*("" if pd.isna(v) else f"{v:,}" if isinstance(v, int) else str(v) for v in row))
    return table


def _print_faults(faults: list[Fault], title: str, console: Console, most: int) -> None:
    if faults:
        console.print(title)
    for fault in faults[:most]:
        console.print(f"  {fault}", markup=False)
    if len(faults) > most:
        kinds = pd.Series([f.code for f in faults]).value_counts()
        console.print(
            f"  ... {len(faults) - most} more: " + ", ".join(f"{code} {n}" for code, n in kinds.items()),
            markup=False,
        )
