"""The structure of a file: encodings, ragged rows, files cut off, columns renamed."""

from __future__ import annotations

import gzip
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.ingest.readers import examine, read_folder, recognise
from tests.support.published_files import (
    ABS_HEADER,
    ABS_NATIONAL,
    ABS_SCHOOLS,
    CENSUS_HEADER,
    CENSUS_ROWS,
    EES_HEADER,
    LINKS_HEADER,
    POINTS_HEADER,
    codes,
    csv_text,
    write,
)

ABS_ROWS = ABS_SCHOOLS + ABS_NATIONAL


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encoding_and_line_ends_do_not_matter(tmp_path, encoding, newline):
    rows = [["100000", "École Élan – St Zoë’s", "533498", "181201"]]
    write(tmp_path / "a.csv", POINTS_HEADER, rows, encoding, newline)
    readings = read_folder(tmp_path)
    assert readings.faults == []
    assert readings.points["school_name"].tolist() == ["École Élan – St Zoë’s"]


def test_the_name_of_a_file_plays_no_part(tmp_path):
    path = write(tmp_path / "england_abs.csv", POINTS_HEADER, [["100000", "A", "1", "2"]])
    assert recognise(path) == "points"


def test_case_and_spacing_of_the_header_do_not_matter(tmp_path):
    header = [name.lower() + " " for name in ABS_HEADER]
    write(tmp_path / "2022-2023" / "a.csv", header, ABS_ROWS)
    assert read_folder(tmp_path).absence["absence_pct"].tolist() == [5.2, 6.7]


def test_rows_carry_their_line_in_the_file_even_after_a_quoted_line_break(tmp_path):
    text = csv_text(CENSUS_HEADER, CENSUS_ROWS).replace(
        "201,3614,State-funded primary", '201,"36\n14",State-funded primary'
    )
    (tmp_path / "2022-2023.csv").write_text(text)
    readings = read_folder(tmp_path)
    assert readings.census["row"].tolist() == [2, 5]


def test_a_ragged_row_is_a_hard_fault_that_names_the_row(tmp_path):
    rows = [ABS_SCHOOLS[0], [*ABS_SCHOOLS[1], "7"], *ABS_NATIONAL]
    write(tmp_path / "2022-2023" / "a.csv", ABS_HEADER, rows)
    (fault,) = read_folder(tmp_path).hard
    assert (fault.code, fault.file, fault.row, fault.value) == (
        "ragged_row",
        "2022-2023/a.csv",
        3,
        "6 fields",
    )
    assert fault.what_to_do


def test_a_short_last_row_says_that_the_file_was_cut_off(tmp_path):
    text = csv_text(ABS_HEADER, ABS_ROWS)
    (tmp_path / "2022-2023.csv").write_text(text[: text.rindex(",")])
    fault = read_folder(tmp_path).hard[0]
    assert (fault.code, fault.row) == ("truncated", 6)


def test_a_last_row_that_is_whole_needs_no_newline(tmp_path):
    (tmp_path / "2022-2023.csv").write_text(csv_text(ABS_HEADER, ABS_ROWS).rstrip("\n"))
    readings = read_folder(tmp_path)
    assert readings.faults == [] and len(readings.absence) == 2


@given(data=st.data())
@settings(max_examples=25)
def test_a_performance_table_cut_anywhere_is_never_read_as_whole(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cut")
    text = csv_text(ABS_HEADER, ABS_ROWS).rstrip("\n")
    last_value = text.rindex(",") + 1
    cut = data.draw(st.integers(min_value=len("LA,ESTAB,URN,PERCTOT,PPERSABS10\n"), max_value=last_value - 1))
    (folder / "2022-2023.csv").write_text(text[:cut])
    assert "truncated" in codes(read_folder(folder))


@given(data=st.data())
@settings(max_examples=40)
def test_no_damage_to_a_file_escapes_as_an_error_of_ours(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    whole = csv_text(
        POINTS_HEADER, [[str(100000 + n), f"School {n}", str(n), str(n)] for n in range(8)]
    ).encode()
    content = bytearray(gzip.compress(whole) if data.draw(st.booleans()) else whole)
    for _ in range(data.draw(st.integers(min_value=1, max_value=4))):
        at = data.draw(st.integers(min_value=0, max_value=len(content)))
        content[at : at + data.draw(st.integers(min_value=0, max_value=9))] = data.draw(st.binary(max_size=4))
    (folder / "points.csv").write_bytes(bytes(content))
    readings = read_folder(folder)
    assert len(readings.points) <= 8 and len(readings.files) == 1
    assert all(str(fault) for fault in readings.faults)


def test_gzip_and_plain_give_the_same(tmp_path):
    text = csv_text(ABS_HEADER, ABS_ROWS).encode()
    for name, content in (("plain", text), ("packed", gzip.compress(text))):
        (tmp_path / name / "2022-2023").mkdir(parents=True)
        (tmp_path / name / "2022-2023" / "a").write_bytes(content)
    plain, packed = (read_folder(tmp_path / name) for name in ("plain", "packed"))
    assert plain.absence.equals(packed.absence) and len(plain.absence) == 2


@pytest.mark.parametrize("keep", [0.3, 0.95])
def test_a_gzip_file_that_breaks_off_is_a_hard_fault(tmp_path, keep):
    rows = [[f"{100000 + n}", f"School {n * n}", str(n), str(n)] for n in range(900)]
    packed = gzip.compress(csv_text(POINTS_HEADER, rows).encode())
    (tmp_path / "points.csv.gz").write_bytes(packed[: int(len(packed) * keep)])
    readings = read_folder(tmp_path)
    assert codes(readings) == ["truncated"] and readings.points.empty


@pytest.mark.parametrize("content", [b"", b"URN,EstablishmentName,Easting,Northing\n"])
def test_a_file_without_rows_is_a_hard_fault(tmp_path, content):
    (tmp_path / "points.csv").write_bytes(content)
    assert codes(read_folder(tmp_path)) == ["truncated"]


def test_a_renamed_column_is_named_with_its_likely_candidate(tmp_path):
    header = ["LA", "ESTAB", "URN", "PERCTOTAL", "PPERSABS10"]
    write(tmp_path / "2022-2023" / "a.csv", header, ABS_ROWS)
    (fault,) = read_folder(tmp_path).hard
    assert (fault.code, fault.row, fault.column, fault.value) == ("missing_column", 1, "PERCTOT", "PERCTOTAL")


def test_a_column_that_is_gone_is_named_without_a_guess(tmp_path):
    header, rows = POINTS_HEADER[:3], [["100000", "A", "533498"]]
    write(tmp_path / "a.csv", header, rows)
    (fault,) = read_folder(tmp_path).hard
    assert (fault.code, fault.column, fault.value) == ("missing_column", "Northing", "")


@pytest.mark.parametrize(
    "header",
    [
        ["URN", "LANAME", "LA", "ESTAB", "SCHNAME", "STREET", "TOWN", "POSTCODE", "SCHSTATUS", "ISPRIMARY"],
        [
            "time_period",
            "time_identifier",
            "geographic_level",
            "country_code",
            "region_name",
            "la_name",
            "school_type",
            "exclusions",
        ],
        [
            "time_period",
            "geographic_level",
            "region_name",
            "la_name",
            "school_type",
            "num_schools",
            "sess_possible",
            "sess_overall_percent",
        ],
        ["Variable", "Label", "Type", "Description"],
        ["file", "what", "publisher", "period", "licence", "rows", "bytes", "sha256", "note"],
    ],
)
def test_other_publications_are_not_used_and_are_no_fault(tmp_path, header):
    write(tmp_path / "a.csv", header, [["1"] * len(header)])
    readings = read_folder(tmp_path)
    assert readings.faults == []
    assert readings.files.loc[0, "taken_for"] == "not used" and readings.files.loc[0, "notes"]


def test_a_spreadsheet_s_semicolons_are_recognised_and_refused(tmp_path):
    (tmp_path / "a.csv").write_text(
        csv_text(EES_HEADER, [["202223", "School", "100000", "5"]]).replace(",", ";")
    )
    assert codes(read_folder(tmp_path)) == ["wrong_separator"]


def test_a_saved_web_page_is_flagged(tmp_path):
    (tmp_path / "england_abs.csv").write_text("<!DOCTYPE html><html><body>Sorry</body></html>")
    assert codes(read_folder(tmp_path), "flag") == ["web_page"]


def test_two_columns_of_one_name_are_refused(tmp_path):
    write(tmp_path / "a.csv", [*POINTS_HEADER, "Easting"], [["100000", "A", "1", "2", "3"]])
    assert codes(read_folder(tmp_path)) == ["repeated_column"]


@pytest.mark.parametrize("urn", ["", "99999", "1000000", "100000.5", "SUPP", "Abbey"])
def test_a_number_that_is_no_urn_is_a_hard_fault(tmp_path, urn):
    write(tmp_path / "a.csv", LINKS_HEADER, [["100006", urn, "B", "Successor", "01-01-2022"]])
    (fault,) = read_folder(tmp_path).hard
    assert (fault.code, fault.row, fault.column, fault.value) == ("bad_urn", 2, "LinkURN", urn)


def test_a_urn_read_as_a_float_is_accepted(tmp_path):
    write(tmp_path / "a.csv", POINTS_HEADER, [["100000.0", "A", "1", "2"]])
    points = read_folder(tmp_path).points
    assert points["urn"].tolist() == [100000] and points["urn"].dtype == "int64"


def test_an_unknown_symbol_is_a_hard_fault_that_names_the_cell(tmp_path):
    rows = [["201", "3614", "100000", "5.2", "??"], *ABS_NATIONAL]
    write(tmp_path / "2022-2023" / "a.csv", ABS_HEADER, rows)
    (fault,) = read_folder(tmp_path).hard
    assert (fault.code, fault.row, fault.column, fault.value) == ("unreadable_number", 2, "PPERSABS10", "??")


def test_a_shifted_column_gives_a_few_faults_and_a_count(tmp_path):
    rows = [["3614", "100000", "201", "9.8", "5.2"]] * 30
    write(tmp_path / "2022-2023" / "a.csv", ABS_HEADER, rows + ABS_NATIONAL)
    urns = [fault for fault in read_folder(tmp_path).hard if fault.code == "bad_urn"]
    assert len(urns) == 6 and "25 more rows" in urns[-1].message


def test_what_cannot_be_a_table_is_told_apart(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\n\x00\x01")
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04nonsense")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("england_abs.csv", "LA")
    assert examine(tmp_path / "a.pdf").reason == "not a table: a binary file"
    assert [fault.code for fault in examine(tmp_path / "b.zip").faults] == ["truncated"]
    assert examine(tmp_path / "c.zip").reason == "an archive: unpack it first"
