"""The table of schools on the region's page: its columns, its filters, and its rows in a compact form that a
script without a server reads.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd

from helpers.base import text as words
from helpers.base.text import known, number
from helpers.report.inputs import PackInputs

ROWS_PER_PAGE = 50


@dataclass(frozen=True)
class Column:
    """One column: `decimals` is None for text. `place`: `shown` at first, `more` when a reader asks for it,
    `hidden` never. `filter`: `level` (one of its values), `range` (from, to) or empty; `main` filters stand
    in front, the others under "More filters".
    """

    key: str
    label: str
    decimals: int | None = None
    place: str = "shown"
    filter: str = ""
    main: bool = False
    source: str = ""


TABLE = [
    Column("name", "School", source="school_name"),
    Column("urn", "URN", 0, source="urn"),
    Column("la", "Local authority", None, "more", "level", main=True, source="la_name"),
    Column("phase", "Phase", None, "more", "level", main=True),
    Column("status", "Minimum, or why there is none", None, "more", "level", source=""),
    Column("roll", "Pupils", 0, "more", "range", source="roll"),
    Column("attendance", "Last year (%)", 1, source="attendance_pct"),
    Column("minimum", "Minimum (%)", 1, source="minimum_attendance_shown_pct"),
    Column("ask", "Asked (points)", 1, "shown", "range", source="shown_ask_pp"),
    Column("against", "Against typical (points)", 1, "shown", "range", source="against_typical_pp"),
    Column("chance", "By luck (in 100)", 0),
    Column("persistent", "Persistent absence (%)", 1, "more", "range", source="persistent_pct"),
    Column("absence", "Overall absence (%)", 1, "more", "range", source="absence_pct"),
    Column("typical", "Typical (%)", 1, "more"),
    Column("fsm", "Free school meals (%)", 1, "more", "range", source="fsm_pct"),
    Column("capacity", "Places (capacity)", 0, "more", "range", source="capacity"),
    Column("trust", "Trust", None, "more", "level", source="trust_name"),
    Column("school_type", "Type", None, "more", "level", source="school_type"),
    Column("urban_rural", "Urban or rural", None, "more", "level", source="urban_rural"),
    Column("admissions_policy", "Admissions", None, "more", "level", source="admissions_policy"),
    Column("governance", "Governance", None, "more", "level", source="governance"),
    Column("denomination", "Religious character", None, "more", "level", source="denomination"),
    Column("sex_of_school", "Boys, girls or mixed", None, "more", "level", source="sex_of_school"),
    Column("sixth_form", "Sixth form", None, "more", "level"),
    Column("postcode", "Postcode", None, "hidden", source="postcode"),
    Column("easting", "Easting (m)", 0, "hidden", source="easting"),
    Column("northing", "Northing (m)", 0, "hidden", source="northing"),
]


@dataclass(frozen=True)
class View:
    """A ready-made view: schools with a mark (all of them where `test` is empty), in an order."""

    key: str
    label: str
    sort: str
    descending: bool = False


VIEWS = [
    View("most", "Asked most", "ask", True),
    View("below", "Furthest below typical", "against"),
    View("least", "Asked the least", "name"),
    View("far", "No close match", "name"),
    View("check", "Figures to check", "name"),
    View("named", "Suggested to others", "attendance", True),
    View("none", "No minimum", "name"),
]


def views(inputs: PackInputs, frame: pd.DataFrame) -> list[dict]:
    """The ready-made views of this region that hold any school: key, label, sort, descending, urns (empty:
    all), count.
    """
    similar = inputs.summary
    urns = {
        "most": [],
        "below": [],
        "least": frame.loc[frame["ask_pp"] <= inputs.parameters["min_ask_pp"] + 1e-6, "urn"].tolist(),
        "far": similar.loc[similar["no_close_peers"], "urn"].tolist(),
        "check": [urn for urn in inputs.flags if urn in inputs.school],
        "named": similar.loc[similar["times_named"] > 0, "urn"].tolist(),
        "none": frame.loc[frame["ask_pp"].isna(), "urn"].tolist(),
    }
    here = set(frame["urn"].tolist())
    found = []
    for view in VIEWS:
        some = sorted(int(urn) for urn in urns[view.key] if urn in here)
        if some or view.key in ("most", "below"):
            found.append(
                {
                    "key": view.key,
                    "label": view.label,
                    "sort": view.sort,
                    "descending": view.descending,
                    "urns": some,
                    "count": len(some),
                }
            )
    return found


def table_data(frame: pd.DataFrame) -> dict:
    """The table in a compact form from `school_frame`: texts as numbers of their level, figures rounded as
    they are shown, missing as null.

    Returns `columns` (key, label, decimals, place), `keys`, `levels` (key -> names in alphabetical order) and
    `rows` by name and URN. A column that no school has a value for is left out.
    """
    made = {
        "phase": frame["phase"].map(words.phase_words),
        "status": frame["status"].map(words.reason_name),
        "chance": 100 * frame["chance_unaided"],
        "typical": 100 - frame["context_expected_pct"],
        "sixth_form": frame["sixth_form_pct"].map(
            lambda share: ("With sixth form" if share > 0 else "Without") if known(share) else None
        ),
    }
    levels, values, columns = {}, {}, []
    for column in TABLE:
        series = made[column.key] if column.key in made else frame[column.source]
        if not (series.notna().any() or column.place == "shown"):
            continue
        if column.key == "name":
            values["name"] = series.fillna("").tolist()
        elif column.key == "postcode":
            values["postcode"] = [
                value.replace(" ", "") if known(value) else None for value in series.tolist()
            ]
        elif column.decimals is None:
            texts = [value if known(value) else None for value in series.tolist()]
            levels[column.key] = sorted({text for text in texts if text is not None})
            place = {text: i for i, text in enumerate(levels[column.key])}
            values[column.key] = [place.get(text) for text in texts]
        else:
            values[column.key] = [_figure(value, column.decimals) for value in series.tolist()]
        columns.append(
            {"key": column.key, "label": column.label, "decimals": column.decimals, "place": column.place}
        )
    order = sorted(range(len(frame)), key=lambda i: (values["name"][i].casefold(), values["urn"][i]))
    keys = [column["key"] for column in columns]
    return {
        "columns": columns,
        "keys": keys,
        "levels": levels,
        "rows": [[values[key][i] for key in keys] for i in order],
    }


def _figure(value: float, decimals: int) -> float | int | None:
    if not known(value):
        return None
    rounded = words.rounded(value, decimals)
    return int(rounded) if decimals == 0 else float(rounded)


def filters(data: dict) -> list[dict]:
    """The filters that can part these rows: a level with more than one name, a range with more than one
    figure.

    Each has key, label, kind (`level`, `range`), main, levels, and for a range the least and greatest figure.
    """
    found = []
    for column in TABLE:
        if not column.filter or column.key not in data["keys"]:
            continue
        levels = data["levels"].get(column.key, [])
        at = data["keys"].index(column.key)
        figures = [row[at] for row in data["rows"] if row[at] is not None] if column.filter == "range" else []
        if len(levels) > 1 or len(set(figures)) > 1:
            ends = [number(f(figures), column.decimals) for f in (min, max)] if figures else []
            found.append(
                {
                    "key": column.key,
                    "label": column.label,
                    "kind": column.filter,
                    "main": column.main,
                    "levels": levels,
                    "ends": ends,
                }
            )
    return found


def table_script(data: dict, views: list[dict]) -> str:
    """The data as a script, so that the page also works from a folder, where browsers refuse to fetch files."""
    text = json.dumps(
        {**data, "views": views}, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).replace("</", "<\\/")
    return f"window.SCHOOLS={text};\n"


def first_rows(data: dict) -> list[list[dict]]:
    """The first page of the table, for readers without scripts."""
    urn = data["keys"].index("urn")
    shown = []
    for row in data["rows"][:ROWS_PER_PAGE]:
        cells = []
        for column, value in zip(data["columns"], row, strict=True):
            if column["place"] != "shown":
                continue
            link = f"schools/{row[urn]}.html" if column["key"] == "name" else ""
            cells.append(
                {"text": _cell(data, column, value), "number": column["decimals"] is not None, "link": link}
            )
        shown.append(cells)
    return shown


def _cell(data: dict, column: dict, value) -> str:
    """A value as a reader sees it."""
    if value is None:
        return "–"
    if column["key"] in data["levels"]:
        return data["levels"][column["key"]][value]
    return (
        str(value)
        if column["key"] == "urn" or column["decimals"] is None
        else number(value, column["decimals"])
    )
