"""Comparing two runs: what differs is found, nothing else is, and every change is the sum of its parts."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers import cli
from helpers.base.faults import DataRefused
from helpers.explore import compare, what_if


@pytest.fixture(scope="module")
def world(fitted) -> what_if.World:
    return what_if.load(fitted)


@pytest.fixture(scope="module")
def run(world) -> compare.Run:
    return what_if.as_run(world, what_if.what_if(world), "before")


@pytest.fixture(scope="module")
def steeper(world) -> compare.Run:
    return what_if.as_run(world, what_if.what_if(world, slope=0.5, peers_k=30), "after")


def test_a_run_does_not_differ_from_itself(run):
    assert compare.papers_differ(run, run).empty
    short = compare.in_short(compare.schools_differ(run, run))
    assert {
        short[name]
        for name in (
            "felt",
            "minimum_changed",
            "figure_changed",
            "gained",
            "lost",
            "mean_moved_pp",
            "largest_moved_pp",
        )
    } == {0}


def test_changed_parameters_are_named_with_both_values(run, steeper):
    found = compare.papers_differ(run, steeper).set_index("name")
    assert found.loc["slope", ["kind", "before", "after"]].tolist() == ["parameter", "0.2", "0.5"]
    assert found.loc["peers_k", ["before", "after"]].tolist() == ["20", "30"]
    assert len(found) == 2


def test_the_change_of_an_ask_is_the_sum_of_the_changes_of_its_parts(run, steeper):
    changed = compare.schools_differ(run, steeper)
    parts = changed[[part.replace("_pp", "_moved_pp") for part in compare.PARTS]].sum(axis=1, skipna=False)
    assert parts.dropna().to_numpy() == pytest.approx(changed["moved_pp"].dropna().to_numpy())
    short = compare.in_short(changed)
    assert sum(short[part.replace("_pp", "_mean_moved_pp")] for part in compare.PARTS) == pytest.approx(
        short["mean_moved_pp"]
    )
    assert changed["moved_pp"].dropna().abs().is_monotonic_decreasing


def test_a_school_whose_figure_changed_is_told_so_and_no_other(run):
    urn = int(run.schools.loc[run.schools["ask_pp"].notna(), "urn"].iloc[7])
    schools = run.schools.copy()
    at = schools["urn"] == urn
    schools.loc[at, ["absence_pct", "return_to_normal_pp", "ask_pp"]] += 0.4
    changed = compare.schools_differ(run, replace(run, schools=schools))
    assert changed.iloc[0][["urn", "because"]].tolist() == [urn, "its published figure"]
    assert changed["figure_changed"].sum() == 1
    assert changed["because"].ne("").sum() == 1
    assert compare.in_short(changed)["felt"] == 1


def test_a_changed_status_is_the_reason_and_comes_first(run):
    urn = int(run.schools.loc[run.schools["ask_pp"].notna(), "urn"].iloc[9])
    schools = run.schools.copy()
    at = schools["urn"] == urn
    schools.loc[at, "status"] = "tiny"
    schools.loc[at, [*compare.PARTS, "ask_pp", "minimum_attendance_shown_pct", "chance_unaided"]] = np.nan
    changed = compare.schools_differ(run, replace(run, schools=schools))
    assert changed.iloc[0]["because"] == "status: assessed before, tiny after"
    assert compare.in_short(changed)["lost"] == 1
    gone = compare.schools_differ(run, replace(run, schools=run.schools[~at]))
    assert gone.iloc[0]["because"] == "status: assessed before, not in this run after"


def test_new_similar_schools_are_counted(run, world):
    changed = compare.schools_differ(
        run, what_if.as_run(world, what_if.what_if(world, region_penalty=8.0), "after")
    ).set_index("urn")
    urn = int(changed.index[0])
    after = what_if.what_if(world, region_penalty=8.0).peers
    mine = [set(pairs.loc[pairs["urn"] == urn, "peer_urn"]) for pairs in (run.pairs, after)]
    assert changed.at[urn, "peers_new"] == pytest.approx(len(mine[1] - mine[0]) / len(mine[1]))


@pytest.mark.parametrize("by", ["phase", "region_name", "start", "fsm"])
def test_groups_hold_every_school_with_an_ask_in_both(run, steeper, by):
    changed = compare.schools_differ(run, steeper)
    rows = compare.for_whom(changed, by)
    assert rows["schools"].sum() == compare.in_short(changed)["in_both"]
    assert rows["felt"].sum() == compare.in_short(changed)["felt"]


def test_two_runs_with_no_school_in_common_are_told_so(run):
    other = replace(
        run, schools=run.schools.assign(urn=run.schools["urn"] + 50_000), pairs=run.pairs + 50_000
    )
    changed = compare.schools_differ(run, other)
    told = compare.in_words(run, other, compare.papers_differ(run, other), changed)
    assert "0 schools have a minimum in both" in told and "nan" not in told


def release(fitted, tmp_path, slope: float):
    """A finished release's folder: the national fit and the manifest of one region."""
    folder = tmp_path / f"run-{slope}" / "2022-23"
    (folder / "north-east").mkdir(parents=True)
    (folder / "national").symlink_to(fitted.national_folder)
    papers = {
        "inputs": {"a.csv": "0" * 64},
        "parameters": {"slope": slope, "region": "North East"},
        "code": {},
        "packages": {},
    }
    (folder / "north-east" / "manifest.json").write_text(json.dumps(papers), encoding="utf-8")
    return folder


def test_the_command_compares_two_folders_and_writes_every_school(fitted, tmp_path, capsys):
    before, after = release(fitted, tmp_path, 0.2), release(fitted, tmp_path, 0.3)
    assert cli.main(["compare", str(before), str(after), "--csv", str(tmp_path / "changed.csv")]) == cli.OK
    told = capsys.readouterr().out
    assert "parameter slope: 0.2 -> 0.3" in told and "0 asks moved" in told
    assert len(pd.read_csv(tmp_path / "changed.csv")) == len(compare.read_run(before).schools)


def test_a_folder_that_is_no_finished_run_is_refused_by_name(tmp_path):
    with pytest.raises(DataRefused, match="expectations.parquet is missing"):
        compare.read_run(tmp_path)
    assert cli.main(["compare", str(tmp_path), str(tmp_path)]) == cli.FAILED
