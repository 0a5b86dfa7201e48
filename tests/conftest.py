"""Fixtures shared by all tests. Real data is used whenever it is there and never required."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from helpers.base.params import Parameters, make
from helpers.base.paths import ROOT, SAMPLE

settings.register_profile("ours", deadline=None)  # a busy machine is no fault
settings.load_profile("ours")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever reads the real data is `slow`, besides what says so itself: `make test` leaves both to `make test-all`."""
    for item in items:
        if "open_data" in getattr(item, "fixturenames", ()) or "[open data" in item.name:
            item.add_marker(pytest.mark.slow)


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
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Parameters:
    """Parameters of a run on the sample whose national stages are made up to `siting`; regions can be sliced from it
    at once. One run for all workers of the test session: read it, and copy what is to be changed.
    """
    from helpers.run.stages import (
        STAGES,
    )  # the whole method: only the tests that need a fit pay for the import

    kept = os.environ.get("ABIE_FITTED")  # a folder that is kept from one test session to the next
    run = make(out=kept or str(_shared(tmp_path_factory) / "fitted"))
    _one_at_a_time(_shared(tmp_path_factory) / "fitting", lambda: STAGES["siting"].ensure(run))
    return run


def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all workers of a test session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def _one_at_a_time(lock: Path, build: Callable[[], object], seconds: float = 900) -> None:
    """Call `build` while holding a lock: a folder that only one process can make. The others wait, and then find what
    was built.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            lock.mkdir(parents=True)
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{lock.name}: another worker has not finished in {seconds:.0f} s"
                ) from None
            time.sleep(0.2)
    try:
        build()
    finally:
        lock.rmdir()
