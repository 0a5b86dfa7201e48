"""Lead schools of the attendance and behaviour hubs, collected from DfE's announcements."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.ingest.readers.formats import Format
from helpers.ingest.readers.tables import Table


def read_hubs(table: Table) -> dict[str, pd.DataFrame]:
    """`hubs`; the URN is missing where a school could not be identified."""
    given = table.text("urn").notna().to_numpy()
    urn = np.full(len(table), -1, dtype="int64")
    urn[given] = table.where(given).urns()
    hubs = {
        "school_name": table.text("lead_school"),
        "trust_name": table.text("trust_or_maintained"),
        "urn": pd.Series(urn, dtype="Int64").mask(~given),
        "announced": table.dates("announced", "%Y-%m-%d"),
        "note": table.text("note"),
    }
    return {"hubs": pd.DataFrame(hubs)}


FORMATS = (
    Format(
        "hubs",
        "attendance and behaviour hub lead schools",
        ("lead_school", "trust_or_maintained", "urn", "announced"),
        read_hubs,
        ("hubs",),
        ("note",),
        key="lead_school",
    ),
)
