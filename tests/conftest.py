"""Fixtures shared by all tests. Real data is used whenever it is there and never required."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from helpers.base.params import Parameters, make
from helpers.base.paths import ROOT, SAMPLE


@pytest.fixture(scope="session")
def open_data() -> Path:
    """Folder of the real open data: $ABIE_OPEN_DATA, else ../shared/open-data beside the repository."""
    folder = Path(os.environ.get("ABIE_OPEN_DATA", ROOT.parent / "shared" / "open-data"))
    if not (folder / "performance-tables").is_dir():
        pytest.skip("real open data is not here: set ABIE_OPEN_DATA or put it in ../shared/open-data")
    return folder


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """Folder of the embedded sample: an invented country in the official file formats."""
    return SAMPLE


@pytest.fixture(scope="session")
def fitted(tmp_path_factory) -> Parameters:
    """Parameters of a run on the sample whose national fit is made; regions can be sliced from it at once."""
    from helpers.run.stages import (
        STAGES,  # the whole method: only the tests that need a fit pay for the import
    )

    run = make(out=str(tmp_path_factory.mktemp("fitted")))
    STAGES["expectations"].ensure(run)
    return run
