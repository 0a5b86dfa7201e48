"""The evaluation as a stage of the national store: back-tested once per release, read by the notebook of every region."""

from __future__ import annotations

import pandas as pd

from helpers.evaluate.bars import measure

FILES = (
    "bars.parquet",
    "variants.parquet",
    "fairness.parquet",
    "coverage.parquet",
    "trades.parquet",
    "backtests.parquet",
    "improved.parquet",
)


def build(ingest: dict, model: dict, found: dict, asked: dict, run) -> dict[str, pd.DataFrame]:
    """The frames of `Evaluation` by file name."""
    told = measure(ingest, model, found, asked, run)
    return {name: getattr(told, name.removesuffix(".parquet")) for name in FILES}
