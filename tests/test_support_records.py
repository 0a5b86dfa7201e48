"""Claims about what people recorded: read with care, and refused with the file, row, column and value."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from helpers.base.faults import DataRefused
from helpers.records import agreed
from helpers.support import routing
from tests.support.invented_verdicts import both_years, schools

TODAY = date(2026, 3, 1)
HEADER = "urn,kind,value,date,reason,recorded_by\n"


@pytest.fixture
def read(tmp_path):
    register = schools(["assessed", "assessed", "tiny"])
    asks = pd.DataFrame({"urn": [100_000, 100_001], "minimum_attendance_shown_pct": [93.0, 94.0]})

    def reader(text: str | bytes) -> pd.DataFrame:
        path = tmp_path / "agreed.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return agreed.read_records(path, register, asks, TODAY)

    return reader


def test_a_documented_file_is_read(read):
    rows = read(
        "\ufeff"
        + HEADER
        + (
            '100000,ambition,94.5,2026-01-31,"agreed with the head,\nin person",J '
            "Smith\n\n100001,challenge,,2026-02-01,wrong peers,A Head\n"
        )
    )
    assert rows["urn"].tolist() == [100_000, 100_001] and rows["kind"].tolist() == ["ambition", "challenge"]
    assert (
        rows.loc[0, "value"] == 94.5
        and pd.isna(rows.loc[1, "value"])
        and rows.loc[0, "date"] == pd.Timestamp(2026, 1, 31)
    )
    assert list(rows.dtypes) == list(agreed.no_records().dtypes)


@pytest.mark.parametrize(
    ("line", "column", "value", "words"),
    [
        ("10000,ambition,94.5,2026-01-31,why,who", "urn", "10000", "not a URN"),
        ("123456,ambition,94.5,2026-01-31,why,who", "urn", "123456", "no such school"),
        ("100000,target,94.5,2026-01-31,why,who", "kind", "target", "no such kind"),
        ("100000,ambition,lots,2026-01-31,why,who", "value", "lots", "not an attendance rate"),
        ("100000,ambition,,2026-01-31,why,who", "value", "", "not an attendance rate"),
        ("100000,ambition,101,2026-01-31,why,who", "value", "101", "not an attendance rate"),
        ("100000,ambition,92.9,2026-01-31,why,who", "value", "92.9", "below the school's minimum of 93.0%"),
        ("100000,ambition,0.95,2026-01-31,why,who", "value", "0.95", "below the school's minimum"),
        ("100002,ambition,95,2026-01-31,why,who", "urn", "100002", "no minimum in this release"),
        ("100000,challenge,-3,2026-01-31,why,who", "value", "-3", "not an attendance rate"),
        ("100000,ambition,94.5,31.01.2026,why,who", "date", "31.01.2026", "not a date"),
        ("100000,ambition,94.5,2026-02-30,why,who", "date", "2026-02-30", "not a date"),
        ("100000,ambition,94.5,2026-03-02,why,who", "date", "2026-03-02", "in the future"),
        ("100000,ambition,94.5,2026-01-31,,who", "reason", "", "empty"),
        ("100000,ambition,94.5,2026-01-31,why, ", "recorded_by", "", "empty"),
    ],
)
def test_a_bad_cell_is_named_by_file_row_column_and_value(read, line, column, value, words):
    with pytest.raises(DataRefused) as refused:
        read(HEADER + "100001,ambition,95,2026-01-31,fine,me\n" + line + "\n")
    (fault,) = refused.value.faults
    assert (fault.file, fault.row, fault.column, fault.value) == ("agreed.csv", 3, column, value)
    assert words in fault.message and fault.what_to_do


def test_every_fault_is_told_at_once(read):
    with pytest.raises(DataRefused) as refused:
        read(
            HEADER
            + "1,x,y,z,,\n100000,ambition,94.5,2026-01-31,why,who\n100000,ambition,95,2026-01-31,why,who\n"
        )
    assert [(f.row, f.column) for f in refused.value.faults] == [
        (2, "urn"),
        (2, "date"),
        (2, "reason"),
        (2, "recorded_by"),
        (2, "kind"),
        (2, "value"),
        (4, "urn"),
    ]
    assert "as in row 3" in refused.value.faults[-1].message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("urn,kind,value,date,reason\n", "header is not the documented one"),
        ("", "header is not the documented one"),
        (HEADER + "100000,ambition,94.5,2026-01-31,one, two,who\n", "7 cells"),
        (HEADER.encode() + b"100000,ambition,94.5,2026-01-31,\x81,who\n", "neither UTF-8"),
        (HEADER + '100000,ambition,94.5,2026-01-31,"never closed,who\n', "not readable as CSV"),
    ],
)
def test_a_file_that_is_not_the_documented_one_is_refused(read, text, words):
    with pytest.raises(DataRefused, match=words):
        read(text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataRefused, match=r"no such file \(none.csv\)"):
        agreed.read_decisions(tmp_path / "none.csv", pd.DataFrame({"urn": []}))


@pytest.fixture
def listed():
    rows = both_years(100_000, 1.6, 2.0) + both_years(100_001, 0.8, 0.9)
    return routing.route(pd.DataFrame(rows), schools(["assessed"] * 2)).referrals


def test_records_stand_beside_the_referral_and_take_nobody_off_it(read, listed):
    records = read(
        HEADER
        + (
            "100000,ambition,94,2026-01-31,first,J\n100000,ambition,95,2026-02-10,second,J\n100001,challenge,95,2026-02-01,roll "
            "was wrong,Head\n"
        )
    )
    out = routing.with_records(listed, records).set_index("urn")
    assert len(out) == len(listed) and out.loc[100_000, "agreed_attendance_pct"] == 95
    assert (
        out.loc[100_001, "challenges"] == "2026-02-01: roll was wrong (Head)"
        and out.loc[100_000, "challenges"] == ""
    )


def test_decisions_are_read_back_and_only_for_schools_on_the_list(tmp_path, listed):
    path = tmp_path / "decisions.csv"
    path.write_text(
        "urn,decision,decided_by,date,reason\n100000,offer,Panel,2026-02-01,agreed\n100001,,,,\n",
        encoding="utf-8",
    )
    decisions = agreed.read_decisions(path, listed, TODAY)
    out = routing.with_records(listed, agreed.no_records(), decisions).set_index("urn")
    assert out.loc[100_000, ["decision", "decided_by", "date", "reason"]].tolist() == [
        "offer",
        "Panel",
        "2026-02-01",
        "agreed",
    ]
    assert out.loc[100_001, "decision"] == ""
    path.write_text(
        "urn,decision,decided_by,date,reason\n100009,perhaps,Panel,2026-02-01,agreed\n", encoding="utf-8"
    )
    with pytest.raises(DataRefused) as refused:
        agreed.read_decisions(path, listed, TODAY)
    assert {(f.row, f.column, f.value) for f in refused.value.faults} == {
        (2, "urn", "100009"),
        (2, "decision", "perhaps"),
    }


def test_the_referral_sheet_itself_can_be_filled_in_and_read_back(tmp_path, listed):
    sheet = routing.with_records(listed, agreed.no_records())
    assert list(sheet.columns[-4:]) == list(routing.DECISION_COLUMNS)
    sheet.loc[sheet["urn"] == 100_001, list(routing.DECISION_COLUMNS)] = [
        "wait",
        "Panel",
        "2026-02-01",
        "new head",
    ]
    sheet.to_csv(tmp_path / "decisions.csv", index=False)
    back = agreed.read_decisions(tmp_path / "decisions.csv", listed, TODAY)
    assert back[["urn", "decision", "reason"]].values.tolist() == [[100_001, "wait", "new head"]]
    sheet.drop(columns="decided_by").to_csv(tmp_path / "decisions.csv", index=False)
    with pytest.raises(DataRefused, match="header is not the documented one"):
        agreed.read_decisions(tmp_path / "decisions.csv", listed, TODAY)
