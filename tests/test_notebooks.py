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

from helpers.base import contract
from helpers.base.params import parameters_cell
from helpers.base.paths import NOTEBOOKS
from helpers.run.notebooks import read, steps

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


@by_step
def test_a_step_says_truly_which_results_it_reads_and_writes(path):
    first, step = _cells(path, "markdown")[0].source, steps()[path.stem]
    reads, writes = (re.search(rf"\*\*{word}\*\*(.*?)\*\*", first, re.S)[1] for word in ("Reads", "Writes"))
    source = "\n".join(c.source for c in _cells(path, "code"))
    read_by = set(contract.tables(region=True)) & set(re.findall(r'"(\w+)"', source)) - {path.stem}
    for name in re.findall(r"`(\w+)\.parquet`", reads):
        assert name in read_by, f"says that it reads {name}"
    for file in step.writes:
        assert re.search(rf"`{file.partition('.')[0]}(\.\w+|/)?`", writes), (
            f"does not say that it writes {file}"
        )


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
def test_the_parameters_cell_holds_what_the_notebook_uses_as_the_model_writes_it(path):
    tagged = [c for c in _cells(path, "code") if "parameters" in c.metadata.get("tags", [])]
    assert [c.source for c in tagged] == [parameters_cell(read(path).parameters)]


@by_name
def test_no_four_work_cells_come_without_a_sentence_between(path):
    kinds = "".join(cell.cell_type[0] for cell in nbformat.read(path, as_version=4).cells)
    assert kinds.startswith("m") and "cccc" not in kinds


@by_name
def test_committed_outputs_can_be_read_and_carry_no_trace_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|Users|tmp)/|\d{4}-\d{2}-\d{2}T\d{2}:", text)
    assert "papermill" not in json.loads(text)["metadata"]
    assert path.stat().st_size < 1_000_000
    for cell in _cells(path, "code"):
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        assert not kinds - {"text/plain", "text/html", "text/markdown", "image/png"}, cell.source[:80]
        assert 'class="dataframe"' not in json.dumps(cell.outputs).replace("\\", ""), (
            f"a frame with its raw column names is shown: {cell.source[:80]}"
        )


@by_name
def test_every_table_and_chart_is_committed_and_every_table_is_compared(path):
    for cell in _cells(path, "code"):
        tags = cell.metadata.get("tags", [])
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        if "nbval-ignore-output" in tags:
            assert not cell.outputs, cell.source[:80]
        elif "show.table(" in cell.source:
            assert {"text/html", "text/plain"} <= kinds and "nbval-check-output" in tags, cell.source[:80]
        elif "show.chart(" in cell.source:
            assert "image/png" in kinds, cell.source[:80]


def test_notebooks_import_at_most_twelve_names_all_from_the_door():
    names = set()
    for path in ALL:
        for cell in _cells(path, "code"):
            assert not re.search(r"(from|import) helpers\.", cell.source), (path.stem, cell.source[:80])
            for line in re.findall(r"^from helpers import (.+)$", cell.source, re.M):
                names |= {name.strip() for name in line.split(",")}
    assert len(names) <= 12, sorted(names)


@by_step
def test_a_step_ends_in_conclusions_computed_from_facts(path):
    cells = nbformat.read(path, as_version=4).cells
    assert cells[-2].source == "## Conclusions"
    assert cells[-1].cell_type == "code" and "show.say(" in cells[-1].source
    assert re.search(r"step\.(text|number)\(", cells[-1].source)


@by_step
def test_a_step_shows_tables_and_charts_on_its_way(path):
    source = "\n".join(c.source for c in _cells(path, "code"))
    assert len(re.findall(r"\bshow\.table\(", source)) >= 2
    if path.stem != "05_report":
        assert len(re.findall(r"\bshow\.chart\(", source)) >= 2


def _first_text(output) -> str:
    return "".join(output["text"] if output.output_type == "stream" else output["data"]["text/plain"])


@pytest.mark.parametrize("what", ["headline", "table"])
def test_altering_one_figure_by_one_rounding_unit_fails_nbval(tmp_path, what):
    """The last digit of the first decimal figure of a headline, or of a table, of 01 is moved by one."""
    book = nbformat.read(NOTEBOOKS / "01_ingest.ipynb", as_version=4)
    tagged = [c for c in book.cells if "nbval-check-output" in c.metadata.get("tags", [])]
    kind = "stream" if what == "headline" else "execute_result"
    cell = next(
        c
        for c in tagged
        if c.outputs[0].output_type == kind and re.search(r"\d\.\d", _first_text(c.outputs[0]))
    )
    output, text = cell.outputs[0], _first_text(cell.outputs[0])
    found = re.search(r"\d+\.\d+", text)
    places = len(found[0].split(".")[1])
    moved = f"{float(found[0]) + 10**-places:.{places}f}"
    altered = text[: found.start()] + moved + text[found.end() :]
    if what == "headline":
        output["text"] = altered
    else:
        output["data"]["text/plain"] = altered
    for cell in book.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = cell.source.replace('"outputs"', json.dumps(str(tmp_path / "out")))
    nbformat.write(book, tmp_path / "01_ingest.ipynb")
    nbval = [
        "--nbval-lax",
        "--nbval-kernel-name",
        "python3",
        "-p",
        "no:cacheprovider",
        "-q",
        "01_ingest.ipynb",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *nbval], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 1, done.stdout[-2000:]
    assert moved in done.stdout and found[0] in done.stdout
    assert "1 failed" in done.stdout
