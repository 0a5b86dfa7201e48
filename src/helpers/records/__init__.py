"""What people recorded: agreed ambitions and challenges, decisions on support, shocks, schools' own weeks."""

from __future__ import annotations

import pandas as pd

from helpers import expectations, ingest
from helpers.base.params import Parameters
from helpers.base.stages import Results, Stage
from helpers.base.store import inputs_of


def recorded(run: Parameters) -> dict[str, str]:
    """Hash of every file of the records folder."""
    return inputs_of(run.records_folder)


STAGE = Stage(
    "records",
    "helpers.records.stage:read",
    after=(ingest.STAGE, expectations.STAGE),
    files=recorded,
    folders=("records",),
)


def load(run: Parameters) -> Results:
    """The stage's results: agreed, recorded_shocks, own_weeks, record_files. Raises `DataRefused` for a bad
    line.
    """
    return STAGE.load(run)


def decisions(run: Parameters, referrals: pd.DataFrame) -> pd.DataFrame | None:
    """What people decided about the referral list of all England; None where nobody has. Raises
    `DataRefused`.
    """
    from helpers.records.folder import read_decisions

    return read_decisions(run.records_folder, referrals)
