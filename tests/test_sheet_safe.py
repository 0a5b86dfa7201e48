"""Nothing in a CSV file runs in a spreadsheet, nothing is lost by that, and results are their owner's alone."""

from __future__ import annotations

import os
import stat

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import cli
from helpers.base.sheet_safe import STARTS, guarded, guarded_frame, unguarded
from helpers.report import workbook
from tests.support.region import inputs_of


@given(
    st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(["=1+1", "-2", "@x", "'=1", "''-"])
)
def test_any_text_comes_back_unharmed_and_begins_no_formula(text):
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith(STARTS)


def test_figures_dates_and_gaps_of_a_frame_stay_as_they_are():
    frame = pd.DataFrame({"a": [-1.5, 2.0], "b": ["=cmd()", None], "c": pd.to_datetime(["2024-01-01", None])})
    out = guarded_frame(frame)
    assert (
        out["a"].tolist() == [-1.5, 2.0] and out["b"].tolist()[0] == "'=cmd()" and pd.isna(out["b"].iloc[1])
    )
    pd.testing.assert_series_equal(out["c"], frame["c"])


def test_a_hostile_name_runs_nothing_in_the_packs_csv(fitted, tmp_path):
    inputs = inputs_of(fitted, tmp_path / "run")
    inputs.schools.loc[0, "school_name"] = '=HYPERLINK("http://x","y")'
    from helpers.report import region

    workbook.write_csv_files(inputs, region.school_frame(inputs), tmp_path / "a.csv", tmp_path / "b.csv")
    names = pd.read_csv(tmp_path / "a.csv", encoding="utf-8-sig")["school_name"]
    assert names.str.startswith("'=HYPERLINK").sum() == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no owner-only bits")
def test_what_a_command_writes_is_its_owners_and_the_habit_of_the_shell_comes_back(tmp_path, monkeypatch):
    from helpers import cli_commands

    def write(args):
        (tmp_path / "made").write_text("x")
        return True

    monkeypatch.setattr(cli_commands, "run", write)
    before = os.umask(0o022)
    try:
        assert cli.main(["run"]) == cli.OK
        assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o600
        (tmp_path / "made").unlink()
        cli.main(["run", "--group"])
        assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o640
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
