"""The evaluation as a stage of the national store: back-tested once per release, read by the notebook of
every region.
"""

from __future__ import annotations

import pandas as pd

from helpers.evaluate.backtests.criteria import measure
from helpers.evaluate.trial import year_pairs

FILES = (
    "bars.parquet",
    "variants.parquet",
    "fairness.parquet",
    "coverage.parquet",
    "trades.parquet",
    "backtests.parquet",
    "improved.parquet",
    "pairs.parquet",
)


def build(ingest: dict, model: dict, found: dict, asked: dict, run) -> dict[str, pd.DataFrame]:
    """The frames of `Evaluation` by file name, and the pairs of years that test-and-learn works on
    (`trial.years.narrow`).
    """
    told = measure(ingest, model, found, asked, run)
    known = year_pairs.pairs(ingest["register"], ingest["panel"], year_pairs.WANTED, "secondary", run.seed)
    frames = {name: getattr(told, name.removesuffix(".parquet")) for name in FILES if name != "pairs.parquet"}
    return {**frames, "pairs.parquet": year_pairs.narrow(known)}
