"""01 · Can these figures be trusted? Official files read, joined into one register, and checked against what
was published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from helpers.base.params import ENGLAND, Parameters
from helpers.base.stages import Results, Stage

if TYPE_CHECKING:
    from helpers.ingest.quality.gate import Quality

STAGE = Stage("ingest", "helpers.ingest.stage:read", parameters=("release", "tiny_roll"))


def load(run: Parameters) -> Results:
    """The stage's results: register, earlier, panel, area_rates, boundaries, linked, hubs, attendance,
    later_census, files, quality, inputs. Raises `DataRefused` with every reason when the files must not be
    used.
    """
    return STAGE.load(run)


def findings(run: Parameters) -> Quality:
    """What the gate found, for the run's region: comparisons with published rates, suppressed figures, flags."""
    from helpers.ingest.quality.gate import Quality

    return Quality.from_json(load(run).quality).slice(run.region)


def suppressed(found: Quality) -> pd.DataFrame:
    """What stood where a number would, counted: file, symbol, columns, times. `found` of `findings`."""
    frame = pd.DataFrame(found.suppressed, columns=["file", "column", "symbol", "times"])
    groups = frame.groupby(["file", "symbol"], as_index=False)
    return groups.agg(columns=("column", "nunique"), times=("times", "sum"))


def by_status(schools: pd.DataFrame) -> pd.DataFrame:
    """Schools by status and phase: status, a column for each phase, and `all`; the last row is all statuses
    together. A school without a status or a phase is counted nowhere.
    """
    counts = pd.crosstab(schools["status"], schools["phase"], margins=True, margins_name="all")
    return counts.reset_index()


COMPARED = {
    "year": "Academic year",
    "area_name": "Area",
    "phase": "Phase",
    "measure": "Measure",
    "n_schools": "Schools",
    "ours_pct": "Rolled up (%)",
    "published_pct": "Published (%)",
    "difference_pp": "Difference (pp)",
    "tolerance_pp": "Tolerance (pp)",
    "verdict": "Verdict",
}

JOINED = {
    "own": "Own number",
    "same_school": "Same school, former number",
    "merged": "Schools that merged",
    "merged_incomplete": "Some of the schools that merged",
    "split": "School that split",
}


def large_areas(checks: pd.DataFrame, region: str) -> pd.DataFrame:
    """Comparisons with the published rates of England and, for a region, of the region; columns of
    `COMPARED`.
    """
    wanted = ["england"] if region == ENGLAND else ["england", "region"]
    return checks.loc[checks["geography"].isin(wanted), list(COMPARED)]


def flags(found: Quality) -> pd.DataFrame:
    """Figures that a person should look at: code, message, what_to_do. `found` of `findings`."""
    rows = [flag.as_dict() for flag in found.flags]
    return pd.DataFrame(rows, columns=["code", "message", "what_to_do"])
