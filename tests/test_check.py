"""Claims about `abie check`: it says what each file is, and exits 1 on a hard fault, naming the place."""

from __future__ import annotations

import shutil

from helpers import cli
from helpers.ingest.check import newest_release
from helpers.ingest.readers import read_folder


def _copy(sample_data, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(sample_data, folder)
    return folder


def test_the_sample_passes_and_every_file_is_named(sample_data, capsys):
    assert cli.main(["check", str(sample_data)]) == cli.OK
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        "england_abs.csv",
        "0 hard faults",
        "ready to run for 2022-23",
        "Symbols read as missing",
        "How the files join",
    ):
        assert words in said


def test_a_duplicated_row_exits_1_and_names_file_and_urn(sample_data, tmp_path, capsys):
    folder = _copy(sample_data, tmp_path)
    path = folder / "performance-tables" / "2022-2023" / "england_abs.csv"
    lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    path.write_text("".join([*lines[:6], lines[5], *lines[6:]]), encoding="utf-8-sig")
    assert cli.main(["check", str(folder)]) == cli.FAILED
    said = " ".join(capsys.readouterr().out.split())
    assert lines[5].split(",")[2] in said and "england_abs.csv" in said and "would stop" in said


def test_a_folder_without_a_census_says_that_it_is_missing(sample_data, tmp_path, capsys):
    folder = tmp_path / "data"
    (folder / "2022-2023").mkdir(parents=True)
    shutil.copy(sample_data / "performance-tables" / "2022-2023" / "england_abs.csv", folder / "2022-2023")
    assert cli.main(["check", str(folder)]) == cli.FAILED
    assert "no year has both absence and a census by school" in " ".join(capsys.readouterr().out.split())


def test_an_empty_folder_fails(tmp_path, capsys):
    assert cli.main(["check", str(tmp_path)]) == cli.FAILED


def test_the_newest_full_year_is_the_release(sample_data):
    assert newest_release(read_folder(sample_data)) == "2022-23"


def test_real_data_passes(open_data, capsys):
    assert cli.main(["check", str(open_data)]) == cli.OK
    assert "0 hard faults" in " ".join(capsys.readouterr().out.split())
