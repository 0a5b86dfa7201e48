"""A full papermill run of two regions of the sample, and back tests on what it left: the contract, the
identities, resume, failure.
"""

from __future__ import annotations

import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import papermill
import pytest
from rich.console import Console

from helpers import cli
from helpers.base.contract import columns
from helpers.base.params import make
from helpers.base.paths import NOTEBOOKS, PARAMS
from helpers.base.store import read_json
from helpers.base.years import PRE_PANDEMIC
from helpers.run import pipeline
from helpers.run.graph import Task
from helpers.run.notebooks import step_key, steps

TWO = ["London", "North East"]
quiet = Console(quiet=True)


def _hashes(run):
    folders = {r: run.model_copy(update={"region": r}).region_folder for r in TWO}
    return {r: read_json(folder / "manifest.json")["artefacts"] for r, folder in folders.items()}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Two regions of the sample, run once; the parameters of the run."""
    run = make(region="London", out=str(tmp_path_factory.mktemp("out")))
    results = pipeline.run_all(run, TWO, jobs=2, console=quiet)
    assert [(r.region, r.failed_step, r.message) for r in results] == [(name, "", "") for name in TWO]
    return run


@pytest.fixture(params=TWO)
def region(request, done):
    """Folder and frames of one of the two regions."""
    run = done.model_copy(update={"region": request.param})
    frames = {
        name: pd.read_parquet(run.region_folder / f"{name}.parquet")
        for name in ("schools", "baseline", "peers", "expectations")
    }
    return run, frames


def test_the_contract_artefacts_have_all_columns(region):
    _, frames = region
    for name, frame in frames.items():
        assert set(columns(name)) <= set(frame.columns), name
        assert str(frame["urn"].dtype) == "int64"


def test_every_school_of_the_region_is_there_once_with_a_status(region):
    run, frames = region
    schools = frames["schools"]
    assert set(schools["region_name"]) == {run.region}
    assert schools["urn"].is_unique and schools["status"].notna().all()
    assert set(frames["expectations"]["urn"]) == set(schools.loc[schools["status"] == "assessed", "urn"])


def test_the_parts_of_every_ask_add_up(region):
    _, frames = region
    asks = frames["expectations"].merge(frames["baseline"], on="urn", validate="1:1")
    parts = asks[["return_to_normal_pp", "national_part_pp", "context_part_pp", "limits_part_pp"]].sum(axis=1)
    np.testing.assert_allclose(parts, asks["ask_pp"], atol=1e-9)
    np.testing.assert_allclose(asks["absence_pct"] - asks["target_absence_pct"], asks["ask_pp"], atol=1e-9)
    np.testing.assert_allclose(100 - asks["target_absence_pct"], asks["minimum_attendance_pct"], atol=1e-9)
    np.testing.assert_allclose(
        asks["absence_pct"] - asks["baseline_pct"], asks["return_to_normal_pp"], atol=1e-9
    )


def test_no_ask_is_outside_its_limits_as_computed_or_as_shown(region):
    run, frames = region
    asks = frames["expectations"].merge(frames["baseline"], on="urn", validate="1:1")
    shown_ask = asks["absence_pct"] - (100 - asks["minimum_attendance_shown_pct"])
    for ask in (asks["ask_pp"], shown_ask):
        assert ask.between(run.min_ask_pp - 1e-9, run.max_ask_pp + 1e-9).all()


def test_the_asks_of_england_average_to_the_national_path(done):
    asks = pd.read_parquet(done.national_folder / "expectations" / "expectations.parquet")
    schools = pd.read_parquet(done.national_folder / "ingest" / "register.parquet")
    both = asks.merge(schools[["urn", "phase", "roll"]], on="urn", validate="1:1")
    for _, phase in both.groupby("phase"):
        assert np.average(phase["ask_pp"], weights=phase["roll"]) == pytest.approx(
            done.national_path_pp, abs=0.001
        )


def test_a_school_is_never_its_own_peer_and_selective_schools_stay_among_themselves(region):
    run, frames = region
    peers = frames["peers"]
    assert (peers["urn"] != peers["peer_urn"]).all()
    register = pd.read_parquet(run.national_folder / "ingest" / "register.parquet").set_index("urn")
    assert (
        peers["urn"].map(register["block"]).str.contains("selective")
        == peers["peer_urn"].map(register["block"]).str.contains("selective")
    ).all()
    assert (peers["same_region"] == (peers["peer_urn"].map(register["region_name"]) == run.region)).all()


def test_a_regional_slice_equals_the_national_fit(region):
    run, frames = region
    national = pd.read_parquet(run.national_folder / "model" / "baseline.parquet").set_index("urn")
    ours = frames["baseline"].set_index("urn")
    pd.testing.assert_frame_equal(ours, national.loc[ours.index, ours.columns], check_dtype=False)


def test_every_school_has_a_page_and_it_says_the_published_figure(region):
    run, frames = region
    pack = run.region_folder / "pack"
    assert {int(p.stem) for p in (pack / "schools").glob("*.html")} == set(frames["schools"]["urn"])
    assert (pack / "index.html").exists() and (pack / f"confidential-{run.slug}.xlsx").exists()


def test_executed_notebooks_are_kept_with_their_charts_as_pages(region):
    run, _ = region
    for step in steps():
        assert (run.region_folder / f"{step}.ipynb").exists()
        page = (run.region_folder / f"{step}.html").read_text(encoding="utf-8")
        if step != "05_report":
            assert page.count("Plotly.newPlot") >= 2, step


def test_the_quality_record_and_manifest_say_what_was_used(region):
    run, frames = region
    quality, manifest = (
        read_json(run.region_folder / "quality.json"),
        read_json(run.region_folder / "manifest.json"),
    )
    assert quality["verdict"] == "pass" and quality["region"] == run.region
    assert sum(quality["status_counts"].values()) == len(frames["schools"])
    assert {r["year"] for r in quality["reconciliation"]} >= {run.release, PRE_PANDEMIC}
    assert manifest["sample"] is True and manifest["parameters"]["region"] == run.region
    assert all(
        re.fullmatch(r"[0-9a-f]{64}", digest)
        for digest in [*manifest["inputs"].values(), *manifest["artefacts"].values()]
    )


def test_support_and_monitor_hand_over_marked_folders_that_the_manifest_names(region):
    run, frames = region
    manifest = read_json(run.region_folder / "manifest.json")
    for folder in ("support", "monitor"):
        assert "Confidential" in (run.region_folder / folder / "index.html").read_text(encoding="utf-8")
        assert folder in manifest["artefacts"]
    for name in ("referrals", "offers", "verdicts", "shocks"):
        assert f"{name}.parquet" in manifest["artefacts"]
    assert "agreed.csv" in manifest["records"]
    verdicts = pd.read_parquet(run.region_folder / "verdicts.parquet")
    assert set(verdicts["urn"]) == set(frames["expectations"]["urn"])


def test_nobody_is_listed_without_two_verdicts_and_every_place_is_for_somebody_listed(region):
    run, frames = region
    referrals, offers, verdicts = (
        pd.read_parquet(run.region_folder / f"{n}.parquet") for n in ("referrals", "offers", "verdicts")
    )
    years = verdicts[verdicts["z"].notna()].groupby("urn").size()
    assert (referrals["urn"].map(years) == 2).all() and set(offers["urn"]) <= set(referrals["urn"])
    assert set(referrals["urn"]) <= set(
        frames["schools"].loc[frames["schools"]["status"] == "assessed", "urn"]
    )


def test_what_was_agreed_stands_on_the_page_beside_the_minimum_and_changes_neither(done):
    run = done.model_copy(update={"region": "North East"})
    page = (run.region_folder / "pack" / "schools" / "900041.html").read_text(encoding="utf-8")
    assert "an ambition of 91.0% attendance" in page
    asks = pd.read_parquet(run.region_folder / "expectations.parquet").set_index("urn")
    assert f"{asks.at[900041, 'minimum_attendance_shown_pct']:.1f}%" in page


def test_a_new_record_makes_only_the_steps_from_the_report_on_stale(done, tmp_path):
    run = done.model_copy(update={"region": "London"})
    folder = shutil.copytree(run.records_folder, tmp_path / "records")
    with (folder / "agreed.csv").open("a", encoding="utf-8") as handle:
        handle.write("901790,challenge,,2024-03-01,another line,A Person\n")
    keys = [[step_key(r, s) for s in steps()] for r in (run, run.model_copy(update={"records": str(folder)}))]
    changed = [step for step, one, two in zip(steps(), *keys, strict=True) if one != two]
    assert changed == ["05_report", "06_support", "07_monitor"]


def test_a_second_run_with_nothing_changed_skips_everything(done):
    results = pipeline.run_all(done, TWO, jobs=1, console=quiet)
    assert all(r.ran == [] and len(r.skipped) == len(steps()) for r in results)


def test_a_damaged_artefact_is_made_again_and_nothing_before_it(done):
    run = done.model_copy(update={"region": "London"})
    before = _hashes(done)
    (run.region_folder / "peers.parquet").write_bytes(b"damaged")
    (result,) = pipeline.run_all(run, ["London"], jobs=1, console=quiet)
    assert result.ok and result.ran == ["03_peers"]
    assert _hashes(done) == before


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_hashes(done, tmp_path):
    command = [
        sys.executable,
        "-m",
        "helpers.cli",
        "run",
        "--out",
        str(tmp_path),
        "--jobs",
        "1",
        "--region",
        TWO[0],
        "--region",
        TWO[1],
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    stamp = tmp_path / done.release / "london" / ".stamps" / "03_peers.json"
    deadline = time.monotonic() + 600
    while not stamp.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert stamp.exists(), "the run ended before it could be killed"
    late = tmp_path / done.release / "north-east" / "pack"
    assert not late.exists(), "killed too late to prove anything"
    again = done.model_copy(update={"out": str(tmp_path)})
    results = pipeline.run_all(again, TWO, jobs=2, console=quiet)
    assert all(r.ok for r in results) and "01_ingest" in results[0].skipped
    assert _hashes(again) == _hashes(done)
    assert not [p for p in tmp_path.rglob("*") if p.name.endswith((".tmp", ".old"))]


def test_one_region_that_fails_is_named_and_the_others_go_on(done, tmp_path, monkeypatch):
    real = pipeline.execute

    def fail_in_london(run, step, *server):
        if (run.region, step) == ("London", "03_peers"):
            raise OSError("no space left on device")
        real(run, step, *server)

    monkeypatch.setattr(pipeline, "execute", fail_in_london)
    other = done.model_copy(update={"seed": 7})
    until = ["01_ingest", "02_model", "03_peers", "04_expectations"]
    results = {r.region: r for r in pipeline.run_all(other, TWO, jobs=1, console=quiet, wanted=until)}
    assert results["London"].failed_step == "03_peers" and "no space left" in results["London"].message
    assert results["London"].skipped == ["01_ingest"] and results["London"].ran == ["02_model"]
    assert results["North East"].ok


def test_a_notebook_that_fails_is_kept_and_its_cell_and_error_are_named(tmp_path, monkeypatch):
    """A made-up notebook, in a forked kernel and in a plain one."""
    cells = [nbformat.v4.new_code_cell(cell) for cell in ("here = 1", "here / 0")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "bad.ipynb")
    monkeypatch.setattr(pipeline, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(pipeline, "steps", lambda: {"bad": SimpleNamespace(values=lambda run: {})})
    monkeypatch.setattr(pipeline, "step_key", lambda run, name: "key")
    run = make(region="London", out=str(tmp_path / "out"))
    with pipeline.warm.server() as server:
        for address in (server, ""):
            outcome = pickle.loads(pickle.dumps(pipeline.do(run, Task("London", "bad"), address)))
            assert str(outcome.error) == "cell 2: ZeroDivisionError: division by zero" and not outcome.made
            failed = run.region_folder / "bad.failed.ipynb"
            assert "division by zero" in failed.read_text(encoding="utf-8")
            failed.unlink()


def test_plain_papermill_works_without_the_runner(tmp_path):
    """01 then 02 with a parameter file, as an analyst would, in an empty output folder."""
    parameters = {"out": str(tmp_path), **{"region": "London", "release": "2022-23", "data": "data/sample"}}
    assert (PARAMS / "london.yml").read_text().count("region: London") == 1
    for step in ("01_ingest", "02_model"):
        papermill.execute_notebook(
            str(NOTEBOOKS / f"{step}.ipynb"),
            str(tmp_path / f"{step}.ipynb"),
            parameters=parameters,
            kernel_name="python3",
            progress_bar=False,
        )
    assert (tmp_path / "2022-23" / "london" / "baseline.parquet").exists()


def test_a_notebook_run_out_of_order_says_which_to_run_first(tmp_path):
    with pytest.raises(papermill.exceptions.PapermillExecutionError, match="Run notebooks/01_ingest.ipynb"):
        papermill.execute_notebook(
            str(NOTEBOOKS / "02_model.ipynb"),
            str(tmp_path / "x.ipynb"),
            parameters={"out": str(tmp_path)},
            kernel_name="python3",
            progress_bar=False,
        )


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--region", "Wales"],
        ["run", "--set", "slop=0.3"],
        ["run", "--all", "--region", "London"],
        ["run", "--jobs", "0"],
        ["school", "12"],
    ],
)
def test_bad_usage_exits_with_2_before_anything_starts(words, capsys):
    assert cli.main(words) == cli.BAD_USAGE


def test_a_folder_without_data_exits_with_1_and_says_what_to_do(tmp_path, capsys):
    assert (
        cli.main(["run", "--region", "London", "--data", str(tmp_path / "none"), "--out", str(tmp_path)])
        == cli.FAILED
    )
    assert "folder" in capsys.readouterr().out
