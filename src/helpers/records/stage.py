"""The national stage `records`: what people recorded, checked line by line."""

from __future__ import annotations

import pandas as pd

from helpers import expectations, ingest
from helpers.base.params import Parameters
from helpers.records.folder import read_all


def read(run: Parameters) -> dict[str, pd.DataFrame]:
    """Every file of the records folder; one bad line and nothing of any file is used."""
    register, asked = ingest.load(run).register, expectations.load(run).expectations
    return read_all(run.records_folder, register, asked, must_exist=bool(run.records))
