"""The browser of the tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def launch(driver):
    """Chromium of the system, or of $ABIE_CHROMIUM, or Playwright's own; without any the test is skipped, and
    says so.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    program = os.environ.get("ABIE_CHROMIUM") or next(
        (found for name in names if (found := shutil.which(name))), None
    )
    if not program and not Path(driver.chromium.executable_path).exists():
        pytest.skip(
            "no Chromium is here: install it (Debian: apt-get install chromium) or name one in ABIE_CHROMIUM"
        )
    return driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
