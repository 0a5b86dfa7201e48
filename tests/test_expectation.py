"""Claims about the minimum improvement expected."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from helpers import expectations
from helpers.base.years import SCHOOL_DAYS
from helpers.expectations.formula import (
    COLUMNS,
    best_quartile,
    set_expectations,
    shown_minimum,
    special_range,
    target,
)
from tests.support import invented_schools

DEFAULTS = dict(
    national_path_pp=0.31,
    slope=0.2,
    floor_pp=0.1,
    cap_pp=0.8,
    max_ask_pp=1.2,
    min_ask_pp=0.1,
    rounding_pp=0.1,
)


def parameters(**changes):
    return SimpleNamespace(**{**DEFAULTS, **changes})


@st.composite
def worlds(draw):
    """Invented schools with any plausible rates (one or two decimals), baselines, spreads and peers."""
    n = draw(st.integers(25, 60))
    seed = draw(st.integers(0, 10_000))
    decimals = draw(st.sampled_from([1, 2, 5]))
    rng = np.random.default_rng(seed)
    urn = 100_000 + np.arange(n)
    y = np.round(rng.uniform(1.5, 25, n), decimals)
    baseline = pd.DataFrame({"urn": urn, "phase": rng.choice(["primary", "secondary"], n), "absence_pct": y})
    baseline["phase"] = np.where(
        np.arange(n) < 2, ["primary", "secondary"] * (n // 2) + ["primary"] * (n % 2), baseline["phase"]
    )
    baseline["baseline_pct"] = np.maximum(y + rng.normal(0, draw(st.floats(0.0, 0.2)), n), 0.2)
    baseline["sd_pp"] = rng.uniform(0.2, 1.5, n)
    peers = pd.DataFrame({"urn": np.repeat(urn, 5), "peer_urn": urn[rng.integers(0, n, 5 * n)]})
    register = pd.DataFrame(
        {
            "urn": urn,
            "roll": rng.integers(30, 2000, n).astype(float),
            "la_code": "201",
            "phase": baseline["phase"],
        }
    )
    register["pre_pandemic_absence_pct"] = y * 0.7
    return baseline, peers, register


NO_RATES = pd.DataFrame(
    {c: pd.Series(dtype="object") for c in ("year", "geography", "area_code", "phase", "measure", "rate_pct")}
)


@settings(max_examples=60)
@given(worlds())
def test_identities_of_every_target(world):
    baseline, peers, register = world
    p = parameters()
    fit = set_expectations(baseline, peers, register, NO_RATES, p)
    e = fit.expectations.merge(baseline, on="urn", validate="1:1").merge(
        register[["urn", "roll"]], on="urn", validate="1:1"
    )
    assert list(fit.expectations.columns) == COLUMNS
    assert e["ask_pp"].between(p.min_ask_pp - 1e-9, p.max_ask_pp + 1e-9).all()
    assert (e["target_absence_pct"] <= e["absence_pct"] - p.min_ask_pp + 1e-9).all()
    parts = e["return_to_normal_pp"] + e["national_part_pp"] + e["context_part_pp"] + e["limits_part_pp"]
    np.testing.assert_allclose(parts, e["ask_pp"], atol=1e-9)
    np.testing.assert_allclose(e["absence_pct"] - e["target_absence_pct"], e["ask_pp"], atol=1e-9)
    np.testing.assert_allclose(e["minimum_attendance_pct"], 100 - e["target_absence_pct"], atol=1e-9)
    told = fit.calibration.set_index("phase")["weighted_mean_shown_ask_pp"]
    for phase, rows in e.groupby("phase"):
        assert np.average(rows["ask_pp"], weights=rows["roll"]) == pytest.approx(
            p.national_path_pp, abs=0.001
        )
        shown = rows["minimum_attendance_shown_pct"] - (100 - rows["absence_pct"])
        assert np.average(shown, weights=rows["roll"]) == pytest.approx(told[phase])
    assert e[["chance_unaided", "chance_if_real"]].stack().between(0, 1).all()
    assert (e["chance_if_real"] >= e["chance_unaided"]).all()
    assert (e["gap_pp"] >= 0).all()


@settings(max_examples=60)
@given(worlds())
def test_the_shown_ask_stays_within_its_limits(world):
    baseline, peers, register = world
    p = parameters()
    e = set_expectations(baseline, peers, register, NO_RATES, p).expectations.merge(
        baseline, on="urn", validate="1:1"
    )
    shown = e["minimum_attendance_shown_pct"]
    np.testing.assert_allclose(shown * 10, np.round(shown * 10), atol=1e-6)
    ask = shown - (100 - e["absence_pct"])
    assert (ask >= p.min_ask_pp - 1e-6).all() and (ask <= p.max_ask_pp + 1e-6).all()
    in_favour = shown <= e["minimum_attendance_pct"] + 1e-6
    at_least = shown - p.rounding_pp < 100 - e["absence_pct"] + p.min_ask_pp
    assert (in_favour | at_least).all(), (
        "shown above the unrounded minimum only where the smallest ask demands it"
    )


@pytest.mark.parametrize(
    ("y", "t", "shown"),
    [(9.1, 8.6, 91.4), (9.1, 9.0, 91.0), (9.12, 9.02, 91.0), (9.12, 8.65, 91.3), (5.0, 4.6999999999, 95.3)],
)
def test_rounding_is_in_the_schools_favour(y, t, shown):
    assert shown_minimum(np.array([y]), np.array([t]), parameters())[0] == pytest.approx(shown)


def test_a_worked_example_by_hand():
    """y 9.0, B 8.8, gap 1.0, a 0.05: ask the baseline less 0.05 + 0.2 x 1.0 = 0.25, so T = 8.55."""
    assert target(9.0, 8.8, 1.0, 0.05, parameters()) == pytest.approx(8.55)
    assert target(9.0, 9.4, 1.0, 0.05, parameters()) == pytest.approx(8.9), (
        "never less than 0.1 below last year"
    )
    assert target(9.0, 7.0, 1.0, 0.05, parameters()) == pytest.approx(7.8), (
        "never more than 1.2 below last year"
    )


def test_a_larger_gap_never_asks_less():
    gaps = np.linspace(0, 8, 50)
    assert (np.diff(target(9.0, 9.0, gaps, 0.1, parameters())) <= 1e-12).all()


def test_the_chance_is_the_normal_probability_of_the_target(world=None):
    baseline, peers, register = _fixed_world()
    e = set_expectations(baseline, peers, register, NO_RATES, parameters()).expectations.merge(
        baseline, on="urn", validate="1:1"
    )
    np.testing.assert_allclose(
        e["chance_unaided"], norm.cdf((e["target_absence_pct"] - e["baseline_pct"]) / e["sd_pp"])
    )
    np.testing.assert_allclose(
        e["chance_if_real"],
        norm.cdf((e["target_absence_pct"] - e["baseline_pct"] + e["ask_pp"]) / e["sd_pp"]),
    )


def _fixed_world():
    rng = np.random.default_rng(3)
    n = 80
    urn = 100_000 + np.arange(n)
    y = np.round(rng.uniform(4, 12, n), 1)
    baseline = pd.DataFrame(
        {
            "urn": urn,
            "phase": "secondary",
            "absence_pct": y,
            "baseline_pct": y + rng.normal(0, 0.2, n),
            "sd_pp": 0.6,
        }
    )
    peers = pd.DataFrame({"urn": np.repeat(urn, 4), "peer_urn": urn[rng.integers(0, n, 4 * n)]})
    register = pd.DataFrame(
        {"urn": urn, "roll": 500.0, "la_code": "201", "phase": "secondary", "pre_pandemic_absence_pct": y - 2}
    )
    return baseline, peers, register


def test_the_ladder_has_the_published_la_rate_of_the_same_phase_and_year():
    baseline, peers, register = _fixed_world()
    rates = pd.DataFrame(
        {
            "year": ["2022-23", "2022-23", "2021-22"],
            "geography": "la",
            "area_code": "201",
            "phase": ["secondary", "primary", "secondary"],
            "measure": "absence",
            "rate_pct": [9.0, 6.0, 8.0],
        }
    )
    e = set_expectations(baseline, peers, register, rates, parameters()).expectations
    assert (e["la_attendance_pct"] == 91.0).all()
    assert np.allclose(e["pre_pandemic_attendance_pct"], 100 - register["pre_pandemic_absence_pct"])
    assert np.allclose(
        e["peers_best_quartile_attendance_pct"], 100 - best_quartile(peers, baseline).reindex(e["urn"])
    )


def test_a_path_that_the_limits_cannot_reach_is_refused():
    baseline, peers, register = _fixed_world()
    with pytest.raises(ValueError, match="cannot be reached"):
        set_expectations(baseline, peers, register, NO_RATES, parameters(national_path_pp=2.0))


def test_limits_that_contradict_each_other_are_refused():
    baseline, peers, register = _fixed_world()
    with pytest.raises(ValueError, match="contradict"):
        set_expectations(baseline, peers, register, NO_RATES, parameters(floor_pp=0.9))


def test_special_schools_get_a_range_with_words_and_no_point():
    schools = invented_schools.register(n_special=30)
    table = special_range(schools, invented_schools.panel(schools))
    special = schools[schools["phase"] == "special"].sort_values("urn")
    assert list(table.columns) == ["urn", "lower_pct", "upper_pct", "words"]
    assert list(table["urn"]) == list(special["urn"])
    assert (table["lower_pct"].to_numpy() < special["absence_pct"].to_numpy()).all()
    assert (table["upper_pct"].to_numpy() > special["absence_pct"].to_numpy()).all()
    assert table["words"].str.contains("four such schools of this size in five").all()


def test_the_range_of_a_small_special_school_is_wider_and_holds_what_it_says_in_small_and_large_schools():
    rng = np.random.default_rng(3)
    n = 900
    roll = rng.integers(20, 300, n).astype(float)
    schools = pd.DataFrame(
        {"urn": 100_000 + np.arange(n), "phase": "special", "roll": roll, "absence_pct": 12.0}
    )
    years = {
        y: 12 * np.exp(rng.normal(0, 1.5 / np.sqrt(roll)))
        for y in ("2016-17", "2017-18", "2018-19", "2022-23", "2023-24")
    }
    panel = pd.concat(
        [pd.DataFrame({"urn": schools["urn"], "year": y, "absence_pct": v}) for y, v in years.items()]
    )
    table = special_range(schools.assign(absence_pct=years["2022-23"]), panel)
    inside = pd.Series(years["2023-24"]).between(table["lower_pct"], table["upper_pct"])
    small = pd.Series(roll) < 80
    assert 0.72 < inside[small].mean() < 0.88 and 0.72 < inside[~small].mean() < 0.88
    width = table["upper_pct"] / table["lower_pct"]
    assert width[small].mean() > width[~small].mean()


def _asked(**changes) -> pd.DataFrame:
    """Ten secondary schools whose minimums keep every identity."""
    n = 10
    absence = np.linspace(4.0, 13.0, n)
    frame = pd.DataFrame({"urn": range(100_000, 100_000 + n), "phase": "secondary", "absence_pct": absence})
    parts = {
        "return_to_normal_pp": 0.1,
        "national_part_pp": 0.2,
        "context_part_pp": 0.3,
        "limits_part_pp": -0.1,
    }
    frame = frame.assign(**parts, ask_pp=0.5, target_absence_pct=absence - 0.5)
    frame = frame.assign(minimum_attendance_pct=100 - frame["target_absence_pct"])
    frame = frame.assign(chance_unaided=np.linspace(0.1, 1.0, n), chance_if_real=0.9)
    attendance = {"la_attendance_pct": 92.0, "peers_best_quartile_attendance_pct": 95.0}
    return frame.assign(**attendance, pre_pandemic_attendance_pct=np.nan, **changes)


@pytest.mark.parametrize(
    "column", ["context_part_pp", "ask_pp", "target_absence_pct", "minimum_attendance_pct"]
)
def test_every_identity_is_checked(column):
    asked = _asked()
    assert expectations.off_by(asked) < 1e-9
    asked.loc[3, column] += 0.01
    assert expectations.off_by(asked) == pytest.approx(0.01)


def test_mean_chances_are_by_fifth_of_starting_absence_one_the_least():
    by_start = expectations.by_start(_asked())
    assert by_start["fifth"].tolist() == [1, 2, 3, 4, 5]
    assert by_start["chance_unaided"].tolist() == pytest.approx([0.15, 0.35, 0.55, 0.75, 0.95])


def test_the_ladder_has_every_rung_of_every_school_and_the_first_is_last_years_attendance():
    asked = _asked()
    ladder = expectations.ladder(asked)
    assert len(ladder) == len(asked) * len(expectations.RUNGS)
    first = ladder.loc[ladder["rung"] == "last year"].set_index("urn")["attendance_pct"]
    assert first.tolist() == pytest.approx((100 - asked["absence_pct"]).tolist())


def test_days_by_authority_are_the_ask_times_the_roll_times_the_school_year():
    asked = _asked().head(3)
    schools = pd.DataFrame({"urn": asked["urn"], "la_name": ["A", "B", "B"], "roll": [100.0, 200.0, 600.0]})
    days = expectations.days_by_la(asked, schools).set_index("la_name")
    assert list(days.index) == ["B", "A"] and days.at["B", "pupils"] == 800
    assert days.at["A", "pupil_days"] == pytest.approx(0.005 * SCHOOL_DAYS * 100)
    assert days["days_per_pupil"].tolist() == pytest.approx([0.005 * SCHOOL_DAYS] * 2)


def test_one_schools_figures_are_shown_under_labels_with_units():
    shown = expectations.one_school(_asked(), 100_003).set_index("quantity")["value"]
    assert shown["Improvement asked on last year (pp)"] == "0.5000"
    assert not shown.index.str.contains("_").any()
