"""The regional spreadsheet, after the government's guidance on accessibility: one marked table a sheet, a
notes sheet, a dictionary.
"""

from __future__ import annotations

from pathlib import Path

import gptables as gpt
import pandas as pd

from helpers.base import contract, text
from helpers.base.sheet_safe import guarded_frame
from helpers.base.years import year_after, year_words
from helpers.report import quality, sheets
from helpers.report.inputs import PackInputs

MOST_PEER_ROWS = 20_000

SCHOOLS = [
    "urn",
    "school_name",
    "la_name",
    "region_name",
    "phase",
    "status",
    "school_type",
    "trust_name",
    "roll",
    "weight_r_to_11",
    "capacity",
    "absence_pct",
    "persistent_pct",
    "pre_pandemic_absence_pct",
    "fsm_pct",
    "sen_support_pct",
    "ehcp_pct",
    "eal_pct",
    "years_6_to_8_pct",
    "sixth_form_pct",
    "sex_of_school",
    "denomination",
    "admissions_policy",
    "governance",
    "urban_rural",
    "easting",
    "northing",
]
EXPECTATIONS = [
    "urn",
    "school_name",
    "la_name",
    "phase",
    "absence_pct",
    "context_expected_pct",
    "baseline_pct",
    "sd_pp",
    "lower80_pct",
    "upper80_pct",
    "gap_pp",
    "return_to_normal_pp",
    "national_part_pp",
    "context_part_pp",
    "limits_part_pp",
    "ask_pp",
    "target_absence_pct",
    "minimum_attendance_pct",
    "minimum_attendance_shown_pct",
    "chance_unaided",
    "chance_if_real",
    "la_attendance_pct",
    "peers_best_quartile_attendance_pct",
    "pre_pandemic_attendance_pct",
    "pupil_days",
]
PEERS = ["urn", "school_name", "rank", "peer_urn", "peer_name", "peer_la", "km", "closeness", "named"]
EXTRA_LABELS = {
    "pupil_days": "More pupil-days in school over the year",
    "peer_name": "Similar school",
    "peer_la": "Its local authority",
}
NOTES = [
    ("formula", "The formula is ours, not DfE’s. DfE has not published how it sets its own expectations."),
    (
        "absence",
        (
            "Absence is the share of possible sessions that pupils missed, as published. Attendance is 100% "
            "less absence."
        ),
    ),
    (
        "parts",
        "Return to normal, national part, context part and limits add up to the improvement asked, in "
        "percentage points. Last year’s "
        "attendance and the improvement asked add up to the minimum, which is then shown to one decimal "
        "place.",
    ),
    (
        "chance",
        "Chances lie between 0 and 1. They say how often the minimum would be met with no real change, "
        "and if absence "
        "ends lower than forecast by the whole improvement asked.",
    ),
    (
        "primary",
        "For primary schools the intervals, the chances and the weight given to last year’s figure rest "
        "on weaker evidence: there are no "
        "consecutive years from before the pandemic to test them on.",
    ),
    (
        "cause",
        (
            "Similar schools and typical attendance are patterns in the data. They do not show that one "
            "thing "
            "causes another."
        ),
    ),
]


def write_workbook(inputs: PackInputs, frame: pd.DataFrame, areas: list[dict], path: Path) -> None:
    """Write the spreadsheet to `path`. `frame` is `region.school_frame` and `areas` the rows of
    `region.la_table`.

    Figures are written unrounded and shown to the decimals of the dictionary; what is missing is written
    `[x]`.
    """
    title = f"Attendance expectations for {year_words(year_after(inputs.release))}: {inputs.region_name}"
    about = [
        (
            f"Each school’s minimum improvement in attendance on {year_words(inputs.release)}, how it is "
            "made, "
            "and the schools most like it."
        ),
        (
            f"{sheets.MISSING} means that a figure is not available or does not apply. Nothing is "
            "estimated in "
            "its place."
        ),
        "To filter or sort a table, select one of its headings, then choose Data and Filter.",
        (
            "The same figures are on the page of each school in the folder schools, and in the CSV files "
            "beside this file."
        ),
    ]
    sheets.write(path, _sheets(inputs, frame, areas), title, about, NOTES, inputs.sample)


def _sheets(inputs: PackInputs, frame: pd.DataFrame, areas: list[dict]) -> dict[str, gpt.GPTable | None]:
    place, year = inputs.region_name, year_words(inputs.release)
    worded = frame.assign(
        status=frame["status"].map(text.reason_name), phase=frame["phase"].map(text.phase_words)
    )
    assessed = worded[frame["ask_pp"].notna()]
    peers, scope = _peers(inputs)
    return {
        "Schools": _table(inputs, worded, SCHOOLS, "schools", f"Schools of {place}, {year}{refs('absence')}"),
        "Expectations": _table(
            inputs,
            assessed,
            EXPECTATIONS,
            "expectations",
            f"Minimum improvement of each school of {place}{refs('formula', 'parts', 'chance', 'primary')}",
        ),
        "Similar schools": _table(inputs, peers, PEERS, "peers", f"{scope}{refs('cause')}"),
        "Local authorities": _table(
            inputs, pd.DataFrame(areas), list(AREAS), "areas", f"Local authorities of {place}, {year}", AREAS
        ),
        "Quality": _table(
            inputs,
            pd.DataFrame(quality.reconciliation(inputs)),
            list(GATE),
            "quality",
            "Our figures beside the published ones",
            GATE,
        ),
        "Reasons": _table(
            inputs,
            pd.DataFrame(quality.statuses(inputs, frame)),
            list(REASONS),
            "reasons",
            "Schools with and without a minimum",
            REASONS,
        ),
        "Flags": _table(
            inputs,
            pd.DataFrame(quality.flags_of_region(inputs)),
            list(FLAGS),
            "flags",
            "Figures that a person should look at",
            FLAGS,
        ),
        "Dictionary": _table(
            inputs, _dictionary(), list(MEANINGS), "dictionary", "What each column means", MEANINGS
        ),
    }


def refs(*names: str) -> str:
    """References to notes, as gptables wants them."""
    return "".join(f"$${name}$$" for name in names)


AREAS = {
    "name": "Local authority",
    "schools": "Schools",
    "assessed": "Schools with a minimum",
    "primary_attendance": "Primary attendance (%)",
    "primary_ask": "Primary improvement asked (points)",
    "secondary_attendance": "Secondary attendance (%)",
    "secondary_ask": "Secondary improvement asked (points)",
    "pupil_days": "More pupil-days in school over the year",
}
GATE = {
    "area": "Area",
    "year": "Year",
    "phase": "Phase",
    "measure": "Measure",
    "ours_pct": "Ours (%)",
    "published_pct": "Published (%)",
    "difference_pp": "Difference (points)",
    "tolerance_pp": "Tolerance (points)",
    "verdict": "Verdict",
}
REASONS = {"name": "Status", "count": "Schools", "why": "Reason"}
FLAGS = {"urn": "URN", "name": "School", "message": "What was found", "todo": "What to do"}
# Decimals of the columns above that are not in the dictionary.
DECIMALS = {
    "schools": 0,
    "assessed": 0,
    "count": 0,
    "pupil_days": 0,
    "primary_attendance": 1,
    "secondary_attendance": 1,
    "primary_ask": 2,
    "secondary_ask": 2,
    "ours_pct": 2,
    "published_pct": 2,
    "difference_pp": 2,
    "tolerance_pp": 2,
}
MEANINGS = {
    "table": "Table",
    "name": "Name in the CSV files",
    "label": "Heading",
    "unit": "Unit",
    "source": "Source",
}


def _dictionary() -> pd.DataFrame:
    """The dictionary's rows of the tables in this workbook, once per name and table."""
    frame = contract.dictionary()
    wanted = {
        "schools": SCHOOLS,
        "baseline": EXPECTATIONS,
        "expectations": EXPECTATIONS,
        "peers": ["peer_urn", "rank", "km", "closeness", "named"],
    }
    keep = [row.name in wanted.get(row.table, ()) for row in frame.itertuples(index=False)]
    return (
        frame[keep]
        .drop_duplicates("name")
        .assign(unit=lambda found: found["unit"].replace("", "No unit"))
        .reset_index(drop=True)
    )


def _peers(inputs: PackInputs) -> tuple[pd.DataFrame, str]:
    """Similar schools with names; only the named ones where all would be too many rows for a spreadsheet."""
    peers = peer_frame(inputs)
    if len(peers) > MOST_PEER_ROWS:
        return peers[
            peers["named"]
        ], f"Similar schools that do better, {inputs.region_name}. All similar schools are in the CSV file"
    return peers, f"Similar schools, {inputs.region_name}"


def peer_frame(inputs: PackInputs) -> pd.DataFrame:
    """peers.parquet with the names of both schools and the peer's LA."""
    names = inputs.register[["urn", "school_name", "la_name"]].rename(
        columns={"urn": "peer_urn", "school_name": "peer_name", "la_name": "peer_la"}
    )
    peers = inputs.peers.merge(inputs.schools[["urn", "school_name"]], on="urn", how="left", validate="m:1")
    return peers.merge(names, on="peer_urn", how="left", validate="m:1").sort_values(
        ["urn", "rank"], ignore_index=True
    )


def _table(
    inputs: PackInputs,
    frame: pd.DataFrame,
    columns: list[str],
    table_name: str,
    title: str,
    headings: dict[str, str] | None = None,
) -> gpt.GPTable | None:
    return sheets.table(frame, columns, table_name, title, inputs.sample, headings or EXTRA_LABELS, DECIMALS)


def write_csv_files(inputs: PackInputs, frame: pd.DataFrame, schools: Path, peers: Path) -> None:
    """The columns of the sheets as CSV under their own names: figures unrounded, missing as an empty cell,
    distances as they are shown.

    With a byte-order mark, so that Excel reads accents.
    """
    columns = [name for name in dict.fromkeys(SCHOOLS + EXPECTATIONS) if name in frame]
    guarded_frame(frame[columns]).to_csv(schools, index=False, encoding="utf-8-sig", lineterminator="\n")
    similar = peer_frame(inputs)[PEERS]
    guarded_frame(similar.assign(km=similar["km"].round(1))).to_csv(
        peers, index=False, encoding="utf-8-sig", lineterminator="\n"
    )
