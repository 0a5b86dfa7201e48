"""Claims about the baseline, its spread and its intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.model.context import fit_context
from helpers.model.forecast import (
    BASELINE_COLUMNS,
    baseline,
    baseline_of,
    fit_forecast,
    fit_parameters,
    pre_pandemic_pairs,
    shrinkage,
    transition,
)
from tests.support import invented_schools


@pytest.fixture(scope="module")
def world():
    schools = invented_schools.register(n_secondary=320)
    context = fit_context(schools)
    panel = invented_schools.panel(schools)
    return schools, context, panel, fit_forecast(context, schools, panel)


def test_intervals_are_ordered_and_hold_the_baseline(world):
    b = world[3].baseline
    assert list(b.columns) == BASELINE_COLUMNS
    columns = ["lower90_pct", "lower80_pct", "baseline_pct", "upper80_pct", "upper90_pct"]
    assert (np.diff(b[columns].to_numpy(), axis=1) > 0).all()
    assert (b["sd_pp"] > 0).all()


def test_the_baseline_lies_between_last_year_and_context(world):
    b = world[3].baseline
    low = b[["absence_pct", "context_expected_pct"]].min(axis=1)
    high = b[["absence_pct", "context_expected_pct"]].max(axis=1)
    assert ((b["baseline_pct"] >= low - 1e-9) & (b["baseline_pct"] <= high + 1e-9)).all()


def test_a_higher_rate_last_year_never_lowers_the_baseline(world):
    schools, context, _, fit = world
    rows = context.expected.merge(
        schools[["urn", "absence_pct", "roll", "fsm_pct"]], on="urn", validate="1:1"
    )
    higher = rows.assign(absence_pct=rows["absence_pct"] + 2.0)
    assert (
        baseline_of(higher, fit.parameters)["baseline_pct"]
        > baseline_of(rows, fit.parameters)["baseline_pct"]
    ).all()


def test_the_baseline_can_be_worked_out_by_hand():
    """y 12, c 10, lambda 0.8: 10 x 1.2 ** 0.8."""
    assert baseline(np.array([12.0]), np.array([10.0]), np.array([0.8]))[0] == pytest.approx(
        11.5703, abs=1e-4
    )
    assert baseline(np.array([10.0]), np.array([10.0]), np.array([0.3]))[0] == pytest.approx(10.0)


def test_small_schools_keep_less_of_their_departure_from_context(world):
    p = world[3].parameters
    kept = shrinkage(np.array([100.0, 300.0, 1200.0]), p["lambda_top"]["secondary"], p["lambda_half_roll"])
    assert (np.diff(kept) >= 0).all() and kept[-1] <= 1.0


def test_the_recovery_years_teach_nothing(world):
    panel = world[2]
    extra = panel[panel["year"] == "2022-23"].assign(year="2021-22")
    assert pre_pandemic_pairs(pd.concat([panel, extra], ignore_index=True)) == pre_pandemic_pairs(panel)


def test_the_later_year_has_no_part_in_the_context_of_the_earlier_one(world):
    schools, _, panel, _ = world
    moved = panel.assign(
        absence_pct=panel["absence_pct"] + 3.0 * (panel["year"] == "2018-19") * (panel["urn"] % 2)
    )
    now, then = (transition(schools, p, "2017-18", "2018-19", "secondary", 1) for p in (panel, moved))
    assert (now["c"] == then["c"]).all() and (now["y"] == then["y"]).all()
    assert (now["y_next"] != then["y_next"]).any()


def test_primary_lambda_at_the_median_roll_is_the_stated_assumption(world):
    schools, _, panel, fit = world
    seen = [transition(schools, panel, "2016-17", "2017-18", "secondary", 1)]
    parameters = fit_parameters(seen, 0.7, {"primary": 300.0, "secondary": 900.0})
    assert parameters["lambda_at_median_roll"]["primary"] == pytest.approx(0.7)
    weak = fit.evidence[fit.evidence["phase"] == "primary"]
    assert (weak["strength"] == "weak").all() and len(weak)


def test_a_known_lasting_share_and_spread_are_found_again():
    """Made with lambda 0.8 at any size and a spread that halves when the roll is sixteen times as large."""
    rng = np.random.default_rng(11)
    n = 6000
    c, roll, fsm = (
        rng.uniform(4, 8, n),
        np.exp(rng.uniform(np.log(100), np.log(1600), n)),
        rng.uniform(5, 50, n),
    )
    y = c * np.exp(rng.normal(0, 0.2, n))
    net = c * (y / c) ** 0.8 + rng.normal(0, 0.5, n) * (roll / 400) ** -0.25
    made = pd.DataFrame({"y": y, "c": c, "net": net, "roll": roll, "fsm_pct": fsm})
    p = fit_parameters([made], 0.8, {"secondary": 400.0})
    assert p["lambda_at_median_roll"]["secondary"] == pytest.approx(0.8, abs=0.03)
    assert p["spread"]["log_roll"] == pytest.approx(-0.25, abs=0.04)
    assert p["conformal_factor"][80] == pytest.approx(1.2816, abs=0.05)
    assert p["conformal_factor"][90] == pytest.approx(1.6449, abs=0.08)


def test_only_consecutive_pre_pandemic_years_are_pairs(world):
    panel = world[2]
    assert pre_pandemic_pairs(panel) == [("2016-17", "2017-18"), ("2017-18", "2018-19")]
    assert pre_pandemic_pairs(panel[panel["year"] != "2017-18"]) == []


def test_a_panel_without_pre_pandemic_pairs_is_refused(world):
    schools, context, panel, _ = world
    with pytest.raises(ValueError, match="no pair of consecutive years"):
        fit_forecast(context, schools, panel[panel["year"] == "2022-23"])


def test_intervals_cover_what_they_say_on_fresh_years_of_the_same_world(world):
    schools, context, _, _ = world
    fit = fit_forecast(context, schools, invented_schools.panel(schools, seed=7))
    p = fit.parameters
    assert 1.0 < p["conformal_factor"][80] < p["conformal_factor"][90] < 2.2
    assert p["rmse_pp"] < p["rmse_same_as_last_year_pp"]
