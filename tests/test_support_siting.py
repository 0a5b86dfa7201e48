"""Claims about where the next hubs open: the plan is the best there is, and naive plans are not."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.base.params import DEFAULT, make
from helpers.base.store import read_frame, read_json, write_frame, write_json
from helpers.ingest.readers import read_folder
from helpers.run.stages import STAGES
from helpers.support import site_search, siting
from helpers.support.siting import (
    BEST,
    BY_PLACES,
    NOW,
    best_cover,
    candidates,
    counting_places,
    covers,
    greedy,
    hub_plan,
)
from tests.support import invented_schools


@st.composite
def problems(draw):
    schools, sites = draw(st.integers(0, 12)), draw(st.integers(1, 7))
    cells = draw(
        st.lists(st.lists(st.booleans(), min_size=sites, max_size=sites), min_size=schools, max_size=schools)
    )
    need = draw(st.lists(st.floats(0.1, 9), min_size=schools, max_size=schools))
    return (
        sp.csr_matrix(np.array(cells, dtype=float).reshape(schools, sites)),
        np.array(need),
        draw(st.integers(1, 4)),
    )


def covered(cover, need, chosen) -> float:
    return float(need[np.asarray(cover[:, list(chosen)].sum(axis=1)).ravel() > 0].sum())


@settings(max_examples=120)
@given(problems(), st.sampled_from([1, 3, site_search.KERNEL]))
def test_the_plan_is_the_best_of_all_choices_and_greedy_is_never_better(problem, kernel):
    cover, need, p = problem
    best = max(covered(cover, need, c) for c in combinations(range(cover.shape[1]), min(p, cover.shape[1])))
    found = best_cover(cover, need, p, kernel=kernel)
    step, gains = greedy(cover, need, p)
    assert len(set(found.chosen)) == len(found.chosen) <= p
    assert found.need == pytest.approx(covered(cover, need, found.chosen)) and sum(gains) == pytest.approx(
        covered(cover, need, step)
    )
    assert found.need >= sum(gains) - 1e-9 and found.bound >= best - 1e-6
    assert found.need == pytest.approx(found.bound * (1 - found.gap)) or found.bound == 0
    if kernel >= cover.shape[1]:
        assert found.need == pytest.approx(best, rel=1e-3)


def test_greedy_falls_short_where_the_plan_does_not():
    cover = sp.csr_matrix(
        np.array([[1, 0, 1], [1, 0, 1], [0, 1, 1], [0, 1, 1], [1, 0, 0], [0, 1, 0]], dtype=float)
    )
    need = np.array([1.0, 1, 1, 1, 1.5, 1.5])
    assert sum(greedy(cover, need, 2)[1]) == pytest.approx(5.5)
    assert best_cover(cover, need, 2).need == pytest.approx(7.0)


@settings(max_examples=80)
@given(problems(), st.integers(1, 3))
def test_counting_places_never_opens_a_site_twice_nor_for_nobody(problem, places):
    cover, need, p = problem
    order = np.argsort(-need)
    chosen = counting_places(cover[order], need[order], p, places)
    assert len(set(chosen)) == len(chosen) <= p
    assert all(cover[:, c].sum() > 0 for c in chosen)


def test_counting_places_sends_a_second_hub_where_one_is_not_enough():
    cover = sp.csr_matrix(np.array([[1, 1, 0]] * 4 + [[0, 0, 1]], dtype=float))
    assert counting_places(cover, np.array([5.0, 4, 3, 2, 1]), 2, places=2) == [0, 1]


@pytest.fixture(scope="module")
def country():
    """An invented register with asks and baselines; every sixth school does much better than its
    circumstances.
    """
    register = invented_schools.register(n_primary=500, n_secondary=200)
    n = len(register)
    register["trust_name"], register["all_through"] = None, np.arange(n) % 97 == 0
    register["la_name"] = "LA " + register["la_code"]
    strong = np.arange(n) % 6 == 0
    assessed = (register["status"] == "assessed").to_numpy()
    baseline = register[["urn", "absence_pct"]].assign(baseline_pct=register["absence_pct"], sd_pp=0.8)
    baseline["context_expected_pct"] = baseline["baseline_pct"] + np.where(
        strong, 2.0 + np.arange(n) / n, 0.0
    )
    asks = register[["urn"]].assign(
        ask_pp=0.2 + 0.001 * (np.arange(n) % 500), gap_pp=np.where(strong, 0.0, 0.5)
    )
    hubs = pd.DataFrame(
        {
            "school_name": "Lead",
            "trust_name": "x",
            "urn": pd.array([100_001, 100_302, 100_601, None], dtype="Int64"),
        }
    )
    return register, baseline[assessed], asks[assessed], hubs


@pytest.fixture(scope="module")
def plan(country):
    return hub_plan(*country, make(travel_limit_km=40), n_new=8, seconds=20)


def test_the_plan_covers_at_least_what_naive_plans_and_greedy_cover(plan):
    shares = plan.comparison.set_index("plan")["covered_40km_pct"]
    assert (shares[BEST] >= shares - 1e-9).all() and shares[BEST] > shares[NOW]
    assert len(shares) == 7 and plan.solver.gap < 0.02


def test_each_added_hub_adds_no_more_than_the_one_before(plan):
    for name in (BEST, "greedy"):
        gains = plan.gains.loc[(plan.gains["plan"] == name) & (plan.gains["added"] > 0), "gain_pupils"]
        assert len(gains) == 8 and gains.is_monotonic_decreasing


def test_the_last_marginal_gain_adds_up_to_the_cover_of_the_comparison(plan):
    last = plan.gains.groupby("plan")["covered_pct"].last()
    assert np.allclose(last, plan.comparison.set_index("plan")["covered_40km_pct"].reindex(last.index))


def test_no_more_schools_are_served_than_there_are_places(plan):
    assert (plan.comparison["places_used"] <= plan.comparison["places"]).all()
    placed = plan.by_region.groupby("plan")["load_placed"].sum()
    used = plan.comparison.set_index("plan")["places_used"]
    assert placed.to_dict() == used.reindex(placed.index).to_dict()


def test_a_plan_that_counts_places_serves_more_than_the_hubs_open_now(plan):
    served = plan.comparison.set_index("plan")["load_served_pct"]
    assert served[BY_PLACES] > served[NOW]


def test_a_new_site_is_strong_large_enough_not_selective_and_not_in_need(country, plan):
    register, _, asks, hubs = country
    sites = plan.sites.merge(register[["urn", "selective", "status"]], on="urn", validate="m:1").merge(
        asks, on="urn", validate="m:1"
    )
    assert (
        (sites["strong_z"] >= DEFAULT.lead_z).all()
        and not sites["selective"].any()
        and (sites["gap_pp"] <= 0).all()
    )
    assert (
        sites["roll"]
        >= sites["phase"].map(
            {"primary": DEFAULT.lead_primary_roll, "secondary": DEFAULT.lead_secondary_roll}
        )
    ).all() and (sites["status"] == "assessed").all()
    assert not set(sites["urn"]) & set(hubs["urn"].dropna()) and plan.leads_left_out["code"].tolist() == [
        "no_urn"
    ]


def test_a_referred_school_is_no_candidate(country, plan):
    schools = siting.demand(*country[:3])
    found, funnel = candidates(schools, plan.leads, plan.candidates["urn"].head(5))
    assert (
        set(found["urn"]) == set(plan.candidates["urn"].iloc[5:])
        and funnel["schools"].is_monotonic_decreasing
    )


def test_the_map_shows_every_school_once_and_agrees_with_the_comparison(country, plan):
    schools = siting.demand(*country[:3])
    points = siting.map_points(plan, schools)
    counted = points["layer"].value_counts()
    assert counted["hub open now"] == 3 and counted["new hub"] == 8 and counted.sum() == len(schools) + 11
    near = points["layer"].iloc[: len(schools)] != "school near no hub"
    share = 100 * schools.loc[near, "need_pupils"].sum() / schools["need_pupils"].sum()
    assert share == pytest.approx(plan.comparison.set_index("plan").loc[BEST, "covered_40km_pct"])


def test_a_plan_survives_being_stored(plan, tmp_path):
    parts = {}
    for name, value in siting.to_stage(plan).items():
        write, read = (write_json, read_json) if isinstance(value, dict) else (write_frame, read_frame)
        write(tmp_path / name, value)
        parts[name] = read(tmp_path / name)
    again = siting.from_stage(parts)
    assert (
        again.solver == plan.solver
        and again.limit_km == plan.limit_km
        and set(siting.to_stage(plan)) == {*siting.FRAMES, "solver"}
    )
    pd.testing.assert_frame_equal(again.sites, plan.sites)
    pd.testing.assert_frame_equal(again.comparison, plan.comparison)


def test_a_road_factor_shortens_the_reach(country):
    schools = siting.demand(*country[:3])
    assert (
        covers(schools, schools.head(20), 40, 1.3) != covers(schools, schools.head(20), 40 / 1.3)
    ).nnz == 0


def test_no_hub_on_the_map_is_said_not_solved(country):
    register, baseline, asks, hubs = country
    with pytest.raises(ValueError, match="no plan: 0 hubs on the map"):
        hub_plan(register, baseline, asks, hubs[hubs["urn"].isna()], n_new=3)


def test_the_embedded_sample_has_a_plan(fitted, sample_data):
    parts = (
        STAGES["ingest"].load(fitted)["register"],
        STAGES["model"].load(fitted)["baseline"],
        STAGES["expectations"].load(fitted)["expectations"],
    )
    made = hub_plan(*parts, read_folder(sample_data / "hubs").hubs, seconds=20)
    shares = made.comparison.set_index("plan")["covered_40km_pct"]
    assert (shares[BEST] >= shares - 1e-9).all()


def test_announced_leads_of_the_real_data_are_read_and_one_has_no_number(open_data):
    hubs = read_folder(open_data / "hubs").hubs
    assert len(hubs) == DEFAULT.hubs_announced and hubs["urn"].isna().sum() == 1
    assert (
        round(DEFAULT.hubs_to_come / DEFAULT.hubs_announced * len(hubs)) == 33 and make().seed == make().seed
    )
