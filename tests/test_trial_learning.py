"""Claims about worlds with a planted effect, placebo years, our own promises, and what may be learnt."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from helpers.base.params import make
from helpers.evaluate import year_pairs
from helpers.evaluate.trial import (
    calibration,
    changes,
    interval_coverage,
    placebo,
    power,
    simulate,
)
from helpers.run.stages import STAGES
from tests.support import trial_pairs


@pytest.fixture(scope="module")
def now_and_before():
    return trial_pairs.seen(700, seed=11)


def test_a_world_is_as_unequal_as_the_year_it_is_made_of(now_and_before):
    seen = now_and_before[0]
    dealt = simulate.deck(seen).deal(np.random.default_rng(0), 400)
    small = (seen["roll"] < seen["roll"].median()).to_numpy()
    for rows in (small, ~small):
        assert dealt[rows].std() == pytest.approx(seen.loc[rows, "residual_pp"].std(), rel=0.1)
    assert np.abs(dealt.mean(axis=1)).mean() < 0.05, (
        "nobody is favoured: every school's surprises are 0 on average"
    )


def test_schools_of_an_authority_move_together_in_every_world():
    for shared, low, high in ((0.0, 0.0, 0.03), (0.5, 0.2, 0.6)):
        pair = {
            k: trial_pairs.pair(700, i, shared_pp=shared) for i, k in enumerate(trial_pairs.two_pairs(50))
        }
        seen = year_pairs.with_forecast(pair["2017-18", "2018-19"], year_pairs.learnt_before(pair, "2017-18"))
        dealt = simulate.deck(seen).deal(np.random.default_rng(0), 30)
        found = np.mean([power.icc(dealt[:, k], seen["la_code"].to_numpy()) for k in range(30)])
        assert low <= found <= high
        assert found == pytest.approx(
            power.icc(seen["residual_pp"].to_numpy(), seen["la_code"].to_numpy()), abs=0.04
        )


def test_blocks_hold_neighbours_and_every_school_once():
    points = np.random.default_rng(0).normal(size=(500, 3))
    blocks = simulate.alike_blocks(points, np.random.default_rng(1))
    assert np.bincount(blocks).max() <= simulate.BLOCK and len(blocks) == 500
    within = pd.DataFrame(points).groupby(blocks).transform("std").mean()
    assert (within < 0.75).all()


def test_a_planted_effect_is_what_was_asked_for_on_average_and_nothing_where_nobody_takes_it_up(
    now_and_before,
):
    rng = np.random.default_rng(0)
    gains = np.array([simulate.planted(-0.3, now_and_before[0], rng) for _ in range(200)])
    assert gains.mean() == pytest.approx(-0.3, abs=0.01)
    assert (gains == 0).mean() == pytest.approx(1 - simulate.TAKES_IT_UP, abs=0.02)


def test_lotteries_find_what_was_planted_and_rarely_what_was_not(now_and_before):
    trial = interval_coverage.trial_schools(now_and_before[0], 200)
    table = interval_coverage.summary(
        *(interval_coverage.lottery(trial, size, 60, 3, draws=199) for size in (-0.6, 0.0))
    ).set_index("method")
    for method in ("regression (Lin), HC2", "randomisation, within strata"):
        row = table.loc[method]
        assert row["coverage"] >= row["coverage_low"] and row["false_positives"] <= row["false_high"], method
        assert row["power"] > 0.9 and abs(row["bias_pp"]) < 0.05


def test_before_and_after_of_the_worst_finds_an_effect_where_there_is_none(now_and_before):
    seen, before = now_and_before
    sides = (seen, seen["worst"].to_numpy(), before, before["worst"].to_numpy())
    table = interval_coverage.summary(
        *(interval_coverage.difference(*sides, size, 200, 3) for size in (-0.3, 0.0))
    ).set_index("method")
    assert table.loc["naive before/after", "false_positives"] > 0.4
    for method in table.index[1:]:
        assert table.loc[method, "false_positives"] <= table.loc[method, "false_high"] + 0.02, method
        assert table.loc[method, "coverage"] >= table.loc[method, "coverage_low"] - 0.02, method


def test_the_cut_off_finds_what_was_planted():
    """Its clustered errors need authorities by the dozen, as England has."""
    seen = trial_pairs.seen(1500, seed=11, n_las=120)[0]
    seen = seen.assign(z=np.random.default_rng(1).normal(size=1500))
    row = interval_coverage.summary(
        *(interval_coverage.cutoff(seen, "z", 0.3, size, 60, 3) for size in (-0.6, 0.0))
    ).iloc[0]
    assert (
        row["coverage"] >= row["coverage_low"]
        and row["false_positives"] <= row["false_high"]
        and row["power"] > 0.5
    )


def test_the_formula_says_what_simulation_says(now_and_before):
    trial = interval_coverage.trial_schools(now_and_before[0], 240)
    curve = interval_coverage.power_curve(trial, (0.15, 0.4), 100, 3)
    assert (curve["simulated"] - curve["formula"]).abs().max() < 0.15
    assert curve["formula"].iloc[1] > curve["formula"].iloc[0]


def test_the_forecast_of_a_year_never_learns_from_that_year():
    known = trial_pairs.two_pairs()
    first = known["2016-17", "2017-18"]
    changed = {**known, ("2017-18", "2018-19"): known["2017-18", "2018-19"].assign(y_next=1.0, net=1.0)}
    assert year_pairs.learnt_before(known, "2017-18") == year_pairs.learnt_before(changed, "2017-18")
    assert year_pairs.learnt_before(known, "2022-23")["n_pairs"] == 2 * len(first)
    with pytest.raises(ValueError, match="no pair of pre-pandemic years"):
        year_pairs.learnt_before({("2022-23", "2023-24"): first}, "2022-23")


def test_placebo_years_show_the_naive_effect_and_no_other():
    known = trial_pairs.two_pairs(900, seed=11)
    table = placebo.all_years(known, {}).table
    row = table.iloc[0]
    assert list(table["group"]) == [placebo.WORST] and row["naive_upper95_pp"] < 0
    for stem in ("", "less_", "cutoff_"):
        assert row[f"{stem}lower95_pp"] < 0 < row[f"{stem}upper95_pp"], stem
    told = placebo.nil(table).set_index("method")
    assert told.loc["naive before/after", "found"] == 1 and told["found"].sum() == 1


def test_a_school_without_a_verdict_is_in_no_group():
    seen = pd.DataFrame({"z": [np.nan, 0.4, 0.5, 2.0]})
    assert placebo.in_group(seen, "z", 0.5).tolist() == [False, False, True, True]


@pytest.fixture(scope="module")
def kept():
    """Schools that meet their target exactly as often as they were told."""
    rng = np.random.default_rng(5)
    n = 6000
    chance = rng.uniform(0.05, 0.6, n)
    return pd.DataFrame(
        {
            "la_code": rng.integers(200, 350, n).astype("str"),
            "chance_unaided": chance,
            "met": rng.random(n) < chance,
            "start": rng.integers(1, 6, n),
            "fsm": rng.integers(1, 6, n).astype("float64"),
        }
    )


def test_promises_that_are_kept_are_called_kept(kept):
    table = calibration.calibration(kept)
    assert (
        table["kept"].sum() >= 8
        and table["schools"].sum() == len(kept)
        and (np.diff(table["stated"]) > 0).all()
    )
    whole = calibration.overall(kept)
    assert whole["kept"] and whole["brier"] < whole["brier_same"]
    luck = calibration.spread(kept, "start", 1)
    assert luck["observed"] < luck["by_chance_95"]


def test_promises_that_are_broken_for_some_are_seen(kept):
    broken = kept.assign(met=kept["met"] & ~((kept["start"] == 5) & (np.arange(len(kept)) % 2 == 0)))
    kept_in = {start: calibration.overall(rows)["kept"] for start, rows in broken.groupby("start")}
    assert not kept_in[5] and sum(kept_in.values()) >= 3
    luck = calibration.spread(broken, "start", 1)
    assert luck["observed"] > luck["by_chance_95"]


@given(n=st.integers(20, 300), k=st.integers(0, 300))
def test_the_interval_of_a_share_is_wilsons_where_nobody_moves_together(n, k):
    met = np.arange(n) < min(k, n)
    low, high = calibration.wilson(met.astype("float64"), np.arange(n))
    theirs = proportion_confint(met.sum(), n, method="wilson")
    if 0 < met.sum() < n:  # the variance over single schools is n / (n - 1) times the binomial one
        assert low <= theirs[0] + 1e-9 and high >= theirs[1] - 1e-9
    assert (low, high) == pytest.approx(theirs, abs=0.03)


def test_schools_that_move_together_widen_the_interval():
    met = np.repeat([1.0, 0.0], 100)
    apart, together = (
        calibration.wilson(met, np.arange(200)),
        calibration.wilson(met, np.repeat(np.arange(20), 10)),
    )
    assert together[1] - together[0] > 2 * (apart[1] - apart[0])


def _rows(seed: int, met_shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = 3000
    start = rng.integers(1, 6, n)
    chance = norm.cdf(rng.normal(-0.6, 0.3, n))
    met = rng.random(n) < chance + met_shift * (start - 3) / 2
    return pd.DataFrame(
        {
            "la_code": rng.integers(200, 350, n).astype("str"),
            "start": start,
            "chance_unaided": chance,
            "met": met,
        }
    )


def test_nothing_is_supported_by_a_change_that_changes_nothing():
    now = _rows(1)
    compared = {year: changes.compare(now, {"cap_pp 1": now}, 1, 200) for year in ("a", "b")}
    assert (compared["a"]["difference"] == 0).all()
    assert changes.supported(compared)["verdict"].tolist() == ["nothing"]


def test_a_change_is_supported_only_when_it_helps_in_every_year():
    uneven, even = _rows(2, met_shift=0.15), _rows(2)
    both = {year: changes.compare(uneven, {"slope 0.3": even}, 1, 400) for year in ("a", "b")}
    one = {**both, "b": changes.compare(even, {"slope 0.3": even}, 1, 400)}
    back = {**both, "b": changes.compare(even, {"slope 0.3": uneven}, 1, 400)}
    assert changes.supported(both)["verdict"].tolist() == ["supported"]
    assert changes.supported(one)["verdict"].tolist() == ["nothing"]
    assert changes.supported(back)["verdict"].tolist() == ["worse"]


def test_only_changes_that_the_limits_allow_are_tried():
    run = make(floor_pp=0.1, cap_pp=0.15)
    assert {"floor_pp": 0.2} not in changes.candidates(run) and {"slope": 0.3} in changes.candidates(run)
    assert {"slope": run.slope} not in changes.candidates(run, {"slope": (run.slope, 0.4)})


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.5, -0.3, "offering it more widely"),
        (-0.5, -0.1, "larger trial"),
        (0.1, 0.3, "did worse"),
        (-0.1, 0.1, "ruled out"),
        (-0.4, 0.1, "nothing yet"),
    ],
)
def test_a_trial_supports_what_its_interval_allows_and_no_more(low, high, said):
    row = {"effect_pp": (low + high) / 2, "lower95_pp": low, "upper95_pp": high}
    assert said in changes.from_trial(row, 0.2, 0.25)


def test_the_placebo_of_the_sample_finds_nothing_and_the_next_release_can_be_tried_out(fitted):
    """The whole of it on the embedded sample, as the notebook does it."""
    run, ingest, peers = fitted, STAGES["ingest"].load(fitted), STAGES["peers"].load(fitted)["peers"]
    register, area_rates = ingest["register"], ingest["area_rates"]
    wanted = [("2016-17", "2017-18"), ("2017-18", "2018-19")]
    known = year_pairs.pairs(
        register, ingest["panel"], [*wanted, ("1999-00", "2000-01")], "secondary", run.seed
    )
    assert list(known) == wanted
    z = year_pairs.verdict_z(
        known[wanted[0]],
        year_pairs.learnt_before(known, "2016-17"),
        peers,
        register,
        area_rates,
        run,
        wanted[0],
    )
    rehearsal = placebo.all_years(known, {wanted[0]: z})
    table, seen = rehearsal.table, rehearsal.seen
    assert (rehearsal.last, rehearsal.before) == (wanted[1], wanted[0])
    assert (
        len(table) == 4
        and placebo.nil(table).set_index("method").loc["difference net of forecast", "found"] <= 1
    )
    rows = changes.attained(
        seen[wanted[1]],
        year_pairs.learnt_before(known, "2017-18"),
        peers,
        register,
        area_rates,
        run,
        wanted[1],
    )
    assert rows["met"].mean() == pytest.approx(rows["chance_unaided"].mean(), abs=0.1)
    base = STAGES["model"].load(run)["baseline"]
    tried = changes.next_release(base, peers, register, area_rates, run, [{"slope": 0.3}]).set_index(
        ["change", "phase"]
    )
    assert (tried.loc["as now", "moved"] == 0).all() and (tried.loc["slope 0.3", "moved"] > 0).all()
    assert tried["mean_ask_pp"].to_numpy() == pytest.approx(run.national_path_pp)


def test_pairs_that_were_kept_come_back_as_they_were():
    known = trial_pairs.two_pairs(60)
    register = known["2016-17", "2017-18"].drop(columns=["y", "y_next", "c", "net"])
    made = {
        p: register.merge(f[["urn", "y", "y_next", "c", "net"]], on="urn", validate="1:1")
        for p, f in known.items()
    }
    made["2017-18", "2018-19"] = made["2017-18", "2018-19"].iloc[:50]
    again = year_pairs.widen(year_pairs.narrow(made), register)
    assert list(again) == list(made)
    for pair, frame in made.items():
        pd.testing.assert_frame_equal(again[pair], frame)
    assert year_pairs.widen(year_pairs.narrow({}), register) == {}
