"""Claims about reading results: lottery, cut-off, difference net of forecast, groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.meta_analysis import combine_effects

from helpers.evaluate.trial import assignment, discontinuity, effects
from helpers.evaluate.trial import forecast_difference as fd
from tests.support import trial_pairs


@pytest.fixture(scope="module")
def now_and_before():
    return trial_pairs.seen(900, seed=11)


@pytest.fixture(scope="module")
def trial(now_and_before):
    """A trial in which support took 0.4 points off."""
    seen = now_and_before[0]
    drawn = assignment.randomise(seen, 5)
    out = effects.with_outcomes(drawn, seen)
    return out.assign(outcome=out["outcome"] - 0.4 * out["treated"])


def test_without_covariates_and_strata_it_is_neymans_difference(trial):
    bare = trial.assign(stratum="one")
    regression, plain = effects.itt(bare, adjust=()), effects.difference(bare)
    assert regression["effect_pp"] == pytest.approx(plain["effect_pp"])
    assert regression["se_pp"] == pytest.approx(plain["se_pp"])


def test_the_planted_effect_lies_in_every_interval_and_adjusting_narrows_it(trial):
    rows = [effects.itt(trial), effects.itt(trial, cluster="la_code"), effects.randomisation(trial, 1, 999)]
    assert all(r["lower95_pp"] < -0.4 < r["upper95_pp"] < 0 and r["p_value"] < 0.01 for r in rows)
    assert rows[0]["se_pp"] < 0.8 * effects.difference(trial)["se_pp"]


def test_a_school_without_an_outcome_is_counted_and_never_imputed(trial):
    holes = trial.assign(outcome=trial["outcome"].mask(trial.index < 10))
    assert effects.itt(holes)["treated"] + effects.itt(holes)["control"] == len(trial) - 10
    assert effects.attrition(holes)["with_outcome"].sum() == len(trial) - 10
    with pytest.raises(ValueError, match="both arms"):
        effects.itt(trial[trial["treated"]])
    with pytest.raises(ValueError, match="too few"):
        effects.itt(trial.groupby("stratum").head(1))


@settings(max_examples=20)
@given(n=st.integers(8, 80), seed=st.integers(0, 99))
def test_the_lottery_again_draws_as_many_in_every_stratum(n, seed):
    drawn = assignment.randomise(trial_pairs.pair(n, seed), seed)
    again = effects.permutations(
        drawn["treated"].to_numpy(), drawn["stratum"].to_numpy(), 20, np.random.default_rng(seed)
    )
    for stratum, rows in drawn.groupby("stratum"):
        assert (again[:, rows.index].sum(axis=1) == rows["treated"].sum()).all(), stratum


def test_the_randomisation_test_is_exact_where_all_lotteries_can_be_listed():
    """Six schools, three drawn: 20 lotteries; the outcome is most extreme in two of them, so p is near 2/20."""
    frame = pd.DataFrame(
        {"outcome": [1.0, 2, 3, 14, 15, 16], "treated": [False] * 3 + [True] * 3, "stratum": "a"}
    )
    assert effects.randomisation(frame, 1, 9999, adjust=())["p_value"] == pytest.approx(0.1, abs=0.01)


@settings(max_examples=12)
@given(seed=st.integers(0, 999), shift=st.floats(-3, 3))
def test_the_randomisation_interval_is_what_a_search_over_effects_would_find(seed, shift):
    schools = trial_pairs.seen(40, seed)[0]
    frame = effects.with_outcomes(assignment.randomise(schools, seed), schools)
    frame["outcome"] += shift * frame["treated"]
    t = frame["treated"].to_numpy("float64")
    lotteries = effects.permutations(
        frame["treated"].to_numpy(), frame["stratum"].to_numpy(), 199, np.random.default_rng(seed)
    )
    basis = effects.residual_maker(frame, ("baseline_pct",))
    row = effects.invert(frame["outcome"].to_numpy(), t, lotteries, basis)

    def p_of(effect: float) -> float:
        return effects.invert(frame["outcome"].to_numpy() - effect * t, t, lotteries, basis)["p_value"]

    step = 0.02 * (row["upper95_pp"] - row["lower95_pp"])
    assert p_of(row["lower95_pp"] + step) > 0.05 >= p_of(row["lower95_pp"] - step)
    assert p_of(row["upper95_pp"] - step) > 0.05 >= p_of(row["upper95_pp"] + step)


def test_a_jump_at_the_cut_off_is_found_and_none_is_invented():
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    y = 0.5 * x - 0.2 * x**2 + rng.normal(0, 0.4, 3000)
    none, jump = (discontinuity.at_cutoff(y + size * (x >= 0.5), x, 0.5) for size in (0.0, -0.5))
    assert none["lower95_pp"] < 0 < none["upper95_pp"]
    assert jump["lower95_pp"] < -0.5 < jump["upper95_pp"] < 0
    assert jump["effect_pp"] - none["effect_pp"] == pytest.approx(-0.5, abs=0.1)


def test_too_few_schools_on_a_side_is_no_answer():
    x = np.linspace(0, 1, 200)
    assert np.isnan(discontinuity.at_cutoff(x, x, 0.95)["effect_pp"])
    assert discontinuity.density(np.full(200, np.nan), 0.5).empty


def test_schools_pushed_over_the_line_are_seen():
    rng = np.random.default_rng(2)
    honest = rng.normal(size=3000)
    pushed = np.where((honest > 0.3) & (honest < 0.5), 0.5 + rng.uniform(0, 0.1, 3000), honest)
    assert discontinuity.density(honest, 0.5)["p_value"].min() > 0.01
    assert (discontinuity.density(pushed, 0.5)["p_value"] < 0.01).sum() >= 3


def test_a_measure_that_jumps_beforehand_is_named(now_and_before):
    seen = now_and_before[0].assign(z=np.random.default_rng(4).normal(size=900))
    none = discontinuity.continuity(seen, "z", 0.2)
    jumps = discontinuity.continuity(seen.assign(eal_pct=seen["eal_pct"] + 40 * (seen["z"] >= 0.2)), "z", 0.2)
    assert none["p_holm"].min() > 0.05 and len(none) == len(discontinuity.KNOWN_BEFORE)
    assert jumps.loc[jumps["p_holm"] < 0.05, "measure"].tolist() == ["eal_pct"]
    assert (jumps["p_holm"] >= jumps["p_value"]).all()


def test_the_worst_schools_get_better_by_themselves_and_the_forecast_knows(now_and_before):
    seen, before = now_and_before
    row = fd.net_of_forecast(seen, seen["worst"], before)
    assert row["naive_upper95_pp"] < 0, "regression to the mean was put into these data"
    assert row["lower95_pp"] < 0 < row["upper95_pp"]
    left = seen.loc[seen["worst"], "residual_pp"].mean()
    assert row["naive_pp"] == pytest.approx(row["return_pp"] + left)


def test_help_for_the_worst_is_found_beyond_their_return(now_and_before):
    seen, before = now_and_before
    helped = seen.assign(**{c: seen[c] - 0.3 * seen["worst"] for c in ("change_pp", "residual_pp")})
    was, row = (fd.net_of_forecast(f, f["worst"], before) for f in (seen, helped))
    assert row["effect_pp"] - was["effect_pp"] == pytest.approx(-0.3)
    assert row["return_pp"] == was["return_pp"] and row["upper95_pp"] < 0


def test_a_fault_that_the_forecast_has_in_both_years_cancels(now_and_before):
    seen, before = now_and_before
    args = (
        seen,
        seen["worst"].to_numpy(),
        before["residual_pp"].to_numpy(),
        before,
        before["worst"].to_numpy(),
    )
    clean, _ = fd.less_a_year_without_policy(seen["residual_pp"].to_numpy(), *args)
    faulty = before["residual_pp"].to_numpy() + 0.7 * before["worst"]
    both, _ = fd.less_a_year_without_policy(
        (seen["residual_pp"] + 0.7 * seen["worst"]).to_numpy(), *args[:2], faulty.to_numpy(), *args[3:]
    )
    assert both == pytest.approx(clean)


def test_a_group_without_anybody_to_compare_with_is_refused(now_and_before):
    seen = now_and_before[0]
    with pytest.raises(ValueError, match="nothing to compare"):
        fd.net_of_forecast(seen, np.ones(len(seen), dtype=bool), seen)


@given(n=st.integers(10, 60), seed=st.integers(0, 99))
def test_the_comparison_is_within_regions(n, seed):
    rng = np.random.default_rng(seed)
    group, region = np.arange(n) % 2 == 0, rng.integers(0, 3, n)
    group[:2], region[:2] = (True, False), 0
    w = fd.contrast(group, region)
    assert w.sum() == pytest.approx(0, abs=1e-12) and w[group].sum() == pytest.approx(1)
    assert w @ rng.normal(size=3)[region] == pytest.approx(0, abs=1e-12), (
        "what a region did as a whole says nothing"
    )


def test_groups_that_differ_by_noise_alone_are_told_the_same():
    found = pd.DataFrame(
        {"group": list("abcd"), "schools": 100, "effect_pp": [-0.3, -0.28, -0.32, -0.31], "se_pp": 0.1}
    )
    table, facts = effects.shrunk(found)
    assert facts["between_sd_pp"] == 0 and facts["p_same"] > 0.9
    assert table["shrunk_pp"].nunique() == 1 and (table["noise_share"] == 1).all()


@given(
    effect=st.lists(st.floats(-2, 2), min_size=3, max_size=8),
    seed=st.integers(0, 99),
)
def test_shrinkage_draws_every_group_towards_the_mean_and_never_past_it(effect, seed):
    se = np.random.default_rng(seed).uniform(0.05, 0.5, len(effect))
    found = pd.DataFrame({"group": range(len(effect)), "schools": 50, "effect_pp": effect, "se_pp": se})
    table, facts = effects.shrunk(found)
    low, high = (
        np.minimum(table["effect_pp"], facts["mean_pp"]),
        np.maximum(table["effect_pp"], facts["mean_pp"]),
    )
    assert (table["shrunk_pp"].between(low - 1e-9, high + 1e-9)).all()


@given(seed=st.integers(0, 500))
@settings(max_examples=50)
def test_the_variance_between_groups_solves_paule_and_mandels_equation(seed):
    rng = np.random.default_rng(seed)
    se = rng.uniform(0.05, 0.3, 7)
    effect = rng.normal(0, 0.2, 7) + rng.normal(0, se)
    found = effects.between_groups(effect, se)
    w = 1 / (se**2 + found)
    q = w @ (effect - w @ effect / w.sum()) ** 2
    assert q == pytest.approx(6, abs=1e-6) or (found == 0 and q < 6)


def test_the_variance_between_groups_is_that_of_statsmodels():
    effect, se = np.array([-0.5, -0.1, 0.2, -0.3, -0.9]), np.array([0.1, 0.12, 0.2, 0.08, 0.15])
    theirs = combine_effects(effect, se**2, method_re="iterated", atol=1e-12, maxiter=500).tau2
    assert effects.between_groups(effect, se) == pytest.approx(theirs, rel=1e-4)


def test_an_effect_in_one_group_alone_shows_there(trial):
    size = np.where(trial["roll"] > 1000, "larger", "smaller")
    helped = trial.assign(outcome=trial["outcome"] - 1.5 * (trial["treated"] & (size == "larger")))
    table, facts = effects.shrunk(effects.by_group(helped, pd.Series(size, index=trial.index)))
    by = table.set_index("group")
    assert facts["p_same"] < 0.001 and by.loc["larger", "upper95_pp"] < by.loc["smaller", "lower95_pp"]


def test_a_group_too_small_to_estimate_is_shown_without_an_effect(trial):
    group = pd.Series(np.where(trial.index < 5, "five schools", "the rest"), index=trial.index)
    table = effects.by_group(trial, group).set_index("group")
    assert table.loc["five schools", "schools"] == 5 and np.isnan(table.loc["five schools", "effect_pp"])
    with pytest.raises(ValueError, match="needs two"):
        effects.shrunk(table.reset_index())
