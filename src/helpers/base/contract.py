"""The contract of our results: what is written, by which stage or step, under which key, with which columns.

Two tables hold it. `data/artefacts.csv` has one row per result, in the order in which people meet them;
`data/dictionary.csv` one row per column of each. Whatever needs a list of results or of columns asks here:
the runner, the manifest, the exports, the notebooks' headings and the checks on writing.

`artefacts.csv`: table (`baseline` for a region's, `model.baseline` for England's), made_by (the notebook or
stage), kind (parquet, json, folder), key (columns that name a row), like (the table whose columns it has),
manifest (whether its hash stands in the run's manifest), share (`school`: a row of it goes to the school;
`team`: to the support team), sensitivity, about.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from helpers.base.faults import DataRefused, Fault
from helpers.base.paths import ARTEFACTS, DICTIONARY, ROOT

if TYPE_CHECKING:
    import pandera.pandas as pa

MISSING = {"yes": ", may be missing", "no": ""}
_DTYPES = {"int": "int64", "float": "float64", "bool": "bool", "text": "str", "date": "datetime64[s]"}


class NotYetRun(RuntimeError):
    """A notebook was run before the one whose results it needs."""


@cache
def artefacts(path: Path = ARTEFACTS) -> pd.DataFrame:
    """One row per result: table, made_by, kind, key, like, manifest (bool), share, sensitivity, about, file,
    region.
    """
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    suffix = frame["kind"].map({"parquet": ".parquet", "json": ".json", "folder": ""})
    frame["file"] = frame["table"].str.rpartition(".")[2] + suffix
    frame["region"] = ~frame["table"].str.contains(".", regex=False)
    frame["manifest"] = frame["manifest"].eq("yes")
    return frame.set_index("table", drop=False).rename_axis(None)


def files_of(maker: str) -> tuple[str, ...]:
    """File names that a stage or a notebook writes, in order; empty for a maker that writes none."""
    frame = artefacts()
    return tuple(frame.loc[frame["made_by"] == maker, "file"])


def tables(**wanted: object) -> tuple[str, ...]:
    """Names of the results whose row has the given values, such as `tables(share="team")`, in order."""
    frame = artefacts()
    for name, value in wanted.items():
        frame = frame[frame[name] == value]
    return tuple(frame["table"])


def made_by(table: str) -> str:
    """The notebook or stage that writes a result. Raises KeyError for an unknown one."""
    return str(artefacts().at[table, "made_by"])


@cache
def dictionary(path: Path = DICTIONARY) -> pd.DataFrame:
    """One row per column of ours: table, name, label, unit, type, decimals, range, allowed, source,
    sensitivity.
    """
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    for name in ("decimals", "minimum", "maximum"):
        frame[name] = pd.to_numeric(frame[name])
    return frame


@cache
def columns_of(table: str) -> pd.DataFrame:
    """The dictionary's rows of a table by column name, in order: those of the table that it is like, then its
    own, which win. Raises KeyError for an unknown table.
    """
    like = artefacts()["like"].get(table, "")
    frame = dictionary()
    own = frame[frame["table"] == table]
    rows = frame[(frame["table"] == like) & ~frame["name"].isin(own["name"])] if like else frame.head(0)
    rows = pd.concat([rows, own])
    if rows.empty:
        raise KeyError(f"no table {table!r} in the dictionary; tables: {', '.join(frame['table'].unique())}")
    return rows.set_index("name", drop=False).rename_axis(None)


def columns(table: str) -> list[str]:
    """Column names of a table in their order. Raises KeyError for an unknown table."""
    return columns_of(table)["name"].tolist()


def label(table: str, name: str) -> str:
    """Plain label of a table's column, with its unit. Raises KeyError for what the dictionary does not hold."""
    rows = columns_of(table)
    if name not in rows.index:
        raise KeyError(f"no column {name!r} of table {table!r} in the dictionary")
    text, unit = rows.at[name, "label"], rows.at[name, "unit"]
    return f"{text} ({unit})" if unit and unit not in text else text


@cache
def plain_label(name: str) -> str:
    """Label of a column that means the same in every table that has it. Raises KeyError where it is in none,
    or where two tables mean different things by it: then say which table.
    """
    frame = dictionary()
    tables_with = frame.loc[frame["name"] == name, "table"].unique()
    labels = {label(table, name) for table in tables_with}
    if len(labels) == 1:
        return labels.pop()
    found = f"{len(labels)} meanings: {'; '.join(sorted(labels))}" if labels else "none of our tables has it"
    raise KeyError(f"column {name!r}: {found}")


def column_of(name: str, sources: Iterable[str]) -> pd.Series | None:
    """The dictionary's row of a column in the first of these tables that has it; None where none has."""
    for source in sources:
        rows = columns_of(source)
        if name in rows.index:
            return rows.loc[name]
    return None


def heading(name: str, sources: Iterable[str] = ()) -> str:
    """A column's label with its unit: of the first of these tables that has it, else the one that it has
    everywhere. Raises KeyError as `plain_label` does.
    """
    found = column_of(name, sources)
    return plain_label(name) if found is None else label(found["table"], name)


@cache
def schema(table: str) -> pa.DataFrameSchema:
    """Pandera schema of a table: types, ranges, allowed values; extra columns are let through, missing ones
    refused.
    """
    import pandera.pandas as pa  # takes a second: only what writes a result pays for it

    fields = {}
    for row in columns_of(table).itertuples():
        checks = []
        if pd.notna(row.minimum):
            checks.append(pa.Check.in_range(row.minimum, row.maximum))
        if row.allowed.startswith("^"):
            checks.append(pa.Check.str_matches(row.allowed))
        elif row.allowed:
            checks.append(pa.Check.isin(row.allowed.split("|")))
        nullable = row.nullable == "yes"
        loose = {"int": "float64", "bool": "object"} if nullable else {}
        dtype = loose.get(row.type, _DTYPES[row.type])
        fields[row.name] = pa.Column(dtype, checks, nullable=nullable, coerce=True, required=True)
    key = artefacts().at[table, "key"].split()
    return pa.DataFrameSchema(fields, unique=key or None, strict=False, name=table)


def validate(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """The frame in the dictionary's types. Raises `DataRefused` with every fault at once, by column and
    check.
    """
    from pandera.errors import SchemaErrors

    try:
        return schema(table).validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        groups = cases.groupby(
            [cases["column"].fillna("").astype(str), cases["check"].astype(str)], sort=True
        )
        raise DataRefused(
            [_fault(frame, table, column, check, group) for (column, check), group in groups]
        ) from None


def _fault(frame: pd.DataFrame, table: str, column: str, check: str, cases: pd.DataFrame) -> Fault:
    first = cases.iloc[0]
    known = "urn" in frame and pd.notna(first["index"])
    urn = frame["urn"].get(first["index"], "") if known else ""
    return Fault(
        "hard",
        "schema",
        (
            f"table {table}, column {column or '(whole table)'}: {check} fails {len(cases)} times, first for "
            f"URN {urn}"
        ),
        column=column,
        value=str(first["failure_case"]),
        what_to_do="Compare the source file with data/dictionary.csv.",
    )


def page() -> str:
    """docs/data-contract.md: every result with its maker, key and columns, from the two tables."""
    lines = [
        "# The data contract",
        "",
        "Written by `make params` from [data/artefacts.csv](../data/artefacts.csv) and "
        "[data/dictionary.csv](../data/dictionary.csv). First a region’s results, one folder per region; then "
        "those of England’s stages, `outputs/<release>/national/<stage>/`. `working` columns go to no reader but "
        "the analyst.",
        "",
    ]
    for row in artefacts().itertuples():
        maker = f"`{row.made_by}`" if row.made_by else "every notebook"
        key = f" A row is named by {', '.join(f'`{name}`' for name in row.key.split())}." if row.key else ""
        lines += [f"## {row.table}", "", f"{row.about[:1].upper()}{row.about[1:]}. Made by {maker}.{key}", ""]
        if row.like:
            lines += [f"Columns as in `{row.like}`{', and' if _own(row.table) else '.'}", ""]
        if row.kind == "parquet" and _own(row.table):
            lines += ["| Column | What it is | Unit | Type | Who sees it |", "|---|---|---|---|---|"]
            lines += [
                f"| `{c.name}` | {c.label} | {c.unit} | {c.type}{MISSING[c.nullable]} | {c.sensitivity} |"
                for c in _own(row.table)
            ] + [""]
    return "\n".join(lines)


def _own(table: str) -> list:
    """The dictionary's rows of a table itself, without those of the one it is like."""
    frame = dictionary()
    return list(frame[frame["table"] == table].itertuples(index=False))


if __name__ == "__main__":
    (ROOT / "docs" / "data-contract.md").write_text(page(), encoding="utf-8")
    print("data-contract.md")
