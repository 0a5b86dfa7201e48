"""CSV files that a spreadsheet opens without running anything: a text that begins like a formula gets an
apostrophe in front, which spreadsheets do not show, and which is taken off again on reading.
"""

from __future__ import annotations

import pandas as pd

STARTS = ("=", "+", "-", "@", "\t", "\r")


def guarded(value: object) -> object:
    """A text that begins like a formula, or like a guarded one, with an apostrophe in front; else as it is."""
    if isinstance(value, str) and value.lstrip("'").startswith(STARTS):
        return f"'{value}"
    return value


def unguarded(text: str) -> str:
    """The text that `guarded` was given."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(STARTS) else text


def guarded_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with every text guarded; figures, dates and gaps stay as they are."""
    words = [
        name
        for name in frame.columns
        if pd.api.types.is_object_dtype(frame[name])
        or pd.api.types.is_string_dtype(frame[name])
        or isinstance(frame[name].dtype, pd.CategoricalDtype)
    ]
    return frame.assign(**{name: frame[name].map(guarded, na_action="ignore") for name in words})
