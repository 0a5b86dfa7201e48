"""A folder of files: the year of each, copies, what is asked for, what is listed."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.base.faults import DataRefused
from helpers.base.years import academic_year, year_ending, years_in_path
from helpers.ingest.readers import read_folder
from tests.support.published_files import (
    ABS_HEADER,
    ABS_NATIONAL,
    ABS_SCHOOLS,
    CENSUS_HEADER,
    CENSUS_ROWS,
    POINTS_HEADER,
    RATES_HEADER,
    RATES_ROWS,
    codes,
    write,
)

ABS_ROWS = ABS_SCHOOLS + ABS_NATIONAL


@given(st.integers(min_value=2000, max_value=2098))
def test_a_year_is_the_same_in_every_publisher_s_writing(start):
    ours = f"{start}-{(start + 1) % 100:02d}"
    forms = [
        f"{start}-{start + 1}",
        f"{start}/{(start + 1) % 100:02d}",
        f"{start}{(start + 1) % 100:02d}",
        ours,
    ]
    assert {academic_year(form) for form in forms} == {ours} == {year_ending(start + 1)}


@given(st.integers(min_value=2000, max_value=2098), st.integers(min_value=0, max_value=99))
def test_two_years_that_do_not_follow_are_no_academic_year(start, end):
    assert (academic_year(f"{start}-{end:02d}") is None) == (end != (start + 1) % 100)


@pytest.mark.parametrize(
    ("path", "years"),
    [
        ("2022-2023/england_abs.csv", ["2022-23"]),
        ("2022-2023_england_abs.csv", ["2022-23"]),
        ("2018-2019/2022-2023_england_abs.csv", ["2022-23", "2018-19"]),
        ("links_edubasealldata20250422.csv", []),
        ("absence 2021-22 to 2022-23.csv", ["2021-22", "2022-23"]),
        ("england_abs.csv", []),
    ],
)
def test_years_named_by_a_path(path, years):
    assert years_in_path(path) == years


@pytest.mark.parametrize(
    "place", ["2022-2023/england_abs.csv", "raw/2022-2023_england_abs.csv", "2018-2019/202223.csv"]
)
def test_the_year_comes_from_the_innermost_part_of_the_path(tmp_path, place):
    write(tmp_path / place, ABS_HEADER, ABS_ROWS)
    readings = read_folder(tmp_path)
    assert readings.faults == [] and set(readings.absence["year"]) == {"2022-23"}


def test_the_folder_itself_may_be_named_after_the_year(tmp_path):
    write(tmp_path / "2018-2019" / "a.csv", ABS_HEADER, ABS_ROWS)
    assert set(read_folder(tmp_path / "2018-2019").absence["year"]) == {"2018-19"}


def test_a_year_that_no_path_names_is_told_by_the_national_rows(tmp_path):
    write(tmp_path / "england_abs.csv", ABS_HEADER, ABS_ROWS)
    write(tmp_path / "rates.csv", RATES_HEADER, RATES_ROWS)
    readings = read_folder(tmp_path)
    assert codes(readings) == [] and codes(readings, "flag") == ["year_inferred"]
    assert set(readings.absence["year"]) == set(readings.absence_national["year"]) == {"2022-23"}


def test_national_rows_that_fit_no_published_year_are_a_hard_fault(tmp_path):
    rows = [["NAT", "PRI", "", "5.8", "16.2"], *ABS_NATIONAL[1:]]
    write(tmp_path / "england_abs.csv", ABS_HEADER, ABS_SCHOOLS + rows)
    write(tmp_path / "rates.csv", RATES_HEADER, RATES_ROWS)
    readings = read_folder(tmp_path)
    assert codes(readings) == ["year_unknown"] and readings.absence.empty


@pytest.mark.parametrize(("header", "rows"), [(ABS_HEADER, ABS_ROWS), (CENSUS_HEADER, CENSUS_ROWS)])
def test_a_year_that_nothing_tells_is_a_hard_fault(tmp_path, header, rows):
    write(tmp_path / "a.csv", header, rows)
    readings = read_folder(tmp_path)
    assert codes(readings) == ["year_unknown"] and readings.absence.empty and readings.census.empty


def test_a_file_name_with_two_years_leaves_it_to_the_folder(tmp_path):
    write(tmp_path / "2022-2023" / "2021-22 to 2022-23.csv", ABS_HEADER, ABS_ROWS)
    assert set(read_folder(tmp_path).absence["year"]) == {"2022-23"}


def test_a_copy_of_a_file_is_read_once(tmp_path):
    write(tmp_path / "2022-2023" / "a.csv", ABS_HEADER, ABS_ROWS)
    shutil.copy(tmp_path / "2022-2023" / "a.csv", tmp_path / "2022-2023" / "a (1).csv")
    readings = read_folder(tmp_path)
    assert readings.faults == [] and len(readings.absence) == 2
    assert readings.files["taken_for"].tolist() == ["absence_performance_tables", "not used"]
    assert readings.files.loc[1, "notes"] == "the same content as 2022-2023/a (1).csv"


def test_two_different_files_of_one_year_are_a_hard_fault(tmp_path):
    write(tmp_path / "2022-2023" / "a.csv", ABS_HEADER, ABS_ROWS)
    write(
        tmp_path / "2022-2023" / "b.csv", ABS_HEADER, [["201", "3614", "100000", "5.3", "9.8"], *ABS_NATIONAL]
    )
    (fault,) = read_folder(tmp_path).hard
    assert (fault.code, fault.file) == (
        "files_overlap",
        "2022-2023/b.csv",
    ) and "2022-2023/a.csv" in fault.message


def test_every_file_is_listed_and_hidden_ones_are_not(tmp_path):
    write(tmp_path / "points.csv", POINTS_HEADER, [["100000", "A", "1", "2"]])
    (tmp_path / "README.md").write_text("# Data\n\nAbout it, and more.\n")
    (tmp_path / ".fetch-x").mkdir()
    write(tmp_path / ".fetch-x" / "half.csv", POINTS_HEADER, [["100000", "A", "1", "2"]])
    files = read_folder(tmp_path).files
    assert files[["path", "taken_for"]].values.tolist() == [
        ["README.md", "not used"],
        ["points.csv", "points"],
    ]
    assert files["rows"].tolist() == [pd.NA, 1] and files["sha256"].str.len().tolist() == [64, 64]


def test_only_what_is_asked_for_is_read(tmp_path):
    write(tmp_path / "points.csv", POINTS_HEADER, [["100000", "A", "1", "2"]])
    write(tmp_path / "2022-2023" / "a.csv", ABS_HEADER, ABS_ROWS)
    readings = read_folder(tmp_path, only={"absence"})
    assert readings.points.empty and len(readings.absence) == 2
    assert "not asked for" in readings.files.set_index("path").loc["points.csv", "notes"]


def test_a_frame_or_folder_that_does_not_exist_is_said(tmp_path):
    with pytest.raises(ValueError, match="no such frame: absences"):
        read_folder(tmp_path, only={"absences"})
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        read_folder(tmp_path / "nowhere")


def test_hard_faults_can_be_raised_together(tmp_path):
    write(tmp_path / "a.csv", ABS_HEADER, ABS_SCHOOLS)
    with pytest.raises(DataRefused) as refused:
        read_folder(tmp_path).raise_if_hard()
    assert {fault.code for fault in refused.value.faults} == {"truncated", "year_unknown"}
