"""The pack of a region: its page, a page per school, the spreadsheet. Built beside its place and put there
whole, or not at all.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from helpers.base.store import atomic_folder
from helpers.report import region, school, workbook
from helpers.report.inputs import PackInputs
from helpers.report.pages import ASSETS

__all__ = ["PackInputs", "PackReport", "build_pack"]


@dataclass(frozen=True)
class PackReport:
    """What was built: the folder, how many school pages, how many of them with a minimum."""

    folder: Path
    pages: int
    with_expectation: int


def build_pack(
    inputs: PackInputs,
    to: Path | str,
    check: Callable[[Path], None] | None = None,
) -> PackReport:
    """Write `index.html`, `summary.html`, `schools/<urn>.html` for every row of schools.parquet,
    `confidential-<slug>.xlsx`, `.gpkg` and CSV files, and `assets/` to the folder `to`.

    `check` is called with the finished folder before it is handed over, and what it raises stops that. The
    pack takes the place of an earlier one only when it is complete: an error leaves what was there. Raises
    whatever a page raises, after naming the school.
    """
    to = Path(to)
    with atomic_folder(to) as folder:
        shutil.copytree(ASSETS, folder / "assets")
        (folder / "schools").mkdir()
        frame = region.school_frame(inputs)
        with_expectation = 0
        for urn in inputs.school:
            try:
                facts = school.school_facts(inputs, urn)
                page = school.render(facts)
            except Exception as error:
                error.add_note(f"while writing the page of school {urn}")
                raise
            with_expectation += facts["ask"] is not None
            (folder / "schools" / f"{urn}.html").write_text(page, encoding="utf-8", newline="\n")
        name = f"confidential-{inputs.slug}"
        names = {"spreadsheet": f"{name}.xlsx", "csv": f"{name}-schools.csv", "geo": f"{name}.gpkg"}
        region.write(inputs, frame, folder, **names)
        workbook.write_csv_files(inputs, frame, folder / names["csv"], folder / f"{name}-similar-schools.csv")
        workbook.write_workbook(inputs, frame, region.la_table(frame)[0], folder / names["spreadsheet"])
        if check:
            check(folder)
    return PackReport(to, len(inputs.school), with_expectation)
