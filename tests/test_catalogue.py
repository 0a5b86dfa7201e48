"""The catalogue of data editions and of where the newest are to be had."""

from __future__ import annotations

import csv
import hashlib

import pandas as pd
import pytest

from helpers.base.faults import DataRefused
from helpers.ingest.catalogue import COLUMNS, OF_SOURCES, match, read_catalogue, verify
from helpers.ingest.readers import read_folder
from tests.support.published_files import (
    LINKS_HEADER,
    POINTS_HEADER,
    csv_text,
    write,
)

POINTS = csv_text(
    POINTS_HEADER, [["100000", "Elm", "533498", "181201"], ["100001", "Oak", "532301", "181746"]]
).encode()


def edition(file="gias/points.csv", content=POINTS, dataset="points", **given):
    """One row of a catalogue."""
    row = dict.fromkeys((*COLUMNS, *OF_SOURCES), "") | {
        "dataset": dataset,
        "file": file,
        "what": "school locations",
        "period": "2026",
        "status": "published",
        "rows": 2,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "landing_page": "https://example.org/publication",
    }
    return row | given


def listing(*rows):
    return pd.DataFrame(list(rows), columns=[*COLUMNS, *OF_SOURCES])


# What the catalogue says


def test_the_committed_catalogue_is_sound():
    catalogue = read_catalogue()
    editions = catalogue[catalogue["name"].eq("")]
    assert len(editions) == 22 and set(catalogue["licence"]) == {"OGL-UK-3.0"}
    assert editions["sha256"].str.len().eq(64).all() and editions["bytes"].gt(0).all()
    assert (
        catalogue["landing_page"].str.fullmatch(r"https://\S+|").all()
        and catalogue["url"].str.fullmatch(r"https://\S+|").all()
    )


def test_what_is_fetched_stands_beside_the_editions_and_is_never_taken_for_one():
    catalogue = read_catalogue()
    sources = catalogue[catalogue["name"].ne("")]
    assert {"absence", "census", "census-2018-19", "census-detail", "area-rates"} <= set(sources["name"])
    assert (
        sources["sha256"].eq("").all()
        and sources.loc[sources["url"].ne(""), "note"].str.contains("not tried").all()
    )
    assert match("performance-tables/2018-2019/england_census.csv", catalogue)["sha256"] != ""


def test_a_catalogue_from_before_there_were_sources_can_be_read(tmp_path):
    listing(edition())[list(COLUMNS)].to_csv(tmp_path / "catalogue.csv", index=False)
    assert read_catalogue(tmp_path / "catalogue.csv")[list(OF_SOURCES)].eq("").all(axis=None)


def test_the_committed_catalogue_agrees_with_the_collector_s(open_data):
    with (open_data / "catalogue.csv").open(encoding="utf-8") as stream:
        theirs = {row["file"]: row for row in csv.DictReader(stream)}
    ours = read_catalogue().query("name == ''").set_index("file")
    assert set(ours.index) == set(theirs)
    for file, row in theirs.items():
        assert (ours.loc[file, "sha256"], ours.loc[file, "bytes"]) == (row["sha256"], int(row["bytes"]))
        assert not row["rows"] or ours.loc[file, "rows"] == int(row["rows"])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("dataset", "attainment"),
        ("status", "rumour"),
        ("sha256", "abc"),
        ("rows", "many"),
        ("file", "../points.csv"),
        ("file", "/points.csv"),
        ("file", "gias/points.csv"),
        ("name", "All absence"),
        ("wanted", "perhaps"),
        ("years", "2014"),
        ("member", "(csv"),
    ],
)
def test_a_wrong_cell_of_the_catalogue_is_named(tmp_path, column, value):
    path = tmp_path / "catalogue.csv"
    listing(edition(), edition("gias/b.csv") | {column: value}).to_csv(path, index=False)
    with pytest.raises(DataRefused) as refused:
        read_catalogue(path)
    (fault,) = refused.value.faults
    assert (fault.row, fault.column, fault.value) == (3, column, value)


def test_a_catalogue_without_a_column_is_refused(tmp_path):
    path = tmp_path / "catalogue.csv"
    listing(edition()).drop(columns="licence").to_csv(path, index=False)
    with pytest.raises(DataRefused, match="licence"):
        read_catalogue(path)


# Which edition a file is


def test_a_file_is_matched_by_checksum_whatever_its_name(tmp_path):
    path = write(
        tmp_path / "download (3).csv",
        POINTS_HEADER,
        [["100000", "Elm", "533498", "181201"], ["100001", "Oak", "532301", "181746"]],
    )
    assert match(path, listing(edition()))["file"] == "gias/points.csv"


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("raw/2022-2023/england_abs.csv", "performance-tables/2022-2023/england_abs.csv"),
        ("2018-2019/england_abs.csv", "performance-tables/2018-2019/england_abs.csv"),
        ("england_abs.csv", None),
        ("2023-2024/england_abs.csv", None),
        ("other.csv", None),
    ],
)
def test_a_file_is_matched_by_the_end_of_its_path_but_never_across_years(file, found):
    catalogue = listing(
        *(edition(f"performance-tables/{year}/england_abs.csv") for year in ("2018-2019", "2022-2023"))
    )
    row = match(file, catalogue)
    assert (row and row["file"]) == found


def test_a_newer_year_is_not_taken_for_the_only_one_listed():
    assert (
        match("2023-2024/england_abs.csv", listing(edition("performance-tables/2022-2023/england_abs.csv")))
        is None
    )


def test_fewer_rows_than_listed_are_a_hard_fault(tmp_path):
    write(tmp_path / "gias" / "points.csv", POINTS_HEADER, [["100000", "Elm", "533498", "181201"]])
    for files in (None, read_folder(tmp_path).files):
        (fault,) = verify(tmp_path, listing(edition()), files)
        assert (fault.severity, fault.code, fault.file) == (
            "hard",
            "truncated_against_catalogue",
            "gias/points.csv",
        )


@pytest.mark.parametrize("rows", [2, 3])
def test_other_content_of_no_fewer_rows_is_a_flag(tmp_path, rows):
    write(
        tmp_path / "gias" / "points.csv",
        POINTS_HEADER,
        [[f"10000{n}", "Ash", "533498", "181201"] for n in range(rows)],
    )
    (fault,) = verify(tmp_path, listing(edition()))
    assert (fault.severity, fault.code) == ("flag", "edition_differs")


def test_the_listed_edition_and_unlisted_files_say_nothing(tmp_path):
    (tmp_path / "gias").mkdir()
    (tmp_path / "gias" / "points.csv").write_bytes(POINTS)
    write(tmp_path / "more.csv", LINKS_HEADER, [["100006", "134643", "Elm", "Successor", "01-01-2022"]])
    assert verify(tmp_path, listing(edition())) == []


def test_the_invented_country_is_not_compared_with_real_editions(tmp_path, monkeypatch):
    sample, copy = tmp_path / "sample", tmp_path / "copy"
    for folder in (sample, copy):
        write(folder / "gias" / "points.csv", POINTS_HEADER, [["100000", "Elm", "533498", "181201"]])
    assert verify(copy, listing(edition())) != []
    monkeypatch.setattr("helpers.ingest.catalogue.SAMPLE", sample)
    assert verify(sample, listing(edition())) == verify(copy, listing(edition())) == []
