"""The readers on the real open data, whenever it is there. Expected counts were taken from the files by other
means.
"""

from __future__ import annotations

import csv
import gzip

import pandas as pd
import pytest

from helpers.ingest.catalogue import REFERENCE, read_catalogue, verify
from helpers.ingest.readers import Readings, read_folder

YEARS = (("2018-19", "2018-2019"), ("2022-23", "2022-2023"))


@pytest.fixture(scope="module")
def real(open_data) -> Readings:
    return read_folder(open_data)


def test_real_data_have_no_faults(real):
    assert [str(fault) for fault in real.faults] == []


def test_every_listed_file_is_recognised_with_the_catalogue_s_rows(real):
    catalogue = read_catalogue().query(
        "name == ''"
    )  # editions; a row with a name is an address to fetch from
    found = catalogue.merge(
        real.files, left_on="file", right_on="path", how="left", suffixes=("", "_found"), validate="1:1"
    )
    used = found[found["dataset"] != REFERENCE]
    assert used["taken_for"].tolist() == used["dataset"].tolist()
    assert used["rows_found"].tolist() == used["rows"].tolist()
    assert found["sha256_found"].tolist() == found["sha256"].tolist()
    assert found.loc[found["dataset"] == REFERENCE, "taken_for"].eq("not used").all()


def test_real_data_agree_with_the_catalogue(real, open_data):
    assert verify(open_data, read_catalogue(), real.files) == []


def test_symbols_of_suppression_are_counted(real):
    symbols = real.files.set_index("path")["symbols"]
    assert symbols["performance-tables/2018-2019/england_abs.csv"] == {"PPERSABS10": {"SUPP": 864}}
    assert symbols["performance-tables/2022-2023/england_abs.csv"] == {}
    assert symbols["published-rates/la_region_england_absence_2016_2025.csv"] == {"Values": {"-": 4563}}
    suppressed = real.absence.query("publication == 'performance_tables' and year == '2018-19'")[
        "persistent_pct"
    ]
    assert suppressed.isna().sum() == 864


def test_every_published_school_rate_is_read_unchanged(real, open_data):
    for year, folder in YEARS:
        with (open_data / "performance-tables" / folder / "england_abs.csv").open(
            encoding="utf-8-sig", newline=""
        ) as stream:
            published = {
                int(row["URN"]): float(row["PERCTOT"]) for row in csv.DictReader(stream) if row["URN"]
            }
        absence = real.absence[
            real.absence["publication"].eq("performance_tables") & real.absence["year"].eq(year)
        ]
        ours = absence.set_index("urn")["absence_pct"]
        assert ours.to_dict() == published


def test_rows_of_the_frames_and_what_was_left_out(real):
    assert real.absence.groupby(["publication", "year"]).size().to_dict() == {
        ("ees", "2016-17"): 3601,
        ("ees", "2017-18"): 3613,
        ("ees", "2018-19"): 3516,
        ("ees", "2021-22"): 2839,
        ("ees", "2022-23"): 2874,
        ("ees", "2023-24"): 1453,
        ("performance_tables", "2018-19"): 21214,
        ("performance_tables", "2022-23"): 21281,
    }
    assert real.census.groupby("year").size().to_dict() == {
        "2018-19": 23942 - 1935 - 3,
        "2022-23": 24436 - 2408 - 3,
    }
    assert len(real.census_detail) == 24442 - 2408
    assert real.absence.groupby("publication")["decimals"].unique().map(sorted).to_dict() == {
        "ees": [1, 5],
        "performance_tables": [1],
    }


def test_every_authority_of_the_census_has_a_boundary(real):
    assert set(real.census_detail["la_ons_code"]) == set(real.la_boundaries["la_ons_code"])


def test_ethnic_groups_make_the_whole_headcount(real):
    columns = [
        column
        for column in real.census_detail
        if column.endswith("_pct") and column not in ("fsm_pct", "eal_pct", "young_carer_pct")
    ]
    sums = real.census_detail[columns].sum(axis=1, skipna=False).dropna()
    assert len(sums) > 21_900 and sums.sub(100).abs().max() < 1e-9


def test_pupils_of_reception_to_year_11_are_those_published(real, open_data):
    stages = [
        "Number of reception pupils (year R)",
        "Number of key stage 1 pupils (years 1 and 2)",
        "Number of key stage 2 pupils (years 3 to 6)",
        "Number of key stage 3 pupils (years 7 to 9)",
        "Number of key stage 4 pupils (years 10 and 11)",
    ]
    path = open_data / "school-census" / "spc_school_level_underlying_data_202223.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as stream:
        covered = (
            row for row in csv.DictReader(stream) if row["phase_type_grouping"] != "Independent school"
        )
        total = sum(int(row[stage]) for row in covered for stage in stages if row[stage] != "z")
    assert real.census_detail["pupils_r_to_11"].sum() == total


def test_area_rates_hold_england_nine_regions_and_two_parts_of_london(real):
    areas = real.area_rates.groupby("geography")["area_name"].nunique()
    assert areas[["england", "region", "part"]].tolist() == [1, 9, 2]
    regions = set(real.area_rates.query("geography == 'region'")["region_name"])
    assert regions == set(real.census_detail["region_name"]) == set(real.area_rates["region_name"].dropna())
    assert real.area_rates["year"].max() == "2024-25"


def test_national_rows_of_the_performance_tables_round_the_published_rates(real):
    england = real.area_rates.query("geography == 'england'").pivot_table(
        index=["year", "phase"], columns="measure", values="rate_pct"
    )
    both = real.absence_national.join(england, on=["year", "phase"], how="left", validate="1:1")
    assert (both["absence_pct"] - both["absence"]).abs().max() <= 0.05 + 1e-9
    assert (both["persistent_pct"] - both["persistent"]).abs().max() <= 0.05 + 1e-9
    assert len(both) == 6


def test_weeks_belong_to_the_year_that_they_are_in(real):
    weekly = real.attendance.query("kind == 'weekly'")
    assert weekly.query("week <= 2")["year"].unique().tolist() == ["2022-23"]
    autumn = pd.to_datetime(weekly["published"]).dt.year.astype(str)
    assert (weekly["year"].str[:4] <= autumn).all()


def test_hubs_and_the_one_that_could_not_be_identified(real):
    assert len(real.hubs) == 36 and real.hubs["urn"].isna().sum() == 1


def test_truncating_any_real_table_is_noticed(real, open_data, tmp_path):
    """The last thousand bytes lost: by the national rows, the last row, or the catalogue's count of rows."""
    catalogue = read_catalogue()
    tables = catalogue[
        catalogue["dataset"].ne(REFERENCE)
        & catalogue["rows"].lt(12_000)
        & catalogue["file"].str.endswith(".csv")
    ]
    for file in [*tables["file"], *(f"performance-tables/{folder}/england_abs.csv" for _, folder in YEARS)]:
        folder = tmp_path / file.replace("/", "_")
        (folder / file).parent.mkdir(parents=True)
        (folder / file).write_bytes((open_data / file).read_bytes()[:-1000])
        faults = [*read_folder(folder).faults, *verify(folder, catalogue)]
        assert any(fault.severity == "hard" and "truncated" in fault.code for fault in faults), file
