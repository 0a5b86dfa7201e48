"""The dictionary of our columns, and the pandera schemas made from it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from helpers.base.faults import DataRefused, Fault
from helpers.base.paths import DICTIONARY

_DTYPES = {"int": "int64", "float": "float64", "bool": "bool", "text": "str", "date": "datetime64[s]"}
_KEYS = {
    "peers": ["urn", "peer_urn"],
    "verdicts": ["urn", "year"],
    "shocks": ["shock_id"],
    "hub_sites": ["plan", "urn"],
    "draws": ["round", "urn"],
}


@cache
def read_dictionary(path: Path = DICTIONARY) -> pd.DataFrame:
    """One row per column of ours: table, name, label, unit, type, decimals, range, source, sensitivity."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    for name in ("decimals", "minimum", "maximum"):
        frame[name] = pd.to_numeric(frame[name])
    return frame


def columns(table: str) -> list[str]:
    """Column names of a table in their order. Raises KeyError for an unknown table."""
    frame = read_dictionary()
    names = frame.loc[frame["table"] == table, "name"].tolist()
    if not names:
        raise KeyError(f"no table {table!r} in the dictionary; tables: {', '.join(frame['table'].unique())}")
    return names


def label(name: str) -> str:
    """Plain label of a column, with its unit; the name itself when it is not in the dictionary."""
    frame = read_dictionary()
    rows = frame.loc[frame["name"] == name]
    if rows.empty:
        return name
    text, unit = rows.iloc[0]["label"], rows.iloc[0]["unit"]
    return f"{text} ({unit})" if unit and unit not in text else text


@cache
def schema(table: str) -> pa.DataFrameSchema:
    """Pandera schema of a table: types, ranges, allowed values; extra columns are let through, missing ones
    refused.
    """
    frame = read_dictionary()
    fields = {}
    for row in frame[frame["table"] == table].itertuples():
        checks = []
        if pd.notna(row.minimum):
            checks.append(pa.Check.in_range(row.minimum, row.maximum))
        if row.allowed.startswith("^"):
            checks.append(pa.Check.str_matches(row.allowed))
        elif row.allowed:
            checks.append(pa.Check.isin(row.allowed.split("|")))
        nullable = row.nullable == "yes"
        dtype = (
            "float64"
            if row.type == "int" and nullable
            else "object"
            if row.type == "bool" and nullable
            else _DTYPES[row.type]
        )
        fields[row.name] = pa.Column(dtype, checks, nullable=nullable, coerce=True, required=True)
    if not fields:
        columns(table)
    return pa.DataFrameSchema(fields, unique=_KEYS.get(table, ["urn"]), strict=False, name=table)


def validate(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """The frame in the dictionary's types. Raises `DataRefused` with every fault at once, grouped by column
    and check.
    """
    try:
        return schema(table).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        faults = []
        cases = error.failure_cases
        for (column, check), group in cases.groupby(
            [cases["column"].fillna("").astype(str), cases["check"].astype(str)], sort=True
        ):
            first = group.iloc[0]
            urn = frame["urn"].get(first["index"], "") if "urn" in frame and pd.notna(first["index"]) else ""
            faults.append(
                Fault(
                    "hard",
                    "schema",
                    f"table {table}, column {column or '(whole table)'}: {check} fails {len(group)} times, first for URN {urn}",
                    column=column,
                    value=str(first["failure_case"]),
                    what_to_do="Compare the source file with data/dictionary.csv.",
                )
            )
        raise DataRefused(faults) from None
