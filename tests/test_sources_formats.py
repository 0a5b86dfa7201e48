"""Each published format in our columns: every quirk of the README, on small invented files."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
from shapely.geometry import Polygon, box

from helpers.ingest.readers import read_folder
from helpers.ingest.readers.gias import NAMES
from helpers.ingest.readers.readings import COLUMNS, FRAMES, GEOGRAPHIES, Readings
from helpers.ingest.readers.spc_census import ETHNIC_GROUPS, FORMATS
from tests.support.published_files import (
    ABS_HEADER,
    ABS_NATIONAL,
    ABS_SCHOOLS,
    CENSUS_HEADER,
    CENSUS_ROWS,
    EES_HEADER,
    LINKS_HEADER,
    POINTS_HEADER,
    RATES_HEADER,
    RATES_ROWS,
    codes,
    write,
)


def test_every_frame_has_its_columns_even_when_empty():
    for name, frame in Readings().frames().items():
        assert list(frame.columns) == list(COLUMNS.get(name, GEOGRAPHIES.get(name))), name
    assert set(Readings().frames()) == set(FRAMES)


# Performance tables


def test_national_rows_are_no_schools(tmp_path):
    write(tmp_path / "2022-2023" / "a.csv", ABS_HEADER, ABS_SCHOOLS + ABS_NATIONAL, "utf-8-sig")
    readings = read_folder(tmp_path)
    assert readings.absence["urn"].tolist() == [100000, 136807]
    national = readings.absence_national.set_index("phase")
    assert national["absence_pct"].to_dict() == {"primary": 5.9, "secondary": 9.0, "special": 13.0}
    assert set(national["year"]) == {"2022-23"}


def test_a_suppressed_rate_is_missing_and_counted_and_never_zero(tmp_path):
    write(tmp_path / "2022-2023" / "a.csv", ABS_HEADER, ABS_SCHOOLS + ABS_NATIONAL)
    readings = read_folder(tmp_path)
    assert readings.absence["persistent_pct"].isna().tolist() == [False, True]
    assert readings.files.loc[0, "symbols"] == {"PPERSABS10": {"SUPP": 1}}


def test_absence_carries_the_decimals_as_published(tmp_path):
    write(tmp_path / "2022-2023" / "a.csv", ABS_HEADER, ABS_SCHOOLS + ABS_NATIONAL)
    assert read_folder(tmp_path).absence["decimals"].tolist() == [1, 1]


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_table_without_a_national_row_was_cut_off(tmp_path, lost):
    national = [row for row in ABS_NATIONAL if row is not ABS_NATIONAL[lost]]
    write(tmp_path / "2022-2023" / "a.csv", ABS_HEADER, ABS_SCHOOLS + national)
    (fault,) = read_folder(tmp_path).hard
    assert fault.code == "truncated" and ABS_NATIONAL[lost][1] in fault.message


def test_an_absence_rate_above_100_is_refused(tmp_path):
    write(tmp_path / "2022-2023" / "a.csv", ABS_HEADER, [["201", "1", "100000", "520", "9.8"], *ABS_NATIONAL])
    (fault,) = read_folder(tmp_path).hard
    assert (fault.code, fault.row, fault.column, fault.value) == ("impossible_value", 2, "PERCTOT", "520")


def test_a_repeated_school_is_a_hard_fault_that_names_the_second_row(tmp_path):
    write(tmp_path / "2022-2023" / "a.csv", ABS_HEADER, [*ABS_SCHOOLS, ABS_SCHOOLS[0], *ABS_NATIONAL])
    (fault,) = [fault for fault in read_folder(tmp_path).hard if fault.code == "duplicate_row"]
    assert (fault.row, fault.value) == (4, "100000")


def test_the_census_drops_and_counts_independent_schools(tmp_path):
    write(tmp_path / "2022-2023" / "c.csv", CENSUS_HEADER, CENSUS_ROWS)
    readings = read_folder(tmp_path)
    assert readings.faults == []
    assert readings.census["urn"].tolist() == [100000, 100002]
    assert readings.census["phase"].tolist() == ["primary", "ap"]
    assert readings.files.loc[0, "notes"] == "1 independent schools left out"


def test_census_percentages_come_from_counts_else_as_published(tmp_path):
    write(tmp_path / "2022-2023" / "c.csv", CENSUS_HEADER, CENSUS_ROWS)
    census = read_folder(tmp_path).census
    assert census["ehcp_pct"].tolist() == [100 * 8 / 270, 10.0]
    assert census["fsm6_pct"].tolist() == [25.0, 60.0]  # the second has no published denominator
    assert np.isnan(census["fsm6_roll"].iloc[1])


def test_an_unknown_type_of_school_is_refused_with_the_known_ones(tmp_path):
    rows = [["100009", "201", "1", "Academy of magic", *CENSUS_ROWS[0][4:]], *CENSUS_ROWS]
    write(tmp_path / "2022-2023" / "c.csv", CENSUS_HEADER, rows)
    (fault,) = read_folder(tmp_path).hard
    assert (fault.code, fault.row, fault.value) == ("unknown_word", 2, "Academy of magic")
    assert "state-funded primary" in fault.what_to_do


# Explore Education Statistics


def test_ees_years_and_levels(tmp_path):
    rows = [
        ["202223", "School", "100025", "6.67743"],
        ["202324", "School", "100025", "c"],
        ["202223", "National", "", "7.4"],
    ]
    write(tmp_path / "a.csv", EES_HEADER, rows)
    readings = read_folder(tmp_path)
    assert readings.absence["year"].tolist() == ["2022-23", "2023-24"]
    assert readings.absence["decimals"].tolist() == [5, 5] and set(readings.absence["publication"]) == {"ees"}
    assert readings.absence["absence_pct"].isna().tolist() == [False, True]
    assert "1 rows of other geographic levels left out" in readings.files.loc[0, "notes"]


def test_single_terms_are_left_out(tmp_path):
    rows = [
        ["202223", "Academic year", "School", "100025", "6.7"],
        ["202223", "Autumn term", "School", "100025", "7.1"],
    ]
    write(tmp_path / "a.csv", [EES_HEADER[0], "time_identifier", *EES_HEADER[1:]], rows)
    assert read_folder(tmp_path).absence["absence_pct"].tolist() == [6.7]


def test_session_counts_are_kept_and_give_the_rate_where_none_is_published(tmp_path):
    header = [*EES_HEADER, "sess_possible", "sess_overall", "enrolments", "enrolments_pa_10_exact"]
    rows = [
        ["202223", "School", "100025", "6.7", "60000", "4000", "200", "30"],
        ["202223", "School", "100026", "z", "1000", "50", "c", "c"],
    ]
    write(tmp_path / "a.csv", header, rows)
    readings = read_folder(tmp_path)
    assert readings.faults == []
    assert readings.absence["absence_pct"].tolist() == [6.7, 5.0]
    assert readings.absence["missed_sessions"].tolist() == [4000, 50]
    assert readings.absence["persistent_pct"].iloc[0] == 15.0 and np.isnan(
        readings.absence["persistent_pct"].iloc[1]
    )


def test_a_rate_that_its_counts_contradict_is_a_hard_fault(tmp_path):
    header = [*EES_HEADER, "sess_possible", "sess_overall"]
    write(tmp_path / "a.csv", header, [["202223", "School", "100025", "7.7", "60000", "4000"]])
    (fault,) = read_folder(tmp_path).hard
    assert (fault.code, fault.row, fault.column) == ("rate_is_not_its_counts", 2, "sess_overall_percent")


@pytest.mark.parametrize("period", ["2022", "202224", "20222", "autumn"])
def test_a_period_that_is_no_academic_year_is_refused(tmp_path, period):
    write(tmp_path / "a.csv", EES_HEADER, [[period, "School", "100025", "7.7"]])
    assert codes(read_folder(tmp_path)) == ["bad_year"]


# The school-level census


def spc_row(**given):
    """One row of the SPC layout: an invented primary school of 200 pupils; counts not given are zero."""
    row = {column: "0" for column in FORMATS[0].columns}
    row |= {
        "time_period": "202223",
        "urn": "100000",
        "old_la_code": "201",
        "la_name": "Ambleshire",
        "new_la_code": "E09000001",
        "region_name": "Yorkshire and the Humber",
        "school_name": "Elm",
        "phase_type_grouping": "State-funded primary",
        "typeofestablishment_name": "Community school",
        "headcount of pupils": "200",
        "headcount total girls": "100",
        "headcount total boys": "99",
        "urban_rural": "(England/Wales) Rural village",
        "school_postcode": "NULL",
        "trust": "",
        "denomination": "Islam",
        "admissions_policy": "Unknown",
        "opendate": "01/09/2012",
        "all_through_school": "Yes",
        "middle_school": "",
        "academy_flag": "LA Maintained",
        "sex_of_school_description": "Mixed",
    }
    return row | given


def write_spc(folder, *rows):
    write(folder / "spc.csv", list(rows[0]), [list(row.values()) for row in rows])
    return read_folder(folder)


def test_spc_texts_are_harmonised(tmp_path):
    readings = write_spc(tmp_path, spc_row())
    assert readings.faults == []
    school = readings.census_detail.iloc[0]
    assert school["region_name"] == "Yorkshire and The Humber"
    assert school["urban_rural"] == "Rural village" and school["denomination"] == "Muslim"
    assert (
        pd.isna(school["postcode"]) and pd.isna(school["trust_name"]) and pd.isna(school["admissions_policy"])
    )
    assert school["all_through"] and school["open_date"] == pd.Timestamp(2012, 9, 1)


def test_spc_percentages_are_counts_over_headcount(tmp_path):
    origin = "number of pupils classified as {} ethnic origin"
    counts = {
        "number of pupils known to be eligible for free school meals": "30",
        origin.format("Irish"): "3",
    }
    counts |= {
        origin.format("any other white background"): "10",
        origin.format("Gypsy/Roma"): "z",
        "number of pupils unclassified": "1",
    }
    school = write_spc(tmp_path, spc_row(**counts)).census_detail.iloc[0]
    assert (
        school["fsm_pct"] == 15
        and school["white_other_pct"] == 6.5
        and school["ethnicity_unclassified_pct"] == 0.5
    )
    assert pd.isna(school["gypsy_roma_traveller_pct"])


def test_every_published_ethnic_group_is_in_one_of_ours():
    origins = [origin for group in ETHNIC_GROUPS.values() for origin in group]
    assert len(origins) == len(set(origins)) == 18


def test_spc_year_groups_are_summed_over_sex_and_hours(tmp_path):
    parts = {f"{time} time {sex} Year group 3": "5" for time in ("Part", "Full") for sex in ("girls", "boys")}
    parts |= {
        "Number of key stage 2 pupils (years 3 to 6)": "21",
        "Full time girls Nursery 1": "4",
        "Full time boys Early 2": "2",
    }
    readings = write_spc(tmp_path, spc_row(**parts))
    assert readings.faults == []  # one pupil is neither girl nor boy
    school = readings.census_detail.iloc[0]
    assert (school["pupils_year_3"], school["pupils_nursery"], school["pupils_r_to_11"]) == (20, 6, 21)


@pytest.mark.parametrize("stage", ["19", "22"])
def test_year_groups_that_do_not_make_the_key_stage_are_a_hard_fault(tmp_path, stage):
    parts = {"Full time girls Year group 3": "20", "Number of key stage 2 pupils (years 3 to 6)": stage}
    assert codes(write_spc(tmp_path, spc_row(**parts))) == ["year_groups_do_not_add_up"]


def test_spc_independent_schools_are_left_out_whatever_their_cells_hold(tmp_path):
    readings = write_spc(tmp_path, spc_row(), spc_row(urn="100001", phase_type_grouping="Independent school"))
    assert readings.census_detail["urn"].tolist() == [100000]


def test_an_unknown_region_is_refused(tmp_path):
    readings = write_spc(tmp_path, spc_row(region_name="Wessex"))
    assert [(f.code, f.row, f.value) for f in readings.hard] == [("unknown_word", 2, "Wessex")]


# Area rates


def test_area_rates_in_our_words(tmp_path):
    write(tmp_path / "rates.csv", RATES_HEADER, RATES_ROWS)
    readings = read_folder(tmp_path)
    assert readings.faults == []
    rates = readings.area_rates.set_index(["area_name", "year", "phase", "measure"])
    assert rates.loc[("England", "2022-23", "secondary", "absence"), "rate_pct"] == 9.01
    barnet = rates.loc[("Barnet", "2022-23", "primary", "absence")]
    assert (barnet["geography"], barnet["area_code"], barnet["region_name"]) == ("la", "302", "London")
    assert rates.loc[("Rutland", "2022-23", "primary", "severe"), "rate_pct"] == pytest.approx(0.07)
    assert rates.loc[("Yorkshire and The Humber", "2022-23", "primary", "absence"), "geography"] == "region"


def test_london_is_one_region_and_its_parts_are_parts(tmp_path):
    write(tmp_path / "rates.csv", RATES_HEADER, RATES_ROWS)
    readings = read_folder(tmp_path)
    rates = readings.area_rates.set_index("area_name")
    assert rates.loc["London", "geography"] == "region" and rates.loc["London (Inner)", "geography"] == "part"
    assert rates.loc["London (Inner)", "region_name"] == "London"
    assert pd.isna(rates.loc["London (Inner)", "rate_pct"]) and readings.files.loc[0, "symbols"] == {
        "Values": {"-": 1}
    }


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        (0, "Lateness", "unknown_word"),
        (3, "Mercia", "unknown_area"),
        (6, "Mercia", "unknown_area"),
        (2, "23", "bad_year"),
    ],
)
def test_an_unknown_indicator_area_or_year_is_refused(tmp_path, column, value, code):
    row = list(RATES_ROWS[0])
    row[column] = value
    write(tmp_path / "rates.csv", RATES_HEADER, [row])
    assert codes(read_folder(tmp_path)) == [code]


# The register


@pytest.mark.parametrize("layout", [0, 1, 2])
def test_all_three_layouts_of_the_register_give_the_same(tmp_path, layout):
    values = {
        "school_name": "Elm",
        "la_code": "202.0",
        "school_type": "Academy converter",
        "phase": "All-through",
        "status": "Open",
        "low_age": "4.0",
        "high_age": "18",
        "sex_of_school": "Mixed",
        "admissions_policy": "Non-selective",
        "denomination": "Does not apply",
        "capacity": "",
        "trust_name": "The Trees Trust",
        "urban_rural": "(England/Wales) Urban city and town",
        "easting": "528159",
        "northing": "184498.0",
        "open_date": "01-09-2012",
        "close_date": "",
        "lsoa_code": "E01000902",
    }
    header = ["URN", *(NAMES[name][layout] for name in values)]
    write(tmp_path / "a.csv", header, [["100049.0", *values.values()]], "cp1252")
    readings = read_folder(tmp_path)
    assert readings.faults == []
    school = readings.establishments.iloc[0]
    assert (school["urn"], school["la_code"], school["phase"], school["high_age"]) == (
        100049,
        "202",
        "secondary",
        18,
    )
    assert (
        school["denomination"] == "No religious character" and school["urban_rural"] == "Urban city and town"
    )
    assert (
        pd.isna(school["capacity"])
        and school["open_date"] == pd.Timestamp(2012, 9, 1)
        and pd.isna(school["close_date"])
    )


def register_row(urn, **given):
    names = {ours: theirs[0] for ours, theirs in NAMES.items()}
    row = (
        {"URN": urn}
        | dict.fromkeys(names.values(), "")
        | {names[ours]: value for ours, value in given.items()}
    )
    return row


def test_test_rows_and_authority_000_of_the_register(tmp_path):
    real = register_row("100049", la_code="0", phase="Not applicable", school_type="Pupil referral unit")
    rows = [register_row("100"), register_row("1517623"), real]
    write(tmp_path / "a.csv", list(rows[0]), [list(row.values()) for row in rows])
    readings = read_folder(tmp_path)
    assert readings.faults == []
    assert readings.establishments["urn"].tolist() == [100049] and readings.establishments[
        "phase"
    ].tolist() == ["ap"]
    assert pd.isna(readings.establishments["la_code"].iloc[0])
    assert "2 test rows" in readings.files.loc[0, "notes"]


@pytest.mark.parametrize(("published", "ours"), [("7", "007"), ("20.0", "020"), ("202", "202")])
def test_an_authority_s_number_has_three_digits(tmp_path, published, ours):
    row = register_row("100049", la_code=published)
    write(tmp_path / "a.csv", list(row), [list(row.values())])
    assert read_folder(tmp_path).establishments["la_code"].tolist() == [ours]


def test_a_longer_register_counts_and_a_shorter_one_fills_its_gaps(tmp_path):
    long = [register_row("100049", school_name="Elm"), register_row("100050", school_name="Oak")]
    short = [register_row("100049", school_name="Elm (old)", trust_name="The Trees Trust")]
    for name, rows in (("a", short), ("b", long)):
        write(tmp_path / f"{name}.csv", list(rows[0]), [list(row.values()) for row in rows])
    school = read_folder(tmp_path).establishments.set_index("urn").loc[100049]
    assert (school["school_name"], school["trust_name"]) == ("Elm", "The Trees Trust")


def test_links_and_their_dates(tmp_path):
    rows = [
        ["100006", "134643", "B", "Predecessor - merged", "01-01-2022"],
        ["100012", "100021", "C", "Successor", ""],
    ]
    write(tmp_path / "a.csv", LINKS_HEADER, rows, "cp1252", "\r\n")
    links = read_folder(tmp_path).links
    assert links["link_date"].tolist() == [pd.Timestamp(2022, 1, 1), pd.NaT]
    assert links["link_type"].tolist() == ["Predecessor - merged", "Successor"]


def test_a_date_of_another_form_is_refused(tmp_path):
    write(tmp_path / "a.csv", LINKS_HEADER, [["100006", "134643", "B", "Successor", "2022-01-01"]])
    (fault,) = read_folder(tmp_path).hard
    assert (fault.code, fault.row, fault.value) == ("unreadable_date", 2, "2022-01-01")


def test_a_point_at_0_0_is_missing(tmp_path):
    write(tmp_path / "a.csv", POINTS_HEADER, [["100000", "A", "0", "0"], ["100001", "B", "533498", "181201"]])
    readings = read_folder(tmp_path)
    assert readings.points["easting"].isna().tolist() == [True, False]
    assert "1 points at 0, 0" in readings.files.loc[0, "notes"]


def test_a_point_outside_great_britain_is_refused(tmp_path):
    write(tmp_path / "a.csv", POINTS_HEADER, [["100000", "A", "5334980", "181201"]])
    assert codes(read_folder(tmp_path)) == ["impossible_value"]


# Deprivation


def test_deprivation_at_the_school_site(tmp_path):
    header = "URN,school_postcode,easting,northing,point_source,lsoa11_code,lsoa21_code,idaci_rank,idaci_decile,imd_rank,imd_decile".split(
        ","
    )
    rows = [
        [
            "100000",
            "EC3A 5DE",
            "533498.01",
            "181200.9",
            "gias_point",
            "E01000005",
            "E01000005",
            "9458.0",
            "3.0",
            "8678.0",
            "3.0",
        ]
    ]
    rows.append(["100001", "NULL", "", "", "none", "", "", "", "", "", ""])
    write(tmp_path / "a.csv", header, rows)
    readings = read_folder(tmp_path)
    assert readings.faults == []
    assert readings.deprivation["idaci_rank"].tolist()[0] == 9458 and readings.deprivation[
        "imd_rank"
    ].isna().tolist() == [False, True]


def test_the_workbook_of_ranks_is_read_from_its_second_sheet(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    sheet = book.create_sheet("IoD2019 IDACI & IDAOPI")
    imd = "Index of Multiple Deprivation (IMD) Rank (where 1 is most deprived)"
    sheet.append(
        [
            "LSOA code (2011)",
            imd,
            "Income Deprivation Affecting Children Index (IDACI) Rank (where 1 is most deprived)",
        ]
    )
    sheet.append(["E01000001", 29199, 32806])
    book.save(tmp_path / "a.xlsx")
    readings = read_folder(tmp_path)
    assert readings.faults == []
    assert readings.deprivation_lsoa[["lsoa11_code", "idaci_rank", "imd_rank"]].values.tolist() == [
        ["E01000001", 32806.0, 29199.0]
    ]


# Attendance and hubs

ATTENDANCE_HEADER = (
    "published,time_period,time_identifier,geographic_level,region_code,region_name,new_la_code,la_name,education_phase,num_schools,"
    "total_num_schools,enrolments,possible_sessions,overall_absence,authorised_absence,unauthorised_absence,reason_i_authorised_illness,"
    "reason_m_authorised_medical_dental,reason_r_authorised_religious_observance,reason_e_authorised_excluded,"
    "reason_c2_authorised_temp_reduced_timetable,reason_g_unauthorised_holiday,overall_absence_perc,pa_perc"
).split(",")


def attendance_row(period, kind, level, region="", code="", la="", phase="Primary", missed="50"):
    counts = ["9", "z", "900", "1000", missed, "30", "20", "10", "5", "1", "1", "", "4", "5.0", ""]
    return ["2023-01-26", period, kind, level, "", region, code, la, phase, *counts]


def test_attendance_rows_of_all_kinds(tmp_path):
    rows = [
        attendance_row("202223", "Academic year", "National", phase="Total"),
        attendance_row("202223", "Academic year", "Regional", "Inner London"),
        attendance_row("202223", "Academic year", "Local authority", "Outer London", "E09000018", "Hounslow"),
        attendance_row("2022", "Week 37", "Regional", "Yorkshire and the Humber"),
        attendance_row("2023", "Week 2", "Local authority", "London", "E09000025", "Newham", missed="c"),
    ]
    write(tmp_path / "a.csv", ATTENDANCE_HEADER, rows)
    readings = read_folder(tmp_path)
    assert readings.faults == []
    a = readings.attendance
    assert a["kind"].tolist() == ["ytd"] * 3 + ["weekly"] * 2
    assert a["geography"].tolist() == ["england", "part", "la", "region", "la"]
    assert a["area_name"].tolist() == [
        "England",
        "Inner London",
        "Hounslow",
        "Yorkshire and The Humber",
        "Newham",
    ]
    assert a["region_name"].tolist()[1:] == ["London", "London", "Yorkshire and The Humber", "London"]
    assert a["year"].unique().tolist() == ["2022-23"] and a["week"].tolist()[3:] == [37, 2]
    assert a["phase"].iloc[0] == "all" and np.isnan(a["overall_absence_sessions"].iloc[4])


def test_a_period_of_another_kind_is_refused(tmp_path):
    write(tmp_path / "a.csv", ATTENDANCE_HEADER, [attendance_row("202223", "Autumn term", "National")])
    (fault,) = read_folder(tmp_path).hard
    assert (fault.code, fault.value) == ("bad_year", "202223 Autumn term")


def test_a_hub_may_have_no_urn(tmp_path):
    header = ["lead_school", "trust_or_maintained", "urn", "announced", "note"]
    write(
        tmp_path / "a.csv",
        header,
        [
            ["Elm", "The Trees Trust", "141874", "2025-11-12", ""],
            ["Oak", "LA Maintained", "", "2025-11-12", "?"],
        ],
    )
    readings = read_folder(tmp_path)
    assert readings.faults == []
    assert readings.hubs["urn"].tolist() == [141874, pd.NA]


# Boundaries


def areas(crs="EPSG:27700", **columns):
    shapes = [box(400000, 300000, 410000, 310000), box(410000, 300000, 420000, 310000)]
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:27700").to_crs(crs)


@pytest.mark.parametrize("driver", ["gpkg", "geojson", "parquet"])
@pytest.mark.parametrize("names", [("CTYUA21CD", "CTYUA21NM"), ("utla21_code", "utla21_name")])
def test_boundaries_in_three_formats(tmp_path, driver, names):
    frame = areas(
        "EPSG:4326" if driver == "geojson" else "EPSG:27700",
        **{names[0]: ["E06000001", "E06000002"], names[1]: ["A", "B"]},
    )
    path = tmp_path / f"a.{driver}"
    frame.to_parquet(path) if driver == "parquet" else frame.to_file(path)
    readings = read_folder(tmp_path)
    assert readings.faults == []
    assert readings.la_boundaries[["la_ons_code", "la_name"]].values.tolist() == [
        ["E06000001", "A"],
        ["E06000002", "B"],
    ]
    assert readings.la_boundaries.crs.to_epsg() == 27700
    assert readings.la_boundaries.total_bounds == pytest.approx([400000, 300000, 420000, 310000], abs=1)


def test_neighbourhoods_and_other_countries(tmp_path):
    areas(LSOA11CD=["E01000001", "W01000001"]).to_parquet(tmp_path / "a.parquet")
    readings = read_folder(tmp_path)
    assert readings.lsoa_boundaries["lsoa11_code"].tolist() == ["E01000001"]
    assert readings.files.loc[0, "notes"] == "1 areas outside England left out"


def test_other_maps_are_not_used_with_a_reason(tmp_path):
    areas(LAD21CD=["E07000001", "E07000002"]).to_parquet(tmp_path / "a.parquet")
    readings = read_folder(tmp_path)
    assert readings.faults == [] and "upper-tier" in readings.files.loc[0, "notes"]


def test_a_self_crossing_outline_is_repaired_and_flagged(tmp_path):
    frame = areas(CTYUA21CD=["E06000001", "E06000002"])
    frame.loc[0, "geometry"] = Polygon(
        [(400000, 300000), (410000, 310000), (410000, 300000), (400000, 310000)]
    )
    frame.to_parquet(tmp_path / "a.parquet")
    readings = read_folder(tmp_path)
    assert codes(readings, "flag") == ["geometry_repaired"] and codes(readings) == []
    assert readings.la_boundaries.geometry.is_valid.all()


def test_swapped_coordinates_and_lost_outlines_are_refused(tmp_path):
    frame = gpd.GeoDataFrame(
        {"CTYUA21CD": ["E06000001", "E06000002"]},
        geometry=[box(300000, 1400000, 310000, 1410000), None],
        crs="EPSG:27700",
    )
    frame.to_parquet(tmp_path / "a.parquet")
    assert codes(read_folder(tmp_path)) == ["no_geometry", "not_in_great_britain"]


@pytest.mark.parametrize("driver", ["gpkg", "geojson", "parquet"])
def test_a_map_that_breaks_off_is_refused(tmp_path, driver):
    frame, path = areas("EPSG:4326", CTYUA21CD=["E06000001", "E06000002"]), tmp_path / f"a.{driver}"
    frame.to_parquet(path) if driver == "parquet" else frame.to_file(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
    readings = read_folder(tmp_path)
    assert codes(readings) == ["truncated"] and readings.la_boundaries.empty
