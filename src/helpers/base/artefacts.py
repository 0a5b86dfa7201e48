"""A region's artefacts: its slice of the national fit, in the dictionary's columns, under the contract's
names.
"""

from __future__ import annotations

import pandas as pd

from helpers.base.dictionary import columns, validate
from helpers.base.params import ENGLAND, Parameters
from helpers.base.store import read_frame, write_frame

MADE_BY = {
    "schools": "01_ingest",
    "panel": "01_ingest",
    "baseline": "02_model",
    "drivers": "02_model",
    "peers": "03_peers",
    "alternatives": "03_peers",
    "summary": "03_peers",
    "expectations": "04_expectations",
    "special_ranges": "04_expectations",
    "referrals": "06_support",
    "offers": "06_support",
    "draws": "06_support",
    "left_out": "06_support",
    "hub_sites": "06_support",
    "verdicts": "07_monitor",
    "shocks": "07_monitor",
}
CONTRACT = (
    "schools",
    "baseline",
    "peers",
    "expectations",
    "referrals",
    "offers",
    "draws",
    "left_out",
    "hub_sites",
    "verdicts",
    "shocks",
)


class NotYetRun(RuntimeError):
    """A notebook was run before the one whose results it needs."""


def of_region(frame: pd.DataFrame, register: pd.DataFrame, region: str) -> pd.DataFrame:
    """Rows of `frame` (any frame with `urn`) whose school lies in the region; all rows for England. The order
    is kept.
    """
    if region == ENGLAND:
        return frame.reset_index(drop=True)
    urns = register.loc[register["region_name"] == region, "urn"]
    return frame[frame["urn"].isin(urns)].reset_index(drop=True)


def write(run: Parameters, name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Validate an artefact of the contract against the dictionary and write it. Dictionary columns first,
    working columns behind.
    """
    if name in CONTRACT:
        frame = validate(frame, name)
        first = columns(name)
        frame = frame[first + [c for c in frame.columns if c not in first]]
    write_frame(run.region_folder / f"{name}.parquet", frame)
    return frame


def read(run: Parameters, name: str) -> pd.DataFrame:
    """Read an artefact that an earlier notebook wrote. Raises `NotYetRun` naming that notebook."""
    path = run.region_folder / f"{name}.parquet"
    if not path.exists():
        raise NotYetRun(
            f"{run.region}: {name}.parquet is not there yet. Run notebooks/{MADE_BY[name]}.ipynb with the same parameters first."
        )
    return read_frame(path)
