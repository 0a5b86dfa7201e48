"""Who can check what: one school's trail from the published row to its report, and figures read back from
what was made and compared with the published files, by code that shares nothing with the readers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from helpers import expectations, ingest, model, peers
from helpers.base import contract
from helpers.base.params import Parameters

STAGES = (ingest.STAGE, model.STAGE, peers.STAGE, expectations.STAGE)


def trail_of(run: Parameters, urn: int) -> str:
    """One school's whole trail as text. Raises `NotFound` for a URN that the register does not hold."""
    from helpers.audit.trail import trail

    return trail(run, urn)


def published_rows(run: Parameters, urn: int) -> list[tuple[str, int, dict[str, str]]]:
    """Rows of the published absence files that carry a school's URN, or a number that it had before: file,
    line, cells by column, as text.
    """
    from helpers.audit.trail import published_rows as rows

    read = ingest.load(run)
    history = read.panel.loc[read.panel["urn"] == urn, "published_urns"].dropna()
    behind = {urn} | {int(u) for text in history for u in str(text).split("+")}
    return rows(run.data_folder, read.files, behind)


def compared_with_published(run: Parameters) -> Callable[[Path], None]:
    """A check to call with a finished pack's folder: every figure of schools.parquet and of the pages against
    the published files. What it finds it raises, as `DataRefused`.
    """
    from helpers.audit import readback

    return partial(
        readback.refuse_if_different, run.region_folder / "schools.parquet", run.data_folder, run.release
    )


def figures_on_pages(run: Parameters) -> dict[int, dict[str, tuple[str, str]]]:
    """Figures marked on the pages of the region's pack: urn -> name -> (value, as read)."""
    from helpers.audit import readback

    return readback.figures_in_pages(run.region_folder / "pack" / "schools")


def minimums_on_pages(figures: dict[int, dict[str, tuple[str, str]]]) -> pd.Series:
    """Minimum attendance (%) by URN, as the pages carry it. `figures` of `figures_on_pages`."""
    name = "minimum_attendance_shown_pct"
    return pd.Series(
        {urn: float(page[name][0]) for urn, page in figures.items() if name in page}, dtype="float64"
    )


def one_page(figures: dict[int, dict[str, tuple[str, str]]], urn: int) -> pd.DataFrame:
    """The figures on one school's page: figure, value, as read. `figures` of `figures_on_pages`."""
    rows = [(_in_words(name), value, text) for name, (value, text) in figures[urn].items()]
    return pd.DataFrame(rows, columns=["figure", "value", "as read"])


def hashes(manifest: dict) -> pd.DataFrame:
    """Results of a region and the first sixteen characters of their SHA-256: result, SHA-256."""
    rows = [(name, digest[:16]) for name, digest in manifest["artefacts"].items()]
    return pd.DataFrame(rows, columns=["result", "SHA-256"])


def _in_words(name: str) -> str:
    try:
        return contract.plain_label(name)
    except KeyError:
        return name.replace("_", " ")
