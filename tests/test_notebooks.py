"""Contract of the notebooks: one question each, no functions, the same parameters, headline figures that a
test compares.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

import nbformat
import pytest

from helpers.base.params import parameters_cell
from helpers.base.paths import NOTEBOOKS
from helpers.run.notebooks import steps

ALL = sorted(NOTEBOOKS.glob("*.ipynb"))
PIPELINE = [NOTEBOOKS / f"{step}.ipynb" for step in steps()]
by_name = pytest.mark.parametrize("path", ALL, ids=lambda p: p.stem)
by_step = pytest.mark.parametrize("path", PIPELINE, ids=lambda p: p.stem)


def _cells(path, kind):
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == kind]


def test_every_step_of_the_runner_is_a_notebook():
    assert {p.name for p in PIPELINE} <= {p.name for p in ALL}


@by_name
def test_a_notebook_opens_with_a_question_and_says_what_it_reads_and_writes(path):
    first = _cells(path, "markdown")[0].source
    assert first.splitlines()[0].startswith("# ") and first.splitlines()[0].endswith("?")
    for word in ("**Reads**", "**Writes**", "**Next**"):
        assert word in first, word


@by_name
def test_a_notebook_defines_no_function_and_no_class(path):
    for cell in _cells(path, "code"):
        assert not re.search(r"^\s*(async def|def|class) ", cell.source, re.M), cell.source[:80]


@by_name
def test_cells_are_short(path):
    for cell in _cells(path, "code"):
        if "parameters" not in cell.metadata.get("tags", []):
            assert len(cell.source.splitlines()) <= 15, cell.source[:120]


@by_name
def test_the_parameters_cell_is_the_one_the_model_writes(path):
    tagged = [c for c in _cells(path, "code") if "parameters" in c.metadata.get("tags", [])]
    assert [c.source for c in tagged] == [parameters_cell()]


@by_name
def test_every_work_cell_follows_a_sentence(path):
    cells = nbformat.read(path, as_version=4).cells
    assert sum(c.cell_type == "markdown" for c in cells) >= 6
    assert cells[0].cell_type == "markdown"


@by_name
def test_committed_outputs_are_headlines_only_and_carry_no_trace_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|Users|tmp)/|\d{4}-\d{2}-\d{2}T\d{2}:", text)
    assert "papermill" not in json.loads(text)["metadata"]
    for cell in _cells(path, "code"):
        headline = "nbval-check-output" in cell.metadata.get("tags", [])
        assert bool(cell.outputs) == headline, cell.source[:80]


@by_step
def test_a_step_ends_in_conclusions_computed_from_facts(path):
    cells = nbformat.read(path, as_version=4).cells
    assert cells[-2].source == "## Conclusions"
    assert cells[-1].cell_type == "code" and "say(" in cells[-1].source and "facts." in cells[-1].source


@by_step
def test_a_step_shows_tables_and_charts_on_its_way(path):
    source = "\n".join(c.source for c in _cells(path, "code"))
    assert len(re.findall(r"\btable\(", source)) >= 2
    if path.stem != "05_report":
        assert len(re.findall(r"\bfinish\(", source)) >= 2


def test_altering_one_headline_by_one_rounding_unit_fails_nbval(tmp_path):
    """The last digit of the first decimal headline of 01 is moved by one: the comparison must notice."""
    book = nbformat.read(NOTEBOOKS / "01_ingest.ipynb", as_version=4)
    headline = next(c for c in book.cells if "nbval-check-output" in c.metadata.get("tags", []))
    text = "".join(headline.outputs[0]["text"])
    found = re.search(r"\d+\.\d+", text)
    digits = found[0]
    moved = f"{float(digits) + 10 ** -len(digits.split('.')[1]):.{len(digits.split('.')[1])}f}"
    headline.outputs[0]["text"] = text[: found.start()] + moved + text[found.end() :]
    for cell in book.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = cell.source.replace('"outputs"', json.dumps(str(tmp_path / "out")))
    nbformat.write(book, tmp_path / "01_ingest.ipynb")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval-lax",
        "--nbval-kernel-name",
        "python3",
        "-p",
        "no:cacheprovider",
        "-q",
        "01_ingest.ipynb",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 1, done.stdout[-2000:]
    assert moved in done.stdout and digits in done.stdout
    assert "1 failed" in done.stdout
