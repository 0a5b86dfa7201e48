"""Two runs in one folder, and data that change while a run goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from rich.console import Console

from helpers import cli
from helpers.base.faults import DataRefused
from helpers.base.params import make
from helpers.run import hold, pipeline


def test_a_second_run_into_the_same_folder_is_told_who_holds_it_and_harms_nothing(tmp_path, capsys):
    run = make(out=str(tmp_path))
    half = run.release_folder / ".half.tmp"
    with hold.only_one(run.release_folder):
        half.touch()
        with pytest.raises(hold.Busy, match=f"process {os.getpid()}, since"):
            pipeline.run_all(run, ["London"], console=Console(quiet=True))
        assert cli.main(["run", "--region", "London", "--out", str(tmp_path)]) == cli.FAILED
        assert half.exists(), "what another run is writing was swept away"
    assert "another run is writing" in capsys.readouterr().out
    with hold.only_one(run.release_folder):
        pass


def test_a_hold_ends_with_its_process_however_that_ends(tmp_path):
    script = (
        "import os, signal, sys; from pathlib import Path; from helpers.run import hold\n"
        "with hold.only_one(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert (tmp_path / hold.HELD).exists()
    with hold.only_one(tmp_path):
        pass


def test_data_that_change_during_a_run_stop_it_with_one_message_that_names_them(tmp_path, sample_data):
    data = tmp_path / "data"
    (data / "a").mkdir(parents=True)
    for name in ("one.csv", "two.csv"):
        (data / "a" / name).write_text("x", encoding="utf-8")
    before = hold.look_of(data)
    hold.still_the_same(data, before)
    (data / "a" / "two.csv").write_text("longer", encoding="utf-8")
    (data / "three.csv").touch()
    shutil.rmtree(data / "b", ignore_errors=True)
    with pytest.raises(DataRefused, match=r"2 files \(a/two.csv, three.csv\)"):
        hold.still_the_same(data, before)


def test_the_run_asks_before_each_task(tmp_path, monkeypatch):
    run = make(out=str(tmp_path), data=str(tmp_path / "data"))
    run.data_folder.mkdir()
    looks = iter([{}, {"new.csv": (1, 1)}])
    monkeypatch.setattr(hold, "look_of", lambda folder: next(looks))
    with pytest.raises(
        DataRefused, match="the data folder changed since this run began: 1 file \\(new.csv\\)"
    ):
        pipeline.run_all(run, ["London"], jobs=1, console=Console(quiet=True), warm_kernels=False)
