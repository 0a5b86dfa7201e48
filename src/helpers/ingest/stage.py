"""The national stage `ingest`: files read, joined and checked; a hard fault stops here."""

from __future__ import annotations

from typing import Any

from helpers.base.faults import DataRefused, Fault
from helpers.base.params import Parameters
from helpers.base.store import inputs_of
from helpers.base.years import PRE_PANDEMIC
from helpers.ingest import links, panel, register
from helpers.ingest.quality.gate import run_gate
from helpers.ingest.readers import read_folder

REFUSED = (
    "quality.json"  # beside the release, only while the data is refused: the full list of what stopped it
)
CIRCUMSTANCES = ["roll", "ehcp_pct", "sen_support_pct"]  # of later years: what a target is reopened for


def read(run: Parameters) -> dict[str, Any]:
    """Read, join, check. Raises `DataRefused`; `quality.json` beside the release then holds the list."""
    if not run.data_folder.is_dir():
        todo = "Point --data at a folder of official files."
        raise DataRefused(Fault("hard", "no_data", f"there is no folder {run.data}", what_to_do=todo))
    readings = read_folder(run.data_folder)
    registers = {
        year: register.build_register(readings, year, run.tiny_roll) for year in (PRE_PANDEMIC, run.release)
    }
    gate = run_gate(readings, registers, run.release)
    if gate.hard:
        gate.write(run.release_folder / REFUSED)
    gate.stop_if_hard()
    (run.release_folder / REFUSED).unlink(missing_ok=True)
    later = readings.census["year"] > run.release
    return {
        "register": registers[run.release],
        "earlier": registers[PRE_PANDEMIC],
        "panel": panel.build_panel(readings, readings.links, run.release),
        "area_rates": readings.area_rates,
        "boundaries": readings.la_boundaries,
        "linked": links.linked(readings.links),
        "hubs": readings.hubs,
        "attendance": readings.attendance,
        "later_census": readings.census.loc[later, ["urn", "year", *CIRCUMSTANCES]],
        "files": readings.files.drop(columns="symbols"),
        "quality": gate.to_json(),
        "inputs": inputs_of(run.data_folder),
    }
