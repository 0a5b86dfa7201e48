"""04 · What is the least that should improve? The minimum improvement of each school, and its parts."""

from __future__ import annotations

import pandas as pd

from helpers import ingest, model, peers
from helpers.base.params import Parameters
from helpers.base.stages import Results, Stage

FORMULA = ("national_path_pp", "slope", "floor_pp", "cap_pp", "min_ask_pp", "max_ask_pp", "rounding_pp")
STAGE = Stage(
    "expectations",
    "helpers.expectations.stage:set_minimums",
    after=(ingest.STAGE, model.STAGE, peers.STAGE),
    parameters=FORMULA,
)


def load(run: Parameters) -> Results:
    """The stage's results, set first where needed: expectations, calibration, special_ranges."""
    return STAGE.load(run)


def off_by(asked: pd.DataFrame) -> float:
    """Largest error, in points, of the identities that every minimum must keep: the parts add up to the
    improvement asked, last year less that is the target, 100 less the target is the minimum attendance.

    `asked`: the stage's `expectations` with absence_pct.
    """
    parts = asked[["return_to_normal_pp", "national_part_pp", "context_part_pp", "limits_part_pp"]].sum(
        axis=1
    )
    return float(
        max(
            (parts - asked["ask_pp"]).abs().max(),
            (asked["absence_pct"] - asked["ask_pp"] - asked["target_absence_pct"]).abs().max(),
            (100 - asked["target_absence_pct"] - asked["minimum_attendance_pct"]).abs().max(),
        )
    )


def by_start(asked: pd.DataFrame) -> pd.DataFrame:
    """Mean chances by phase and fifth of last year's absence (1 = least, 5 = most): phase, fifth,
    chance_unaided, chance_if_real.
    """
    from helpers.base.fifths import fifths

    fifth = asked.groupby("phase")["absence_pct"].transform(fifths)
    groups = asked.assign(fifth=fifth).groupby(["phase", "fifth"], as_index=False)
    return groups[["chance_unaided", "chance_if_real"]].mean()


RUNGS = {
    "own_attendance_pct": "last year",
    "minimum_attendance_pct": "minimum",
    "la_attendance_pct": "LA, same phase",
    "peers_best_quartile_attendance_pct": "similar schools’ best quarter",
    "pre_pandemic_attendance_pct": "own, 2018/19",
}


def ladder(asked: pd.DataFrame) -> pd.DataFrame:
    """The rungs of every school, long: urn, phase, rung, attendance_pct. `asked` with absence_pct and phase."""
    rungs = asked.assign(own_attendance_pct=100 - asked["absence_pct"]).rename(columns=RUNGS)
    return rungs.melt(["urn", "phase"], list(RUNGS.values()), "rung", "attendance_pct")


def days_by_la(asked: pd.DataFrame, schools: pd.DataFrame) -> pd.DataFrame:
    """What the minimums come to in school days, by local authority, the most first: la_name, schools, pupils,
    pupil_days, days_per_pupil.
    """
    from helpers.base.years import SCHOOL_DAYS

    rows = asked[["urn", "ask_pp"]].merge(schools[["urn", "la_name", "roll"]], on="urn", validate="1:1")
    rows["pupil_days"] = rows["ask_pp"] / 100 * SCHOOL_DAYS * rows["roll"]
    groups = rows.groupby("la_name", as_index=False)
    out = groups.agg(schools=("urn", "size"), pupils=("roll", "sum"), pupil_days=("pupil_days", "sum"))
    out["days_per_pupil"] = out["pupil_days"] / out["pupils"]
    return out.sort_values("pupil_days", ascending=False, ignore_index=True)


DAYS = {
    "schools": "Schools",
    "pupils": "Pupils",
    "pupil_days": "Pupil-days a year",
    "days_per_pupil": "Days per pupil",
}


def one_school(asked: pd.DataFrame, urn: int) -> pd.DataFrame:
    """Every figure of one school with its label and unit: quantity, value (text, four decimals)."""
    from helpers.base import contract

    row = asked.loc[asked["urn"] == urn].iloc[0]
    tables = {name: table for table in ("baseline", "expectations") for name in contract.columns(table)}
    labels = {name: contract.label(tables[name], name) for name in row.index if name in tables}
    texts = [f"{row[n]:.4f}" if isinstance(row[n], float) else str(row[n]) for n in labels]
    return pd.DataFrame({"quantity": list(labels.values()), "value": texts})
