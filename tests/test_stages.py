"""Claims about stages and steps: each is made again when what it rests on changes, and for nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest

import helpers
from helpers.base import contract
from helpers.base.code import closure, imports_of
from helpers.base.params import make
from helpers.base.paths import ROOT
from helpers.base.stages import Stage
from helpers.run.notebooks import needed, steps
from helpers.run.stages import STAGES

KEYS = """
import json, sys
from helpers.base.params import make
from helpers.run.notebooks import step_key, steps
from helpers.run.stages import STAGES
run = make(data=sys.argv[1], records=sys.argv[1])
print(json.dumps({n: s.key(run) for n, s in STAGES.items()} | {n: step_key(run, n) for n in steps()}))
"""


def keys(folder: Path) -> dict[str, str]:
    """Keys of all stages and steps, as a process that runs the code in this folder makes them."""
    command = [sys.executable, "-c", KEYS, str(folder / "data" / "few")]
    env = {"PYTHONPATH": str(folder / "src"), "PATH": "/usr/bin:/bin"}
    told = subprocess.run(command, env=env, capture_output=True, text=True, check=True, cwd=folder)
    return json.loads(told.stdout)


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A copy of the code and the notebooks, and its keys."""
    folder = tmp_path_factory.mktemp("house")
    for name in ("src", "notebooks"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    (folder / "data" / "few").mkdir(parents=True)
    for name in ("artefacts.csv", "dictionary.csv", "calendar.csv"):
        shutil.copy(ROOT / "data" / name, folder / "data" / name)
    return folder, keys(folder)


@pytest.fixture
def house(copied):
    """A function that adds a remark to a file of the copy, says which keys that changes, and takes it away again."""
    folder, before = copied

    def stale(path: str, remark: str = "\n# a remark\n") -> list[str]:
        file = folder / path
        text = file.read_text(encoding="utf-8")
        file.write_text(text + remark, encoding="utf-8")
        after = keys(folder)
        file.write_text(text, encoding="utf-8")
        return [name for name in before if before[name] != after[name]]

    return stale


@pytest.mark.parametrize(
    "path", ["report/templates/school.html", "report/assets/pack.css", "report/charts.py"]
)
def test_a_change_of_a_page_makes_pages_stale_and_refits_nothing(house, path):
    found = house(f"src/helpers/{path}", "\n")
    assert "05_report" in found
    assert not set(found) & {*STAGES, "01_ingest", "02_model", "03_peers", "04_expectations"}


def test_a_change_of_the_formula_leaves_the_models_and_the_peers(house):
    found = house("src/helpers/expectations/formula.py")
    assert {"expectations", "04_expectations", "05_report", "evaluation"} <= set(found)
    assert not set(found) & {"ingest", "model", "peers", "01_ingest", "02_model", "03_peers"}


def test_a_change_of_a_reader_makes_everything_stale(house):
    assert set(house("src/helpers/ingest/readers/gias.py")) == {*STAGES, *steps()}


def test_a_change_of_the_trials_makes_only_them_stale(house):
    assert house("src/helpers/evaluate/trial/placebo.py") == ["learning", "09_test_and_learn"]


def test_a_note_in_a_notebook_makes_that_step_and_those_that_read_it_stale(house):
    found = house("notebooks/07_monitor.ipynb", " ")
    assert found == []  # white space behind the notebook is none of its cells


def test_a_stage_stands_only_on_stages_before_it():
    order = list(STAGES)
    for name, stage in STAGES.items():
        assert all(order.index(below.name) < order.index(name) for below in stage.after)


def test_what_a_builder_loads_is_what_its_stage_stands_on():
    for stage in STAGES.values():
        module = stage.build.partition(":")[0]
        text = (ROOT / "src" / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")
        rooms = [
            name
            for name in imports_of(text)
            if name in {f"helpers.{s}" for s in ("ingest", "model", "peers")}
        ]
        assert {room.rpartition(".")[2] for room in rooms} <= {below.name for below in stage.chain()}, (
            stage.name
        )


def test_no_room_of_the_method_rests_on_reports_or_on_the_runner():
    for stage in STAGES.values():
        rooms = {name.split(".")[1] for name in closure(stage.build.partition(":")[0])}
        assert not rooms & {"report", "share", "run", "audit", "explore", "cli"}, stage.name


def test_an_import_inside_a_function_and_a_name_in_a_string_count_as_imports():
    text = """
def later():
    from helpers.model import context
WHERE = "helpers.peers.stage:find"
from helpers import evaluate, show
evaluate.trial.load(1)
"""
    assert set(imports_of(text)) == {
        "helpers.model.context",
        "helpers.peers.stage",
        "helpers.evaluate",
        "helpers.evaluate.trial",
        "helpers.base.show",
    }


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A stage of one table whose builder counts its calls, and a run to build it in."""
    calls = []
    made = {"x": pd.DataFrame({"urn": [100000]}), "n": {"calls": 1}}
    monkeypatch.setattr(contract, "files_of", lambda maker: ("x.parquet", "n.json"))
    monkeypatch.setattr(Stage, "builder", lambda self: lambda run: calls.append(1) or made)
    stage = Stage("small", "helpers.model.stage:fit", parameters=("seed",))
    return stage, make(out=str(tmp_path), data=str(tmp_path / "none")), calls, made


def test_a_stage_is_built_once_per_key_and_again_when_a_file_is_gone(small):
    stage, run, calls, _ = small
    (run.data_folder).mkdir()
    assert stage.ensure(run) and not stage.ensure(run)
    assert stage.ensure(run.model_copy(update={"seed": 1}))
    (stage.folder(run) / "x.parquet").unlink()
    assert stage.ensure(run.model_copy(update={"seed": 1}))
    assert len(calls) == 3


def test_results_come_by_attribute_and_a_misspelt_one_says_what_there_is(small):
    stage, run, *_ = small
    run.data_folder.mkdir()
    results = stage.load(run)
    assert (
        results.x["urn"].tolist() == [100000] and results["n"] == {"calls": 1} and list(results) == ["x", "n"]
    )
    with pytest.raises(AttributeError, match="no result 'y'; it has x, n"):
        _ = results.y


def test_a_stage_that_makes_other_results_than_the_contract_is_refused_and_leaves_nothing(small):
    stage, run, _, made = small
    run.data_folder.mkdir()
    made.pop("n")
    with pytest.raises(ValueError, match="the contract"):
        stage.ensure(run)
    assert not stage.folder(run).exists()


def test_a_notebook_needs_those_whose_results_it_reads():
    assert needed(["01_ingest"]) == ["01_ingest"]
    assert (
        needed(["04_expectations"])[0] == "01_ingest" and needed(["04_expectations"])[-1] == "04_expectations"
    )
    assert "05_report" not in needed(["06_support"])


def test_a_notebook_has_the_parameters_that_it_uses_and_no_other():
    assert set(steps()["01_ingest"].parameters) <= {"region", "release", "data", "out", "seed", "tiny_roll"}
    assert "slope" not in steps()["03_peers"].parameters and "slope" in steps()["04_expectations"].parameters
    assert (
        "records" in steps()["05_report"].parameters
        and "records" not in steps()["04_expectations"].parameters
    )


ROOMS = [*(set(helpers.__all__) - set(helpers.SHORT)), "evaluate.backtests", "evaluate.trial"]


@pytest.mark.parametrize("name", sorted(ROOMS))
def test_a_room_offers_nothing_under_the_name_of_one_of_its_modules(name):
    """Importing a module puts it into its package under its name, over whatever was there."""
    room = import_module(f"helpers.{name}")
    folder = Path(room.__file__).parent
    inside = {path.stem for path in folder.glob("*.py")} | {
        path.parent.name for path in folder.glob("*/__init__.py")
    }
    offered = {key for key, value in vars(room).items() if callable(value) or key in helpers.SHORT}
    assert not offered & (inside - {"__init__"}), offered & inside


def test_the_door_loads_nothing_until_it_is_used():
    code = "import sys, helpers; print(len([m for m in sys.modules if m.startswith('helpers.')]))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(told.stdout) == 0


def test_opening_every_room_loads_no_method():
    code = (
        "import sys; from helpers import "
        + ", ".join(n for n in helpers.__all__ if n != "start")
        + "; print(*sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    heavy = {"sklearn", "statsmodels", "scipy", "plotly", "matplotlib", "geopandas", "papermill", "nbformat"}
    assert not heavy & set(told.stdout.split())
