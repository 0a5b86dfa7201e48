"""A school's own extract and shocks entered by hand: two shapes, one result, and refusals that say what to
do.
"""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.base.faults import DataRefused
from helpers.base.paths import ROOT
from helpers.records.own_extract import (
    KINDS,
    SPELLINGS,
    find_own_extracts,
    read_own_extract,
    recognise,
    whole_school,
)
from helpers.records.recorded_shocks import COLUMNS, REQUIRED, empty, read_recorded_shocks

WIDE = "urn,week_commencing,possible_sessions,attended_sessions,authorised_sessions,unauthorised_sessions,pupils,code_I,code_R,code_Y\n"
WEEKS = ["100001,2023-09-11,2000,1880,90,30,200,70,0,0", "100001,2023-09-18,1600,1500,80,20,200,60,4,400"]
LONG = """URN,Week commencing,Mark,Count
100001,11/09/2023,/,940
100001,11/09/2023,\\,940
100001,11/09/2023,I,70
100001,11/09/2023,M,20
100001,11/09/2023,O,30
100001,11/09/2023,X,15
"""


def write(folder, text, name="extract.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(path, read=read_own_extract):
    with pytest.raises(DataRefused) as error:
        read(path)
    return error.value.faults


def test_a_wide_extract_is_read(tmp_path):
    extract = read_own_extract(write(tmp_path, WIDE + "\n".join(WEEKS) + "\n"))
    assert extract.shape == "wide" and extract.notes == []
    first, second = extract.weeks.to_dict("records")
    assert (
        first["absence_pct"] == pytest.approx(6.0)
        and first["year"] == "2023-24"
        and first["year_group"] == "all"
    )
    assert second["closed_sessions"] == 400 and second["religious_sessions"] == 4


def test_a_long_export_gives_the_same_week_as_the_wide_one(tmp_path):
    wide = read_own_extract(write(tmp_path, WIDE + WEEKS[0] + "\n")).weeks.iloc[0]
    long = read_own_extract(write(tmp_path, LONG)).weeks.iloc[0]
    for column in (
        "urn",
        "week_commencing",
        "year",
        "possible_sessions",
        "overall_absence_sessions",
        "illness_sessions",
        "absence_pct",
    ):
        assert long[column] == wide[column], column


def test_codes_that_are_not_possible_sessions_do_not_count(tmp_path):
    with_x = read_own_extract(write(tmp_path, LONG)).weeks
    without = read_own_extract(write(tmp_path, LONG.replace("100001,11/09/2023,X,15\n", ""))).weeks
    pd.testing.assert_frame_equal(with_x, without)


def test_a_reason_that_the_extract_does_not_give_is_missing_not_zero(tmp_path):
    weeks = read_own_extract(write(tmp_path, WIDE + WEEKS[0] + "\n")).weeks
    assert weeks["medical_sessions"].isna().all() and weeks["holiday_sessions"].isna().all()
    long = read_own_extract(write(tmp_path, LONG)).weeks
    assert (long["holiday_sessions"] == 0).all(), (
        "a long export lists every code it has, so a code that is absent was not used"
    )


@given(st.dictionaries(st.sampled_from(sorted(KINDS)), st.integers(0, 500), min_size=1))
@settings(max_examples=60)
def test_attended_and_missed_always_make_the_possible_sessions(tmp_path_factory, counts):
    lines = [f'100001,2023-09-11,"{code}",{n}' for code, n in counts.items()]
    path = write(
        tmp_path_factory.mktemp("long"), "urn,week_commencing,code,count\n" + "\n".join(lines) + "\n"
    )
    week = read_own_extract(path).weeks.iloc[0]
    counted = ("attended_sessions", "authorised_sessions", "unauthorised_sessions")
    assert week["possible_sessions"] == sum(n for code, n in counts.items() if KINDS[code] in counted)
    assert (
        week["overall_absence_sessions"]
        == week["authorised_sessions"] + week["unauthorised_sessions"]
        <= week["possible_sessions"]
    )


def test_the_name_of_the_file_plays_no_part_but_its_columns_do():
    assert recognise(WIDE.strip().split(",")) == "wide"
    assert recognise(["URN", "W/C", "Mark", "Sessions"]) == "long"
    assert recognise(["urn", "absence_pct"]) is None


def test_a_pupils_name_is_refused_before_anything_is_read(tmp_path):
    faults = refused(write(tmp_path, "UPN,urn,week_commencing,code,count\nA123,100001,2023-09-11,I,2\n"))
    assert (
        [f.code for f in faults] == ["pupil_data"]
        and faults[0].column == "UPN"
        and "delete this file" in faults[0].what_to_do
    )


@pytest.mark.parametrize(
    ("text", "code", "row"),
    [
        (WIDE + "100001,2023-09-11,2000,1880,90,31,200,70,0,0\n", "does_not_add_up", 2),
        (WIDE + WEEKS[0] + "\n" + WEEKS[0] + "\n", "duplicate_week", 3),
        (WIDE + "100001,11 Sept,2000,1880,90,30,200,70,0,0\n", "unreadable_date", 2),
        (WIDE + "1001,2023-09-11,2000,1880,90,30,200,70,0,0\n", "bad_urn", 2),
        (WIDE + "100001,2023-09-11,2000,1880,90,30,200,95,0,0\n", "reason_exceeds_kind", 2),
        (WIDE + "100001,2023-09-11,2000,1880,90,30,150,70,0,0\n", "too_many_sessions", 2),
        (WIDE + "100001,2023-09-11,2000,1880,c,30,200,70,0,0\n", "no_number", 2),
        (WIDE + "100001,2023-09-11,-5,1880,90,30,200,70,0,0\n", "impossible_value", 2),
        (LONG + "100001,11/09/2023,%,3\n", "unknown_code", 8),
        (LONG + "100001,11/09/2023,I,3\n", "duplicate_code", 8),
        ("urn,week_commencing,possible_sessions\n100001,2023-09-11,5\n", "missing_column", 1),
    ],
)
def test_each_refusal_names_the_file_the_row_and_what_to_do(tmp_path, text, code, row):
    faults = refused(write(tmp_path, text))
    fault = next(f for f in faults if f.code == code)
    assert fault.file == "extract.csv" and fault.row == row and fault.what_to_do


def test_year_groups_add_up_to_the_school_and_a_total_beside_them_is_refused(tmp_path):
    header = "urn,week_commencing,year_group,possible_sessions,attended_sessions,authorised_sessions,unauthorised_sessions\n"
    parts = "100001,2023-09-11,7,1000,950,40,10\n100001,2023-09-11,8,1000,930,50,20\n"
    whole = whole_school(read_own_extract(write(tmp_path, header + parts)).weeks)
    assert (
        len(whole) == 1
        and whole["absence_pct"].item() == pytest.approx(6.0)
        and whole["cum_absence_pct"].item() == pytest.approx(6.0)
    )
    faults = refused(write(tmp_path, header + parts + "100001,2023-09-11,,2000,1880,90,30\n"))
    assert faults[0].code == "total_and_parts"


def test_a_date_inside_the_week_is_taken_for_its_monday_and_said(tmp_path):
    extract = read_own_extract(write(tmp_path, WIDE + WEEKS[0].replace("2023-09-11", "2023-09-13") + "\n"))
    assert extract.weeks["week_commencing"].item() == pd.Timestamp("2023-09-11")
    assert [n.code for n in extract.notes] == ["not_a_monday"]


def test_extracts_are_looked_for_in_one_folder_only(tmp_path):
    assert find_own_extracts(tmp_path) == []
    (tmp_path / "own-extracts").mkdir()
    path = write(tmp_path / "own-extracts", LONG)
    write(tmp_path, LONG)
    assert find_own_extracts(tmp_path) == [path]


def test_the_format_pages_name_every_column_and_every_code():
    weeks, records = (
        (ROOT / "docs" / name).read_text(encoding="utf-8")
        for name in ("in-year-format.md", "records-format.md")
    )
    assert [name for name in SPELLINGS if f"`{name}`" not in weeks] == []
    assert [name for name in REQUIRED if f"`{name}`" not in records] == []
    assert [code for code in KINDS if f"`{code}`" not in weeks] == []


HAND = ",".join(REQUIRED) + "\n"
LINE = (
    "school,100001,,2023-11-06,2023-11-10,illness,0.4,Letter of the health protection team of 8 "
    "November 2023,A. Head,2023-11-20"
)


def test_a_recorded_shock_is_read(tmp_path):
    rows = read_recorded_shocks(write(tmp_path, HAND + LINE + "\n"))
    assert rows.columns.tolist() == COLUMNS == empty().columns.tolist()
    assert rows["urn"].item() == 100001 and rows["year"].item() == "2023-24"
    assert empty().dtypes.equals(rows.dtypes) or len(empty()) == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("illness", "bad luck"), "unknown_code"),
        (("school,", "county,"), "unknown_scope"),
        (("100001", "10001"), "bad_urn"),
        (("2023-11-10", "2023-11-01"), "dates_reversed"),
        (("2023-11-10", "2024-09-10"), "two_school_years"),
        ((",0.4,", ",4.4,"), "effect_too_large"),
        (("Letter of the health protection team of 8 November 2023", "yes"), "no_evidence"),
        (("A. Head", ""), "nobody"),
        ((",0.4,", ",,"), "no_effect"),
    ],
)
def test_a_recorded_shock_without_ground_is_refused_with_its_line(tmp_path, change, code):
    faults = refused(write(tmp_path, HAND + LINE.replace(*change) + "\n"), read_recorded_shocks)
    fault = next(f for f in faults if f.code == code)
    assert fault.row == 2 and fault.what_to_do and fault.column in REQUIRED


def test_the_same_shock_twice_is_refused(tmp_path):
    faults = refused(write(tmp_path, HAND + LINE + "\n" + LINE + "\n"), read_recorded_shocks)
    assert [f.code for f in faults] == ["entered_twice"] and faults[0].row == 3
