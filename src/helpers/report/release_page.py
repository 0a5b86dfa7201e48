"""The top page of a release: every region that was run, with its report, support, progress and notebooks."""

from __future__ import annotations

import shutil
from pathlib import Path

from helpers.base.facts import shown
from helpers.base.params import ENGLAND, REGIONS, Parameters, slug
from helpers.base.store import atomic_file, read_json
from helpers.base.years import year_after, year_words
from helpers.report.pages import ASSETS, environment

PARTS = (
    ("pack/index.html", "Report"),
    ("pack/summary.html", "One page"),
    ("support/index.html", "Support"),
    ("monitor/index.html", "Progress"),
)


def write_release_page(run: Parameters) -> Path | None:
    """Write `index.html` of the release's folder from what lies there; None where no region has a report yet."""
    folder = run.release_folder
    rows = [row for region in (ENGLAND, *REGIONS) if (row := _row(folder, region))]
    if not rows:
        return None
    page = (
        environment()
        .get_template("release.html")
        .render(
            release=year_words(run.release),
            next_year=year_words(year_after(run.release)),
            sample=run.is_sample,
            rows=rows,
        )
    )
    (folder / "assets").mkdir(exist_ok=True)
    shutil.copyfile(ASSETS / "pack.css", folder / "assets" / "pack.css")
    with atomic_file(folder / "index.html") as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return folder / "index.html"


def _row(folder: Path, region: str) -> dict | None:
    here = folder / slug(region)
    if not (here / "pack" / "index.html").is_file():
        return None
    facts = read_json(here / "facts.json")
    told = {name: shown({**fact, "unit": ""}) for name, fact in facts.items()}
    return {
        "region": region,
        "schools": told.get("pages_of_schools", "–"),
        "with_minimum": told.get("pages_with_an_expectation", "–"),
        "parts": [(f"{slug(region)}/{file}", name) for file, name in PARTS if (here / file).is_file()],
        "notebooks": [
            (f"{slug(region)}/{path.name}", path.stem.partition("_")[2].replace("_", " "))
            for path in sorted(here.glob("0*.html"))
        ],
    }
