"""05 · What do people hold in their hands? Reports: a page for each school, a region page, spreadsheets,
maps, PDFs, and the pages of the support team and of the verdicts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from helpers import expectations, ingest, model, peers, records
from helpers.base import contract
from helpers.base.params import Parameters

if TYPE_CHECKING:
    from helpers.report.pack import PackReport

STAGES = (ingest.STAGE, model.STAGE, peers.STAGE, expectations.STAGE, records.STAGE)


def make_pack(run: Parameters, check: Callable[[Path], None] | None = None) -> PackReport:
    """Make the region's pack: rendered beside its place, checked by `check` (which may raise), then put
    there.

    Returns a `PackReport` (pages, with_expectation). Raises `DataRefused` naming what is missing, and
    whatever `check` raises; the earlier pack then stays.
    """
    from helpers.base.manifest import build_manifest
    from helpers.report.pack import PackInputs, build_pack

    for stage in STAGES:
        stage.ensure(run)
    inputs = PackInputs.from_folders(run.region_folder, run.national_folder, manifest=build_manifest(run))
    return build_pack(inputs, run.region_folder / "pack", check=check)


def top_page(run: Parameters) -> Path | None:
    """Write the top page of the release from the regions that lie there. Returns it, or None where there is
    none.
    """
    from helpers.report.release_page import write_release_page

    return write_release_page(run)


def support_pages(run: Parameters, *args: object, **kwargs: object) -> None:
    """Write the support team's page and sheets into the region's folder `support`, whole or not at all;
    arguments as of `support_page.write_support`.
    """
    from helpers.report.support_page import write_support

    write_support(run.region_folder / "support", run, *args, **kwargs)


def referral_sheet(referrals: pd.DataFrame, offers: pd.DataFrame) -> pd.DataFrame:
    """The referral sheet: a row for each school, its last columns empty for a person's decision."""
    from helpers.report import support_page

    return support_page.referral_sheet(referrals, offers)


def monitor_pages(run: Parameters, *args: pd.DataFrame) -> None:
    """Write the page of verdicts and its sheets into the region's folder `monitor`, whole or not at all;
    arguments as of `monitor_page.write_monitor`.
    """
    from helpers.report.monitor_page import write_monitor

    write_monitor(run.region_folder / "monitor", run, *args)


READS = tuple(
    name
    for step in ("01_ingest", "02_model", "03_peers", "04_expectations")
    for name in contract.tables(made_by=step)
)


def counted(run: Parameters, made: PackReport) -> pd.DataFrame:
    """What a pack holds: what, how many. `made` of `make_pack`."""
    schools = pd.read_parquet(run.region_folder / "schools.parquet", columns=["urn"])
    with_records = int(schools["urn"].isin(records.load(run).agreed["urn"]).sum())
    what = ["pages of schools", "of them with an expectation", "with an agreed ambition or a challenge"]
    return pd.DataFrame({"what": what, "how many": [made.pages, made.with_expectation, with_records]})
