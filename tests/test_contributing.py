"""Two of the typical changes of CONTRIBUTING.md, made on a copy: they touch the files that it names and no other."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.base.paths import ROOT


@pytest.fixture
def copy(tmp_path) -> Path:
    """The code, notebooks, parameter files and tables of the contract, in a folder of their own."""
    for name in ("src", "notebooks", "params", "docs"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    (tmp_path / "data").mkdir()
    for name in ("artefacts.csv", "dictionary.csv"):
        shutil.copy(ROOT / "data" / name, tmp_path / "data" / name)
    return tmp_path


def python(folder: Path, *arguments: str) -> str:
    """What a command of the copy prints."""
    env = {"PYTHONPATH": str(folder / "src"), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True, cwd=folder).stdout


def test_a_new_default_needs_the_typed_model_alone_and_reaches_every_notebook_that_uses_it(copy):
    model = copy / "src" / "helpers" / "base" / "params.py"
    text = model.read_text(encoding="utf-8")
    old = "floor_pp: float = _choice(\n        0.1,"
    old = old if old in text else "floor_pp: float = _choice(0.1,"
    assert old in text
    model.write_text(text.replace(old, old.replace("0.1", "0.15")), encoding="utf-8")
    python(copy, "-m", "helpers.base.params")
    changed = python(copy, "-m", "helpers.run.notebooks").split()
    assert "04_expectations" in changed and "01_ingest" not in changed and "02_model" not in changed
    assert "floor_pp: float = 0.15" in (copy / "notebooks" / "04_expectations.ipynb").read_text(
        encoding="utf-8"
    )
    assert "`0.15`" in (copy / "docs" / "parameters.md").read_text(encoding="utf-8")


def test_a_new_step_needs_its_notebook_and_its_rows_in_the_contract(copy):
    cells = [
        ("markdown", "# 10 · What else?\n\n**Reads** `schools`.\n**Writes** `extra`.\n**Next** nothing."),
        (
            "code",
            "from helpers import show, start\n\nstep = start(globals(), '10_extra')\nstep.read('schools')",
        ),
    ]
    book = {
        "cells": [
            {"cell_type": kind, "id": f"c{i}", "metadata": {}, "source": text.splitlines(keepends=True)}
            | ({"outputs": [], "execution_count": None} if kind == "code" else {})
            for i, (kind, text) in enumerate(cells)
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (copy / "notebooks" / "10_extra.ipynb").write_text(json.dumps(book), encoding="utf-8")
    with (copy / "data" / "artefacts.csv").open("a", encoding="utf-8") as handle:
        handle.write("extra,10_extra,parquet,urn,schools,yes,,restricted,something more\n")
    asked = "from helpers.run.notebooks import steps; s = steps()['10_extra']; print(s.after, s.writes, s.parameters)"
    told = python(copy, "-c", asked)
    assert told.strip() == "('01_ingest',) ('extra.parquet',) ('region', 'release', 'data', 'out')"
