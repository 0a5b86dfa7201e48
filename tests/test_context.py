"""Claims about context-expected absence and its drivers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from helpers import model
from helpers.model.additive import AdditiveRidge
from helpers.model.context import fit_context
from helpers.model.explain import tree_contributions
from helpers.model.features import FEATURES, design
from tests.support import invented_schools


@pytest.fixture(scope="module")
def schools():
    return invented_schools.register()


@pytest.fixture(scope="module")
def fitted(schools):
    return fit_context(schools)


def test_changing_one_las_outcomes_leaves_its_own_expected_absence_unchanged(schools, fitted):
    la = schools["la_code"].iloc[0]
    moved = schools.copy()
    moved["absence_pct"] = moved["absence_pct"] + 5.0 * (moved["la_code"] == la)
    again = fit_context(moved).expected.set_index("urn")["context_expected_pct"]
    before = fitted.expected.set_index("urn")["context_expected_pct"]
    own = schools.loc[(schools["la_code"] == la) & (schools["status"] == "assessed"), "urn"]
    pd.testing.assert_series_equal(again[own], before[own])
    assert np.abs(again.drop(own) - before.drop(own)).max() > 0.01, (
        "the other schools do learn from it, else the test proves nothing"
    )


def test_drivers_and_the_phase_mean_add_up_to_the_expected_absence(fitted):
    total = fitted.drivers.groupby("urn")["contribution_pp"].sum()
    expected = fitted.expected.set_index("urn")
    rebuilt = expected["phase"].map(fitted.phase_mean) + total
    assert np.abs(rebuilt - expected["context_expected_pct"]).max() < 1e-9


def test_the_driver_that_made_the_data_is_the_largest(fitted):
    sizes = fitted.drivers.groupby("driver")["contribution_pp"].std()
    assert sizes.idxmax() == "free school meals"


def test_only_assessed_mainstream_schools_have_an_expected_absence(schools, fitted):
    assert set(fitted.expected["urn"]) == set(schools.loc[schools["status"] == "assessed", "urn"])


def test_no_outcome_is_a_feature(schools):
    assert not [c for c in design(schools) if "absence" in c or "persistent" in c or "pre_pandemic" in c]
    changed = schools.assign(absence_pct=0.0, pre_pandemic_absence_pct=0.0)
    pd.testing.assert_frame_equal(design(changed), design(schools))


def test_the_same_register_in_another_order_gives_the_same_answer(schools, fitted):
    again = fit_context(schools.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(again.expected, fitted.expected)
    pd.testing.assert_frame_equal(again.weights, fitted.weights)


def test_missing_features_are_filled_from_training_schools_and_counted(schools):
    holed = schools.copy()
    holed.loc[holed["urn"] % 7 == 0, "sen_support_pct"] = np.nan
    fit = fit_context(holed)
    assert fit.expected["context_expected_pct"].notna().all()
    gone = holed[(holed["status"] == "assessed") & holed["sen_support_pct"].isna()]
    counted = fit.missing.set_index(["phase", "feature"])["n"]
    assert counted[("primary", "sen_support_pct")] == (gone["phase"] == "primary").sum()
    total = fit.drivers.groupby("urn")["contribution_pp"].sum()
    expected = fit.expected.set_index("urn")
    assert (
        np.abs(expected["phase"].map(fit.phase_mean) + total - expected["context_expected_pct"]).max() < 1e-9
    )


def test_one_la_alone_is_refused(schools):
    with pytest.raises(ValueError, match="at least two local authorities"):
        fit_context(schools.assign(la_code="201"))


def test_a_register_without_a_column_is_refused_by_name(schools):
    with pytest.raises(KeyError, match="fsm6_pct"):
        fit_context(schools.drop(columns="fsm6_pct"))


def test_every_feature_has_a_reason_and_a_weight_is_never_negative(fitted):
    assert all(f.reason for f in FEATURES)
    assert all(reason for listed in fitted.features.values() for _, reason in listed)
    assert (fitted.weights["weight"] > 0).all()


def test_the_parts_of_boosted_trees_are_shapley_values():
    """Against the definition: the average over all orders of letting groups take the school's values."""
    from itertools import permutations

    rng = np.random.default_rng(4)
    x = rng.normal(size=(300, 6))
    model = HistGradientBoostingRegressor(max_iter=30, max_leaf_nodes=8, random_state=1).fit(
        x, x[:, 0] * x[:, 2] + x[:, 4] * x[:, 1] + x[:, 5]
    )
    group, reference, rows = np.array([0, 0, 1, 1, 2, 2]), np.median(x, axis=0), x[:20]
    parts, base = tree_contributions(model, rows, reference, group, 3)
    wanted = np.zeros((20, 3))
    for order in permutations(range(3)):
        mixed = np.tile(reference, (20, 1))
        last = model.predict(mixed)
        for g in order:
            mixed[:, group == g] = rows[:, group == g]
            now = model.predict(mixed)
            wanted[:, g] += (now - last) / 6
            last = now
    np.testing.assert_allclose(parts, wanted, atol=1e-10)
    np.testing.assert_allclose(parts.sum(axis=1) + base, model.predict(rows), atol=1e-10)


def test_the_additive_models_parts_add_up_to_its_prediction():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(200, 4))
    model = AdditiveRidge().fit(x, np.abs(x[:, 0]) + x[:, 1], np.ones(200))
    parts, intercept = model.contributions(x, np.array([0, 0, 1, 2]), 3)
    np.testing.assert_allclose(parts.sum(axis=1) + intercept, model.predict(x), atol=1e-10)


def test_what_the_drivers_do_not_explain_is_nothing_and_a_changed_part_is_noticed(schools, fitted):
    results = SimpleNamespace(model={"phase_mean": fitted.phase_mean})
    about = schools[["urn", "phase"]]
    assert model.not_explained(about, fitted.drivers, fitted.expected, results) < 1e-9
    changed = fitted.drivers.copy()
    changed.loc[changed.index[0], "contribution_pp"] += 0.25
    assert model.not_explained(about, changed, fitted.expected, results) == pytest.approx(0.25)


def test_no_feature_is_shown_under_its_raw_name(fitted):
    shown = model.features_in_words(fitted.weights)
    assert not shown["feature"].str.contains("_").any()
    assert len(shown) == len(fitted.weights) and shown["weight"].equals(fitted.weights["weight"])
    missing = model.features_in_words(pd.DataFrame({"feature": ["fsm_pct", "fsm_pct_missing"]}))["feature"]
    assert missing[1] == f"{missing[0]} (not known)"
