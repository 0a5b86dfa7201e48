"""The pack of a region: its page, a page per school, the spreadsheet. Built beside its place and put there
whole, or not at all.
"""

from __future__ import annotations

import shutil
import time
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
    """What was built: the folder, how many school pages, how many of them with a minimum, seconds, and pages
    per second.
    """

    folder: Path
    pages: int
    with_expectation: int
    seconds: float
    seconds_pages: float
    seconds_workbook: float

    @property
    def pages_per_second(self) -> float:
        return self.pages / self.seconds_pages if self.seconds_pages else 0.0


def build_pack(
    inputs: PackInputs,
    to: Path | str,
    progress: Callable[[int, int], None] | None = None,
    check: Callable[[Path], None] | None = None,
) -> PackReport:
    """Write `index.html`, `summary.html`, `schools/<urn>.html` for every row of schools.parquet,
    `<slug>.xlsx`, `<slug>.gpkg`, CSV files and `assets/` to the folder `to`.

    `progress` is called with (pages done, pages in all); `check` with the finished folder before it is handed
    over, and what it raises stops that. The pack takes the place of an earlier one only when it is complete:
    an error leaves what was there. Raises whatever a page raises, after naming the school.
    """
    to = Path(to)
    began = time.perf_counter()
    with atomic_folder(to) as folder:
        shutil.copytree(ASSETS, folder / "assets")
        (folder / "schools").mkdir()
        frame = region.school_frame(inputs)
        with_expectation = 0
        for done, urn in enumerate(inputs.school, start=1):
            try:
                facts = school.school_facts(inputs, urn)
                page = school.render(facts)
            except Exception as error:
                error.add_note(f"while writing the page of school {urn}")
                raise
            with_expectation += facts["ask"] is not None
            (folder / "schools" / f"{urn}.html").write_text(page, encoding="utf-8", newline="\n")
            if progress and (done % 100 == 0 or done == len(inputs.school)):
                progress(done, len(inputs.school))
        pages_done = time.perf_counter()
        names = {"spreadsheet": f"{inputs.slug}.xlsx", "csv": f"{inputs.slug}-schools.csv"}
        region.write(inputs, frame, folder, **names)
        workbook.write_csv_files(
            inputs, frame, folder / names["csv"], folder / f"{inputs.slug}-similar-schools.csv"
        )
        book_began = time.perf_counter()
        workbook.write_workbook(inputs, frame, region.la_table(frame)[0], folder / names["spreadsheet"])
        book_done = time.perf_counter()
        if check:
            check(folder)
    return PackReport(
        to,
        len(inputs.school),
        with_expectation,
        time.perf_counter() - began,
        pages_done - began,
        book_done - book_began,
    )
