"""Links between schools, as the reader of the official links file gives them."""

from __future__ import annotations

import pandas as pd


def links(*rows: tuple) -> pd.DataFrame:
    """The reader's frame from rows (urn, link_urn, link_type[, date])."""
    full = [(*row, None)[:4] for row in rows]
    frame = pd.DataFrame(full, columns=["urn", "link_urn", "link_type", "link_date"])
    frame["link_date"] = pd.to_datetime(frame["link_date"])
    return frame.assign(file="links.csv").astype({"urn": "int64", "link_urn": "int64", "link_type": "str"})
