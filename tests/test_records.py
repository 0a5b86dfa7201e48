"""Claims about the folder of records: what is there is read and checked, nothing is passed over in silence,
and an ambition never fails a school.
"""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.base.faults import DataRefused
from helpers.base.params import make
from helpers.base.paths import RECORDS, SAMPLE_RECORDS
from helpers.records import agreed
from helpers.records import folder as records
from helpers.run.stages import STAGES

SAMPLE_FOLDER = SAMPLE_RECORDS / "2022-23"


@pytest.fixture(scope="module")
def country(fitted):
    """Register and expectations of the sample."""
    return STAGES["ingest"].load(fitted)["register"], STAGES["expectations"].load(fitted)["expectations"]


@pytest.fixture
def folder(tmp_path):
    """A copy of the sample's records, to be spoilt."""
    return shutil.copytree(SAMPLE_FOLDER, tmp_path / "records")


def refused(folder, country) -> str:
    with pytest.raises(DataRefused) as caught:
        records.read_all(folder, *country)
    return str(caught.value)


def test_the_sample_has_its_records_and_real_data_another_folder():
    assert make().records_folder == SAMPLE_FOLDER.resolve()
    assert make(data="data/raw").records_folder == (RECORDS / "2022-23").resolve()
    assert make(records="elsewhere").records_folder.name == "elsewhere"


def test_the_records_of_the_sample_are_read(country):
    read = records.read_all(SAMPLE_FOLDER, *country)
    assert set(read) == set(records.RESULTS)
    assert set(read["agreed"]["kind"]) == {"ambition", "challenge"}
    assert set(read["recorded_shocks"]["scope"]) == {"school", "la"}
    assert read["own_weeks"]["urn"].nunique() == 2


def test_no_folder_is_no_records_unless_one_was_named(tmp_path, country):
    read = records.read_all(tmp_path / "none", *country)
    assert all(frame.empty for frame in read.values())
    with pytest.raises(DataRefused, match="there is no folder of records"):
        records.read_all(tmp_path / "none", *country, must_exist=True)


def test_a_misspelt_file_is_refused_and_the_names_are_told(folder, country):
    (folder / "agreed.csv").rename(folder / "aggreed.csv")
    assert "aggreed.csv" in refused(folder, country) and "recorded-shocks.csv" in refused(folder, country)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("recorded-shocks.csv", "900078", "999998"),
        ("recorded-shocks.csv", "la,503", "la,999"),
        ("own-extracts/gorreldun-upper-2023-24.csv", "900108", "999999"),
    ],
)
def test_a_school_or_authority_that_is_not_in_the_register_is_refused(folder, country, file, old, new):
    path = folder / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    told = refused(folder, country)
    assert "not in this release's register" in told and new.split(",")[-1] in told


def test_the_same_week_in_two_extracts_is_refused(folder, country):
    shutil.copy(
        folder / "own-extracts" / "gorreldun-upper-2023-24.csv", folder / "own-extracts" / "again.csv"
    )
    assert "in two extracts" in refused(folder, country)


def test_two_files_that_decide_on_one_school_are_refused(tmp_path):
    for name in ("decisions-north-east.csv", "decisions-london.csv"):
        (tmp_path / name).write_text(
            "urn,decision,decided_by,date,reason\n900001,offer,A,2025-11-01,because\n", encoding="utf-8"
        )
    with pytest.raises(DataRefused, match="two files decide"):
        records.read_decisions(tmp_path, pd.DataFrame({"urn": [900001]}))
    assert records.read_decisions(tmp_path / "none", pd.DataFrame({"urn": [900001]})) is None


def test_the_newest_ambition_counts_and_all_challenges_are_kept():
    lines = [
        (900001, "ambition", 94.0, "2025-01-10", "first"),
        (900001, "challenge", float("nan"), "2025-02-01", "wrong peers"),
        (900001, "ambition", 95.0, "2025-03-01", "second"),
        (900002, "challenge", 93.5, "2025-02-01", "wrong figure"),
    ]
    frame = pd.DataFrame(lines, columns=["urn", "kind", "value", "date", "reason"]).assign(recorded_by="A")
    frame["date"] = pd.to_datetime(frame["date"]).astype("datetime64[s]")
    one, two, none = (agreed.for_school(frame, urn) for urn in (900001, 900002, 900003))
    assert one["ambition"]["attendance_pct"] == 95.0 and one["ambition"]["reason"] == "second"
    assert one["challenges"][0]["attendance_pct"] is None and two["challenges"][0]["attendance_pct"] == 93.5
    assert two["ambition"] is None and none == {"ambition": None, "challenges": []}


@given(
    st.floats(50, 100),
    st.one_of(st.none(), st.floats(0, 50)),
    st.sampled_from(["met", "within_noise", "missed_by_more_than_noise", "too_early"]),
)
def test_an_ambition_never_changes_the_verdict_on_the_minimum(aim, absence, verdict):
    told = pd.DataFrame(
        {
            "urn": [1, 1],
            "year": ["2023-24", "2024-25"],
            "absence_pct": [absence, absence],
            "verdict": verdict,
            "words": "Said.",
        }
    ).astype({"absence_pct": "float64"})
    frame = pd.DataFrame(
        {
            "urn": [1],
            "kind": "ambition",
            "value": [aim],
            "date": pd.to_datetime(["2024-01-01"]),
            "reason": "r",
            "recorded_by": "A",
        }
    )
    out = agreed.beside_verdicts(told, frame, "2023-24")
    assert (out["verdict"] == verdict).all()
    expected = "too_early" if absence is None else "reached" if 100 - absence >= aim - 1e-9 else "not_reached"
    assert out["ambition"].tolist() == [expected, ""]
    assert pd.isna(out["agreed_attendance_pct"].iloc[1]) and out["words"].iloc[1] == "Said."
    assert "ambition" in out["words"].iloc[0] and out["words"].iloc[0].startswith("Said.")
