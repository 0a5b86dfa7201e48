"""Claims about what a command loads: none waits for libraries that it does not use."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = {"pandas", "numpy", "pydantic", "yaml", "rich", "papermill", "nbformat", "jupyter_client", "sklearn"}
SLOW |= {"geopandas", "plotly", "pyarrow", "pandera", "scipy", "statsmodels", "distributed", "typst"}
HEAVY = {"papermill", "nbformat", "nbconvert", "jupyter_client", "ipykernel", "zmq", "sklearn", "geopandas"}
HEAVY |= {"plotly", "pandera", "scipy", "statsmodels", "rdrobust", "distributed", "typst"}


def loaded(code: str) -> set[str]:
    """Top names of all modules that a piece of code leaves loaded in a fresh interpreter."""
    code += "\nimport sys; print('|'.join(sorted({m.partition('.')[0] for m in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split("|"))


@pytest.mark.parametrize(
    "code", ["import helpers.cli", "from helpers.cli import main\nassert main(['run', '--help']) == 0"]
)
def test_help_loads_no_library(code):
    assert not loaded(code) & SLOW


def test_the_runner_loads_what_executes_a_notebook_when_it_executes_one():
    assert not loaded("import helpers.run.pipeline, helpers.run.warm, helpers.cli_commands") & HEAVY
