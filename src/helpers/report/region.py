"""The region's page and what lies beside it: summary in words, map, charts, the table of all schools, and how
good the data are.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from helpers.base import text
from helpers.base.text import known
from helpers.base.years import year_after, year_words
from helpers.report import geopackage, quality, region_summary
from helpers.report.inputs import PackInputs
from helpers.report.pages import environment
from helpers.report.region_facts import PHASES, cards, la_table, region_facts, school_frame
from helpers.report.region_pictures import distribution, region_maps
from helpers.report.region_table import (
    ROWS_PER_PAGE,
    TABLE,
    filters,
    first_rows,
    table_data,
    table_script,
    views,
)

__all__ = ["la_table", "region_facts", "school_frame", "write"]


def write(
    inputs: PackInputs, frame: pd.DataFrame, folder: Path, spreadsheet: str, csv: str, geo: str
) -> None:
    """Write `index.html`, `summary.html`, `method.html`, `assets/schools.js` and the map data to the pack's
    `folder`. `frame` is `school_frame`; `spreadsheet`, `csv` and `geo` name the files beside the page.
    """
    facts, data = region_facts(inputs), table_data(frame)
    shown_views = views(inputs, frame)
    (folder / "index.html").write_text(
        render(inputs, frame, facts, data, shown_views, spreadsheet, csv, geo), encoding="utf-8", newline="\n"
    )
    (folder / "summary.html").write_text(
        region_summary.render(inputs, frame, facts), encoding="utf-8", newline="\n"
    )
    (folder / "method.html").write_text(method(inputs), encoding="utf-8", newline="\n")
    (folder / "assets" / "schools.js").write_text(
        table_script(data, shown_views), encoding="utf-8", newline="\n"
    )
    geopackage.write(inputs, frame, folder / geo)


def render(
    inputs: PackInputs,
    frame: pd.DataFrame,
    facts: dict,
    data: dict,
    shown_views: list[dict],
    spreadsheet: str,
    csv: str,
    geo: str,
) -> str:
    """The region's page as HTML, from `school_frame`, `region_facts` and `table_data`."""
    areas, numbers = la_table(frame)
    return (
        environment()
        .get_template("region.html")
        .render(
            region=inputs.region_name,
            release=year_words(inputs.release),
            next_year=year_words(year_after(inputs.release)),
            sample=inputs.sample,
            cards=cards(facts),
            views=shown_views,
            maps=region_maps(inputs, frame, numbers),
            areas=areas,
            distributions=[chart for phase in PHASES if (chart := distribution(frame, phase))],
            columns=[column for column in TABLE if column.place == "shown"],
            filters=filters(data),
            choices=[
                column
                for column in TABLE
                if column.place != "hidden"
                and column.key in data["keys"]
                and column.key not in ("name", "urn")
            ],
            first_rows=first_rows(data),
            total=len(frame),
            per_page=ROWS_PER_PAGE,
            spreadsheet=spreadsheet,
            csv=csv,
            geo=geo,
            quality=quality.summary(inputs, frame),
            sources=inputs.source_files,
            code=code_words(inputs.manifest),
            words=text,
        )
    )


def method(inputs: PackInputs) -> str:
    """How a minimum is made and what the words mean, on a page of its own: it must be there without a network."""
    return (
        environment()
        .get_template("method.html")
        .render(
            region=inputs.region_name,
            release=year_words(inputs.release),
            next_year=year_words(year_after(inputs.release)),
            sample=inputs.sample,
            parameters=inputs.parameters,
            glossary=text.GLOSSARY,
            words=text,
        )
    )


def code_words(manifest: dict) -> str:
    code = manifest["code"]
    parts = [("version", code["version"]), ("commit", code["git_commit"][:12])]
    return ", ".join(f"{name} {value}" for name, value in parts if known(value))
