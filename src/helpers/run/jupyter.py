"""Open a notebook for an analyst in JupyterLab: a copy among the results, with the run's parameters, so that
what is played with real data never lies in the repository's own notebook.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat

from helpers.base.faults import NotFound
from helpers.base.params import Parameters
from helpers.base.paths import NOTEBOOKS
from helpers.base.store import atomic_file

OPENED = ("explore", "audit_school")


def prepare(run: Parameters, name: str = "explore") -> Path:
    """The analyst's copy of a notebook, `<release folder>/<name>.ipynb`: made when it is not there, else
    kept, with the run's parameters.

    Raises `NotFound` for a notebook that there is not.
    """
    source = NOTEBOOKS / f"{name}.ipynb"
    if name not in OPENED or not source.is_file():
        raise NotFound(f"there is no notebook {name!r} to open: choose one of {', '.join(OPENED)}")
    copy = run.release_folder / source.name
    book = nbformat.read(copy if copy.is_file() else source, as_version=4)
    for cell in book.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = with_values(cell.source, run)
    with atomic_file(copy) as temporary:
        nbformat.write(book, temporary)
    return copy


def with_values(source: str, run: Parameters) -> str:
    """A parameters cell (`name: kind = value  # what it is`) with the run's values; other lines as they are."""
    lines = []
    for line in source.splitlines():
        name = line.partition(":")[0]
        if name in Parameters.model_fields and " = " in line:
            about = line.partition("  # ")[2]
            line = f"{line.partition(' = ')[0]} = {json.dumps(getattr(run, name))}" + (
                f"  # {about}" if about else ""
            )
        lines.append(line)
    return "\n".join(lines)


def open_lab(notebook: Path, browser: bool = True) -> int:
    """Start JupyterLab on a notebook and wait until it is closed. Returns its exit code."""
    command = [sys.executable, "-m", "jupyterlab", str(notebook)] + ([] if browser else ["--no-browser"])
    return subprocess.run(command, check=False).returncode
