"""Claims about designing a trial: power, lottery, and files that cannot be changed afterwards."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.evaluate.trial import assignment, power
from tests.support import trial_pairs


@pytest.fixture(scope="module")
def schools():
    return trial_pairs.seen()[0]


@pytest.fixture
def nothing_known():
    return pd.DataFrame(
        {
            "urn": pd.Series(dtype="int64"),
            "year": pd.Series(dtype="str"),
            "absence_pct": pd.Series(dtype="float64"),
        }
    )


def test_blooms_multiplier_is_2_8_with_many_schools():
    """1.96 + 0.84, as in Bloom (1995)."""
    assert power.multiplier(100_000) == pytest.approx(2.80, abs=0.005)


def test_the_smallest_effect_can_be_worked_out_by_hand():
    """400 schools, half drawn, standard deviation 1, half explained: 2.80 x sqrt(0.5 / (0.25 x 400)) = 0.198."""
    assert power.mdes_pp(400, 1.0, 0.5, covariates=0) == pytest.approx(0.1987, abs=0.0005)


@given(
    n=st.integers(60, 5000),
    sd=st.floats(0.2, 3),
    r2=st.floats(0, 0.9),
    share=st.floats(0.2, 0.8),
    blocks=st.integers(1, 20),
)
def test_an_effect_of_the_smallest_size_is_found_four_times_in_five(n, sd, r2, share, blocks):
    """M is an approximation to the noncentral t: within a percentage point."""
    size = power.mdes_pp(n, sd, r2, share, blocks)
    assert power.power_of(size, power.standard_error(n, sd, r2, share), n - blocks - 5) == pytest.approx(
        0.8, abs=0.01
    )
    assert power.power_of(-size, 1.0, n) == pytest.approx(power.power_of(size, 1.0, n))


@given(n=st.integers(60, 4000), icc=st.floats(0, 1))
def test_more_schools_see_smaller_effects_and_whole_authorities_never_see_more_than_schools(n, icc):
    assert power.mdes_pp(2 * n, 1.0) < power.mdes_pp(n, 1.0)
    schools, whole = power.standard_error(n, 1.0), power.standard_error_authorities(n / 20, 20, 1.0, icc)
    assert whole >= schools - 1e-12
    assert power.standard_error_authorities(n / 20, 20, 1.0, 0.0) == pytest.approx(schools)
    assert power.standard_error_authorities(n / 20, 20, 1.0, 1.0) == pytest.approx(
        power.standard_error(n / 20, 1.0)
    )


def test_no_effect_is_found_one_time_in_twenty():
    assert power.power_of(0.0, 0.1, 300) == pytest.approx(0.05)


def test_the_variance_between_authorities_is_recovered():
    rng = np.random.default_rng(3)
    la = np.repeat(np.arange(300), rng.integers(3, 30, 300))
    values = rng.normal(0, 0.5, 300)[la] + rng.normal(0, 1, len(la))
    assert power.icc(values, la) == pytest.approx(0.2, abs=0.03)
    assert power.icc(rng.normal(size=len(la)), la) < 0.02
    with pytest.raises(ValueError, match="between authorities"):
        power.icc(np.ones(3), np.arange(3))


def test_the_panel_says_how_much_the_forecast_explains(schools):
    parts = power.variance_parts(schools, assignment.strata(schools))
    assert 0.5 < parts["r2"] < 1 and parts["sd_left_pp"] < parts["sd_pp"]
    table = power.table(parts)
    assert (table["mdes_pp"] < table["mdes_raw_pp"]).all() and (np.diff(table["mdes_pp"]) < 0).all()
    assert (
        table["mdes_authorities_pp"].dropna() > table.loc[table["mdes_authorities_pp"].notna(), "mdes_pp"]
    ).all()


def test_too_many_blocks_for_the_schools_is_refused():
    with pytest.raises(ValueError, match="too few schools"):
        power.mdes_pp(10, 1.0, blocks=9)


@settings(max_examples=30)
@given(n=st.integers(8, 150), seed=st.integers(0, 999), share=st.floats(0.1, 0.9))
def test_every_stratum_holds_its_share_to_within_one_school(n, seed, share):
    trial = assignment.randomise(trial_pairs.pair(n, seed), seed, share)
    by = trial.groupby("stratum")["treated"].agg(["sum", "size"])
    assert ((by["sum"] - share * by["size"]).abs() < 1).all()
    assert (by["size"] >= assignment.SMALLEST).all() or "any | secondary | any | any" in by.index


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15)
def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_the_list(seed):
    schools = trial_pairs.pair(60)
    trial = assignment.randomise(schools, seed)
    pd.testing.assert_frame_equal(
        trial, assignment.randomise(schools.sample(frac=1, random_state=seed), seed)
    )
    assert not trial["treated"].equals(assignment.randomise(schools, seed + 1)["treated"])


def test_every_school_has_the_same_chance_even_in_odd_strata():
    stratum = np.array(["a"] * 5 + ["b"] * 3 + ["c"])
    rng = np.random.default_rng(0)
    drawn = np.mean([assignment.draw(stratum, 0.4, rng) for _ in range(8000)], axis=0)
    assert np.abs(drawn - 0.4).max() < 0.03


def test_a_school_twice_or_without_last_years_absence_cannot_be_drawn(schools):
    with pytest.raises(assignment.TrialRefused, match="stands twice"):
        assignment.randomise(pd.concat([schools, schools.iloc[:1]]), 1)
    with pytest.raises(assignment.TrialRefused, match="missing values in y"):
        assignment.randomise(schools.assign(y=schools["y"].where(schools.index > 0)), 1)
    with pytest.raises(assignment.TrialRefused, match="share 1.5"):
        assignment.randomise(schools, 1, share=1.5)


def test_balance_is_a_difference_in_standard_deviations():
    schools = pd.DataFrame({"urn": range(4), "roll": [1.0, 3.0, 5.0, 7.0]})
    trial = pd.DataFrame({"urn": range(4), "treated": [False, False, True, True]})
    row = assignment.balance(schools, trial).iloc[0]
    assert (row["treated"], row["control"]) == (6.0, 2.0)
    assert row["standardised"] == pytest.approx(4 / np.sqrt(2)) and not row["alike"]


def _frozen(folder, schools, panel):
    trial = assignment.randomise(schools, 7)
    plan = assignment.analysis_plan(
        trial,
        question="Does a hub help?",
        release="2017-18",
        outcome_year="2018-19",
        seed=7,
        mdes_pp=0.2,
        groups=("size", "start"),
    )
    return trial, plan, assignment.freeze(folder, trial, plan, panel, "2018-19")


def test_a_frozen_trial_reads_back_as_it_was_drawn(tmp_path, schools, nothing_known):
    trial, plan, seal = _frozen(tmp_path / "trial", schools, nothing_known)
    again, text = assignment.read_frozen(tmp_path / "trial", seal)
    pd.testing.assert_frame_equal(again, trial, check_dtype=False)
    assert text == plan and "0.20 pp" in plan and "size, start" in plan


def test_an_assignment_is_never_overwritten(tmp_path, schools, nothing_known):
    _frozen(tmp_path / "trial", schools, nothing_known)
    was = (tmp_path / "trial" / "assignment.csv").read_bytes()
    with pytest.raises(assignment.TrialRefused, match="already holds a trial"):
        _frozen(tmp_path / "trial", schools.iloc[:100], nothing_known)
    assert (tmp_path / "trial" / "assignment.csv").read_bytes() == was


def test_a_plan_after_the_outcome_is_refused_and_leaves_nothing(tmp_path, schools):
    panel = pd.DataFrame(
        {"urn": schools["urn"].iloc[:3], "year": "2018-19", "absence_pct": [5.0, 6.0, np.nan]}
    )
    with pytest.raises(assignment.TrialRefused, match="already known for 2 schools"):
        _frozen(tmp_path / "trial", schools, panel)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["assignment.csv", "analysis-plan.md"])
def test_a_changed_file_is_found(tmp_path, schools, nothing_known, name):
    _frozen(tmp_path / "trial", schools, nothing_known)
    path = tmp_path / "trial" / name
    path.chmod(0o644)
    path.write_text(path.read_text().replace("0", "1", 1))
    with pytest.raises(assignment.TrialRefused, match=name):
        assignment.read_frozen(tmp_path / "trial")


def test_a_new_seal_does_not_hide_a_change_from_who_kept_the_old_one(tmp_path, schools, nothing_known):
    seal = _frozen(tmp_path / "trial", schools, nothing_known)[2]
    path = tmp_path / "trial" / "seal.json"
    path.chmod(0o644)
    path.write_text(json.dumps({**seal, "assignment.csv": "0" * 64}))
    with pytest.raises(assignment.TrialRefused, match="not the seal that was kept"):
        assignment.read_frozen(tmp_path / "trial", seal)
    with pytest.raises(assignment.TrialRefused, match="lacks"):
        assignment.read_frozen(tmp_path)
