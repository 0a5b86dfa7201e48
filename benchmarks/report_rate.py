"""How fast reports are made: pages and PDFs by the second, beside one executed notebook per school, the usual
way.

    python benchmarks/report_rate.py outputs/2022-23 "North East" [--notebooks 3]

Needs a finished run of the region. Prints seconds of one page, one PDF and one notebook (papermill, then
nbconvert) on the same schools, in one go.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import nbconvert
import papermill

from helpers.base import params
from helpers.base.paths import NOTEBOOKS
from helpers.report import pdf, school
from helpers.report.inputs import PackInputs


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run", type=Path, help="folder of a release, like outputs/2022-23")
    p.add_argument("region")
    p.add_argument("--notebooks", type=int, default=3, help="how many schools by a notebook of their own")
    p.add_argument("--data", default="data/sample", help="the data that the run was made from")
    a = p.parse_args()
    run = params.make(
        region=params.region_from(a.region), data=a.data, out=str(a.run.parent), release=a.run.name
    )
    inputs = PackInputs.from_folders(run.region_folder, run.national_folder)
    urns = [u for u in inputs.school if u in inputs.expectation]
    pages = _seconds(lambda u: school.render(school.school_facts(inputs, u)), urns[:200])
    papers = _seconds(lambda u: pdf.compile_pdf(school.school_facts(inputs, u)), urns[:50])
    with tempfile.TemporaryDirectory() as folder:

        def notebook(urn: int) -> None:
            done = Path(folder) / f"{urn}.ipynb"
            papermill.execute_notebook(
                str(NOTEBOOKS / "audit_school.ipynb"),
                str(done),
                parameters=run.model_dump(),
                kernel_name="python3",
                progress_bar=False,
                cwd=str(NOTEBOOKS),
            )
            nbconvert.HTMLExporter().from_filename(str(done))

        notebooks = _seconds(notebook, urns[: a.notebooks])
    for name, each in (("page (HTML)", pages), ("PDF", papers), ("notebook of its own, as HTML", notebooks)):
        print(
            f"{name:<30} {1000 * each:10.1f} ms each   {each / pages:8.0f} times a page   22,000 schools: "
            f"{22_000 * each / 3600:7.2f} h"
        )


def _seconds(work, urns: list[int]) -> float:
    work(urns[0])  # warm
    began = time.perf_counter()
    for urn in urns:
        work(urn)
    return (time.perf_counter() - began) / len(urns)


if __name__ == "__main__":
    main()
