"""Claims about the back-tests and the table of bars: what they measure is what they say, and a bad method
does not pass.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.base.fifths import fifths
from helpers.base.params import DEFAULT, make
from helpers.evaluate.backtests import forecast, peer_quality, targets
from helpers.evaluate.backtests.criteria import chance_spread, hit_spread, ratio_with_interval
from helpers.evaluate.backtests.targets import trades
from helpers.model.forecast import baseline, shrinkage
from tests.support import invented_schools

RUN = make(region="England")
ROLLS = {"primary": 250.0, "secondary": 1000.0}
NO_RATES = pd.DataFrame(
    {c: pd.Series(dtype="object") for c in ("year", "geography", "area_code", "phase", "measure", "rate_pct")}
)


@pytest.fixture(scope="module")
def seen():
    schools = invented_schools.register(n_primary=0, n_secondary=320)
    return forecast.usable_transitions(schools, invented_schools.panel(schools), NO_RATES, "2022-23", 1)


@pytest.fixture(scope="module")
def based(seen):
    return {k: forecast.with_baseline(seen[k], [seen["T0"]], ROLLS, DEFAULT)[0] for k in ("T0", "T1")}


@pytest.fixture(scope="module")
def done(based):
    return {k: targets.with_targets(t, targets.NO_LINKS, NO_RATES, RUN) for k, t in based.items()}


def test_a_pandemic_year_is_never_scored():
    schools = invented_schools.register(n_primary=0, n_secondary=320)
    panel = invented_schools.panel(schools)
    covid = panel[panel["year"] == "2018-19"]
    panel = pd.concat([panel, covid.assign(year="2020-21"), covid.assign(year="2021-22")], ignore_index=True)
    found = forecast.usable_transitions(schools, panel, NO_RATES, "2022-23", 1)
    assert {(t["before"].iloc[0], t["after"].iloc[0]) for t in found.values()} == {
        ("2016-17", "2017-18"),
        ("2017-18", "2018-19"),
    }


def test_what_happened_afterwards_cannot_move_the_baseline_or_the_target(seen, based, done):
    rng = np.random.default_rng(3)
    otherwise = seen["T1"].assign(
        y_next=lambda t: t["y_next"] + rng.normal(0, 3, len(t)), net=lambda t: t["net"] + 5
    )
    again = forecast.with_baseline(otherwise, [seen["T0"]], ROLLS, DEFAULT)[0]
    pd.testing.assert_series_equal(again["baseline_pct"], based["T1"]["baseline_pct"])
    asked = targets.with_targets(again, targets.NO_LINKS, NO_RATES, RUN)
    pd.testing.assert_series_equal(asked["target_absence_pct"], done["T1"]["target_absence_pct"])
    assert not asked["met"].equals(done["T1"]["met"])


def test_the_published_change_of_the_phase_is_what_net_removes():
    schools = invented_schools.register(n_primary=0, n_secondary=320)
    rates = pd.DataFrame(
        {
            "geography": "england",
            "measure": "absence",
            "phase": "secondary",
            "year": ["2016-17", "2017-18", "2018-19"],
            "rate_pct": [5.0, 5.3, 5.2],
        }
    )
    found = forecast.usable_transitions(schools, invented_schools.panel(schools), rates, "2022-23", 1)
    np.testing.assert_allclose(found["T0"]["y_next"] - found["T0"]["net"], 0.3)
    np.testing.assert_allclose(found["T1"]["y_next"] - found["T1"]["net"], -0.1)


def test_intervals_that_are_too_narrow_miss_their_bar(based):
    good = forecast.coverage("T1", based["T1"])
    narrow = based["T1"].copy()
    middle = (narrow["lower80_pct"] + narrow["upper80_pct"]) / 2
    for side in ("lower", "upper"):
        for level in (80, 90):
            narrow[f"{side}{level}_pct"] = middle + (narrow[f"{side}{level}_pct"] - middle) * 0.6
    poor = forecast.coverage("T1", narrow)
    assert [r["ours"] for r in poor if "covers" in r["what"]] < [
        r["ours"] for r in good if "covers" in r["what"]
    ]
    assert not any(r["reached"] for r in poor if "covers" in r["what"])


def test_a_baseline_worse_than_last_years_rate_misses_its_bar(based):
    wrong = based["T1"].assign(baseline_pct=based["T1"]["y"] + 1.0)
    assert not any(r["reached"] for r in forecast.accuracy("T1", 4, wrong, (0.95, 0.98)))
    ratio, low, high = ratio_with_interval(np.array([1.0, -1.0] * 50), np.array([2.0, -2.0] * 50))
    assert ratio == pytest.approx(0.5) and low == pytest.approx(0.5) and high == pytest.approx(0.5)


def test_a_flat_target_is_met_by_luck_unevenly_and_ours_more_evenly(done):
    start = fifths(done["T1"]["y"])
    assert hit_spread(done["T1"]["met"], start) < hit_spread(done["T1"]["met_flat"], start)


def test_the_spread_by_luck_is_that_of_shuffled_hits():
    hit = pd.Series([True, False] * 500)
    group = pd.Series(np.repeat(range(5), 200))
    assert hit_spread(hit, group) == 0.0
    assert hit_spread(pd.Series(group == 4), group) == 1.0
    words = chance_spread(hit, group)
    mean, upper = (float(w) for w in words.replace("luck alone ", "").split(", 95 % below "))
    assert 0.04 < mean < 0.12 and mean < upper < 0.2
    assert chance_spread(hit, group, least=1000) == "fewer than two groups are large enough"


def test_schools_that_miss_again_and_again_show_above_the_shuffled_rate(done):
    first, second = done["T0"].copy(), done["T1"].copy()
    stuck = first["urn"] % 5 == 0
    first["z"] = np.where(stuck, 2.0, -1.0)
    second = second.merge(first[["urn"]].assign(again=first["z"]), on="urn", validate="1:1").assign(
        z=lambda t: t["again"]
    )
    rows = targets.routing_bars(first, second, seed=1)
    assert (
        not rows[0]["reached"] and float(rows[0]["note"].removeprefix("observed ")) > rows[0]["ours"] + 0.05
    )


def test_an_effect_of_being_routed_is_seen(done):
    first, second = done["T0"], done["T1"].copy()
    routed = second["urn"].isin(first.loc[first["z"] > 1, "urn"])
    assert 5 < routed.sum() < len(second)
    second["net_region"] = second["baseline_pct"] - np.where(routed, 0.5, 0.0)
    effect = targets.routing_bars(first, second, seed=1)[-1]
    assert effect["ours"] == pytest.approx(-0.5) and not effect["reached"]


def test_a_target_above_last_year_or_a_broken_path_misses_bar_seven(done):
    t = done["T1"]
    register = t[["urn", "phase", "roll"]].assign(absence_pct=t["y"])
    e = t[["urn", "target_absence_pct", "minimum_attendance_shown_pct", "ask_pp"]]
    rows = targets.ask_bars(e, register, RUN)
    assert all(r["reached"] for r in rows) and float(rows[0]["note"].split(": ")[1]) < 0.31, (
        "rounding is in the school's favour"
    )
    above = e.assign(target_absence_pct=np.where(np.arange(len(e)) == 0, 99.0, e["target_absence_pct"]))
    assert [r["reached"] for r in targets.ask_bars(above, register, RUN)] == [False, False, True]
    eased = e.assign(target_absence_pct=e["target_absence_pct"] + 0.02)
    assert not targets.ask_bars(eased, register, RUN)[0]["reached"]


def test_jaccard_counts_shared_peers():
    a = pd.DataFrame({"urn": [1, 1, 1, 2, 2, 2], "peer_urn": [5, 6, 7, 5, 6, 7]})
    b = pd.DataFrame({"urn": [1, 1, 1, 2, 2, 2], "peer_urn": [5, 6, 8, 5, 6, 7]})
    assert peer_quality.jaccard(a, a) == 1.0
    assert peer_quality.jaccard(a, b) == pytest.approx((2 / 4 + 1) / 2)
    assert peer_quality.jaccard(a, b.assign(peer_urn=lambda f: f["peer_urn"] + 100)) == 0.0


def test_a_form_finds_the_lambda_that_made_the_data():
    rng = np.random.default_rng(1)
    n = 2000
    c, roll = rng.uniform(5, 9, n), rng.uniform(500, 1500, n)
    y = c * np.exp(rng.normal(0, 0.2, n))
    truth = baseline(y, c, shrinkage(roll, 0.7, 0.0))
    t = pd.DataFrame(
        {
            "y": y,
            "c": c,
            "roll": roll,
            "net": truth + rng.normal(0, 0.01, n),
            "fsm_pct": 20.0,
            "la_code": "201",
        }
    )
    form, start = forecast.FORMS["another lambda above context than below"]
    above, below, *_ = forecast.learn(form, start, [t])
    assert above == pytest.approx(0.7, abs=0.02) and below == pytest.approx(0.7, abs=0.02)
    best = [r for r in forecast.form_variants("T", t, [t]) if "afterwards" in r["variant"]][0]
    assert best["value"] < 0.05


def test_a_steeper_slope_asks_more_of_those_who_start_high(based):
    told = trades(based["T1"], None, NO_RATES, RUN, {"slope": (0.05, 0.2, 0.35)})
    assert (
        told["ask_worst_fifth_pp"].is_monotonic_increasing
        and told["ask_best_fifth_pp"].is_monotonic_decreasing
    )
    assert told.loc[told["ours"], "value"].tolist() == [0.2]


def test_luck_alone_explains_failing_to_improve_when_nothing_else_is_at_work(done):
    told = targets.no_change_rates(done["T1"])
    assert told["low"] - 0.03 <= told["observed"] <= told["high"] + 0.03


def test_a_real_gain_of_some_schools_shows_beside_luck(done):
    told = targets.no_change_rates(done["T1"])
    half = np.arange(len(done["T1"])) % 2 == 0
    gained = done["T1"].assign(y_next=lambda t: t["y_next"] - np.where(half, 1.0, 0.0))
    gained["net"] = gained["y_next"] - (
        done["T1"]["y_next"] - done["T1"]["net"]
    )  # the national movement is as it was
    real = targets.no_change_rates(gained)
    assert real["observed"] < told["low"] and real["by_luck"] == pytest.approx(told["by_luck"])


def test_a_rate_that_stays_the_same_counts_half(done):
    same = done["T1"].assign(y_next=done["T1"]["y"], net=done["T1"]["y"])
    assert targets.no_change_rates(same)["observed"] == pytest.approx(0.5)


def test_fifths_are_numbered_from_one_to_five_wherever_they_are_made():
    """0.2.0 numbered them 0 to 4 in the back-tests and 1 to 5 in trials and charts."""
    values = pd.Series(np.arange(50.0))
    assert fifths(values).value_counts().to_dict() == dict.fromkeys(range(1, 6), 10)
    assert fifths(values).iloc[[0, -1]].tolist() == [1, 5]
    assert fifths(pd.Series([1.0, np.nan, 2.0])).isna().tolist() == [False, True, False]
