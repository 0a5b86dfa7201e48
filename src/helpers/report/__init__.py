"""05 · What do people hold in their hands? Reports: a page for each school, a region page, spreadsheets, maps, PDFs, and
the pages of the support team and of the verdicts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from helpers import expectations, ingest, model, peers, records
from helpers.base.params import Parameters

STAGES = (ingest.STAGE, model.STAGE, peers.STAGE, expectations.STAGE, records.STAGE)
FROM_STEPS = ("01_ingest", "02_model", "03_peers", "04_expectations")


def pack(run: Parameters, check: Callable[[Path], None] | None = None):
    """Make the region's pack: rendered beside its place, checked by `check` (which may raise), then put there.

    Returns a `PackReport` (pages, with_expectation). Raises `DataRefused` naming what is missing, and whatever `check`
    raises; the earlier pack then stays.
    """
    from helpers.audit.manifest import build_manifest
    from helpers.report.pack import PackInputs, build_pack

    inputs = PackInputs.from_folders(run.region_folder, run.national_folder, manifest=build_manifest(run))
    return build_pack(inputs, run.region_folder / "pack", check=check)


def support_pages(*args, **kwargs) -> None:
    """The support team's page and sheet; see `support_page.write_support`."""
    from helpers.report.support_page import write_support

    write_support(*args, **kwargs)
