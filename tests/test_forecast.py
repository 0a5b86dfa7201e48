"""Claims about the baseline, its spread and its intervals."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.context import fit_context
from helpers.forecast import BASELINE_COLUMNS, fit_forecast, pre_pandemic_pairs, shrinkage
from tests import invented_schools


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
    schools, context, panel, fit = world
    urn = fit.baseline["urn"].iloc[0]
    changed = schools.copy()
    changed["absence_pct"] = changed["absence_pct"] + 2.0 * (changed["urn"] == urn)
    again = fit_forecast(context, changed, panel)
    before, after = (f.baseline.set_index("urn")["baseline_pct"] for f in (fit, again))
    assert after[urn] > before[urn]
    assert (after.drop(urn) == before.drop(urn)).all()


def test_small_schools_keep_less_of_their_departure_from_context(world):
    p = world[3].parameters
    kept = shrinkage(np.array([100.0, 300.0, 1200.0]), p["lambda_top"]["secondary"], p["lambda_half_roll"])
    assert (np.diff(kept) >= 0).all() and kept[-1] <= 1.0


def test_the_recovery_years_teach_nothing(world):
    schools, context, panel, fit = world
    extra = panel[panel["year"] == "2022-23"].assign(year="2021-22", absence_pct=lambda f: f["absence_pct"] + 9.0)
    again = fit_forecast(context, schools, __import__("pandas").concat([panel, extra], ignore_index=True))
    assert again.parameters == fit.parameters


def test_primary_lambda_at_the_median_roll_is_the_stated_assumption(world):
    schools, context, panel, _ = world
    fit = fit_forecast(context, schools, panel, primary_lambda=0.7)
    assert fit.parameters["lambda_at_median_roll"]["primary"] == pytest.approx(0.7)
    weak = fit.evidence[fit.evidence["phase"] == "primary"]
    assert (weak["strength"] == "weak").all() and len(weak)


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
